"""Variance components of a crossed design, e.g. 3 initialisations x 3 projections x 3 data orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Component:
    """One variance component. ``variance`` may be negative, as ANOVA estimates can; report it so."""

    name: str
    variance: float
    mean_square: float
    degrees: int


def components(values: np.ndarray, *, factors: Sequence[str] = ("theta0", "projection", "order")) -> list[Component]:
    """Estimate the variance components of a fully crossed random-effects design, one run per cell.

    ``values`` (float, e.g. accuracies) has one axis per factor, each of length >= 2. Returned: main
    effects, their interactions (names joined by ``:``), and last ``residual``, the highest interaction,
    which a single run per cell cannot tell from run noise. Method: ANOVA, equating mean squares
    to their expectations ``E[MS_S] = sum over T containing S of (prod of n_k, k not in T) var_T``
    (Searle, Casella and McCulloch 1992, chapter 4). With 3 levels a main effect has 2 degrees of
    freedom: the estimates are rough.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != len(factors) or min(values.shape, default=0) < 2 or not np.isfinite(values).all():
        raise ValueError(
            f"values has shape {values.shape}; need a complete table with one axis per factor "
            f"{tuple(factors)}, at least 2 levels each, no missing runs"
        )
    axes = range(values.ndim)
    subsets = [subset for size in range(1, values.ndim + 1) for subset in combinations(axes, size)]
    squares = {subset: _mean_square(values, subset) for subset in subsets}
    return [_component(values, subset, squares, factors) for subset in subsets]


def _component(values: np.ndarray, subset: tuple[int, ...], squares: dict, factors: Sequence[str]) -> Component:
    # Moebius inversion of the expectations: only sets containing the subset contribute
    signed = sum((-1) ** (len(other) - len(subset)) * ms for other, ms in squares.items() if set(subset) <= set(other))
    replicates = np.prod([size for axis, size in enumerate(values.shape) if axis not in subset])
    name = "residual" if len(subset) == values.ndim else ":".join(factors[axis] for axis in subset)
    return Component(name, float(signed / replicates), squares[subset], _degrees(values.shape, subset))


def _mean_square(values: np.ndarray, subset: tuple[int, ...]) -> float:
    effect = values
    for axis in range(values.ndim):
        mean = effect.mean(axis=axis, keepdims=True)
        effect = effect - mean if axis in subset else mean
    replicates = values.size / effect.size
    return float(replicates * np.sum(effect**2) / _degrees(values.shape, subset))


def _degrees(shape: tuple[int, ...], subset: tuple[int, ...]) -> int:
    return int(np.prod([shape[axis] - 1 for axis in subset]))
