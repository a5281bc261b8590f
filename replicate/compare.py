"""Does this machine reproduce the committed snapshot? Kept apart from: do the results agree with the paper?

Tables are joined on everything that is not a value; values may differ by the tolerances of ``paper.toml``
(each with its reason), because trained numbers drift between processors and library builds.
"""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from replicate import claims, manifest
from replicate.errors import UserError
from replicate.paper import Paper, Tolerance

_SNAPSHOT_LIMIT = 2_500_000  # bytes a paper may take in git


@dataclass(frozen=True)
class Difference:
    """What differs in one table and metric: rows compared, missing, beyond tolerance, largest excess."""

    table: str
    metric: str
    rows: int
    unmatched: int
    beyond: int
    largest: float
    why: str
    rows_may_differ: bool = False
    exceptions: float = 0.0

    @property
    def ok(self) -> bool:
        return self.beyond <= self.exceptions * self.rows and (self.unmatched == 0 or self.rows_may_differ)

    @property
    def text(self) -> str:
        """What a reader wants to know: how far apart, and, if anything differs at all, what was allowed and why."""
        if math.isnan(self.largest):
            return f"{self.rows} rows, {self.beyond} differ: {self.why}"
        same = f"{self.rows} rows, largest difference {self.largest:.3g}"
        if self.largest == 0 and self.ok and not self.unmatched:
            return same
        return f"{same}, {self.beyond} beyond tolerance, {self.unmatched} on one side only ({self.why})"


def compare(paper: Paper, ours: Path, reference: Path) -> list[Difference]:
    """Compare the tables and verdicts of two complete run directories.

    Raises:
        UserError: one of the two is missing or incomplete.
    """
    for path, what in ((ours, "this machine's run"), (reference, "the snapshot")):
        found = manifest.read(path)
        if found.state != "complete":
            raise UserError(f"{what} of {paper.slug} cannot be compared: {found.why} ({path})")
    names = sorted({p.name for d in (ours, reference) for p in (d / "tables").glob("*.csv")})
    rows = [d for name in names for d in _table(paper, name, ours, reference)]
    return [*rows, _verdicts(ours, reference)]


def _table(paper: Paper, name: str, ours: Path, reference: Path) -> list[Difference]:
    sides = [d / "tables" / name for d in (ours, reference)]
    stem = Path(name).stem
    if not all(p.exists() for p in sides):
        return [Difference(stem, "*", 0, 1, 0, math.nan, "the table is on one side only")]
    left, right = map(_read, sides)
    if odd := set(left.columns) ^ set(right.columns):
        return [Difference(stem, "*", 0, 1, 0, math.nan, f"columns on one side only: {', '.join(sorted(odd))}")]
    if not {"metric", "value"} <= set(left.columns):
        same = left.equals(right)
        return [Difference(stem, "*", len(left), 0, int(not same), math.nan, "compared as a whole")]
    keys = [c for c in left.columns if c != "value"]
    left, right = (t.assign(_nth=t.groupby(keys).cumcount()) for t in (left, right))  # keys may repeat
    both = left.merge(right, on=[*keys, "_nth"], how="outer", suffixes=("", "_reference"), indicator=True)
    return [_metric(paper, stem, metric, part) for metric, part in both.groupby("metric")]


def _read(path: Path) -> pd.DataFrame:
    """Read a table as text: keys are compared as they stand, and no digit of a value is lost."""
    if not path.read_text(encoding="utf-8").strip():
        return pd.DataFrame()  # a sweep over nothing
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _metric(paper: Paper, table: str, metric: str, part: pd.DataFrame) -> Difference:
    rule = tolerance(paper, table, metric)
    matched = part[part["_merge"] == "both"]
    a, b = (np.array([_number(v) for v in matched[c]], float) for c in ("value", "value_reference"))
    same = (matched["value"] == matched["value_reference"]).to_numpy()  # NaN, infinities and words, too
    with np.errstate(invalid="ignore"):  # inf - inf
        off = np.where(same, 0.0, np.abs(a - b))
        near = np.isfinite(off) & (off <= rule.absolute + rule.relative * np.abs(b))
    beyond = ~(same | near)
    largest = float(np.max(off, initial=0.0, where=~np.isnan(off)))
    counts = len(matched), len(part) - len(matched), int(beyond.sum())
    may_differ = rule.rows == "may differ"
    why = f"rows may differ: {rule.why}" if may_differ else rule.why
    return Difference(table, metric, *counts, largest, why, may_differ, rule.exceptions)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def tolerance(paper: Paper, table: str, metric: str) -> Tolerance:
    """Return the first matching tolerance of ``paper.toml``; none means: the same bits."""
    for rule in paper.compare:
        if rule.table in (table, "*") and rule.metric in (metric, "*"):
            return rule
    return Tolerance(table=table, metric=metric, why="no tolerance given: equal")


def _verdicts(ours: Path, reference: Path) -> Difference:
    sides = [claims.read(d / "claims.csv").set_index("claim")["verdict"] for d in (ours, reference)]
    both = pd.concat(sides, axis=1, keys=["ours", "reference"]).fillna("absent")
    changed = both[both["ours"] != both["reference"]]
    words = "; ".join(f"{i}: {r.reference} -> {r.ours}" for i, r in changed.iterrows())
    return Difference("claims", "verdict", len(both), 0, len(changed), math.nan, words or "same verdicts")


def snapshot(run: Path, reference: Path) -> list[Path]:
    """Copy a complete run's tables, SVG figures, claims and manifest into the committed snapshot.

    Raises:
        UserError: the run is not complete, or the copy would be over 2.5 MB.
    """
    found = manifest.read(run)
    if found.state != "complete":
        raise UserError(f"{run} cannot be kept as a snapshot: {found.why}")
    names = [n for n in found.manifest["files"] if n.startswith("tables/") or n.endswith((".svg", "claims.csv"))]
    size = sum((run / n).stat().st_size for n in names)
    if size > _SNAPSHOT_LIMIT:
        raise UserError(f"{run} has {size / 1e6:.1f} MB to keep, the limit is {_SNAPSHOT_LIMIT / 1e6} MB")
    staging = reference.with_name(f".{reference.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    for name in names:
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / name, staging / name)
    kept = {k: v for k, v in found.manifest.items() if k != "files"}
    manifest.write(staging, kept)
    shutil.rmtree(reference, ignore_errors=True)
    staging.rename(reference)
    return [reference / n for n in names]
