"""Model 1: forecast a temperature from its own past, and the residual as a score (section 2.2 of the notebook).

The features of time t are T(t - l1) and T(t - l2), nothing younger than the shorter lag. Three readings of the
paper's sentence: ``raw`` predicts T(t); ``delta`` predicts its change since t - l1 (trees cannot extrapolate, changes
need them not to); ``joint`` sees the lags of all targets. Three ways of fitting: ``insample``; ``crossfit`` (contiguous
blocks, each predicted by a model that saw none of its neighbourhood); ``rolling`` (only the past, refit as it goes).
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from replicate.errors import UserError, nearest

from .boosting import Trees, predict

TARGETS = ("raw", "delta", "joint")
MODES = ("insample", "crossfit", "rolling")
PURGE = 36  # steps either side of a block, six hours at 10 min


def lagged(values: np.ndarray, steps: int) -> np.ndarray:
    """Return ``values`` (n, ...) of ``steps`` rows earlier, NaN where there is none."""
    out = np.full(values.shape, np.nan)
    if steps < len(values):
        out[steps:] = values[: len(values) - steps]
    return out


def design(values: np.ndarray, column: int, lags: list[int], target: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, p), what the trees predict (n,), and what is added to their prediction (n,).

    Args:
        values: (n, m) temperatures on the grid, NaN = missing.
        column: the one to forecast.
        lags: in steps, at least one, each >= 1.
        target: ``raw``, ``delta`` or ``joint``.
    """
    if target not in TARGETS:
        raise UserError(f"target {target!r}: {nearest(target, TARGETS)}")
    y = values[:, column]
    lags = sorted(lags)
    if target == "joint":
        return np.hstack([lagged(values, lag) for lag in lags]), y, np.zeros(len(y))
    past = [lagged(y, lag) for lag in lags]
    if target == "raw":
        return np.column_stack(past), y, np.zeros(len(y))
    changes = [past[0] - older for older in past[1:]]
    return np.column_stack([*changes, past[0]]), y - past[0], past[0]


def blocks(n: int, count: int, purge: int = PURGE) -> list[tuple[slice, np.ndarray]]:
    """Return ``count`` contiguous blocks of range(n), each with the rows its model may see (n,) bool."""
    edges = np.linspace(0, n, count + 1).astype(int)
    out = []
    for first, last in pairwise(edges):
        allowed = np.ones(n, dtype=bool)
        allowed[max(first - purge, 0) : last + purge] = False
        out.append((slice(first, last), allowed))
    return out


def expanding(n: int, first: int, every: int) -> list[tuple[slice, np.ndarray]]:
    """Return blocks of ``every`` rows after the ``first``, each with all rows before it."""
    out = []
    for start in range(first, n, every):
        allowed = np.zeros(n, dtype=bool)
        allowed[:start] = True
        out.append((slice(start, min(start + every, n)), allowed))
    return out


def forecast(
    values: np.ndarray,
    column: int,
    lags: list[int],
    *,
    target: str = "raw",
    mode: str = "crossfit",
    folds: int = 5,
    day: int = 144,
    trees: Trees | None = None,
) -> np.ndarray:
    """Forecast one temperature over the whole series.

    Args:
        values, column, lags, target: see `design`.
        mode: ``insample``, ``crossfit`` or ``rolling`` (refit every 14 days, the first 21 days unscored).
        folds: blocks of ``crossfit``.
        day: steps in a day, for ``rolling``.
        trees: hyper-parameters.

    Returns:
        Forecasts (n,), NaN where the value, a lag or a model is missing.

    Raises:
        UserError: an unknown target or mode, or fewer rows than a model needs.
    """
    if mode not in MODES:
        raise UserError(f"mode {mode!r}: {nearest(mode, MODES)}")
    trees = trees or Trees()
    x, y, offset = design(values, column, lags, target)
    usable = np.isfinite(x).all(axis=1) & np.isfinite(y)
    n = len(y)
    if mode == "insample":
        splits = [(slice(0, n), np.ones(n, dtype=bool))]
    elif mode == "crossfit":
        splits = blocks(n, folds)
    else:
        splits = expanding(n, 21 * day, 14 * day)
    out = np.full(n, np.nan)
    for number, (block, allowed) in enumerate(splits):
        train, here = usable & allowed, np.flatnonzero(usable[block]) + block.start
        if train.sum() < 20:
            raise UserError(
                f"{int(train.sum())} complete rows are left to fit rows {block.start} to {block.stop} (20 at least): "
                "use a longer series, fewer folds, or mode='insample'"
            )
        model = replace(trees, seed=trees.seed + number).fit(x[train], y[train])
        out[here] = predict(model, x[here]) + offset[here]
    return out


def standardised(scores: np.ndarray) -> np.ndarray:
    """Return scores in robust standard deviations: s / (1.4826 MAD(s) + 1e-9), shape (n,); NaN stays."""
    centre = np.nanmedian(scores)
    return scores / (1.4826 * np.nanmedian(np.abs(scores - centre)) + 1e-9)


def peaks(scores: np.ndarray, count: int, exclusion: int) -> np.ndarray:
    """Return the rows of the ``count`` largest scores, each at least ``exclusion`` steps from a larger one.

    Ties go to the earlier row. Fewer where nothing is left; NaN never ranks.
    """
    left = np.where(np.isfinite(scores), scores, -np.inf)
    found: list[int] = []
    while len(found) < count and np.isfinite(left).any() and left.max() > -np.inf:
        at = int(left.argmax())
        found.append(at)
        left[max(at - exclusion, 0) : at + exclusion + 1] = -np.inf
    return np.array(found, dtype=int)
