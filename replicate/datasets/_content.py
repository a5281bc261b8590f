"""Tables that come in several formats: one canonical text of their values, and its SHA-256.

The same table lies in a mirror as CSV, in an installed package in that package's own coding, and on the web as
R data. Their bytes differ, their values must not: the registry holds the hash of the canonical text.
"""

import csv
import functools
import hashlib
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replicate.datasets._decoding import decoding
from replicate.datasets.registry import R_DATA, Entry
from replicate.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# Exports round to 15 digits, packages to none. Cut at 9, where no registered value lies near a rounding tie.
_DIGITS = 9


def is_foreign(path: Path, entry: Entry) -> bool:
    """Say whether ``path`` (or the download that becomes it) holds the table in another format than the registry's."""
    return path.name.removesuffix(".partial").endswith(tuple(entry.foreign_suffixes) or ("\0",))


def canonical_text(table: "pd.DataFrame", entry: Entry) -> str:
    """Return the registered columns of ``table`` as CSV: numbers to 9 significant digits, missing values empty.

    Rows keep their order; where the sources disagree about it (``unordered``), they are ordered by the hash of
    their text, which is as good as random. Raises ``DataError`` if a column is missing.
    """
    missing = [name for name in entry.columns if name not in table]
    if missing:
        raise DataError(f"{entry.name}: column {missing[0]!r} is missing (found: {', '.join(map(str, table))})")
    rows = list(zip(*(_texts(table, name, entry) for name in entry.columns), strict=True))
    if entry.unordered:
        rows.sort(key=lambda row: hashlib.sha256("\0".join(row).encode()).digest())
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([entry.columns, *rows])
    return buffer.getvalue()


def _texts(table: "pd.DataFrame", name: str, entry: Entry) -> list[str]:
    with decoding(f"{entry.name}: column {name!r}", "text or numbers"):
        column = table[name]
        return ["" if absent else _text(value) for value, absent in zip(column, column.isna(), strict=True)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return format(float(value) + 0.0, f".{_DIGITS}g")  # + 0.0: no negative zero


def parse(text: str) -> "pd.DataFrame":
    """Return the table of a canonical text; equal texts give bitwise equal tables, whatever their source."""
    import pandas as pd  # lazy: import time

    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])


def mismatch(text: str, entry: Entry) -> str | None:
    """Return ``None`` if ``text`` has the registered values, else the expected and the found hash."""
    found = hashlib.sha256(text.encode()).hexdigest()
    if found == entry.content:
        return None
    return f"its values differ from the registered ones: expected content SHA-256 {entry.content}, found {found}"


def content_fault(path: Path, entry: Entry) -> str | None:
    """Return ``None`` if the file at ``path`` decodes to the registered values, else what is wrong with it."""
    try:
        return mismatch(file_text(path, entry), entry)
    except DataError as error:
        return str(error)


def file_text(path: Path, entry: Entry) -> str:
    """Return the canonical text of a CSV or R data file; ``DataError`` if it cannot be decoded.

    Decoded once per process and version of the file.
    """
    stat = path.stat()
    return _decoded(path, entry, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _decoded(path: Path, entry: Entry, size: int, mtime_ns: int) -> str:
    return canonical_text(_read(path, entry), entry)


def _read(path: Path, entry: Entry) -> "pd.DataFrame":
    if not is_foreign(path, entry):
        return _read_csv(path)
    if path.name.removesuffix(".partial").endswith(R_DATA):
        return _read_r_data(path, entry)
    try:
        return _read_arff(path) if entry.layout == "arff" else _read_headless(path, entry)
    except Exception as error:  # a server's error page fails in many ways
        raise DataError(f"it cannot be decoded as {entry.layout} ({type(error).__name__}: {error})") from None


def _read_csv(path: Path) -> "pd.DataFrame":
    import gzip

    content = path.read_bytes()
    with decoding(path, "a table of comma-separated values in UTF-8"):
        return parse((gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8"))


def _read_headless(path: Path, entry: Entry) -> "pd.DataFrame":
    """Read numbers without a header; the registry names the columns."""
    import pandas as pd

    separator = r"\s+" if entry.layout == "whitespace" else ","
    return pd.read_csv(path, sep=separator, header=None, names=list(entry.columns), na_values=["?"])


def _read_arff(path: Path) -> "pd.DataFrame":
    import pandas as pd
    from scipy.io import arff

    with path.open(encoding="utf-8") as file:
        table = pd.DataFrame(arff.loadarff(file)[0])
    texts = [name for name in table if table[name].dtype == object]
    decoded = {name: table[name].str.decode("utf-8").replace("?", None) for name in texts}
    table = table.assign(**decoded)
    return parse(table.to_csv(index=False))  # a nominal "1" is the number 1, as in the CSV


def _read_r_data(path: Path, entry: Entry) -> "pd.DataFrame":
    import pandas as pd

    try:
        objects = _r_objects(path)
    except Exception as error:  # the parser's failures on foreign bytes are of every kind
        raise DataError(f"it cannot be decoded as R data ({type(error).__name__}: {error})") from None
    table = objects.get(entry.r_object or "")
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"it holds no table {entry.r_object!r} (found: {', '.join(map(str, objects)) or 'nothing'})")
    return table


def _r_objects(path: Path) -> dict[str, object]:
    import rdata  # lazy: only downloads from R packages need it

    with warnings.catch_warnings():
        # Foreign bytes are told apart by the hash; other tables in the file may have columns of unknown classes.
        warnings.simplefilter("ignore")
        return rdata.conversion.convert(rdata.parser.parse_data(path.read_bytes(), extension=R_DATA))
