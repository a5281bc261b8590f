"""How distillation makes the fit sparser: ratios B_k / B_j of the shrinkages of two eigen-directions, d_k > d_j."""

import numpy as np
from numpy.typing import ArrayLike

from . import shrinkage


def neighbour_ratios(shrunk: ArrayLike) -> np.ndarray:
    """Return R_k = B_k / B_{k+1} along the last axis, ``(..., n - 1)``."""
    shrunk = np.asarray(shrunk)
    return shrunk[..., :-1] / shrunk[..., 1:]


def limit_ratio(larger: ArrayLike, smaller: ArrayLike, penalty: ArrayLike, weight: ArrayLike) -> np.ndarray:
    """Return the ratio after infinitely many steps, d_k (alpha d_j + lambda) / (d_j (alpha d_k + lambda)).

    For alpha = 0 both shrinkages go to 0 and their ratio (a_k / a_j)^tau to infinity: ``inf``.
    """
    larger, smaller, weight = np.asarray(larger), np.asarray(smaller), shrinkage.checked_weight(weight)
    penalty = shrinkage.checked_penalty(penalty)
    ratio = larger * (weight * smaller + penalty) / (smaller * (weight * larger + penalty))
    return np.where(weight == 0, np.inf, ratio)


def will_grow(
    ratio: np.ndarray, shrunk: np.ndarray, first_ratio: np.ndarray | float, weight: np.ndarray | float
) -> np.ndarray:
    """Return whether the ratio grows in the next step, for alpha in (0, 1): the exact rule.

    r(tau + 1) > r(tau) exactly when r(tau) < rho + (1 - alpha) / alpha B_k(tau) (rho - 1).

    Args:
        ratio: r(tau) = B_k(tau) / B_j(tau).
        shrunk: B_k(tau), of the larger eigenvalue.
        first_ratio: rho = a_k / a_j.
        weight: alpha.
    """
    bound = first_ratio + (1 - weight) / weight * shrunk * (first_ratio - 1)
    return ratio < bound
