"""Reading telemetry of one's own: CSV or Parquet in, a frame over time out."""

from pathlib import Path

import pandas as pd

from replicate.errors import UserError, nearest

TIME_NAMES = ("time", "timestamp", "datetime", "date", "utc")


def read_telemetry(path: str | Path, *, time: str | None = None) -> pd.DataFrame:
    """Read a table of telemetry and put its time stamps into the index, as UTC.

    Args:
        path: a ``.csv`` (also ``.csv.gz``) or ``.parquet`` file, one row a time stamp, one column a parameter.
        time: name of the time column; None = the first of time, timestamp, datetime, date, utc (in any case).

    Returns:
        A frame with a UTC index called ``time``; values as in the file (see `regular_grid` for what is checked there).
        Time stamps without a zone are taken for UTC.

    Raises:
        UserError: no such file, another format, no time column, or time stamps that cannot be read (names the row).
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no file {path}; give the path of a .csv or .parquet file")
    suffixes = "".join(path.suffixes).lower()
    if ".csv" in suffixes:
        frame = pd.read_csv(path)
    elif suffixes.endswith((".parquet", ".pq")):
        frame = _parquet(path)
    else:
        raise UserError(f"{path.name}: unknown format {path.suffix!r}; use .csv, .csv.gz or .parquet")
    if isinstance(frame.index, pd.DatetimeIndex) and time is None:
        return frame.set_axis(utc(frame.index, path.name))
    column = time or next((c for c in frame.columns if str(c).lower() in TIME_NAMES), None)
    if column is None:
        raise UserError(f"{path.name}: no time column among {_some(frame)}; name it with time='...'")
    if column not in frame:
        raise UserError(f"{path.name}: no column {column!r}: {nearest(column, map(str, frame.columns))}")
    return frame.drop(columns=column).set_axis(utc(frame[column], path.name))


def utc(stamps, where: str) -> pd.DatetimeIndex:
    """Return time stamps as a UTC index; those without a zone are taken for UTC.

    Raises:
        UserError: a time stamp that cannot be read, is missing, or is a bare number (of which unit?).
    """
    if not isinstance(stamps, pd.DatetimeIndex):
        stamps = pd.Series(stamps).reset_index(drop=True)
        if pd.api.types.is_numeric_dtype(stamps):
            raise UserError(
                f"{where}: time stamps are numbers ({stamps.iloc[0] if len(stamps) else 'none'}, ...); "
                "convert them, e.g. pandas.to_datetime(column, unit='s', utc=True)"
            )
        parsed = pd.to_datetime(stamps, utc=True, errors="coerce", format="ISO8601")
        if parsed.isna().any():
            row = int(parsed.isna().to_numpy().argmax())
            raise UserError(
                f"{where}: time stamp {stamps.iloc[row]!r} in row {row} cannot be read as ISO 8601 "
                "(2024-02-15 08:00:00, with or without a zone); correct it or drop the row"
            )
        zoned = stamps.astype(str).str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
        if zoned.any() and not zoned.all() and not pd.api.types.is_datetime64_any_dtype(stamps):
            raise UserError(f"{where}: some time stamps have a time zone and some have none; give all of them one")
        return pd.DatetimeIndex(parsed, name="time")
    if stamps.isna().any():
        raise UserError(f"{where}: row {int(stamps.isna().argmax())} has no time stamp; drop it")
    stamps = stamps.tz_localize("UTC") if stamps.tz is None else stamps.tz_convert("UTC")
    return stamps.rename("time")


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError:
        raise UserError(f"{path.name}: reading Parquet needs pyarrow; pip install pyarrow, or save as CSV") from None


def _some(frame: pd.DataFrame) -> str:
    names = [str(c) for c in frame.columns[:8]]
    return ", ".join(names) + (", ..." if len(frame.columns) > 8 else "")
