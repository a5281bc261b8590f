"""Lower bounds on the error over the whole space that every net with bandlimited weights must obey.

A node with slope at most lambda has almost no energy at frequencies far above lambda. If the target has energy beyond a
frequency c ("cut" below), the net must supply it from the nodes' tails, hence with large coefficients, or miss it. All
bounds are derived here (they are not quoted from the paper): Cauchy-Schwarz and Plancherel.

Frequencies are radians per unit of x; errors are norms in ``L2(R^m)``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import integrate, special

from .activations import Activation, activation
from .checks import not_negative, positive, whole

Tail = Callable[[np.ndarray], np.ndarray]
_GRID = 20_000  # cuts among which the best bound is looked for
_FARTHEST = 60  # times the larger of bandwidth and 1 / width


def gaussian_tail(cut: np.ndarray | float, width: float, *, m: int = 1) -> np.ndarray:
    """Return the norm of ``exp(-|x|^2 / (2 width^2))``, x in R^m, at frequencies ``|xi| > cut``."""
    square = (width * np.sqrt(np.pi)) ** m * special.gammaincc(m / 2, (width * np.asarray(cut)) ** 2)
    return np.sqrt(square)


def mexican_tail(cut: np.ndarray, width: float) -> np.ndarray:
    """Return the norm of ``(1 - z^2) exp(-z^2 / 2)``, z = x / width, at frequencies ``|xi| > cut``, m = 1."""
    return np.sqrt(width * special.gamma(2.5) * special.gammaincc(2.5, (width * np.asarray(cut)) ** 2))


def spectral_leak(ratio: np.ndarray, name: str | Activation, *, m: int = 1) -> np.ndarray:
    """Return ``T = 2 integral_{ratio}^inf |s#(w)|^2 w^(-m) dw``, the activation's energy beyond a ratio of frequencies.

    Args:
        ratio: cut / bandwidth > 0, any shape.
        name: an activation with a spectrum: gauss (closed form for odd m and m = 2), mexican, tanh, sigmoid.
        m: number of input variables.
    """
    sigma, ratio = activation(name), np.asarray(ratio, dtype=float)
    energy = sigma.energy
    if energy is None:
        raise ValueError(f"activation {sigma.name!r} has no square-integrable spectrum; take gauss, mexican or tanh")
    if np.any(ratio <= 0):
        raise ValueError(f"the ratio cut / bandwidth is {ratio.min():g} at its lowest; it must be above 0")
    if sigma.name == "gauss" and (m == 2 or m % 2):
        return _gauss_leak(ratio, m)
    return np.vectorize(lambda low: _leak(energy, low, m), otypes=[float])(ratio)


def _gauss_leak(ratio: np.ndarray, m: int) -> np.ndarray:
    """Return ``2 pi Gamma((1 - m) / 2, ratio^2)``: an exponential integral, for m = 2 written with erfcx."""
    square = ratio**2
    if m == 2:
        return 4 * np.pi * np.exp(-square) * (1 / ratio - np.sqrt(np.pi) * special.erfcx(ratio))
    return 2 * np.pi * ratio ** (1.0 - m) * special.expn((m + 1) // 2, square)


def _leak(energy: Callable[[Any], Any], low: float, m: int) -> float:
    value, _ = integrate.quad(lambda w: energy(w) * w**-m, low, low + 60, epsabs=0, epsrel=1e-12, limit=200)
    return 2 * value


def infinite_width_bound(
    budget: float,
    bandwidth: float,
    tail: Tail,
    name: str | Activation,
    *,
    cuts: np.ndarray,
    m: int = 1,
) -> float:
    """Return the best bound on ``|f - S[g]|`` for coefficient functions g on the slopes ``|a| <= bandwidth``.

    ``|f - S[g]| >= tail(cut) - budget * sqrt((2 pi)^(m-1) T(cut / bandwidth))`` for every cut; at least 0.

    Args:
        budget: the L2 norm of g over slopes and biases.
        bandwidth: the largest Euclidean norm of a slope.
        tail: norm of the target at frequencies above a cut, elementwise.
        name: activation.
        m: number of input variables.
        cuts: the frequencies to try, ``(k,)``.
    """
    budget, bandwidth = not_negative("budget", budget), positive("bandwidth", bandwidth)
    cuts = np.asarray(cuts, dtype=float)
    leak = spectral_leak(cuts / bandwidth, name, m=whole("m", m))
    return float(max(0.0, np.max(tail(cuts) - budget * np.sqrt((2 * np.pi) ** (m - 1) * leak))))


def smallest_budget(
    error: float,
    bandwidth: float,
    tail: Tail,
    name: str | Activation,
    *,
    cuts: np.ndarray,
    m: int = 1,
) -> float:
    """Return the least L2 norm of g with which an error is not excluded; the arguments of `infinite_width_bound`."""
    error, bandwidth = not_negative("error", error), positive("bandwidth", bandwidth)
    leak = np.sqrt((2 * np.pi) ** (m - 1) * spectral_leak(np.asarray(cuts) / bandwidth, name, m=m))
    with np.errstate(divide="ignore", over="ignore"):
        needed = (tail(np.asarray(cuts)) - error) / leak
    return float(max(0.0, np.nanmax(needed)))


def finite_width_bound(l1_norm: float, bandwidth: float, *, width: float = 1.0, tail: Tail | None = None) -> float:
    """Return the best bound on ``|f - g_d|`` for nets of Gaussian nodes ``exp(-(a x - b)^2 / 2)``, m = 1.

    ``|f - g_d| >= tail(c) - |c|_1 (sqrt(pi) erfc(c / bandwidth) / bandwidth)^(1/2)`` for every cut c >= bandwidth: a
    node's spectrum at ``|xi| > |a|`` grows with its slope, so none has more beyond c than one of slope bandwidth.

    Args:
        l1_norm: sum of ``|c_j|``.
        bandwidth: the largest ``|a_j|``; biases are free.
        width: of the Gaussian target ``exp(-x^2 / (2 width^2))``; sets the range of cuts.
        tail: another target's norm at frequencies above a cut; None is the Gaussian's.
    """
    l1_norm, bandwidth = not_negative("l1_norm", l1_norm), positive("bandwidth", bandwidth)
    cuts = cut_grid(bandwidth, positive("width", width))
    tails = gaussian_tail(cuts, width) if tail is None else tail(cuts)
    node = np.sqrt(np.sqrt(np.pi) * special.erfc(cuts / bandwidth) / bandwidth)
    return float(max(0.0, np.max(tails - l1_norm * node)))


def cut_grid(bandwidth: float, width: float, *, points: int = _GRID) -> np.ndarray:
    """Return the cut frequencies among which bounds are maximised, from the bandwidth up."""
    return np.linspace(bandwidth, _FARTHEST * max(bandwidth, 1 / width), points)


def critical_bandwidth(width: float) -> float:
    """Return ``1 / width``: below it no Gaussian node is as narrow as the target, above it one node is the target."""
    return 1 / positive("width", width)


def bandlimited_activation_floor(bandwidth: float, limit: float, width: float) -> float:
    """Return the relative error no net can beat if the activation has no frequency above ``limit`` at all.

    The nets then have no frequency above ``bandwidth * limit``; for the Gaussian target
    ``(|f - S[g]| / |f|)^2 >= erfc(width * bandwidth * limit)``, whatever the coefficients.
    """
    product = positive("width", width) * positive("bandwidth", bandwidth) * positive("limit", limit)
    return float(np.sqrt(special.erfc(product)))
