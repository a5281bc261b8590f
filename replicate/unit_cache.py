"""Results of single units of work on disk, one JSON file each.

The name of a file is a hash of everything the result depends on, so a file that is there is right: it is
never updated, only added. A file that cannot be read or does not match its own checksum counts as absent.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from replicate import atomic
from replicate.fingerprint import digest

Row = dict[str, object]


@dataclass(frozen=True)
class UnitResult:
    """Rows of one unit, what they cost (seconds of wall and CPU time, peak memory in MiB), what it warned of."""

    rows: list[Row]
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    warned: list[str] = field(default_factory=list)


class UnitCache:
    """A folder of unit results.

    Args:
        root: the folder; created when the first result is stored.
    """

    def __init__(self, root: Path):
        self.root = root

    def path(self, group: str, key: str) -> Path:
        """Return where the result with this key is or would be; ``group`` is for human eyes."""
        return self.root / group / key[:2] / f"{key}.json"

    def load(self, group: str, key: str) -> UnitResult | None:
        """Return a stored result, or None if it is absent or damaged."""
        try:
            with open(f"{self.root}/{group}/{key[:2]}/{key}.json", "rb") as file:  # 100,000 paths take pathlib seconds
                entry = json.loads(file.read())
            body = entry["body"]
            if entry["checksum"] != digest(body):
                return None
            return UnitResult(**body["result"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def store(self, group: str, key: str, result: UnitResult, ingredients: Mapping[str, object]) -> None:
        """Store a result with what it was made from (for ``replicate why`` and for human eyes)."""
        body = {"ingredients": dict(ingredients), "result": vars(result)}
        content = json.dumps({"checksum": digest(body), "body": body}, indent=1)
        atomic.write_text(self.path(group, key), content)


def plain_rows(rows: Iterable[Mapping[str, object]]) -> list[Row]:
    """Return a unit's rows as JSON keeps them.

    Raises:
        ValueError: a row without ``metric`` or ``value``.
        TypeError: see :func:`plain_items`.
    """
    kept = [plain_items(row) for row in rows]
    for row in kept:
        if missing := {"metric", "value"} - row.keys():
            raise ValueError(f"a row needs 'metric' and 'value'; missing: {', '.join(sorted(missing))}")
    return kept


def plain_items(items: Mapping[str, object]) -> Row:
    """Return a configuration or row as JSON keeps it; the ``TypeError`` of :func:`plain` names the key."""
    kept = {}
    for key, value in items.items():
        try:
            kept[str(key)] = plain(value)
        except TypeError as error:
            raise TypeError(f"{key!r}: {error}") from None
    return kept


def plain(value: object) -> object:
    """Return ``value`` as something JSON keeps exactly (NumPy scalars become Python ones).

    Raises:
        TypeError: for anything else than None, str, bool, numbers; lists of them stay lists.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value
    raise TypeError(f"a configuration or row may hold text, numbers and lists of them, not {type(value).__name__}")
