"""Quantile levels: strictly increasing numbers between 0 and 1."""

import numpy as np
from numpy.typing import ArrayLike


def check_levels(levels: ArrayLike) -> np.ndarray:
    """Return quantile levels as float64, shape ``(m,)``.

    Raises:
        ValueError: no levels, one outside (0, 1), or not strictly increasing.
    """
    found = np.atleast_1d(np.asarray(levels, dtype=np.float64))
    if found.ndim != 1 or not found.size:
        raise ValueError(f"levels have shape {found.shape}; give a list such as [0.1, 0.5, 0.9]")
    outside = found[~((found > 0) & (found < 1))]
    if outside.size:
        raise ValueError(f"level {outside[0]:g} is not between 0 and 1 (both excluded); levels are probabilities")
    if np.any(np.diff(found) <= 0):
        raise ValueError("levels must be strictly increasing: sort them and remove repeats")
    return found


def even_levels(m: int) -> np.ndarray:
    """Return the levels k / (m + 1), k = 1, ..., m, shape ``(m,)``; the paper has m = 99."""
    if m < 1:
        raise ValueError(f"m is {m}; at least one level is needed")
    return np.arange(1, m + 1) / (m + 1)


def position(levels: np.ndarray, level: float) -> int:
    """Return the index of ``level`` among ``levels``.

    Raises:
        ValueError: it is not among them (to 1e-9); names the nearest.
    """
    nearest = int(np.argmin(np.abs(levels - level)))
    if abs(levels[nearest] - level) > 1e-9:
        raise ValueError(f"level {level:g} is not among the {len(levels)} levels; the nearest is {levels[nearest]:g}")
    return nearest
