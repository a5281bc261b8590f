"""Losses and scores of quantile predictions; every function is vectorised over samples and levels.

Shapes: ``y`` ``(n,)``, ``q`` ``(n, m)``, ``levels`` ``(m,)``. Units are those of y; negative scores do not occur.
"""

import numpy as np
from numpy.typing import ArrayLike

from .levels import check_levels


def pinball(y: ArrayLike, q: ArrayLike, levels: ArrayLike) -> np.ndarray:
    """Return the pinball loss max(tau e, (tau - 1) e), e = y - q, of every sample and level, shape ``(n, m)``."""
    y, q, levels = _checked(y, q, levels)
    error = y[:, None] - q
    return np.maximum(levels * error, (levels - 1) * error)


def mean_pinball(y: ArrayLike, q: ArrayLike, levels: ArrayLike) -> float:
    """Return the pinball loss averaged over samples and levels, the number the paper's code reports."""
    return float(pinball(y, q, levels).mean())


def wis(y: ArrayLike, q: ArrayLike, levels: ArrayLike) -> np.ndarray:
    """Return the weighted interval score of every sample, ``2 sum_tau pinball_tau`` (eqs. 7 and 8), shape ``(n,)``.

    For levels in pairs alpha/2, 1 - alpha/2 it equals the sum of ``alpha (u - l) + 2 dist(y, [l, u])``; an unpaired
    median contributes |y - q|.
    """
    return 2 * pinball(y, q, levels).sum(1)


def crps(y: ArrayLike, q: ArrayLike, levels: ArrayLike) -> np.ndarray:
    """Return the CRPS of every sample from its quantiles, shape ``(n,)``: eq. 5 by the trapezoidal rule.

    ``2 int_0^1 pinball_tau dtau`` with the integrand 0 at both ends; for levels k/(m+1) this is
    ``2 sum pinball / (m + 1)``. It is too small by the tails that m levels do not show.
    """
    losses = pinball(y, q, levels)
    edges = np.concatenate([[0.0], check_levels(levels), [1.0]])
    return 2 * losses @ ((edges[2:] - edges[:-2]) / 2)


def interval_score(y: ArrayLike, lower: ArrayLike, upper: ArrayLike, alpha: float) -> np.ndarray:
    """Return ``(u - l) + (2 / alpha) dist(y, [l, u])`` of central 1 - alpha intervals, shape ``(n,)``."""
    y, lower, upper = (np.asarray(v, dtype=np.float64) for v in (y, lower, upper))
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it is the miscoverage of the interval, between 0 and 1")
    distance = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
    return (upper - lower) + (2 / alpha) * distance


def coverage(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Return the share of samples with ``lower <= y <= upper``."""
    y = np.asarray(y, dtype=np.float64)
    return float(np.mean((np.asarray(lower) <= y) & (y <= np.asarray(upper))))


def coverage_by_length(y: ArrayLike, lower: ArrayLike, upper: ArrayLike, groups: int = 3) -> np.ndarray:
    """Return the coverage of the shortest, ..., longest intervals, ``(groups,)``, each about n / groups samples.

    Intervals that cover on average may still cover too rarely where they are short and too often where long.
    Raises ValueError for fewer samples than groups.
    """
    y, lower, upper = (np.asarray(v, dtype=np.float64) for v in (y, lower, upper))
    if len(y) < groups:
        raise ValueError(f"{len(y)} samples cannot be divided into {groups} groups by length")
    order = np.argsort(upper - lower, kind="stable")
    return np.array([coverage(y[part], lower[part], upper[part]) for part in np.array_split(order, groups)])


def mean_length(lower: ArrayLike, upper: ArrayLike) -> float:
    """Return the mean length of intervals; infinite if one of them is."""
    return float(np.mean(np.asarray(upper, dtype=np.float64) - np.asarray(lower, dtype=np.float64)))


def crossing_rate(q: ArrayLike) -> float:
    """Return the share of neighbouring levels whose quantiles cross, over all samples; 0 for a single level."""
    steps = np.diff(np.asarray(q, dtype=np.float64), axis=1)
    return float(np.mean(steps < 0)) if steps.size else 0.0


def reliability(y: ArrayLike, q: ArrayLike, levels: ArrayLike) -> np.ndarray:
    """Return the share of samples at or below each quantile, shape ``(m,)``; calibrated quantiles give the levels."""
    y, q, _ = _checked(y, q, levels)
    return np.mean(y[:, None] <= q, axis=0)


def _checked(y: ArrayLike, q: ArrayLike, levels: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y, q = np.asarray(y, dtype=np.float64), np.asarray(q, dtype=np.float64)
    levels = check_levels(levels)
    if y.ndim != 1 or q.shape != (len(y), len(levels)):
        raise ValueError(
            f"y has shape {y.shape}, q {q.shape} for {len(levels)} levels; needed: (n,) and (n, {len(levels)})"
        )
    return y, q, levels
