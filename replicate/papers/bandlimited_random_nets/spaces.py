"""Nets on the whole line: random Gaussian and Mexican-hat nodes, errors in L2(R) by a quadrature that covers them.

The trapezoidal rule converges faster than any power for these functions, so a step of 0.2 / max(1, bandwidth / 2) is
exact to rounding; the window reaches as far as the widest node. A window of fixed size would miss what wide nodes with
large coefficients do outside it, and understate the error.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .activations import ACTIVATIONS, activation
from .checks import positive
from .factorisation import Factorisation
from .hidden import HiddenLayer

BIAS_RANGE = 5.0  # biases are drawn from [-5, 5] bandwidths
_DECAYED = 9.0  # exp(-9^2 / 2) is below 1e-17


@dataclass(frozen=True)
class LineFit:
    """A net fitted to a target on the whole line.

    Args:
        error: ``|f - g| / |f|`` in L2(R).
        l1_norm: sum of ``|c_j|``.
        steepest: the largest ``|a_j|``, for which the certificate holds.
        target_norm: ``|f|``.
    """

    error: float
    l1_norm: float
    steepest: float
    target_norm: float


def line_layer(
    rng: Generator, bandwidth: float, width: int, *, name: str = "gauss", slowest: float = 0.25
) -> HiddenLayer:
    """Draw slopes from ``[-bandwidth, bandwidth]``, at least ``slowest * bandwidth`` in size, and wide biases."""
    bandwidth = positive("bandwidth", bandwidth)
    a = rng.uniform(-bandwidth, bandwidth, width)
    a = np.where(np.abs(a) < slowest * bandwidth, np.copysign(slowest * bandwidth, a), a)
    b = rng.uniform(-BIAS_RANGE * bandwidth, BIAS_RANGE * bandwidth, width)
    return HiddenLayer(a[None, :], b, activation(name))


def line_nodes(layer: HiddenLayer, width: float, *, window: float | None = None) -> tuple[np.ndarray, float]:
    """Return equidistant nodes that cover target and hidden nodes, and their step; ``window`` fixes the half length."""
    slopes = np.abs(layer.weights[0])
    reach = float(np.max((np.abs(layer.biases) + _DECAYED) / slopes))
    half = max(reach, _DECAYED * width) if window is None else window
    step = 0.2 * min(width, 1.0, 2 / float(slopes.max()))
    return np.arange(-np.ceil(half / step), np.ceil(half / step) + 1) * step, step


def fit_on_line(
    layer: HiddenLayer, width: float, penalties: list[float], *, target: str = "gauss", window: float | None = None
) -> list[LineFit]:
    """Fit the net to ``target(x / width)`` in L2(R) for every penalty (added to the squared singular values).

    Args:
        layer: hidden layer of one input.
        width: of the target.
        penalties: 0 is least squares with cut singular values.
        target: ``gauss`` or ``mexican``.
        window: half length of the quadrature; None covers everything.
    """
    x, step = line_nodes(layer, width, window=window)
    f = ACTIVATIONS[target](x / width) * np.sqrt(step)
    features = layer(x[:, None]) * np.sqrt(step)
    factors, norm = Factorisation(features), float(np.linalg.norm(f))
    found = []
    for penalty in penalties:
        c = factors.solve(f, layer.width, penalty=penalty / len(x)).coefficients
        error = float(np.linalg.norm(features @ c - f))
        l1, steepest = float(np.abs(c).sum()), float(np.abs(layer.weights).max())
        found.append(LineFit(error / norm, l1, steepest, norm))
    return found
