"""Target functions of one variable: how complex they are decides which bandwidth they need."""

from collections.abc import Callable

import numpy as np

from replicate.errors import nearest

Target = Callable[[np.ndarray], np.ndarray]


def sharp(x: np.ndarray) -> np.ndarray:
    """Return the sum of a broad and two narrow bumps on [0, 1], standard in the random-weights literature ("LW")."""
    broad = 0.2 * np.exp(-((10 * x - 4) ** 2))
    return broad + 0.5 * np.exp(-((80 * x - 40) ** 2)) + 0.3 * np.exp(-((80 * x - 20) ** 2))


def sine(k: int) -> Target:
    """Return ``x -> sin(2 pi k x)``: k periods on [0, 1]."""
    return lambda x: np.sin(2 * np.pi * k * x)


def narrow(x: np.ndarray) -> np.ndarray:
    """Return a Gaussian bump of width 1 / 20 in the middle of [0, 1]."""
    return np.exp(-((20 * (x - 0.5)) ** 2))


SINES = (1, 2, 4, 8, 16, 32)
TARGETS: dict[str, Target] = {"LW": sharp, **{f"sin{k}": sine(k) for k in SINES}, "narrow": narrow}


def target(name: str) -> Target:
    """Return a target by name; ``ValueError`` with the nearest name for others."""
    if name not in TARGETS:
        raise ValueError(f"unknown target {name!r}; {nearest(name, TARGETS)}")
    return TARGETS[name]
