"""Runs of a binary series: the events of all range-based metrics, as half-open intervals."""

import numpy as np

from replicate.errors import UserError


def runs(flags: np.ndarray) -> np.ndarray:
    """Return the maximal runs of true values as intervals [start, stop), shape (k, 2)."""
    padded = np.diff(np.concatenate([[0], np.asarray(flags, dtype=np.int8), [0]]))
    return np.column_stack([np.flatnonzero(padded == 1), np.flatnonzero(padded == -1)])


def flags(intervals, n: int) -> np.ndarray:
    """Return a boolean series of length ``n`` that is true inside the half-open ``intervals``."""
    out = np.zeros(n, dtype=bool)
    for start, stop in intervals:
        out[max(start, 0) : stop] = True
    return out


def checked(truth: np.ndarray, other: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as bool and the other series as given; refuse what is not two equally long vectors.

    Raises:
        UserError: other shapes, NaN in either, labels that are not 0 or 1.
    """
    truth, other = np.asarray(truth), np.asarray(other)
    if truth.ndim != 1 or truth.shape != other.shape or not len(truth):
        raise UserError(f"labels have shape {truth.shape}, {what} {other.shape}: give two vectors of equal length >= 1")
    if np.isnan(truth.astype(float)).any() or np.isnan(other.astype(float)).any():
        raise UserError(f"labels or {what} hold NaN: leave those samples out")
    if not np.isin(truth, (0, 1)).all():
        raise UserError("labels must be 0 or 1")
    return truth.astype(bool), other
