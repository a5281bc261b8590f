"""Profile likelihood of one coefficient: curve and confidence interval (not symmetric, unlike Wald's).

The interval holds the values at which the log-likelihood, maximised over all other coefficients, stays
within half a chi-squared quantile (1 df) of the maximum; Burke, Jones and Noufaily (2020), arXiv
1901.03212, use Wald's intervals, which are poor for kappa, whose estimator is skewed.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from .ascent import Peak, climb, coordinates
from .likelihood import Evaluation, Model, Observed, evaluate
from .newton import Optimum

REACH = 30.0  # farthest change of a linear predictor that is tried before a side counts as unbounded
HIGHER = 1e-4  # rise above the maximum that shows it was none
TOLERANCE = 1e-7  # of the signed root of the deviance
HALVINGS = 6  # of a move that fails in one piece


class Interval(NamedTuple):
    """Confidence limits on the link scale; a reason says why a limit is infinite, or nan (not found)."""

    lower: float
    upper: float
    level: float
    lower_reason: str = ""
    upper_reason: str = ""


def profile_interval(
    data: Observed, model: Model, optimum: Optimum, component: str, column: int, level: float = 0.95
) -> Interval:
    """Return the profile-likelihood interval of one coefficient, ``column`` of a component's design.

    Follows the optimum outwards, refitting the rest from a tangent prediction. A side on which the profile
    never falls far enough is infinite. Raises ValueError for an unknown coefficient or level.
    """
    if not 0 < level < 1:
        raise ValueError(f"level = {level} must lie strictly between 0 and 1, e.g. 0.95")
    curve = _Curve(data, model, optimum, component, column)
    root = float(np.sqrt(chi2.ppf(level, 1)))
    (lower, below), (upper, above) = (_limit(curve, side, root) for side in (-1, 1))
    return Interval(lower, upper, level, below, above)


def profile(
    data: Observed, model: Model, optimum: Optimum, component: str, column: int, grid: np.ndarray
) -> np.ndarray:
    """Return the profile log-likelihood of one coefficient at ``grid`` ``(m,)``, nan where no refit succeeds.

    The grid is walked outwards from the estimate, each refit starting from its neighbour. Raises ValueError
    for an unknown coefficient or a grid that is not a vector of finite numbers.
    """
    grid = np.asarray(grid, dtype=np.float64)
    if grid.ndim != 1 or not np.isfinite(grid).all():
        raise ValueError(f"grid of shape {grid.shape} must be a vector of finite numbers on the link scale")
    curve, values = _Curve(data, model, optimum, component, column), np.full(grid.size, np.nan)
    for away in (grid - curve.estimate, curve.estimate - grid):
        peak = curve.start
        for at in (i for i in np.argsort(away) if away[i] >= 0):
            peak = curve.move(peak, grid[at]) or peak
            values[at] = peak.at.value if peak.theta[curve.place] == grid[at] else np.nan
    return values


class _Curve:
    """The constrained optima along one coefficient."""

    def __init__(self, data, model, optimum, component, column):
        self.data, self.model = data, model
        self.place = _place(model, component, column)
        self.estimate = float(optimum.theta[self.place])
        self.basis = coordinates(model, hold=self.place)
        here = Evaluation(optimum.value, optimum.score, -optimum.information)
        self.start = Peak(optimum.theta, here, 0, optimum.converged)
        covariate = model.designs[component][:, column]
        self.spread = float(np.std(covariate) or np.sqrt(np.mean(covariate**2)) or 1.0)
        variance = optimum.covariance[self.place, self.place]
        self.error = float(np.sqrt(variance)) if variance > 0 else 0.5 / self.spread

    def move(self, peak, value, halvings=HALVINGS):
        """Return the optimum with the coefficient at ``value``, following the curve from ``peak``, or None."""
        found = self._refit(self._predict(peak, value))
        if found is not None and found.converged:
            return found
        if not halvings:
            return found
        middle = self.move(peak, (peak.theta[self.place] + value) / 2, halvings - 1)
        return found if middle is None or not middle.converged else self._refit(self._predict(middle, value)) or found

    def _predict(self, peak, value):
        shift = value - peak.theta[self.place]
        curvature = self.basis.T @ -peak.at.hessian
        others = np.linalg.lstsq(curvature @ self.basis, -shift * curvature[:, self.place], rcond=1e-10)[0]
        theta = peak.theta + self.basis @ others
        theta[self.place] = value
        return theta

    def _refit(self, theta):
        if self.basis.shape[1]:
            return climb(self.data, self.model, self.basis, theta)
        at = evaluate(theta, self.data, self.model)
        return Peak(theta, at, 0, True) if at.finite else None


def _place(model, component, column):
    if component not in model.designs or not 0 <= column < model.designs[component].shape[1]:
        sizes = {name: design.shape[1] for name, design in model.designs.items()}
        raise ValueError(f"no coefficient ({component!r}, {column}); free coefficients per component: {sizes}")
    return model.slices[component].start + column


def _limit(curve, side, root):
    """Return the limit on one side and, unless it is an ordinary one, the reason."""
    inner, outer, reason = _bracket(curve, side, root)
    if outer is None:
        return (side * np.inf if reason.startswith("unbounded") else np.nan), reason
    near, far = inner, outer
    for _ in range(60):
        a, b = near.theta[curve.place], far.theta[curve.place]
        below, above = _excess(curve, near, root), _excess(curve, far, root)
        best = near if abs(below) < abs(above) else far
        if min(abs(below), abs(above)) < TOLERANCE or abs(b - a) < 1e-12 * max(1.0, abs(a)):
            return float(best.theta[curve.place]), ""
        trial = _newton(curve, best, root)
        if not min(a, b) < trial < max(a, b):
            trial = (a + b) / 2 if below == -root else a + (b - a) * below / (below - above)
        found = curve.move(best, trial)
        if found is None or not found.converged:
            return np.nan, f"not found: no refit succeeds at {trial:.6g}; scan this side with profile()"
        if _excess(curve, found, root) < 0:
            near = found
        else:
            far = found
    return np.nan, f"not found: 60 refits between {a:.6g} and {b:.6g}; the profile may jump, scan it with profile()"


def _bracket(curve, side, root):
    """Walk outwards until the profile has fallen far enough; return the last two optima, or a reason."""
    inner, distance = curve.start, min(root * curve.error, REACH / curve.spread / 16)
    while distance * curve.spread <= REACH:
        outer = curve.move(inner, curve.estimate + side * distance)
        if outer is None or not outer.converged:
            return inner, None, f"not found: no refit succeeds at {curve.estimate + side * distance:.6g}"
        rise = outer.at.value - curve.start.at.value
        if rise > HIGHER:
            return (
                inner,
                None,
                (
                    f"not found: the log-likelihood is {rise:.4g} above the optimum at "
                    f"{curve.estimate + side * distance:.6g}; maximise again, warm-started there"
                ),
            )
        excess = _excess(curve, outer, root)
        if excess >= 0:
            return inner, outer, ""
        inner, distance = outer, distance * float(np.clip(1.05 * root / max(excess + root, 1e-9), 1.1, 2.0))
    drop = curve.start.at.value - inner.at.value
    return inner, None, f"unbounded: the log-likelihood falls by {drop:.4g} only, to {inner.theta[curve.place]:.6g}"


def _excess(curve, peak, root):
    """Return the root of the deviance minus its critical value; nearly linear in the coefficient."""
    return float(np.sqrt(2 * max(curve.start.at.value - peak.at.value, 0.0))) - root


def _newton(curve, peak, root):
    """Return the next trial from the slope of the profile, which is the score of the held coefficient."""
    deviance_root = _excess(curve, peak, root) + root
    slope = -peak.at.score[curve.place] / deviance_root if deviance_root > 0 else 0.0
    return peak.theta[curve.place] - (deviance_root - root) / slope if slope else np.nan
