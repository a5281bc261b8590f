"""The ridgelet transform of functions of one variable: which (slope, bias) a function asks for.

``R[f](a, b) = integral of f(x) rho(a x - b) dx`` and back ``S[g](x) = integral of g(a, b) sigma(a x - b) da db``, with
``S[R[f]] = <<sigma, rho>> f`` and ``<<sigma, rho>> = integral of s#(w) conj(r#(w)) / |w| dw`` (Sonoda, Ishikawa, Ikeda,
arXiv 2106.04770, definitions 1, 4, 5 and theorem 6, for m = 1). rho is the Mexican hat throughout.
"""

import numpy as np
from numpy.typing import ArrayLike

from .activations import ACTIVATIONS
from .checks import positive
from .infinite_width import gauss_legendre

ADMISSIBILITY = 2 * np.pi  # <<rho, rho>> of the Mexican hat: 2 pi * 2 * integral of w^3 exp(-w^2) dw
_RHO = ACTIVATIONS["mexican"]
_REACH, _STEP = 7.0, 0.2  # where rho has decayed, and a step that resolves it to rounding
_SLOPES = 40  # Gauss-Legendre nodes between two bandwidths


def transform(values: np.ndarray, x: np.ndarray, weights: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return R[f](a_i, b_j) for functions given at quadrature nodes.

    Args:
        values: ``(n,)`` or ``(n, k)``, the functions at the nodes.
        x, weights: nodes and weights, ``(n,)``; they must resolve ``rho(a x - b)`` at the steepest a.
        a, b: slopes ``(p,)`` and biases ``(q,)``.

    Returns:
        ``(p, q)`` or ``(p, q, k)``.
    """
    weighted = (weights * values.T).T
    return np.stack([_RHO(slope * x[None, :] - b[:, None]) @ weighted for slope in a])


def synthesis(coefficients: np.ndarray, a: np.ndarray, b: np.ndarray, area: float, x: np.ndarray) -> np.ndarray:
    """Return S[g](x) for g ``(p, q)`` on an equidistant grid of slopes and biases whose cells have the given area."""
    total = np.zeros(len(x))
    for slope, row in zip(a, coefficients, strict=True):
        total += row @ _RHO(slope * x[None, :] - b[:, None])
    return total * area


def gaussian_transform(a: ArrayLike, b: ArrayLike, width: float) -> np.ndarray:
    """Return R[f](a, b) of ``f = exp(-x^2 / (2 width^2))`` in closed form, broadcasting a and b."""
    v = 1 + (width * np.asarray(a)) ** 2
    square = np.asarray(b) ** 2
    return np.sqrt(2 * np.pi / v) * width * (1 / v - square / v**2) * np.exp(-square / (2 * v))


def gaussian_energy(a: ArrayLike, width: float) -> np.ndarray:
    """Return the energy at slope a, ``integral of R[f](a, b)^2 db``, of the Gaussian of a width."""
    return 2 * np.pi * width**2 * (3 * np.sqrt(np.pi) / 4) * (1 + (width * np.asarray(a)) ** 2) ** -2.5


def gaussian_share_outside(bandwidth: float, width: float) -> float:
    """Return the share of the Gaussian's ridgelet energy at slopes ``|a| > bandwidth``."""
    s = _sine(bandwidth, width)
    return float(1 - 1.5 * (s - s**3 / 3))


def mexican_share_outside(bandwidth: float, width: float) -> float:
    """Return the share of the ridgelet energy of ``rho(x / width)`` at slopes ``|a| > bandwidth``."""
    s = _sine(bandwidth, width)
    return float(1 - 17.5 * (s**5 / 5 - s**7 / 7))


def energy(values: np.ndarray, x: np.ndarray, weights: np.ndarray, a: float) -> float:
    """Return the energy at slope a, ``integral of R[f](a, b)^2 db``, of a function given at quadrature nodes."""
    ends = a * x.min(), a * x.max()
    b = np.arange(min(ends) - _REACH, max(ends) + _REACH, _STEP)
    (row,) = transform(values, x, weights, np.array([a]), b)
    return float(np.sum(row**2) * _STEP)


def shares_outside(values: np.ndarray, x: np.ndarray, weights: np.ndarray, bandwidths: list[float]) -> list[float]:
    """Return the shares of the ridgelet energy at slopes ``|a| > bandwidth``, for increasing bandwidths.

    Gauss-Legendre between successive bandwidths; the energy is even in the slope and sums to `ADMISSIBILITY` |f|^2.
    """
    total, inside, found, low = ADMISSIBILITY * float(weights @ values**2), 0.0, [], 0.0
    for high in bandwidths:
        nodes, scales = gauss_legendre(low, high, _SLOPES)
        inside += 2 * float(sum(v * energy(values, x, weights, a) for a, v in zip(nodes, scales, strict=True)))
        found.append(1 - inside / total)
        low = high
    return found


def _sine(bandwidth: float, width: float) -> float:
    product = positive("width", width) * positive("bandwidth", bandwidth)
    return product / np.hypot(1, product)
