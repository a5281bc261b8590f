"""Non-parametric dynamic thresholding of forecast errors (Hundman et al. 2018, arXiv 1802.04431), vectorised.

The steps and constants are those of the authors' program (khundman/telemanom, errors.py and config.yaml): smoothed
errors, windows of 2,100 advanced by 70, in each a threshold mean + z sd chosen by what removing the anomalies does to
mean and sd, also for the mirrored errors, then pruning.
"""

import numpy as np
from numba import njit

from .runs import runs

BATCH, BATCHES, SPAN, LOOKBACK, HORIZON = 70, 30, 105, 250, 10
LEVELS = np.arange(2.5, 12.0, 0.5)  # candidate z
WIDEN, WIDEN_CANDIDATE, DROP = 100, 99, 0.13


def detect(observed: np.ndarray, forecast: np.ndarray, *, smooth_start: bool = True) -> np.ndarray:
    """Return the anomalous runs of a channel as half-open intervals into ``observed``, shape (k, 2).

    Args:
        observed, forecast: (n,) test telemetry and its one-step forecasts; the first 250 and last 10 are not used.
        smooth_start: replace the first 250 smoothed errors by the mean of the first 500.
    """
    if len(observed) != len(forecast):
        raise ValueError(f"{len(observed)} observed and {len(forecast)} forecast values: give equally many")
    used = slice(LOOKBACK, len(observed) - HORIZON)
    y, error = np.asarray(observed, float)[used], np.abs(observed - forecast)[used]
    if len(y) < 2:
        return np.empty((0, 2), dtype=int)
    found = anomalous(y, smoothed(error, smooth_start))
    kept = runs(found)
    kept = kept[kept[:, 1] - kept[:, 0] >= 2]
    return kept + LOOKBACK


def smoothed(error: np.ndarray, smooth_start: bool = True) -> np.ndarray:
    """Return the exponentially weighted mean of errors, span 105, its start replaced by an average."""
    weights = _ewm(np.ascontiguousarray(error, dtype=float), 2 / (SPAN + 1))
    if smooth_start:
        weights[:LOOKBACK] = weights[: 2 * LOOKBACK].mean()
    return weights


@njit(cache=True)
def _ewm(values, alpha):
    out = np.empty(len(values))
    top, bottom = 0.0, 0.0
    for i in range(len(values)):
        top = values[i] + (1 - alpha) * top
        bottom = 1.0 + (1 - alpha) * bottom
        out[i] = top / bottom
    return out


def anomalous(y: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return which of the smoothed errors (n,) are anomalous, (n,) bool, over all windows."""
    n = len(errors)
    batches = min(BATCHES, max(n // BATCH, 1))  # so that at least one window fits
    count = max((n - BATCH * batches) // BATCH, 0)
    ignored = 0 if n < 1800 else LOOKBACK if n < 2500 else 2 * LOOKBACK
    out = np.zeros(n, dtype=bool)
    for number in range(count + 1):
        first, last = number * BATCH, n if number == count else number * BATCH + BATCH * batches
        out[first:last] |= _window(y[first:last], errors[first:last], number, ignored, out[first:last])
    return out


def _window(y: np.ndarray, errors: np.ndarray, number: int, ignored: int, before: np.ndarray) -> np.ndarray:
    mean, sd = errors.mean(), errors.std()
    spread = np.subtract(*np.percentile(y, [95, 5]))
    found = np.zeros(len(errors), dtype=bool)
    if not (sd > 0.05 * y.std() or errors.max() > 0.05 * spread) or not errors.max() > 0.05:
        return found
    for values in (errors, 2 * mean - errors):
        threshold = mean + _best_level(values, mean, sd, LEVELS, WIDEN_CANDIDATE) * sd
        flagged = widened((values >= threshold) & (values > 0.05 * spread), WIDEN)
        flagged[: ignored if number == 0 else max(len(errors) - BATCH, 0)] = False
        if flagged.any():
            found |= _pruned(values, flagged, flagged | before)
    return found


@njit(cache=True)
def _best_level(values, mean, sd, levels, widen):
    """Return the z whose removal of anomalies lowers mean and sd most for the number of points and runs it costs."""
    n = len(values)
    best, best_score = 12.0, -1e7
    if mean == 0.0 or sd == 0.0:
        return best
    for z in levels:
        threshold = mean + z * sd
        below, total, square = 0, 0.0, 0.0
        covered, groups, end = 0, 0, -1  # ``end``: first index after the widened run so far
        start = 0
        for i in range(n):
            if values[i] < threshold:
                below += 1
                total += values[i]
                square += values[i] * values[i]
                continue
            low, high = max(i - widen, 0), min(i + widen + 1, n)
            if low > end or end < 0:
                if end >= 0 and end - start > 1:
                    groups += 1
                start = low
                covered += high - low
            else:
                covered += high - end
            end = high
        if end < 0 or below == 0:
            continue
        if end - start > 1:
            groups += 1
        mean_below = total / below
        sd_below = np.sqrt(max(square / below - mean_below * mean_below, 0.0))
        score = ((mean - mean_below) / mean + (sd - sd_below) / sd) / (groups * groups + covered)
        if score >= best_score and groups <= 5 and covered < 0.5 * n:
            best, best_score = z, score
    return best


def widened(flags: np.ndarray, reach: int) -> np.ndarray:
    """Return flags that are true within ``reach`` of a true one."""
    total = np.concatenate([[0], np.cumsum(flags)])
    i = np.arange(len(flags))
    return total[np.minimum(i + reach + 1, len(flags))] > total[np.maximum(i - reach, 0)]


def _pruned(values: np.ndarray, flagged: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Keep the runs whose maximum stands out from the next lower one, or from the rest, by 13 %."""
    found = runs(flagged)
    found = found[found[:, 1] - found[:, 0] >= 2]
    rest = values[~known]
    highest = np.array([values[a:b].max() for a, b in found])
    order = np.sort(highest)[::-1]
    order = np.append(order, rest.max() if len(rest) else -np.inf)
    last = -1
    for i in range(len(order) - 1):
        if np.isneginf(order[i + 1]) or (order[i] - order[i + 1]) / order[i] >= DROP:
            last = i
    kept = highest >= order[last] if last >= 0 else np.zeros(len(highest), dtype=bool)
    out = np.zeros(len(values), dtype=bool)
    for a, b in found[kept]:
        out[a:b] = True
    return out


def matched(predicted: np.ndarray, labelled: np.ndarray) -> dict[str, int]:
    """Count hits as the authors do: a predicted run credits the first labelled interval it overlaps, once.

    Args:
        predicted, labelled: half-open intervals (k, 2), (m, 2).
    """
    credited: set[int] = set()
    false = 0
    for start, stop in predicted:
        touching = np.flatnonzero((labelled[:, 0] < stop) & (labelled[:, 1] > start)) if len(labelled) else labelled
        if len(touching):
            credited.add(int(touching[0]))
        else:
            false += 1
    return {"TP": len(credited), "FP": false, "FN": len(labelled) - len(credited)}
