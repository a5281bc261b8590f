"""Estimate d90, the subspace dimension at which mean accuracy crosses a threshold, with an interval.

Model near the threshold tau, in place of the authors' first crossing on a grid:
``logit(accuracy) = a + b ln d + run noise``, estimand ``d90 = exp((logit(tau) - a) / b)``.

Two sources of error are kept apart:

* *Runs* (initialisation, projection, order of the data): independent between runs, averaged out by
  more runs. ``run_low``, ``run_high`` hold this part alone; a search should stop on it.
* *Test examples*: all runs are scored on the same ``n_test`` examples, so an easy or hard sample
  moves every accuracy in the same direction and no number of runs removes it. It enters as a common
  shift of the logit with variance ``1 / (n_test tau (1 - tau))``. ``low``, ``high`` contain both.
  This treats the test examples as a sample from a population; for a statement about one fixed test
  set (a replication on the same file) read the run interval.

The fit uses the runs within ``window`` logits of tau (the window doubles until it holds three runs at
two dimensions, or all), weights ``1/(sigma_run^2 + 1/(n_test p (1-p)))`` with sigma_run from Paule and
Mandel (1982), and moves accuracies of 0 and 1 inwards by half a test example. With two runs, or a
slope that is not significant, Fieller's set is unbounded and the interval is (0, inf).

The window selects on the observed accuracy: harmless unless one run's noise is near its width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, inf, log, nan, sqrt

import numpy as np
from scipy import stats
from scipy.special import logit

from .crossing import exceeds, first_crossing, median_crossing
from .fieller import Line, crossing_interval, fit_line

__all__ = ["D90", "Interval", "bootstrap", "elasticity", "first_crossing", "fit_threshold"]
__all__ += ["median_crossing", "ratio"]

_FALL = 0.05  # no noise between runs: their spread near the threshold is below 0.015


@dataclass(frozen=True)
class D90:
    """A fitted d90. ``status`` is "estimated" or says why there is no number (then estimate is nan).

    ``below``: every run stays at or under the threshold, d90 > ``high_dim``. ``above``: every run
    exceeds it, d90 < ``low_dim``. ``falls``: every run stays under the threshold and accuracy falls again by
    more than 0.05 at the largest d, so training failed there and nothing bounds d90. ``slope``: accuracy
    does not grow with d. ``extrapolated``: the fitted crossing lies outside the dimensions that were run.
    """

    status: str
    threshold: float
    low_dim: int
    high_dim: int
    n_runs: int
    n_fitted: int = 0
    estimate: float = nan
    low: float = 0.0
    high: float = inf
    run_low: float = 0.0
    run_high: float = inf
    slope: float = nan
    sigma_run: float = nan
    confidence: float = 0.95
    method: str = "none"

    @property
    def bracketed(self) -> bool:
        """Whether the threshold was straddled and a number exists."""
        return self.status == "estimated"

    @property
    def halfwidth(self) -> float:
        """Relative half-width ``ln(run_high / run_low) / 2`` from run noise alone (inf if unbounded)."""
        return log(self.run_high / self.run_low) / 2 if self.run_low > 0 and self.run_high < inf else inf

    def __str__(self) -> str:
        if self.bracketed:
            return f"{self.estimate:.4g} ({self.low:.4g} to {self.high:.4g})"
        bound = {"below": f" (>= {self.high_dim})", "above": f" (<= {self.low_dim})"}.get(self.status, "")
        return f"not bracketed{bound or f' ({self.status})'}"


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits; ``estimate`` is nan when only bounds are known."""

    estimate: float
    low: float
    high: float


def fit_threshold(
    dims: Sequence[int] | np.ndarray,
    accuracies: Sequence[float] | np.ndarray,
    *,
    threshold: float,
    n_test: int,
    window: float = 0.6,
    confidence: float = 0.95,
) -> D90:
    """Fit d90 by weighted least squares of ``logit(accuracy)`` on ``ln d``, with Fieller intervals.

    ``dims`` and ``accuracies`` have shape ``(n_runs,)``, one entry per run, any order; accuracies in
    [0, 1] on ``n_test`` examples. Raises ValueError on unusable input.
    """
    dims, accuracies = _checked(dims, accuracies, threshold=threshold, n_test=n_test)
    base = D90(_straddle(dims, accuracies, threshold), threshold, int(dims.min()), int(dims.max()), dims.size)
    if not base.bracketed:
        return base
    clipped = np.clip(accuracies, 0.5 / n_test, 1 - 0.5 / n_test)
    height, known = logit(clipped) - logit(threshold), 1 / (n_test * clipped * (1 - clipped))
    used = _in_window(dims, height, window)
    centre = np.log(dims[used]).mean()  # keeps Fieller's quadratic well conditioned
    base = replace(base, n_fitted=int(used.sum()))
    if np.unique(dims[used]).size < 2:
        return replace(base, status="slope")
    line = fit_line(np.log(dims[used]) - centre, height[used], known[used])
    base = replace(base, slope=line.slope, sigma_run=line.sigma, confidence=confidence)
    if not line.slope > 0:
        return replace(base, status="slope")
    return _with_limits(base, line, centre, 1 / (n_test * threshold * (1 - threshold)))


