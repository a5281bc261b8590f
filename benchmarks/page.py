"""Write docs/benchmarks.md from the tables beside this file; ``--add FILE`` puts the rows of another table in first.

Everything on the page is in results.csv, exponents.csv, experiments.csv, profiles.csv or limits.toml: numbers are
measured, explanations of missed targets are written down with the row they are about.
"""

import argparse
import csv
import tomllib
from pathlib import Path

from harness import Row, read, write

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
PARTS = ("suite", "intrinsic_dimension", "batchnorm_only", "bandlimited_random_nets", "self_distillation",
         "survival_models", "quantile_aggregation", "euclid_telemetry", "tempnet")  # fmt: skip

HEAD = """\
# Benchmarks

Is it fast? Each paper's code against what one would use instead, the cost of the suite itself, how cost grows with the
problem, and where the time of a run goes. This page is written by `benchmarks/page.py` from the tables in
`benchmarks/`; no number on it was typed in.

```bash
make bench                            # all comparisons; about an hour on two idle cores
make bench ONLY="tempnet startup"     # some of them
make bench ONLY=suite                 # cold, warm and changed `make`, in a fresh clone
make bench ONLY=scaling               # exponents
make bench ONLY=profiles              # where the time goes
.venv-bench/bin/python benchmarks/survival_models.py --help     # options of one script
python benchmarks/gpu.py              # on a machine with a GPU
python benchmarks/page.py             # this page again
```

`make bench` sets up `.venv-bench` first: the suite's own packages as they are, and peers that the suite does not need
on top (`benchmarks/requirements.txt`). A peer that cannot be installed or run is a line that says so.

How it is measured: ours and the peer alternate in one process, in rounds; a ratio is the median of the rounds' ratios,
with the lowest and the highest. Unless a line says otherwise, one thread and seconds of the processor, which other
programs disturb less than the clock on the wall. "Same numbers" says whether both computed the same, within the
tolerance in the script. A ratio above 1 means that ours is better; where the target is a ceiling (<=), the ratio is
ours over the peer's.
"""


def page() -> str:
    """Return the page."""
    rows = read()
    here, gpu = [r for r in rows if not _on_gpu(r)], [r for r in rows if _on_gpu(r)]
    parts = [HEAD, "Measured on:\n", *[f"- {name}" for name in machines(rows)], ""]
    parts += ["## Targets\n", targets(here), "", missed(rows)]
    for paper in PARTS:
        if found := [row for row in here if row.paper == paper]:
            parts += [f"## {title(paper)}\n", comparisons(found), ""]
    if gpu:
        parts += [GPU, comparisons(sorted(gpu, key=lambda r: PARTS.index(r.paper))), ""]
    parts += [SCALING, exponents(), "", PROFILES, experiments(), ""]
    parts += [FUNCTIONS, functions(), ""] if _csv("profiles") else []
    return "\n".join(part for part in parts if part is not None).rstrip() + "\n"


GPU = """\
## On a GPU

Rows of `benchmarks/gpu.py`. "Same numbers" compares the GPU with the CPU: the largest tolerated relative difference is
the target. Clocks on the wall, after the GPU has finished.
"""
SCALING = """\
## How cost grows

Exponents over a decade of problem size (`benchmarks/scaling.py`): the slope of log cost against log size, beside what
the method's operations say. Memory is what a call needs beyond its inputs; where that is below a few MiB it has no
exponent.
"""
PROFILES = """\
## Where the time goes

The default run of each paper by experiment, in processor seconds of its units as they were computed for the committed
snapshot (results/reference/default); only the three largest are shown.
"""
FUNCTIONS = """\
By function: own time under cProfile, the whole notebook in one process with nothing cached, and figures drawn. cProfile
makes many small calls look more expensive than they are. The five largest of each paper.
"""


def machines(rows: list[Row]) -> list[str]:
    """Return the machines, and how busy they were with other programs."""
    found: dict[str, list[str]] = {}
    for row in rows:
        name, _, state = row.machine.partition("; ")
        found.setdefault(name, []).append(state)
    return [f"{name} ({_states(states)})" for name, states in sorted(found.items())]


def _states(states: list[str]) -> str:
    shared = [float(s.rpartition(" ")[2]) for s in states if s.startswith("shared")]
    idle = f"idle for {len(states) - len(shared)} of {len(states)} lines"
    return (
        idle if not shared else f"{idle}; else shared with other programs, load {min(shared):.1f} to {max(shared):.1f}"
    )


def targets(rows: list[Row]) -> str:
    """Return the table of everything that has a target."""
    wanted = [row for paper in PARTS for row in rows if row.paper == paper and row.target]
    lines = [
        (title(r.paper), f"{r.name}, {r.size}", against(r), value(r), r.target, r.met or "not measured") for r in wanted
    ]
    return markdown(("", "what", "against", "measured", "target", "met"), lines)


