"""Activation functions: values in float32, float64 or any number of digits, and Fourier transforms.

Fourier convention: ``F(w) = integral of f(z) exp(-i w z) dz``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from replicate.errors import nearest


@dataclass(frozen=True)
class Activation:
    """One activation function.

    Args:
        name: its name in ``ACTIVATIONS``.
        value: elementwise, keeps the dtype of its argument.
        exact: the same for one mpmath number; the first argument is mpmath's context ``mpmath.mp``.
        energy: ``|s#(w)|^2`` for w != 0, elementwise, or None if there is none (``relu`` grows, ``cos`` has two lines).
    """

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    exact: Callable[[Any, Any], Any]
    energy: Callable[[np.ndarray], np.ndarray] | None = None

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Return the activation of ``z``, any shape, float32 or float64."""
        return self.value(z)


def _tanh_energy(w: np.ndarray) -> np.ndarray:
    """Return ``|-i pi / sinh(pi w / 2)|^2``."""
    with np.errstate(over="ignore"):
        return (np.pi / np.sinh(np.pi * w / 2)) ** 2


def _mexican(z: np.ndarray) -> np.ndarray:
    square = np.square(z)
    return (1 - square) * np.exp(-square / 2)


ACTIVATIONS = {
    found.name: found
    for found in (
        # sigmoid(z) = (1 + tanh(z / 2)) / 2, so its transform off the origin is -i pi / sinh(pi w)
        Activation("sigmoid", expit, lambda mp, z: 1 / (1 + mp.exp(-z)), lambda w: _tanh_energy(2 * w)),
        Activation("tanh", np.tanh, lambda mp, z: mp.tanh(z), _tanh_energy),
        Activation(
            "gauss",
            lambda z: np.exp(-np.square(z) / 2),
            lambda mp, z: mp.exp(-z * z / 2),
            lambda w: 2 * np.pi * np.exp(-np.square(w)),
        ),
        Activation(
            "mexican",
            _mexican,
            lambda mp, z: (1 - z * z) * mp.exp(-z * z / 2),
            lambda w: 2 * np.pi * w**4 * np.exp(-np.square(w)),
        ),
        Activation("relu", lambda z: np.maximum(z, 0), lambda mp, z: max(z, mp.zero)),
        Activation("cos", np.cos, lambda mp, z: mp.cos(z)),
    )
}


def activation(name: str | Activation) -> Activation:
    """Return an activation by name; ``ValueError`` with the nearest name for others."""
    if isinstance(name, Activation):
        return name
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; {nearest(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]
