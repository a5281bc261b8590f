"""What can be wrong with a table of survival data, said with the name of the column and what to do."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import linalg

from replicate.errors import nearest
from replicate.papers.survival_models.likelihood import Observed

_RANK_TOLERANCE = 1e-10  # relative, columns scaled to length 1


class SeparationWarning(UserWarning):
    """A level of a factor holds no event: its coefficient drifts to minus infinity."""


def observed(
    df: pd.DataFrame, duration_col: str, event_col: str | None = None, entry_col: str | None = None
) -> Observed:
    """Return the times ``(n,)``, events and late entries of a table; without ``event_col`` all are events.

    Raises ValueError, naming the column, for no rows, missing columns or values, times that are not finite
    and positive, events other than 0/1 (or booleans), no event at all, and entries outside [0, time).
    """
    columns = [column for column in (duration_col, event_col, entry_col) if column is not None]
    if not isinstance(df, pd.DataFrame) or not len(df):
        raise ValueError("df has no rows; give a pandas DataFrame with one row a subject")
    check_columns(df, columns, "df")
    check_no_missing(df, columns, "df")
    time = _numbers(df, duration_col)
    _refuse(~(np.isfinite(time) & (time > 0)), duration_col, time, "times must be finite and > 0; drop or shift them")
    event = np.ones(len(df)) if event_col is None else _numbers(df, event_col)
    _refuse(~np.isin(event, (0, 1)), event_col, event, "events must be 0 (censored) or 1 (or booleans); recode them")
    if not event.any():
        raise ValueError(f"column {event_col!r}: all {len(df)} rows are censored, nothing can be estimated")
    entry = None if entry_col is None else _numbers(df, entry_col)
    if entry is not None:
        bad = ~((entry >= 0) & (entry < time))
        _refuse(bad, entry_col, entry, f"entry must be >= 0 and below {duration_col!r}; drop the rows")
    return Observed(time, event, entry)


def check_columns(df: pd.DataFrame, names: Sequence[str], where: str) -> None:
    """Raise ValueError for the first name that is no column of the table, with the nearest one."""
    for name in names:
        if name not in df.columns:
            raise ValueError(f"{where}: no column {name!r}: {nearest(name, map(str, df.columns))}")


def check_no_missing(df: pd.DataFrame, names: Sequence[str], where: str) -> None:
    """Raise ValueError naming every listed column with missing values, and how many there are."""
    counts = {name: int(df[name].isna().sum()) for name in names}
    found = [f"{name!r} ({count} of {len(df)})" for name, count in counts.items() if count]
    if found:
        raise ValueError(
            f"{where}: missing values in {', '.join(found)}; drop these rows, e.g. df.dropna(subset=[...]), or impute"
        )


def check_rank(matrix: pd.DataFrame, parameter: str) -> None:
    """Raise ValueError for columns of a design ``(n, p)`` that are constant or depend linearly on others."""
    names, values = list(matrix.columns), matrix.to_numpy()
    constant = [name for name, column in zip(names, values.T, strict=True) if np.ptp(column) == 0]
    if len(constant) > 1 or (constant and not values.any(axis=0).all()):
        culprit = [name for name in constant if name != "Intercept"]
        raise ValueError(
            f"design of {parameter}: {', '.join(map(repr, culprit))} is constant in these rows, like the "
            "intercept; drop it from the formula"
        )
    if len(values) < len(names):
        raise ValueError(f"design of {parameter}: {len(names)} columns but {len(values)} rows; use fewer covariates")
    scaled = values / np.linalg.norm(values, axis=0)
    triangle, order = linalg.qr(scaled, mode="r", pivoting=True)
    diagonal = np.abs(np.diag(triangle))
    rank = int((diagonal > _RANK_TOLERANCE * diagonal[0]).sum())
    if rank < len(names):
        kept, dropped = order[:rank], order[rank]
        weights = np.linalg.lstsq(scaled[:, kept], scaled[:, dropped], rcond=None)[0]
        others = [repr(names[column]) for column, weight in zip(kept, weights, strict=True) if abs(weight) > 1e-8]
        raise ValueError(
            f"design of {parameter}: {names[dropped]!r} is a linear combination of {', '.join(sorted(others))}; "
            "drop one of them from the formula"
        )


def warn_of_separation(values: pd.Series, event: np.ndarray, parameter: str) -> None:
    """Warn (SeparationWarning) of levels of a factor, ``(n,)``, that hold rows but no event."""
    counts = pd.Series(event).groupby(values.to_numpy()).sum()
    empty = [str(level) for level, count in counts.items() if count == 0]
    if empty:
        warnings.warn(
            f"factor {values.name!r} in the formula of {parameter}: no event at level {', '.join(empty)}; its "
            "coefficient has no finite estimate (separation). Merge levels, or read profile intervals, not Wald's",
            SeparationWarning,
            stacklevel=2,
        )


def _numbers(df: pd.DataFrame, column: str) -> np.ndarray:
    values = df[column]
    if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
        raise ValueError(f"column {column!r} has type {values.dtype}; it must hold numbers, convert it first")
    return values.to_numpy(dtype=np.float64)


def _refuse(bad: np.ndarray, column: str | None, values: np.ndarray, rule: str) -> None:
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"column {column!r}: {int(bad.sum())} of {len(values)} values are not allowed, the first is "
            f"{values[first]:g} in row {first}; {rule}"
        )