def bootstrap(
    dims: Sequence[int] | np.ndarray,
    accuracies: Sequence[float] | np.ndarray,
    *,
    threshold: float,
    n_test: int,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    window: float = 0.6,
    confidence: float = 0.95,
) -> Interval:
    """Return the percentile interval of d90 over resampled runs and a resampled common test shift.

    Each resample draws the runs with replacement and moves the threshold by a normal logit shift of
    variance ``1/(n_test tau (1-tau))``: a parametric bootstrap over the shared test examples. Without
    a crossing it counts as 0 for the lower and as inf for the upper limit.
    """
    dims, accuracies = _checked(dims, accuracies, threshold=threshold, n_test=n_test)
    spread = 1 / sqrt(n_test * threshold * (1 - threshold))
    draws = []
    for _ in range(n_resamples):
        rows = rng.integers(dims.size, size=dims.size)
        level = 1 / (1 + exp(-(logit(threshold) + spread * rng.standard_normal())))
        fit = fit_threshold(dims[rows], accuracies[rows], threshold=level, n_test=n_test, window=window)
        draws.append(fit.estimate)
    tail = (1 - confidence) / 2
    low = np.quantile(np.nan_to_num(draws, nan=0.0), tail, method="inverted_cdf")
    high = np.quantile(np.nan_to_num(draws, nan=inf), 1 - tail, method="inverted_cdf")
    whole = fit_threshold(dims, accuracies, threshold=threshold, n_test=n_test, window=window)
    return Interval(whole.estimate, float(low), float(high))


def ratio(numerator: D90, denominator: D90) -> Interval:
    """Return numerator/denominator of two independent fits with an interval.

    The limits of ln d90 are combined in quadrature (MOVER, Zou and Donner 2008), which is the delta
    method when they are symmetric. When a fit is censored the estimate is nan and the limits are
    the bounds that remain, so that "at least 20 times" can still be shown.
    """
    top, bottom = _limits(numerator), _limits(denominator)
    if not (numerator.bracketed and denominator.bracketed):
        low = top.low / bottom.high if bottom.high < inf else 0.0
        return Interval(nan, low, top.high / bottom.low if bottom.low > 0 else inf)
    value = numerator.estimate / denominator.estimate
    down = np.hypot(_log_gap(top.estimate, top.low), _log_gap(bottom.high, bottom.estimate))
    up = np.hypot(_log_gap(top.high, top.estimate), _log_gap(bottom.estimate, bottom.low))
    return Interval(value, value * exp(-down), value * exp(up) if up < inf else inf)


def elasticity(parameters: Sequence[float], dimensions: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Return d ln(d90) / d ln(D) over networks by ordinary least squares, with a t interval.

    Both arguments have shape ``(n_networks,)``, at least 3 networks, positive and finite.
    """
    parameters, dimensions = np.asarray(parameters, dtype=float), np.asarray(dimensions, dtype=float)
    usable = np.isfinite(dimensions) & (dimensions > 0) & (parameters > 0)
    if parameters.size < 3 or not usable.all():
        raise ValueError(
            f"elasticity needs at least 3 networks with a positive finite d90, found {int(usable.sum())} "
            f"of {parameters.size}; leave out networks whose threshold was not bracketed"
        )
    line = stats.linregress(np.log(parameters), np.log(dimensions))
    reach = stats.t.ppf((1 + confidence) / 2, parameters.size - 2) * line.stderr
    return Interval(float(line.slope), float(line.slope - reach), float(line.slope + reach))


def _with_limits(base: D90, line: Line, centre: float, shared_variance: float) -> D90:
    crossing = centre - line.intercept / line.slope
    if not log(base.low_dim) <= crossing <= log(base.high_dim):
        return replace(base, status="extrapolated")
    runs = crossing_interval(line, confidence=base.confidence)
    both = crossing_interval(line, confidence=base.confidence, shared_variance=shared_variance)
    with np.errstate(over="ignore"):  # a nearly unbounded limit becomes inf
        run_low, run_high, low, high = (float(limit) for limit in np.exp(centre + np.array([*runs, *both])))
    method = "fieller" if high < inf else "fieller (unbounded)"
    known = replace(base, estimate=exp(crossing), method=method, low=low, high=high)
    return replace(known, run_low=run_low, run_high=run_high)


def _straddle(dims: np.ndarray, accuracies: np.ndarray, threshold: float) -> str:
    over = exceeds(accuracies, threshold)
    if over.any():
        return "above" if over.all() else "estimated"
    fallen = accuracies[dims == dims.max()].mean() < accuracies.max() - _FALL
    return "falls" if fallen else "below"


def _in_window(dims: np.ndarray, height: np.ndarray, window: float) -> np.ndarray:
    used = np.abs(height) < window
    while not used.all() and (used.sum() < 3 or np.unique(dims[used]).size < 2):
        window *= 2
        used = np.abs(height) < window
    return used


def _limits(fit: D90) -> Interval:
    if fit.bracketed:
        return Interval(fit.estimate, fit.low, fit.high)
    low = float(fit.high_dim) if fit.status == "below" else 0.0
    return Interval(nan, low, float(fit.low_dim) if fit.status == "above" else inf)


def _log_gap(high: float, low: float) -> float:
    return log(high / low) if low > 0 and high < inf else inf


def _checked(dims, accuracies, *, threshold: float, n_test: int) -> tuple[np.ndarray, np.ndarray]:
    dims, accuracies = np.asarray(dims, dtype=float), np.asarray(accuracies, dtype=float)
    if dims.ndim != 1 or dims.shape != accuracies.shape or not dims.size:
        raise ValueError(f"dims {dims.shape} and accuracies {accuracies.shape} must be equal, one entry per run")
    if not (dims >= 1).all():
        raise ValueError(f"dims must be >= 1, found {dims.min():g}; leave out the direct runs")
    if not ((accuracies >= 0) & (accuracies <= 1)).all():
        raise ValueError("accuracies must be in [0, 1] without nan; leave out failed runs, divide percent by 100")
    if not 0 < threshold < 1:
        raise ValueError(f"threshold = {threshold} must be inside (0, 1): its logit is needed")
    if n_test < 1:
        raise ValueError(f"n_test = {n_test} must be a positive number of test examples")
    return dims, accuracies
