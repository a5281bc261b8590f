"""Repeated self-distillation on known spectra: how much more than ridge and one step can many steps reach?

Pareek, Du, Oh (NeurIPS 2024, arXiv:2407.04600): with r distinct eigenvalues and the signal along one eigenvector, r
steps reach the best linear shrinkage, and one step or ridge may be worse by a factor of order r.
"""

from collections.abc import Callable

import mpmath
import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from . import shrinkage
from .optimal_weight import population_weight, risk

DIGITS = 60  # decimal digits of the linear solve: the weights reach 1e21 at r = 16
_SEARCH = np.linspace(-14, 14, 561)  # log penalties searched before refining


def spectrum(r: int) -> np.ndarray:
    """Return the eigenvalues 1, 1/2, ..., 1/r."""
    return 1 / np.arange(1, r + 1)


def signal(r: int, direction: str, *, strength: float = 10.0) -> np.ndarray:
    """Return theta, ``(r,)``: ``strength`` in the "top" or "bottom" eigen-direction, 0 elsewhere."""
    places = {"top": 0, "bottom": r - 1}
    if direction not in places:
        raise ValueError(f"direction must be 'top' or 'bottom', found {direction!r}")
    theta = np.zeros(r)
    theta[places[direction]] = strength
    return theta


def oracle_shrinkage(theta: ArrayLike, noise: float = 1.0) -> np.ndarray:
    """Return the shrinkage with the smallest risk, theta^2 / (theta^2 + sigma^2), ``(r,)``."""
    theta2 = np.asarray(theta, dtype=np.float64) ** 2
    return theta2 / (theta2 + noise**2)


def best_ridge(eigenvalues: np.ndarray, theta: np.ndarray, noise: float = 1.0) -> float:
    """Return the smallest risk of ridge over all penalties."""
    return _smallest(lambda penalty: float(risk(shrinkage.ridge(eigenvalues, penalty), theta, noise)))


def best_one_step(eigenvalues: np.ndarray, theta: np.ndarray, noise: float = 1.0) -> float:
    """Return the smallest risk of one distillation step over all penalties and weights."""

    def at(penalty: float) -> float:
        weight = float(population_weight(eigenvalues, theta, noise, penalty))
        return float(risk(shrinkage.after(eigenvalues, penalty, weight, 2), theta, noise))

    return _smallest(at)


def attaining_weights(eigenvalues: ArrayLike, target: ArrayLike, penalty: float = 1.0) -> list[mpmath.mpf]:
    """Return w_1, ..., w_{r+1}, sum 1, with sum_m w_m a_k^m equal to the target shrinkage for all r eigenvalues.

    A Vandermonde system, solved with 60 digits: in float64 its condition number is beyond 1e16 already at r = 8.

    Args:
        eigenvalues: r distinct positive values.
        target: wanted shrinkages, ``(r,)``.
        penalty: lambda.

    Raises:
        ValueError: eigenvalues that are not distinct and positive: such shrinkages cannot be reached separately.
    """
    eigenvalues = np.asarray(eigenvalues, dtype=np.float64)
    if len(set(eigenvalues.tolist())) < len(eigenvalues) or (eigenvalues <= 0).any():
        raise ValueError("the eigenvalues must be distinct and > 0: equal directions are shrunk alike by every chain")
    with mpmath.workdps(DIGITS):
        a = _exact_ridge(eigenvalues, penalty)
        r = len(a)
        rows = [[x**m for m in range(1, r + 2)] for x in a] + [[mpmath.mpf(1)] * (r + 1)]
        wanted = [mpmath.mpf(float(b)) for b in np.asarray(target)] + [mpmath.mpf(1)]
        return list(mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix(wanted)))


def attained_risk(
    eigenvalues: np.ndarray, weights: list[mpmath.mpf], theta: np.ndarray, *, penalty=1.0, noise=1.0
) -> float:
    """Return the risk of the chain with these power weights, evaluated with the same 60 digits."""
    with mpmath.workdps(DIGITS):
        a = _exact_ridge(eigenvalues, penalty)
        shrunk = [mpmath.fsum(w * x ** (m + 1) for m, w in enumerate(weights)) for x in a]
        terms = [(1 - b) ** 2 * mpmath.mpf(float(t)) ** 2 + noise**2 * b**2 for b, t in zip(shrunk, theta, strict=True)]
        return float(mpmath.fsum(terms))


def _exact_ridge(eigenvalues: ArrayLike, penalty: float) -> list[mpmath.mpf]:
    return [mpmath.mpf(float(d)) / (mpmath.mpf(float(d)) + mpmath.mpf(float(penalty))) for d in np.asarray(eigenvalues)]


def _smallest(value: Callable[[float], float]) -> float:
    """Return the minimum over log penalties: a grid, then Brent's method around its best point."""
    grid = [value(float(np.exp(x))) for x in _SEARCH]
    best = int(np.argmin(grid))
    low, high = _SEARCH[max(best - 1, 0)], _SEARCH[min(best + 1, len(_SEARCH) - 1)]
    found = optimize.minimize_scalar(lambda x: value(float(np.exp(x))), bounds=(low, high), method="bounded")
    return min(float(found.fun), *grid)
