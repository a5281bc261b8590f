"""The authors' own estimators: Levenberg-Marquardt from many starts (as in mlfoundations/scaling, laws.py).

Kept beside variable projection so that the two can be compared; both must reach the same optimum.
"""

import itertools
import warnings

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from .laws import ErrorLaw, LossLaw

_MAX_CALLS = 10_000
_STARTS = ((1e2, 3e2, 1e3, 3e3), (1e2, 3e2, 1e3, 3e3), (-0.1, -0.3), (0.0, 1.0, 2.0, 10.0))


def fit_loss(parameters, tokens, losses) -> LossLaw:
    """Fit p N^q + r 6^(q/2) (M N)^q + E by least squares from 128 starts; the smallest residual wins.

    Raises:
        ValueError: no start converged.
    """
    n, multiplier, observed = (np.asarray(v, float) for v in (parameters, np.divide(tokens, parameters), losses))

    def law(points, p, r, q, e):
        return p * points[0] ** q + r * 6 ** (q / 2) * (points[1] * points[0]) ** q + e

    found = [_attempt(law, np.stack([n, multiplier]), observed, start) for start in itertools.product(*_STARTS)]
    if not (found := [pair for pair in found if pair]):
        raise ValueError(f"none of {np.prod([len(s) for s in _STARTS])} starts converged on {len(n)} runs")
    _, (p, r, q, e) = min(found, key=lambda pair: pair[0])
    return LossLaw(float(e), float(p * 6 ** (-q / 2)), float(r), float(-q / 2))


def fit_error(losses, errors) -> ErrorLaw:
    """Fit eps - k exp(-gamma L) by least squares from (1, 1, 1)."""

    def law(loss, k, gamma, eps):
        return eps - k * np.exp(-gamma * loss)

    (k, gamma, eps), _ = curve_fit(law, np.asarray(losses, float), np.asarray(errors, float), maxfev=_MAX_CALLS)
    return ErrorLaw(float(eps), float(k), float(gamma))


def _attempt(law, points, observed, start) -> tuple[float, np.ndarray] | None:
    """Return the sum of squares and the parameters from one start, or None where it did not converge."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", OptimizeWarning)
            found, _ = curve_fit(law, points, observed, p0=start, maxfev=_MAX_CALLS)
            sse = float(((law(points, *found) - observed) ** 2).sum())
    except RuntimeError:
        return None
    return (sse, found) if np.isfinite(sse) else None
