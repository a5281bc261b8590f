"""What all comparisons share: alternating repeats, a row for the table, the table itself.

A row says how `ours` and `peer` do in `unit`, and `ratio`: how many times better ours is (median of the ratios of
single rounds, with the lowest and highest). Where the target is a ceiling ("<= 1.05") the ratio is ours over the
peer's instead. Without a peer the target is about `ours`. `agree` says whether both computed the same.
"""

import csv
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

TABLE = Path(__file__).with_name("results.csv")
Clock = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One line of the table; numbers are None where there is nothing to compare, texts empty."""

    name: str
    paper: str
    size: str
    ours: float | None
    peer: float | None = None
    peer_name: str = ""
    unit: str = "s"
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    target: str = ""
    met: str = ""
    agree: str = ""
    machine: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What a new measurement replaces: the same comparison on the same hardware, busy or not."""
        return self.paper, self.name, self.size, self.peer_name, self.machine.split(";")[0]


COLUMNS = [field.name for field in fields(Row)]


def alternate(
    ways: Mapping[str, Callable[[], object]], rounds: int, *, clock: Clock = time.perf_counter, warm: int = 1
):
    """Run every way once a round, after ``warm`` rounds that do not count.

    Returns ``({name: seconds of each round}, {name: last result})``. ``clock`` may be `time.process_time`, which other
    programs disturb less, or one that waits for a GPU.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results = {}
    for number in range(warm + rounds):
        for name, way in ways.items():
            start = clock()
            results[name] = way()
            spent = clock() - start
            if number >= warm:
                seconds[name].append(spent)
    return seconds, results


def compared(
    name: str,
    paper: str,
    size: str,
    ours: list[float],
    peer: list[float],
    peer_name: str,
    *,
    per: float | None = None,
    unit: str = "s",
    target: str = "",
    agree: bool | str | None = None,
) -> Row:
    """Return the row of paired costs (seconds or bytes) of ours and of a peer, one pair a round.

    ``per`` turns costs into rates: so many units of work cost that much. ``agree`` is a verdict, or a text.
    """
    ceiling = target.startswith("<=")
    ratios = [(a / b if ceiling else b / a) for a, b in zip(ours, peer, strict=True)]
    shown = [median(costs) if per is None else per / median(costs) for costs in (ours, peer)]
    return Row(
        name, paper, size, *shown, peer_name, unit, median(ratios), min(ratios), max(ratios),
        target, holds(median(ratios), target), said(agree), machine(),
    )  # fmt: skip


def alone(name: str, paper: str, size: str, value: float, unit: str, *, target: str = "", agree=None) -> Row:
    """Return the row of a figure that has no peer; a target is about the figure itself."""
    return Row(
        name,
        paper,
        size,
        value,
        unit=unit,
        target=target,
        met=holds(value, target),
        agree=said(agree),
        machine=machine(),
    )


def missing(name: str, paper: str, size: str, peer_name: str, why: str, *, target: str = "") -> Row:
    """Return the row of a peer that could not be run; says why instead of numbers."""
    return Row(name, paper, size, None, peer_name=peer_name, unit="", target=target, agree=why, machine=machine())


def holds(value: float, target: str) -> str:
    """Return "yes" or "no" for a target such as ">= 10" or "<= 0.3 s", and "" without one."""
    if not target:
        return ""
    sign, number = target.split()[:2]
    if sign not in (">=", "<="):
        raise ValueError(f"target {target!r} must start with '>=' or '<=' and a number")
    return "yes" if (value >= float(number) if sign == ">=" else value <= float(number)) else "no"


def said(agree: bool | str | None) -> str:
    """Return a verdict on agreement as the table has it."""
    return {None: "", True: "yes", False: "no"}.get(agree, agree)


def machine() -> str:
    """Return processor, GPU and cores, and after a semicolon whether other programs were busy at the start."""
    from replicate.machine import hardware

    found = hardware()
    name = found["gpu"] or found["processor"]
    load = _LOAD_BEFORE
    return f"{name}, {found['cores']} cores; " + ("idle" if load < 0.5 else f"shared, load {load:.1f}")


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


_LOAD_BEFORE = _load()  # when the script starts: what it does itself is no other program's


def write(rows: list[Row], table: Path = TABLE) -> None:
    """Print rows and put them into a table; rows of the same comparison on the same hardware are replaced."""
    for row in rows:
        print(line(row), flush=True)
    kept = {row.key: row for row in read(table)} | {row.key: row for row in rows}
    ordered = sorted(kept.values(), key=lambda row: row.key)
    temporary = table.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_text(getattr(row, column)) for column in COLUMNS] for row in ordered)
    os.replace(temporary, table)


def read(table: Path = TABLE) -> list[Row]:
    """Return the rows of a table; none where there is no file."""
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return [Row(**{k: _value(k, v) for k, v in row.items()}) for row in csv.DictReader(file)]


def line(row: Row) -> str:
    """Return a row as a line for people."""
    parts = [f"{row.paper}: {row.name}, {row.size}"]
    if row.ours is not None:
        parts.append(f"{row.ours:.4g} {row.unit}")
    if row.peer_name:
        parts.append(f"{row.peer_name} {row.peer:.4g}" if row.peer is not None else row.peer_name)
    if row.ratio is not None:
        parts.append(f"ratio {row.ratio:.3g} ({row.ratio_low:.3g} to {row.ratio_high:.3g})")
    if row.target:
        parts.append(f"target {row.target}: {row.met or 'not measured'}")
    if row.agree:
        parts.append(f"same numbers: {row.agree}")
    return "; ".join(parts)


_NUMBERS = {"ours", "peer", "ratio", "ratio_low", "ratio_high"}


def _text(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _value(column: str, text: str) -> object:
    return (float(text) if text else None) if column in _NUMBERS else text
