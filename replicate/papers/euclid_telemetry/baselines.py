"""Other detectors, from the literature and from common sense: series in, a score a sample out (larger = stranger)."""

import numpy as np
import pandas as pd
from numba import njit
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from .forecast import lagged


def persistence(values: np.ndarray, lag: int) -> np.ndarray:
    """Return ``|T(t) - T(t - lag)|`` of every column, shape (n, m)."""
    return np.abs(values - lagged(values, lag))


def rolling_z(values: np.ndarray, window: int) -> np.ndarray:
    """Return the distance from the trailing mean in trailing standard deviations, (n, m), both without the sample."""
    frame = pd.DataFrame(values).shift(1)
    rolling = frame.rolling(window, min_periods=max(window // 4, 2))
    spread = rolling.std().to_numpy()
    floor = np.nanmedian(spread, axis=0) * 1e-3 + 1e-12
    return np.abs(values - rolling.mean().to_numpy()) / np.maximum(spread, floor)


def reconstruction(values: np.ndarray, share: float = 0.95) -> np.ndarray:
    """Return each standardised column's squared error, (n, m), with components for ``share`` of the variance."""
    usable = np.isfinite(values).all(axis=1)
    out = np.full(values.shape, np.nan)
    standard = (values[usable] - values[usable].mean(axis=0)) / (values[usable].std(axis=0) + 1e-12)
    model = PCA(n_components=share, svd_solver="full").fit(standard)
    out[usable] = (standard - model.inverse_transform(model.transform(standard))) ** 2
    return out


def isolation(values: np.ndarray, lag: int, seed: int, trees: int = 200) -> np.ndarray:
    """Return the isolation forest's score of every column with its lagged value, (n, m)."""
    out = np.full(values.shape, np.nan)
    for i in range(values.shape[1]):
        x = np.column_stack([values[:, i], lagged(values[:, i], lag)])
        usable = np.isfinite(x).all(axis=1)
        forest = IsolationForest(n_estimators=trees, random_state=seed, n_jobs=1).fit(x[usable])
        out[usable, i] = -forest.score_samples(x[usable])
    return out


def discord(values: np.ndarray, window: int) -> np.ndarray:
    """Return the matrix-profile discord score of every column, (n, m): how far is the nearest similar stretch?

    Each sample gets the profile value of the window it is the middle of; the ends repeat theirs. Gaps are bridged
    linearly.
    """
    out = np.empty(values.shape)
    for i in range(values.shape[1]):
        series = pd.Series(values[:, i]).interpolate(limit_direction="both").to_numpy()
        profile = matrix_profile(series, window)
        before = window // 2
        out[:, i] = np.pad(profile, (before, len(series) - len(profile) - before), mode="edge")
    return out


def matrix_profile(series: np.ndarray, window: int) -> np.ndarray:
    """Return the z-normalised distance of every window to its nearest neighbour, (n - window + 1,).

    Neighbours closer than window/4 are excluded; constant windows are at distance 0 from each other and
    sqrt(window) from all others. O(n^2) along diagonals (Zhu et al. 2016), one dot product a step.
    """
    n = len(series) - window + 1
    if n < 2 or window < 2:
        raise ValueError(f"{len(series)} samples hold no two windows of {window}; choose a shorter window")
    centred = series - series.mean()
    slides = np.lib.stride_tricks.sliding_window_view(centred, window)
    means = slides.mean(axis=1)
    spreads = slides.std(axis=1)
    spreads[spreads < 1e-9 * (np.abs(centred).max() + 1e-300)] = 0.0
    best = _correlations(centred, means, spreads, window, max(int(np.ceil(window / 4)), 1))
    return np.sqrt(np.maximum(2 * window * (1 - best), 0))


@njit(cache=True)
def _correlations(series, means, spreads, window, exclusion):
    n = len(means)
    best = np.full(n, -1.0)
    for offset in range(exclusion, n):
        dot = 0.0
        for k in range(window):
            dot += series[k] * series[offset + k]
        for i in range(n - offset):
            j = i + offset
            if i:
                dot += series[i + window - 1] * series[j + window - 1] - series[i - 1] * series[j - 1]
            if spreads[i] > 0 and spreads[j] > 0:
                found = (dot / window - means[i] * means[j]) / (spreads[i] * spreads[j])
            elif spreads[i] == spreads[j]:
                found = 1.0
            else:
                found = 0.5
            if found > best[i]:
                best[i] = found
            if found > best[j]:
                best[j] = found
    return best
