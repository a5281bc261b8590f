"""Regression problems with their fixed split: analytic targets, two series, two photographs, one table."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from replicate.datasets import load_picture, load_series

from .targets import target

TEST_POINTS = 300
_BLOCK = 8  # pixels averaged in either direction at the small scale


@dataclass(frozen=True, eq=False)
class Problem:
    """Inputs and targets of a regression, in the units the net is fitted in.

    Args:
        inputs, test_inputs: ``(n, m)``, ``(t, m)``.
        targets, test_targets: ``(n, k)``, ``(t, k)``.
        scale: multiplies errors to give them in the data's own unit.
    """

    inputs: np.ndarray
    targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray
    scale: float = 1.0


def analytic(names: list[str], n: int, rng: Generator) -> Problem:
    """Return n uniform training points of [0, 1] and 300 equidistant test points, a column of targets a name."""
    x, test = rng.uniform(size=(n, 1)), np.linspace(0, 1, TEST_POINTS)[:, None]
    values = [np.concatenate([target(name)(points) for name in names], axis=1) for points in (x, test)]
    return Problem(x, values[0], test, values[1])


def series(name: str) -> Problem:
    """Return a series on [0, 1]; of the values there are, every fifth (i mod 5 = 2) is for testing.

    Targets are standardised by the training mean and standard deviation; ``scale`` is the latter.
    """
    data = load_series(name)
    x = data.index[:, None] / (data.steps - 1)
    test = np.arange(len(x)) % 5 == 2
    mean, scale = data.values[~test].mean(), data.values[~test].std()
    y = ((data.values - mean) / scale)[:, None]
    return Problem(x[~test], y[~test], x[test], y[test], float(scale))


CYCLES = {"co2": (1.0, "one year"), "sunspots": (11.0, "11 years")}


def cycle_bandwidths() -> dict[str, tuple[float, str]]:
    """Return the bandwidth predicted for each series, 2 pi times the number of its cycles on [0, 1], and their name."""
    found = {}
    for name, (years, label) in CYCLES.items():
        times = load_series(name).times
        found[name] = (float(2 * np.pi * (times[-1] - times[0]) / years), label)
    return found


@dataclass(frozen=True, eq=False)
class Picture:
    """Grey values in [0, 1] of a photograph's crop, and where its pixels are.

    Args:
        grey: ``(rows, columns)``, with the mean of all pixels taken off.
        mean: that mean.
        places: ``(rows * columns, 2)``, horizontal in [-1, 1], vertical in [-0.75, 0.75].
        test: ``(rows * columns,)``, the fifth of the pixels kept for testing.
    """

    grey: np.ndarray
    mean: float
    places: np.ndarray
    test: np.ndarray

    @property
    def problem(self) -> Problem:
        """The regression of grey value on place."""
        y = self.grey.reshape(-1, 1)
        return Problem(self.places[~self.test], y[~self.test], self.places[self.test], y[self.test])


def picture(name: str, *, full: bool = False) -> Picture:
    """Return a photograph as 48 x 64 means of 8 x 8 pixels, or all 384 x 512 pixels of the crop."""
    rgb = load_picture(name)[:384, :512] / 255
    grey = rgb @ [0.299, 0.587, 0.114]
    if not full:
        grey = grey.reshape(384 // _BLOCK, _BLOCK, 512 // _BLOCK, _BLOCK).mean(axis=(1, 3))
    rows, columns = grey.shape
    row, column = np.mgrid[:rows, :columns]
    half = columns / 2
    places = np.stack([(column + 0.5) / half - 1, (row + 0.5) / half - 0.75], axis=-1).reshape(-1, 2)
    test = ((column + 2 * row) % 5 == 0).ravel()
    mean = float(grey.mean())
    return Picture(grey - mean, mean, places, test)


def psnr(rmse: float) -> float:
    """Return the peak signal-to-noise ratio in decibels of an error on grey values of [0, 1]."""
    return float(-20 * np.log10(rmse))


def diabetes(fold: int, *, folds: int = 5, seed: int = 0) -> Problem:
    """Return scikit-learn's diabetes data: ten standardised inputs, one of ``folds`` shuffled folds for testing."""
    from sklearn.datasets import load_diabetes

    if not 0 <= fold < folds:
        raise ValueError(f"fold is {fold}; it must be 0 to {folds - 1}")
    X, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    test = np.zeros(len(y), bool)
    test[order[fold::folds]] = True
    X = (X - X[~test].mean(axis=0)) / X[~test].std(axis=0)
    return Problem(X[~test], y[~test, None], X[test], y[test, None])
