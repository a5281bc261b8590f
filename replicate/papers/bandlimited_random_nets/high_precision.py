"""Least squares with as many digits as one likes: what the net could do if numbers were exact."""

import numpy as np
from mpmath import mp

from .checks import whole
from .hidden import HiddenLayer

_number = np.frompyfunc(mp.mpf, 1, 1)


class TooFewDigits(ValueError):
    """Columns that are linearly dependent to all the digits there are."""


def features(layer: HiddenLayer, inputs: np.ndarray, digits: int) -> np.ndarray:
    """Return the features ``(n, d)`` of float64 inputs ``(n, m)`` as an object array of mpmath numbers."""
    with mp.workdps(_digits(digits)):
        z = _number(inputs) @ _number(layer.weights) - _number(layer.biases)
        return np.frompyfunc(lambda value: layer.activation.exact(mp, value), 1, 1)(z)


def least_squares(matrix: np.ndarray, targets: np.ndarray, digits: int) -> np.ndarray:
    """Minimise ``|H c - y|`` by Householder reflections in ``digits`` decimal digits.

    Args:
        matrix: ``(n, d)`` with n >= d, numbers of mpmath or Python.
        targets: ``(n, k)``.
        digits: decimal digits; linearly dependent columns need more of them, never a cut.

    Returns:
        The coefficients ``(d, k)``.

    Raises:
        ValueError: fewer rows than columns.
        TooFewDigits: columns that are dependent to all the digits there are.
    """
    n, d = matrix.shape
    if n < d:
        raise ValueError(f"{n} samples for {d} nodes: exact least squares needs at least as many samples")
    with mp.workdps(_digits(digits)):
        r = np.concatenate([_number(matrix), _number(targets)], axis=1)
        scale = max(abs(value) for value in r[:, :d].flat)
        for j in range(d):
            _reflect(r, j)
            if abs(r[j, j]) <= scale * mp.mpf(10) ** (2 - digits):
                raise TooFewDigits(f"column {j + 1} of {d} depends on the others to {digits} digits: take more digits")
        return _back_substitute(r[:d, :d], r[:d, d:])


def errors(
    layer: HiddenLayer, inputs: np.ndarray, targets: np.ndarray, test: np.ndarray, test_targets: np.ndarray, digits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the net in ``digits`` digits; return test RMSE and Euclidean norm of the coefficients, both ``(k,)``.

    Targets are mpmath numbers if their own rounding to float64 must not show, as for errors below 1e-16.
    """
    c = least_squares(features(layer, inputs, digits), targets, digits)
    with mp.workdps(digits):
        residual = features(layer, test, digits) @ c - _number(test_targets)
        return _norm(residual) / np.sqrt(len(test)), _norm(c)


def _reflect(r: np.ndarray, j: int) -> None:
    """Zero column j of ``r`` below the diagonal by a Householder reflection, in place."""
    v = r[j:, j].copy()
    length = mp.sqrt(v @ v)
    if not length:
        return
    v[0] += length if v[0] >= 0 else -length
    r[j:, j:] -= np.outer(v, (2 / (v @ v)) * (v @ r[j:, j:]))


def _back_substitute(r: np.ndarray, z: np.ndarray) -> np.ndarray:
    c = z.copy()
    for j in range(len(r) - 1, -1, -1):
        c[j] = (z[j] - r[j, j + 1 :] @ c[j + 1 :]) / r[j, j] if j + 1 < len(r) else z[j] / r[j, j]
    return c


def _norm(columns: np.ndarray) -> np.ndarray:
    return np.array([float(mp.sqrt(c @ c)) for c in columns.T])


def _digits(digits: int) -> int:
    return whole("digits", digits, least=15)
