"""Choosing penalty or weight without held-out data: generalised cross-validation (Craven, Wahba 1979).

Every student is a linear smoother yhat = V diag(B) V^T y, so GCV = mean((y - yhat)^2) / (1 - tr(H) / n)^2 costs O(n).
One-shot rule for self-distillation: Dang, Patil, Rinaldo 2026 (arXiv:2602.17565).
"""

import numpy as np
from numpy.typing import ArrayLike

from . import shrinkage


def gcv(shrunk: ArrayLike, rotated: ArrayLike) -> np.ndarray:
    """Return GCV for shrinkages B ``(..., n)`` and V^T y ``(n,)`` or ``(n, C)``: ``(...)``, a mean over outputs."""
    shrunk, power = np.asarray(shrunk), _power(rotated)
    residual = ((1 - shrunk) ** 2 * power).sum(-1) / shrunk.shape[-1]
    return residual / (1 - shrunk.mean(-1)) ** 2


def gcv_penalty(eigenvalues: ArrayLike, rotated: ArrayLike, penalties: ArrayLike) -> float:
    """Return the penalty of ordinary ridge with the smallest GCV among ``penalties``, ``(L,)``."""
    penalties = shrinkage.checked_penalty(penalties)
    scores = gcv(shrinkage.ridge(eigenvalues, penalties[:, None]), rotated)
    return float(penalties[np.argmin(scores)])


def gcv_weight(
    teacher: ArrayLike, eigenvalues: ArrayLike, rotated: ArrayLike, penalty: float, *, bounds=(-np.inf, np.inf)
) -> float:
    """Return the weight of the next step with the smallest GCV, in closed form.

    H = alpha S + (1 - alpha) S B is linear in alpha, so GCV is a parabola over a squared line, N(alpha) / D(alpha)^2.
    Its derivative has one zero, its minimum; the other side of the pole is larger throughout, and each side is
    monotone away from the zero, so within ``bounds`` the best is the zero or an end. NaN if the student does not
    depend on alpha.

    Args:
        teacher: B of the teacher, ``(n,)``.
        eigenvalues: d, ``(n,)``.
        rotated: V^T y, ``(n,)`` or ``(n, C)``.
        penalty: lambda.
        bounds: the smallest and largest weight allowed.
    """
    a, power = shrinkage.ridge(eigenvalues, penalty), _power(rotated)
    rest, slope = 1 - a * teacher, a * (1 - np.asarray(teacher))  # 1 - B(alpha) = rest - alpha slope
    n0, n1, n2 = (rest**2 * power).sum(), -2 * (rest * slope * power).sum(), (slope**2 * power).sum()
    d0, d1 = rest.mean(), -slope.mean()
    denominator = 2 * n2 * d0 - n1 * d1
    if denominator == 0 or d1 == 0:
        return float("nan")
    best = (2 * n0 * d1 - n1 * d0) / denominator
    low, high = bounds
    if low <= best <= high:
        return float(best)
    ends = [end for end in bounds if np.isfinite(end)]
    return float(min(ends, key=lambda w: (n0 + n1 * w + n2 * w**2) / (d0 + d1 * w) ** 2))


def _power(rotated: ArrayLike) -> np.ndarray:
    """Return the squared projections, a mean over outputs, ``(n,)``."""
    rotated = np.asarray(rotated, dtype=np.float64)
    return np.mean(rotated.reshape(len(rotated), -1) ** 2, axis=1)
