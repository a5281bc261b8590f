"""Baseline cumulative hazard of the adapted power generalized Weibull (APGW), stable at every kappa.

Burke, Jones and Noufaily (2020, arXiv 1901.03212) define, for z > 0 and kappa > -1, ``k1 = kappa + 1``,

    H0(z; kappa) = (k1 / kappa) ((1 + z / k1)^kappa - 1),    h0 = dH0/dz = (1 + z / k1)^(kappa - 1),

with the limits log(1 + z) at kappa = 0 and e^z - 1 at kappa = inf. The power form loses all digits near
kappa = 0 and many for large kappa. With ``nu = log k1``, ``u = log(1 + z / k1)`` and
``phi_0(x) = (e^x - 1) / x`` the same function is ``H0 = k1 u phi_0(kappa u)``: one smooth formula.
"""

from math import factorial

import numpy as np
from numpy.typing import ArrayLike

ORDERS = (0, 1, 2)
_SERIES_RADIUS = 1.0  # outside, the recursion is as exact as the series
_SERIES_TERMS = 18  # first neglected term 1 / (18! 19) < 1e-17
_COEFFICIENTS = {j: [1 / (factorial(n) * (n + j + 1)) for n in range(_SERIES_TERMS)] for j in ORDERS}
_TINY_LOG = -40.0  # softplus(l) = e^l up to e^l / 2 < 3e-18, relative
_TINY_KAPPA = 1e-200  # below, kappa * y would lose digits to underflow


def phi(order: int, x: ArrayLike) -> np.ndarray:
    """Return ``phi_j(x) = int_0^1 r^j e^(r x) dr`` for ``order`` j in {0, 1, 2}, shape of ``x``, relative 2e-15.

    phi_0 = (e^x - 1) / x and ``phi_j = (e^x - j phi_(j-1)) / x``; near 0 the series sum x^n / (n! (n + j + 1)).
    Finite wherever the result is representable (x up to about 716), inf beyond, 0 at -inf.
    Raises ValueError for another order.
    """
    return phis(order, x)[-1]


def phis(order: int, x: ArrayLike) -> list[np.ndarray]:
    """Return `phi` of the orders 0 to ``order``, which cost little more than the last one."""
    if order not in ORDERS:
        raise ValueError(f"phi: order = {order!r} is not one of {ORDERS}; higher orders lose digits in the recursion")
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(all="ignore"):  # the recursion is not used where it divides by 0
        found = _recursion(order, x)
        found[0] = np.where(x == 0, 1.0, found[0])
    near = np.abs(x) < _SERIES_RADIUS
    if order and near.any():
        inside = x[near]
        for j, value in zip(range(order, 0, -1), _near(order, inside), strict=True):
            found[j][near] = value
    return [value[()] for value in found]


def _near(order: int, x: np.ndarray) -> list[np.ndarray]:
    """Return phi of ``order`` by its series, then the lower ones to 1: ``phi_j = (e^x - x phi_(j+1)) / (j + 1)``."""
    *lower, last = _COEFFICIENTS[order]
    value = np.full_like(x, last)
    for coefficient in reversed(lower):
        value *= x
        value += coefficient
    return [value] if order == 1 else [value, (np.exp(x) - x * value) / 2]


def _recursion(order: int, x: np.ndarray) -> list[np.ndarray]:
    """Recursion for ``phi_j(x) e^(-max(x, 0))``, then the exponential in two halves against overflow."""
    distance, positive = np.abs(x), x > 0
    scaled = [-np.expm1(-distance) / distance]
    end = np.where(positive, 1.0, np.exp(-distance))
    for j in range(1, order + 1):
        scaled.append((end - j * scaled[-1]) / x)
    half = np.exp(np.maximum(x, 0) / 2)
    return [np.where(x == np.inf, np.inf, half * (half * value)) for value in scaled]


def cumulative(log_z: ArrayLike, nu: ArrayLike) -> np.ndarray:
    """Return H0(z; kappa) at ``z = exp(log_z)``, ``kappa = expm1(nu)``; the arguments broadcast.

    Relative error below 1e-13 (2e-13 where H0 exceeds 1e280). ``log_z`` in [-inf, inf], ``nu`` in (-700, inf];
    ``nu = inf`` is the Gompertz limit e^z - 1. At ``log_z = inf`` the value is `total`. NaN in gives NaN out.
    """
    log_z, nu = np.asarray(log_z, dtype=np.float64), np.asarray(nu, dtype=np.float64)
    scaled = _scaled_softplus(log_z, nu)
    with np.errstate(over="ignore", invalid="ignore"):
        value = scaled * phi(0, -np.expm1(-nu) * scaled)  # -expm1(-nu) = kappa / k1
    return np.where((log_z == np.inf) & ~np.isnan(nu), total(nu), value)[()]


def log_hazard_factor(log_z: ArrayLike, nu: ArrayLike) -> np.ndarray:
    """Return ``log h0 = (kappa - 1) log(1 + z / k1)`` with ``h0 = dH0/dz``; arguments as in `cumulative`.

    ``log_z`` below inf; ``nu = inf`` gives z.
    """
    log_z, nu = np.asarray(log_z, dtype=np.float64), np.asarray(nu, dtype=np.float64)
    scaled = _scaled_softplus(log_z, nu)
    return ((-np.expm1(-nu) - np.exp(-nu)) * scaled)[()]  # (kappa - 1) / k1 times k1 u


def total(nu: ArrayLike) -> np.ndarray:
    """Return H0(inf; kappa): ``k1 / |kappa|`` for ``kappa = expm1(nu) < 0`` (defective members), else inf."""
    nu = np.asarray(nu, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.where(nu < 0, 1 / np.expm1(np.maximum(-nu, 0)), np.where(np.isnan(nu), np.nan, np.inf))[()]


def inverse(y: ArrayLike, kappa: ArrayLike) -> np.ndarray:
    """Return z with ``H0(z; kappa) = y``, for ``y`` in [0, inf] and ``kappa`` in (-1, inf]; they broadcast.

    ``k1 ((1 + kappa y / k1)^(1 / kappa) - 1)``; e^y - 1 at kappa = 0, log(1 + y) at kappa = inf, and inf where
    kappa < 0 and y reaches the finite total ``k1 / |kappa|``.
    """
    y, kappa = np.broadcast_arrays(np.asarray(y, dtype=np.float64), np.asarray(kappa, dtype=np.float64))
    limit = np.abs(kappa) < _TINY_KAPPA
    finite = np.where(limit | np.isinf(kappa), 1.0, kappa)
    k1 = finite + 1
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        growth = finite / k1 * y
        z = k1 * np.expm1(np.log1p(np.maximum(growth, -1)) / finite)
        z = np.where(limit, np.expm1(y), np.where(kappa == np.inf, np.log1p(y), z))
    return z[()]


def _scaled_softplus(log_z: np.ndarray, nu: np.ndarray) -> np.ndarray:
    """Return ``k1 u`` with ``u = log(1 + z / k1)``; it tends to z, also where k1 overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = log_z - nu
        return np.where(ratio < _TINY_LOG, np.exp(log_z), np.exp(nu) * np.logaddexp(0, ratio))
