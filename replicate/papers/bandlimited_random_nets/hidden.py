"""The frozen hidden layer: random weights, where they are drawn from, and the features they give."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from replicate.errors import nearest

from .activations import Activation, activation
from .checks import positive, whole


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """The functions ``x -> sigma(a_j . x - b_j)``, j = 1 ... d.

    Args:
        weights: ``(m, d)``, column j is ``a_j``.
        biases: ``(d,)``.
        activation: sigma.
    """

    weights: np.ndarray
    biases: np.ndarray
    activation: Activation

    @property
    def width(self) -> int:
        """The number of nodes d."""
        return len(self.biases)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the features ``(n, d)`` of inputs ``(n, m)``, in the inputs' dtype."""
        z = inputs @ self.weights.astype(inputs.dtype, copy=False)
        z -= self.biases.astype(inputs.dtype, copy=False)
        return self.activation(z)

    def first(self, width: int) -> "HiddenLayer":
        """Return the layer of the first ``width`` nodes: narrower layers are nested in wider ones."""
        return HiddenLayer(self.weights[:, :width], self.biases[:width], self.activation)


def box(rng: Generator, bandwidth: float, m: int, width: int, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw weights and biases uniformly from ``[-bandwidth, bandwidth]``: the bandlimited net of the paper."""
    weights = rng.uniform(-bandwidth, bandwidth, (m, width))
    return weights, rng.uniform(-bandwidth, bandwidth, width)


def ball(rng: Generator, bandwidth: float, m: int, width: int, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw (weight, bias) uniformly from the ball of radius ``bandwidth`` in m + 1 dimensions."""
    direction = rng.standard_normal((m + 1, width))
    radius = bandwidth * rng.uniform(size=width) ** (1 / (m + 1))
    point = radius * direction / np.linalg.norm(direction, axis=0)
    return point[:m], point[m]


def gaussian(rng: Generator, bandwidth: float, m: int, width: int, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw from normal distributions with the box's variance ``bandwidth^2 / 3``; their support is unbounded."""
    scale = bandwidth / np.sqrt(3)
    return rng.normal(0, scale, (m, width)), rng.normal(0, scale, width)


def placed(rng: Generator, bandwidth: float, m: int, width: int, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw weights from the box, biases ``b = a . u`` with u uniform over the inputs' bounding box.

    Every node then changes sign inside the data (compare Dudek, arXiv 1908.05864).
    """
    weights = rng.uniform(-bandwidth, bandwidth, (m, width))
    return weights, _through_the_data(rng, weights, bounds)


def cauchy(rng: Generator, bandwidth: float, m: int, width: int, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw weights from a Cauchy distribution of scale ``bandwidth / 4``, placed: unbounded, so no bound applies."""
    weights = bandwidth / 4 * rng.standard_cauchy((m, width))
    return weights, _through_the_data(rng, weights, bounds)


Placement = Callable[[Generator, float, int, int, np.ndarray], tuple[np.ndarray, np.ndarray]]
PLACEMENTS: dict[str, Placement] = {f.__name__: f for f in (box, ball, gaussian, placed, cauchy)}


def draw(
    rng: Generator,
    bandwidth: float,
    width: int,
    *,
    inputs: int | np.ndarray = 1,
    activation_name: str | Activation = "sigmoid",
    placement: str = "box",
) -> HiddenLayer:
    """Draw a hidden layer: all weights first, then all biases.

    Args:
        rng: the source of randomness.
        bandwidth: lambda > 0, the half side of the box (or its scale, see the placements).
        width: number of nodes d >= 1.
        inputs: the inputs ``(n, m)``, whose bounding box some placements need, or m alone for ``[0, 1]^m``.
        activation_name: one of ``ACTIVATIONS``.
        placement: one of ``PLACEMENTS``.

    Raises:
        ValueError: for any other value; names the nearest activation or placement.
    """
    bandwidth, width = positive("bandwidth", bandwidth), whole("width", width)
    if placement not in PLACEMENTS:
        raise ValueError(f"unknown placement {placement!r}; {nearest(placement, PLACEMENTS)}")
    if isinstance(inputs, np.ndarray):
        bounds = np.stack([inputs.min(axis=0), inputs.max(axis=0)])
    else:
        m = whole("inputs", inputs)
        bounds = np.stack([np.zeros(m), np.ones(m)])
    weights, biases = PLACEMENTS[placement](rng, bandwidth, bounds.shape[1], width, bounds)
    return HiddenLayer(weights, biases, activation(activation_name))


def _through_the_data(rng: Generator, weights: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    points = rng.uniform(bounds[0], bounds[1], (weights.shape[1], weights.shape[0]))
    return np.einsum("md,dm->d", weights, points)
