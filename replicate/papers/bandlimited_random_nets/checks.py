"""Refuse input that would give numbers without meaning; every message says what was found and what is allowed."""

import numpy as np


def finite_matrix(name: str, values: object, *, rows: int = 2) -> np.ndarray:
    """Return ``values`` as a float64 matrix ``(n, m)``.

    Raises:
        ValueError: not two-dimensional, no column, fewer than ``rows`` rows, or NaN and infinite values in it.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        hint = f"; one input variable is {name}.reshape(-1, 1)" if array.ndim == 1 else ""
        raise ValueError(f"{name} has shape {array.shape}; it must be two-dimensional, (samples, variables){hint}")
    n, m = array.shape
    if n < rows or m < 1:
        raise ValueError(f"{name} has {n} samples of {m} variables; at least {rows} samples of 1 variable are needed")
    return _finite(name, array)


def finite_targets(name: str, values: object, n: int) -> np.ndarray:
    """Return targets as float64 ``(n,)`` or ``(n, k)``.

    Raises:
        ValueError: another number of rows than ``n``, more than two dimensions, or NaN and infinite values in it.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{name} has shape {array.shape}; it must be (n,) or (n, targets)")
    if len(array) != n:
        raise ValueError(f"{name} has {len(array)} rows, the inputs have {n}; give one row a sample")
    return _finite(name, array)


def positive(name: str, value: float) -> float:
    """Return a number that must be finite and above zero, else ``ValueError``."""
    if not (_real(value) and value > 0):
        raise ValueError(f"{name} is {value!r}; it must be a finite number above 0")
    return float(value)


def not_negative(name: str, value: float) -> float:
    """Return a number that must be finite and at least zero, else ``ValueError``."""
    if not (_real(value) and value >= 0):
        raise ValueError(f"{name} is {value!r}; it must be a finite number, 0 or above")
    return float(value)


def whole(name: str, value: int, *, least: int = 1) -> int:
    """Return a whole number of at least ``least``, else ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number, {least} or above")
    return int(value)


def _real(value: object) -> bool:
    return bool(np.isscalar(value) and np.isreal(value) and np.isfinite(value))


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ValueError(f"{name} holds {bad} NaN or infinite values of {array.size}; drop or impute them first")
    return array
