"""Conformal calibration of intervals: split CQR and CV+, with the guarantee of each.

Split CQR: Romano, Patterson and Candes (2019), eqs. 26 and 27. CV+: Barber, Candes, Ramdas and Tibshirani (2021),
eqs. 28 and 29. Both hold on average over samples ("marginally"), not at every x.
"""

from math import ceil, floor, inf, sqrt

import numpy as np
from numpy.typing import ArrayLike

_ROUNDING = 1e-9  # (1 - 0.2) * 10 must count as 8


def conformity(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> np.ndarray:
    """Return ``max(l - y, y - u)``: how far each y is outside its interval, negative inside, shape ``(n,)``."""
    return np.maximum(np.asarray(lower) - np.asarray(y), np.asarray(y) - np.asarray(upper))


def split_rank(n: int, alpha: float) -> int:
    """Return ``ceil((1 - alpha)(n + 1))``, the rank of the conformity score that split CQR adds; > n means infinity."""
    _check(alpha)
    return ceil((1 - alpha) * (n + 1) - _ROUNDING)


def split_margin(scores: ArrayLike, alpha: float) -> float:
    """Return what split CQR adds to both ends, from calibration scores ``(n,)``; infinite if n is too small."""
    scores = np.sort(np.asarray(scores, dtype=np.float64))
    rank = split_rank(len(scores), alpha)
    return float(scores[rank - 1]) if rank <= len(scores) else inf


def split_guarantee(n: int, alpha: float) -> tuple[float, float]:
    """Return the bounds on split CQR's coverage with ``n`` calibration rows (the upper one needs no ties)."""
    _check(alpha)
    return 1 - alpha, min(1.0, 1 - alpha + 1 / (n + 1))


def cv_plus(
    lower: ArrayLike, upper: ArrayLike, fold: ArrayLike, scores: ArrayLike, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return CV+ intervals at new samples.

    Args:
        lower, upper: ends by the models that left out each fold, ``(K, n_new)``.
        fold: the fold of every training row, ``(n,)`` integers below K; K = n gives jackknife+.
        scores: conformity of every training row under the model without its fold, ``(n,)``.
        alpha: nominal miscoverage; the guarantee is about 1 - 2 alpha, see `cv_plus_guarantee`.

    Returns:
        Lower and upper ends ``(n_new,)``; infinite where the rank does not exist.
    """
    _check(alpha)
    lower, upper = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    fold, scores = np.asarray(fold), np.asarray(scores, dtype=np.float64)
    n = len(scores)
    low_rank, high_rank = floor(alpha * (n + 1) + _ROUNDING), ceil((1 - alpha) * (n + 1) - _ROUNDING)
    low, high = np.full(lower.shape[1], -inf), np.full(lower.shape[1], inf)
    if low_rank >= 1:
        low = np.partition(lower[fold] - scores[:, None], low_rank - 1, axis=0)[low_rank - 1]
    if high_rank <= n:
        high = np.partition(upper[fold] + scores[:, None], high_rank - 1, axis=0)[high_rank - 1]
    return low, high


def cv_plus_guarantee(n: int, folds: int, alpha: float) -> float:
    """Return the lower bound on CV+'s coverage (Barber et al. 2021, Theorem 4)."""
    _check(alpha)
    excess = min(2 * (1 - 1 / folds) / (n / folds + 1), (1 - folds / n) / (folds + 1), sqrt(2 / n))
    return max(0.0, 1 - 2 * alpha - excess)


def nested(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Make separately calibrated intervals nested again.

    Args:
        low, high: ends ``(n, a)``, intervals of rising coverage along the second axis.

    Returns:
        Ends of which each holds the one before, and the share of samples and neighbours that had to change.
    """
    fixed_low, fixed_high = np.minimum.accumulate(low, 1), np.maximum.accumulate(high, 1)
    changed = (fixed_low != low) | (fixed_high != high)
    return fixed_low, fixed_high, float(changed[:, 1:].mean()) if low.shape[1] > 1 else 0.0


def _check(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it is a miscoverage between 0 and 1, e.g. 0.2 for 80 % intervals")
