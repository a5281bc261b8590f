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
CHANGES = ("another seed", "delta target", "lags 30 and 120 min", "persistence")


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


def overlaps(config: dict, seed: Seed, device: str = "cpu") -> dict[str, float]:
    """Return the mean Jaccard overlap of the top-3 peaks of each temperature before and after every change."""
    one, hour = mission(config, seed), mission(config, seed).steps("1h")
    before = [peaks(np.abs(e), 3, one.day) for e in residuals(config, seed, "raw", "crossfit", device).T]
    found = {}
    for change in CHANGES:
        after = [peaks(score, 3, one.day) for score in _changed(change, config, seed, device).T]
        found[change] = float(np.mean([_jaccard(a, b, hour) for a, b in zip(before, after, strict=True)]))
    return found


def _jaccard(a: np.ndarray, b: np.ndarray, hour: int) -> float:
    """Return the overlap of two lists of peaks; peaks within an hour are the same."""
    shared = sum(bool((np.abs(b - at) <= hour).any()) for at in a)
    return shared / max(len(a) + len(b) - shared, 1)


def _changed(change: str, config: dict, seed: Seed, device: str) -> np.ndarray:
    one = mission(config, seed)
    if change == "persistence":
        return persistence(one.values, one.steps(LAGS[0]))
    if change == "delta target":
        return np.abs(residuals(config, seed, "delta", "crossfit", device))
    trees, lags = model_one(config, seed, device), LAGS
    if change == "another seed":
        trees = replace(trees, seed=trees.seed + 1000)
    else:
        lags = WIDER_LAGS
    steps = [one.steps(lag) for lag in lags]
    columns = [forecast(one.values, i, steps, folds=config["folds"], trees=trees) for i in range(len(TEMPERATURES))]
    return np.abs(one.values - np.column_stack(columns))
