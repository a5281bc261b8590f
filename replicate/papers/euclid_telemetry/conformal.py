"""How far may a residual go, and how stable is a list of peaks? (beyond the paper)"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from replicate.seeds import Seed

from .baselines import persistence
from .forecast import forecast, peaks
from .missions import LAGS, mission, model_one, residuals
from .network import TEMPERATURES

WIDER_LAGS = ("30min", "120min")


def coverage(errors: np.ndarray, *, level: float, folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each block's residuals inside bands from all earlier blocks, and the bands' half-width.

    Split conformal: the half-width is the ceil((n + 1) level)-th smallest of n earlier absolute residuals.

    Args:
        errors: (n, m) absolute residuals in order of time, NaN = none.
        level: wanted coverage. folds: contiguous blocks; the first only calibrates.

    Returns:
        coverage (m,), mean half-width (m,).
    """
    edges = np.linspace(0, len(errors), folds + 1).astype(int)
    covered, widths = [], []
    for column in errors.T:
        inside, half = [], []
        for first, last in pairwise(edges[1:]):
            past, now = (part[np.isfinite(part)] for part in (column[:first], column[first:last]))
            rank = min(int(np.ceil((len(past) + 1) * level)), len(past)) - 1
            half.append(np.partition(past, rank)[rank])
            inside.append(now <= half[-1])
        covered.append(np.concatenate(inside).mean())
        widths.append(np.mean(half))
    return np.array(covered), np.array(widths)


def overlap(config: dict, seed: Seed, device: str = "cpu") -> float:
    """Return the mean Jaccard overlap of the top-3 peaks of each temperature before and after ``config["change"]``."""
    one = mission(config, seed)
    before = np.abs(residuals(config, seed, "raw", "crossfit", device))
    after = _changed(config, seed, device)
    hour, found = one.steps("1h"), []
    for i in range(len(TEMPERATURES)):
        a, b = (peaks(score[:, i], 3, one.day) for score in (before, after))
        shared = sum(bool((np.abs(b - at) <= hour).any()) for at in a)
        found.append(shared / max(len(a) + len(b) - shared, 1))
    return float(np.mean(found))


def _changed(config: dict, seed: Seed, device: str) -> np.ndarray:
    one = mission(config, seed)
    if config["change"] == "persistence":
        return persistence(one.values, one.steps(LAGS[0]))
    if config["change"] == "delta target":
        return np.abs(residuals(config, seed, "delta", "crossfit", device))
    trees, lags = model_one(config, seed, device), LAGS
    if config["change"] == "another seed":
        trees = replace(trees, seed=trees.seed + 1000)
    else:
        lags = WIDER_LAGS
    steps = [one.steps(lag) for lag in lags]
    columns = [forecast(one.values, i, steps, folds=config["folds"], trees=trees) for i in range(len(TEMPERATURES))]
    return np.abs(one.values - np.column_stack(columns))
