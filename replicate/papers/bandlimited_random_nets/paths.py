"""Errors along the width: one random layer, cut after 10, 25, ... nodes, fitted and tested at each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .checks import finite_matrix, finite_targets, not_negative, positive, whole
from .factorisation import Factorisation
from .hidden import HiddenLayer, draw


@dataclass(frozen=True)
class Point:
    """One width and penalty on a path; errors are root mean squares, one a target.

    ``norm`` is the Euclidean, ``l1_norm`` the absolute norm of the output weights.
    """

    width: int
    penalty: float
    train: np.ndarray
    test: np.ndarray
    rank: int
    norm: np.ndarray
    l1_norm: np.ndarray


def path(
    layer: HiddenLayer,
    inputs: np.ndarray,
    targets: np.ndarray,
    test_inputs: np.ndarray,
    test_targets: np.ndarray,
    *,
    widths: Sequence[int],
    penalties: Iterable[float] = (0.0,),
) -> list[Point]:
    """Fit the first d nodes for every width d and penalty, all from one factorisation.

    Args:
        layer: at least as wide as the largest width.
        inputs, test_inputs: ``(n, m)`` and ``(t, m)``; their dtype is that of all arithmetic.
        targets, test_targets: ``(n, k)`` and ``(t, k)``.
        widths: numbers of nodes.
        penalties: 0 is the truncated decomposition, above 0 ridge (`Factorisation.solve`).
    """
    if max(widths) > layer.width:
        raise ValueError(f"the layer has {layer.width} nodes, a width of {max(widths)} was asked for")
    layer = layer.first(max(widths))
    features, test_features = layer(inputs), layer(test_inputs)
    factors, found = Factorisation(features), []
    for width in widths:
        for penalty in penalties:
            fitted = factors.solve(targets, width, penalty=penalty)
            c = fitted.coefficients
            train = rms(features[:, :width] @ c - targets)
            test = rms(test_features[:, :width] @ c - test_targets)
            found.append(Point(width, penalty, train, test, fitted.rank, fitted.norm, np.abs(c).sum(axis=0)))
    return found


def width_path(
    X: np.ndarray,
    y: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
    *,
    widths: Sequence[int],
    bandwidth: float,
    activation: str = "sigmoid",
    placement: str = "box",
    penalty: float = 0.0,
    random_state: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return training and test errors over the width on your own arrays, one row a width.

    Args:
        X, X_test: inputs ``(n, m)`` and ``(t, m)``.
        y, y_test: targets ``(n,)`` and ``(t,)``.
        widths: numbers of nodes; the nodes of a narrower net are the first of a wider one.
        bandwidth, activation, placement, penalty, random_state: as in `RandomNet`.

    Returns:
        Columns width, train_rmse, test_rmse, rank, coefficient_norm.

    Raises:
        ValueError: arrays that do not fit together or hold NaN; no widths, or widths below 1.
    """
    X, X_test = finite_matrix("X", X), finite_matrix("X_test", X_test, rows=1)
    if X.shape[1] != X_test.shape[1]:
        raise ValueError(f"X has {X.shape[1]} variables, X_test {X_test.shape[1]}; give the same ones")
    y = finite_targets("y", y, len(X)).reshape(len(X), -1)
    y_test = finite_targets("y_test", y_test, len(X_test)).reshape(len(X_test), -1)
    if y.shape[1] != y_test.shape[1]:
        raise ValueError(f"y has {y.shape[1]} targets, y_test {y_test.shape[1]}; give the same ones")
    widths = [whole("a width", width) for width in widths]
    if not widths:
        raise ValueError("widths is empty; give at least one number of nodes")
    penalty = not_negative("penalty", penalty)
    rng = np.random.default_rng(random_state)
    layer = draw(
        rng, positive("bandwidth", bandwidth), max(widths), inputs=X, activation_name=activation, placement=placement
    )
    points = path(layer, X, y, X_test, y_test, widths=widths, penalties=(penalty,))
    rows = [(p.width, *map(_one, (p.train, p.test)), p.rank, _one(p.norm)) for p in points]
    return pd.DataFrame(rows, columns=["width", "train_rmse", "test_rmse", "rank", "coefficient_norm"])


def rms(residuals: np.ndarray) -> np.ndarray:
    """Return root mean squares over the first axis, summed in float64."""
    return np.sqrt(np.mean(np.square(residuals, dtype=np.float64), axis=0))


def _one(values: np.ndarray) -> float:
    """Pool several targets into one number, the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))
