"""The scorecard, made from run directories alone: nothing is computed again here."""

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from replicate import atomic, datasets, manifest, palette
from replicate.claims import read, scorecard
from replicate.verdicts import Outcome

ORDER = [str(o) for o in Outcome]


@dataclass(frozen=True)
class Result:
    """One complete run directory: its manifest, its claims as text and numbers, its files."""

    path: Path
    manifest: dict
    claims: pd.DataFrame

    @property
    def slug(self) -> str:
        return self.manifest["slug"]

    def files(self, kind: str) -> list[Path]:
        """Return the run's ``tables`` or ``figures``."""
        return [self.path / name for name in self.manifest["files"] if name.split("/")[0] == kind]

    @property
    def cover(self) -> Path | None:
        """The figure that decides most claims (of several: the first), or the first figure, or none."""
        vectors = {path.stem: path for path in self.files("figures") if path.suffix == ".svg"}
        counted = Counter(name for name in self.claims["figure"] if name in vectors)
        name = next((name for name, _ in counted.most_common(1)), next(iter(vectors), None))
        return vectors.get(name or "")

    @property
    def has_notebook(self) -> bool:
        """Whether the executed notebook is there; a snapshot has none."""
        return self._notebook.is_file()

    def notebook(self) -> dict:
        """Return the executed notebook."""
        return json.loads(self._notebook.read_text(encoding="utf-8"))

    @property
    def _notebook(self) -> Path:
        return self.path / f"{self.slug}.ipynb"


def results(folder: Path) -> tuple[list[Result], list[str]]:
    """Return the complete runs in ``results/<preset>`` and a line for everything that is not one.

    Runs with changed parameters (``slug+...``) are nobody's published result and are left out.
    """
    folders = sorted(p for p in folder.glob("*") if p.is_dir() and not p.name.startswith("."))
    complete, problems = read_runs(
        p for p in folders if p.name not in {"failed", "site", "export"} and "+" not in p.name
    )
    failed = sorted(p for p in (folder / "failed").glob("*.txt") if "+" not in p.name)
    problems += [f"{p.stem}: the last run failed (see {p.with_suffix('.ipynb')})" for p in failed]
    return complete, problems


def read_runs(folders: Iterable[Path]) -> tuple[list[Result], list[str]]:
    """Return the complete runs among run directories and a line for every other one."""
    complete, problems = [], []
    for path in folders:
        found = manifest.read(path)
        if found.state == "complete":
            complete.append(Result(path, found.manifest, read(path / "claims.csv")))
        else:
            problems.append(f"{path.name}: {found.state}, not reported ({found.why})")
    return complete, problems


def claims_table(found: Iterable[Result]) -> pd.DataFrame:
    """Return all claims of all runs, with what their experiments cost (core seconds, MiB)."""
    names = ("cpu_seconds", "peak_mib")
    frames = [scorecard(r.claims).assign(**{name: _cost(r, name) for name in names}) for r in found]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _cost(result: Result, name: str) -> pd.Series:
    costs = result.manifest["experiments"]
    return result.claims["experiment"].map(lambda experiment: costs.get(experiment, {}).get(name))


def counts(claims: pd.DataFrame) -> dict[str, int]:
    """Return how many claims got each verdict, every verdict present."""
    seen = Counter(claims["verdict"]) if len(claims) else Counter()
    return {name: seen.get(name, 0) for name in ORDER}


def summary(claims: pd.DataFrame) -> str:
    """Return ``20 claims: 9 agrees, 1 disagrees, ...``."""
    parts = ", ".join(f"{n} {name}" for name, n in counts(claims).items() if n)
    return f"{len(claims)} claims: {parts or 'none'}"


def absent_data(found: Iterable[Result]) -> str:
    """Return a sentence on the data sets that runs did without, empty if there are none."""
    registry = datasets.default_registry()
    papers = {
        r.slug: {registry.entry(n).dataset for n in r.manifest.get("absent", []) if n in registry.names()}
        for r in found
    }
    if not any(papers.values()):
        return ""
    listed = "; ".join(f"{slug}: {', '.join(sorted(names))}" for slug, names in papers.items() if names)
    return (
        f"Data not at hand: {listed}. Claims that need them are not run or rest on a stand-in. "
        "`make data` fetches what can be had, and `make` then runs these again."
    )


def markdown(claims: pd.DataFrame) -> str:
    """Return the scorecard as a Markdown table."""
    lines = [
        "| paper | claim | published | ours (95 % interval) | data | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for row in claims.to_dict("records"):
        data = row["dataset"] if isinstance(row["dataset"], str) else ""
        cells = [row["paper"], f"**{row['claim']}** {row['statement']}", row["published"], row["ours"], data]
        lines.append(
            "| " + " | ".join(" ".join(str(c).split()).replace("|", "\\|") for c in [*cells, row["verdict"]]) + " |"
        )
    return "\n".join(lines) + "\n"


def print_scorecard(claims: pd.DataFrame, problems: Iterable[str], *, preset: str, console) -> None:
    """Print the scorecard on a rich console, with the statements where there is room; the counts come last."""
    from rich.markup import escape

    if len(claims):
        console.print(_rich_table(claims, preset=preset, with_statement=console.width >= 140))
    for line in problems:
        console.print(f"[red]{escape(line)}[/red]")
    console.print(f"{summary(claims)} (preset {preset}; not comparable = other data or scale)", soft_wrap=True)


def _rich_table(claims: pd.DataFrame, *, preset: str, with_statement: bool):
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"Scorecard, preset {preset}", title_justify="left", box=SIMPLE)
    names = [
        "claim",
        *(["statement"] if with_statement else []),
        "published",
        "ours (95 % interval)",
        "data",
        "verdict",
    ]
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in ("claim", "data", "verdict"))
    paper = None
    for row in claims.to_dict("records"):
        if row["paper"] != paper:
            paper = row["paper"]
            table.add_section()
            table.add_row(f"[bold]{paper}[/bold]")
        look = palette.look(row["verdict"])
        data = row["dataset"] if isinstance(row["dataset"], str) else ""
        cells = [row["claim"], *([row["statement"]] if with_statement else []), row["published"], row["ours"], data]
        table.add_row(
            *(escape(str(cell)) for cell in cells), f"[{look.terminal}]{look.sign} {row['verdict']}[/{look.terminal}]"
        )
    return table


def write(folder: Path) -> list[Path]:
    """Write ``scorecard.{md,csv,json}`` beside the runs; return what was written."""
    found, problems = results(folder)
    claims = claims_table(found)
    head = f"# Scorecard, preset {folder.name}\n\n{summary(claims)}\n\n"
    notes = "".join(f"\n- {line}" for line in filter(None, [*problems, absent_data(found)]))
    texts = {
        "scorecard.md": head + markdown(claims) + notes,
        "scorecard.csv": claims.to_csv(index=False, lineterminator="\n"),
        "scorecard.json": json.dumps(_records(claims), indent=1, allow_nan=False) + "\n",
    }
    for name, text in texts.items():
        atomic.write_text(folder / name, text)
    return [folder / name for name in texts]


def _records(claims: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows for JSON, which has no NaN and no infinity: both become None."""
    rows = claims.astype(object).to_dict("records")
    return [{k: _finite(v) for k, v in row.items()} for row in rows]


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
