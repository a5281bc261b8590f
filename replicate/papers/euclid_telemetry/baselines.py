"""Other detectors, from the literature and from common sense: series in, a score a sample out (larger = stranger)."""

import numpy as np
import pandas as pd
from numba import njit
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from .forecast import lagged

_DIAGONALS = 512  # of the matrix profile at once, 4 kB


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
    spreads = slides.std(axis=1)
    constant = spreads < 1e-9 * (np.abs(centred).max() + 1e-300)
    scales = np.where(constant, 0.0, 1 / np.where(constant, 1.0, spreads))  # 0: no correlation with constant windows
    exclusion = max(int(np.ceil(window / 4)), 1)
    best = _correlations(centred, slides.mean(axis=1), scales, window, exclusion)
    beside_constant, beside_varying = (_has_neighbour(kind, exclusion) for kind in (constant, ~constant))
    best = np.where(constant & beside_varying | ~constant & beside_constant, np.maximum(best, 0.5), best)
    best[constant & beside_constant] = 1.0
    return np.sqrt(np.maximum(2 * window * (1 - best), 0))


def _has_neighbour(kind: np.ndarray, exclusion: int) -> np.ndarray:
    """Return for every window whether one of a ``kind`` (n,) lies at least ``exclusion`` away."""
    where, at = np.flatnonzero(kind), np.arange(len(kind))
    return (at - where[0] >= exclusion) | (where[-1] - at >= exclusion) if len(where) else np.zeros(len(kind), bool)


@njit(cache=True, fastmath={"nnan", "nsz", "ninf"})
def _correlations(series, means, scales, window, exclusion):
    """Return each window's largest correlation with another; as many diagonals at once as the first cache holds."""
    n = len(means)
    best, dots = np.full(n, -1.0), np.empty(_DIAGONALS)
    for first in range(exclusion, n, _DIAGONALS):
        width = min(_DIAGONALS, n - first)
        for k in range(width):
            dots[k] = np.dot(series[:window], series[first + k : first + k + window])
        for i in range(n - first):
            j = i + first
            width = min(width, n - j)
            if i:
                new, old = series[i + window - 1], series[i - 1]
                entering, leaving = series[j + window - 1 : j + window - 1 + width], series[j - 1 : j - 1 + width]
                for k in range(width):
                    dots[k] += new * entering[k] - old * leaving[k]
            mean, scale, top = means[i], scales[i] / window, -1.0
            their_means, their_scales, theirs = means[j : j + width], scales[j : j + width], best[j : j + width]
            for k in range(width):
                found = (dots[k] - window * mean * their_means[k]) * scale * their_scales[k]
                top = max(top, found)
                theirs[k] = max(theirs[k], found)
            best[i] = max(best[i], top)
    return best