def missed(rows: list[Row]) -> str:
    """Return the explanations of missed targets, each with its measurement."""
    found = [(row, explanation(row)) for row in rows if row.met == "no"]
    if not found:
        return ""
    lines = [
        f"- **{title(row.paper)}: {row.name}, {row.size}**: {value(row)} instead of {row.target}. {text}"
        for row, text in found
    ]
    return "\n".join(["What is missed, and why:\n", *lines, ""])


def explanation(row: Row) -> str:
    """Return why a row's target is missed, as limits.toml says; "Not explained." where it does not."""
    return next((e["why"] for e in limits() if e["paper"] == row.paper and e["name"] in row.name), "Not explained.")


def limits() -> list[dict[str, str]]:
    """Return the explanations: paper, part of the row's name, why."""
    return tomllib.loads((HERE / "limits.toml").read_text(encoding="utf-8"))["limit"]


def comparisons(rows: list[Row]) -> str:
    """Return the table of all rows of a part."""
    lines = [(r.name, r.size, number(r.ours), against(r), number(r.peer), r.unit, ratio(r), r.agree) for r in rows]
    return markdown(("what", "size", "ours", "against", "theirs", "unit", "ratio", "same numbers"), lines)


def exponents() -> str:
    """Return the table of measured and expected exponents."""
    lines = [
        (title(r["paper"]), r["method"], f"{r['size']}, {int(r['smallest']):,} to {int(r['largest']):,}",
         r["time_exponent"], r["time_expected"], r["memory_exponent"], r["memory_expected"], r["seconds"], r["remark"])
        for r in _csv("exponents")
    ]  # fmt: skip
    columns = ("", "method", "size", "time", "expected", "memory", "expected", "seconds at the largest", "remark")
    return markdown(columns, lines)


def experiments() -> str:
    """Return the table of the largest experiments of each default run."""
    lines = [
        (title(r["paper"]), r["experiment"], r["units"], r["seconds"], f"{float(r['share']):.0%}", r["peak_mib"])
        for r in _first(_csv("experiments"), 3)
    ]
    return markdown(("", "experiment", "units", "seconds", "share", "peak MiB"), lines)


def functions() -> str:
    """Return the table of the most expensive functions."""
    lines = [
        (title(r["paper"]), r["preset"], f"`{r['function']}`", r["seconds"], f"{float(r['share']):.0%}")
        for r in _first(_csv("profiles"), 5)
    ]
    return markdown(("", "preset", "function", "seconds", "share"), lines)


def _first(rows: list[dict], count: int) -> list[dict]:
    """Return the first few rows of each paper."""
    seen: dict[str, int] = {}
    kept = []
    for row in rows:
        seen[row["paper"]] = seen.get(row["paper"], 0) + 1
        if seen[row["paper"]] <= count:
            kept.append(row)
    return kept


def _csv(name: str) -> list[dict[str, str]]:
    path = HERE / f"{name}.csv"
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.is_file() else []


def markdown(columns: tuple[str, ...], lines: list[tuple]) -> str:
    """Return a table; repeated names in the first column are left out."""
    shown, before = [], None
    for line in lines:
        shown.append(("" if line[0] == before and columns[0] == "" else line[0], *line[1:]))
        before = line[0]
    cells = [columns, ["---"] * len(columns), *shown]
    return "\n".join("| " + " | ".join(str(c).replace("|", "\\|") for c in line) + " |" for line in cells)


def title(paper: str) -> str:
    """Return a paper's name as a heading has it."""
    if paper == "suite":
        return "The suite"
    from replicate import paper as papers

    return papers.load(paper).short


def against(row: Row) -> str:
    """Return the peer's name."""
    return row.peer_name


def value(row: Row) -> str:
    """Return what a target is about: the ratio, or the figure itself."""
    if row.ratio is not None:
        return ratio(row)
    return f"{number(row.ours)} {row.unit}" if row.ours is not None else row.agree


def ratio(row: Row) -> str:
    """Return a ratio with its spread."""
    if row.ratio is None:
        return ""
    spread = f" ({number(row.ratio_low)} to {number(row.ratio_high)})" if row.ratio_low != row.ratio_high else ""
    return f"{number(row.ratio)}{spread}"


def number(x: float | None) -> str:
    """Return three significant digits, large ones with separators."""
    if x is None:
        return ""
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def _on_gpu(row: Row) -> bool:
    return "NVIDIA" in row.machine


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--add", type=Path, action="append", default=[], help="a table to add first, such as gpu.csv")
    for table in parser.parse_args().add:
        write(read(table))
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
