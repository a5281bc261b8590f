"""Threshold crossings read off a grid of dimensions, without a model of the curve."""

from collections.abc import Sequence
from math import exp, log

import numpy as np
from scipy import optimize

_TIE = 1e-12  # the mean of equal accuracies may differ from them in the last bits


def exceeds(accuracy: np.ndarray | float, threshold: float) -> np.ndarray:
    """Return whether ``accuracy`` is strictly above the threshold, a tie up to rounding being not above."""
    return np.asarray(accuracy) > threshold + _TIE


def first_crossing(dims: Sequence[int], accuracies: Sequence[float], *, threshold: float) -> int | None:
    """Return the authors' estimate: the smallest d whose mean accuracy strictly exceeds the threshold."""
    dims, accuracies = np.asarray(dims), np.asarray(accuracies, dtype=float)
    for dim in np.unique(dims):
        if exceeds(accuracies[dims == dim].mean(), threshold):
            return int(dim)
    return None


def median_crossing(dims: Sequence[int], accuracies: Sequence[float], *, threshold: float) -> float | None:
    """Return the d where P(accuracy > threshold) = 1/2 (Larsen et al. 2021, arXiv:2107.05802), or None.

    The success proportions per d are made monotone by isotonic regression and interpolated in ln d.
    None when they do not pass 1/2 within the dimensions that were run.
    """
    dims, accuracies = np.asarray(dims), np.asarray(accuracies, dtype=float)
    grid, counts = np.unique(dims, return_counts=True)
    successes = np.array([exceeds(accuracies[dims == dim], threshold).mean() for dim in grid])
    rising = optimize.isotonic_regression(successes, weights=counts).x
    if rising[0] > 0.5 or rising[-1] < 0.5:
        return None
    after = int(np.argmax(rising >= 0.5))
    if after == 0:
        return float(grid[0])
    share = (0.5 - rising[after - 1]) / (rising[after] - rising[after - 1])
    return float(exp(log(grid[after - 1]) + share * log(grid[after] / grid[after - 1])))
