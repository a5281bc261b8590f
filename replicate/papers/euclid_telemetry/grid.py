"""From telemetry as it comes to a regular grid: what is repaired, what is noted, what is refused."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from replicate.errors import UserError, nearest

from .reading import TIME_NAMES, utc

LARGEST_GRID = 20_000_000  # rows; a wrong year in one time stamp asks for more


@dataclass(frozen=True, eq=False)
class Grid:
    """Telemetry on a regular grid.

    Args:
        values: one column a channel, NaN where a bin has no sample, index UTC.
        step: the grid's step.
        notes: what was repaired or is worth knowing, one sentence each.
    """

    values: pd.DataFrame
    step: pd.Timedelta
    notes: list[str] = field(default_factory=list)

    def steps(self, lag: str | pd.Timedelta) -> int:
        """Return the newest sample not younger than ``lag``, in steps: 15 min on a 10-min grid is 2."""
        lag = duration(lag, "lag")
        return int(-(-lag // self.step))


def duration(text: str | pd.Timedelta, what: str) -> pd.Timedelta:
    """Return a positive duration such as ``"10min"``."""
    try:
        found = pd.Timedelta(text)
    except ValueError:
        raise UserError(f"{what} {text!r} is no duration; write e.g. '10min', '15min', '1h'") from None
    if pd.isna(found) or found <= pd.Timedelta(0):
        raise UserError(f"{what} {text!r} must be longer than zero; write e.g. '10min'")
    return found


def regular_grid(
    frame: pd.DataFrame,
    targets: list[str],
    covariates: list[str],
    *,
    step: str = "10min",
    fill: str = "1h",
    duplicates: str = "refuse",
) -> Grid:
    """Average telemetry over the bins [t, t + step) of a regular grid.

    Repaired and noted: unsorted time stamps (sorted), identical rows with one time stamp (kept once), time zones
    (converted to UTC; none = UTC), gaps (missing bins stay missing in targets; covariates keep their last value
    for at most ``fill``), channels of different cadence (each averaged over what it has), constant covariates.

    Raises:
        UserError: a missing channel, text or an infinite value in a number column, one time stamp with different
            values (unless ``duplicates="mean"``), a constant or empty target, an empty covariate, a target slower
            than the grid, no time stamps, or fewer than 30 bins. Each says which channel, where and what to do.
    """
    wide = duration(step, "step")
    if duplicates not in ("refuse", "mean"):
        raise UserError(f"duplicates={duplicates!r}: {nearest(duplicates, ['refuse', 'mean'])}")
    notes: list[str] = []
    table = _numbers(_channels(_timed(frame, notes), targets, covariates), notes)
    table = _sorted_once(table, duplicates, notes)
    bins = (table.index[-1].floor(wide) - table.index[0].floor(wide)) // wide + 1
    if bins > LARGEST_GRID:
        raise UserError(
            f"a grid of {wide} from {table.index[0]} to {table.index[-1]} has {bins:,} bins (at most "
            f"{LARGEST_GRID:,}); is a time stamp wrong? Else choose a longer step"
        )
    values = table.resample(wide, origin="epoch").mean()
    if len(values) < 30:
        raise UserError(f"{len(values)} bins of {wide} are too few to fit (30 at least); choose a shorter step")
    _check_targets(values, targets, wide)
    _note_gaps(values, targets, wide, notes)
    held = int(duration(fill, "fill") // wide)
    if covariates:
        empty = [c for c in covariates if values[c].notna().sum() == 0]
        if empty:
            raise UserError(f"covariate {empty[0]!r} has no sample at all; leave it out")
        if held:
            values[covariates] = values[covariates].ffill(limit=held)
        constant = [c for c in covariates if values[c].nunique() == 1]
        if constant:
            notes.append(f"constant covariates explain nothing: {', '.join(constant)}")
    return Grid(values, wide, notes)


def _timed(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame):
        raise UserError(f"telemetry must be a pandas DataFrame, found {type(frame).__name__}")
    if not isinstance(frame.index, pd.DatetimeIndex):
        column = next((c for c in frame.columns if str(c).lower() in TIME_NAMES), None)
        if column is None:
            raise UserError("telemetry has no time stamps: use a DatetimeIndex, or a column called 'time'")
        frame = frame.set_index(utc(frame[column], "telemetry")).drop(columns=column)
    if not len(frame):
        raise UserError("telemetry has no rows")
    if frame.index.tz is None:
        notes.append("time stamps without a zone were taken for UTC")
    elif str(frame.index.tz) != "UTC":
        notes.append(f"time stamps were converted from {frame.index.tz} to UTC")
    return frame.set_axis(utc(frame.index, "telemetry"))


def _channels(frame: pd.DataFrame, targets: list[str], covariates: list[str]) -> pd.DataFrame:
    wanted = [*targets, *covariates]
    if not targets:
        raise UserError("no targets: name at least one parameter to forecast")
    if twice := sorted({c for c in wanted if wanted.count(c) > 1}):
        raise UserError(f"channel {twice[0]!r} is named twice (a target cannot be a covariate as well)")
    for name in wanted:
        if name not in frame:
            raise UserError(f"no channel {name!r} in the telemetry: {nearest(name, [str(c) for c in frame.columns])}")
    if frame.columns.duplicated().any():
        raise UserError(f"two columns are called {frame.columns[frame.columns.duplicated()][0]!r}; rename one")
    return frame[wanted]


def _numbers(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    out = {}
    for name in frame:
        column = frame[name]
        if not pd.api.types.is_numeric_dtype(column):
            parsed = pd.to_numeric(column, errors="coerce")
            bad = parsed.isna() & column.notna()
            if bad.any():
                row = int(bad.to_numpy().argmax())
                raise UserError(
                    f"channel {name!r} holds text: {column.iloc[row]!r} at {frame.index[row]} "
                    f"({int(bad.sum())} such values); replace them by numbers or leave them empty"
                )
            notes.append(f"{name}: numbers stored as text were read as numbers")
            column = parsed
        column = column.astype(float)
        if np.isinf(column).any():
            row = int(np.isinf(column).to_numpy().argmax())
            raise UserError(f"channel {name!r} is infinite at {frame.index[row]}; replace it by an empty value")
        out[name] = column
    return pd.DataFrame(out, index=frame.index)


def _sorted_once(table: pd.DataFrame, duplicates: str, notes: list[str]) -> pd.DataFrame:
    if not table.index.is_monotonic_increasing:
        notes.append("time stamps were not in order and were sorted")
        table = table.sort_index(kind="stable")
    if not table.index.has_duplicates:
        return table
    again = table.reset_index().duplicated().to_numpy()
    if again.any():
        notes.append(f"{int(again.sum())} identical rows were dropped")
        table = table[~again]
    twice = table.index.duplicated(keep=False)
    if twice.any() and duplicates == "refuse":
        differing = table[twice].groupby(level=0).nunique().max(axis=1) > 1
        if differing.any():
            raise UserError(
                f"{int(differing.sum())} time stamps have rows with different values, the first at "
                f"{differing.idxmax()}; remove one, or average them with duplicates='mean'"
            )
    return table


def _check_targets(values: pd.DataFrame, targets: list[str], step: pd.Timedelta) -> None:
    for name in targets:
        column = values[name].dropna()
        if column.empty:
            raise UserError(f"target {name!r} has no sample at all; leave it out")
        if column.nunique() == 1:
            raise UserError(f"target {name!r} is constant ({column.iloc[0]:g}): nothing to forecast; leave it out")
        span = values.index[-1] - values.index[0]
        between = column.index.to_series().diff().median()
        if between > step:
            raise UserError(
                f"target {name!r} has {len(column)} samples in {span}, typically one in {between}, slower than the "
                f"step {step}: choose step={str(between)!r} or longer"
            )


def _note_gaps(values: pd.DataFrame, targets: list[str], step: pd.Timedelta, notes: list[str]) -> None:
    for name in targets:
        missing = values[name].isna()
        if missing.any():
            runs = missing.groupby((~missing).cumsum()).sum()
            notes.append(
                f"{name}: {int(missing.sum())} of {len(missing)} bins have no sample (longest gap "
                f"{int(runs.max()) * step}); they get no score"
            )
