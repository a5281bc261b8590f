"""Where does the time of a paper's run go? Every cell of its notebook under cProfile, nothing cached, in one process.

Writes the functions with the largest own time into profiles.csv: functions of this package by module and name, of
other packages by package and name, the interpreter's own built-ins by name. Writes the experiments of the committed
default runs, with the processor seconds of their units, into experiments.csv.
"""

import argparse
import cProfile
import csv
import io
import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

ROOT, TABLE = Path(__file__).parents[1], Path(__file__).with_name("profiles.csv")
EXPERIMENTS = TABLE.with_name("experiments.csv")
COLUMNS = ["paper", "preset", "function", "seconds", "share", "calls"]
KEPT = 8  # functions of a paper


def profile(slug: str, preset: str) -> list[dict[str, object]]:
    """Run a notebook's code in this process and return its most expensive functions."""
    import matplotlib

    matplotlib.use("agg")
    cells = json.loads((ROOT / "notebooks" / f"{slug}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names: dict[str, object] = {"__name__": "notebook"}
    exec(code[0], names)
    names["preset"] = preset
    profiler = cProfile.Profile(time.process_time)
    with redirect_stdout(io.StringIO()):
        for cell in code[1:]:
            profiler.runctx(compile(cell, slug, "exec"), names, names)
    return table(slug, preset, pstats.Stats(profiler))


def table(slug: str, preset: str, stats: pstats.Stats) -> list[dict[str, object]]:
    """Return the rows of the functions with the largest own time; those of one name in one module are added up."""
    seconds, calls = {}, {}
    for (file, _, function), (_, number, own, _, _) in stats.stats.items():
        name = named(file, function)
        seconds[name], calls[name] = seconds.get(name, 0.0) + own, calls.get(name, 0) + number
    total = sum(seconds.values())
    first = sorted(seconds, key=seconds.get, reverse=True)[:KEPT]
    return [
        {"paper": slug, "preset": preset, "function": name, "seconds": round(seconds[name], 2),
         "share": round(seconds[name] / total, 3), "calls": calls[name]}
        for name in first
    ]  # fmt: skip


def named(file: str, function: str) -> str:
    """Return "module.function" without this machine's folders."""
    function = re.sub(r" at 0x[0-9a-f]+", "", function)
    if file in ("~", "") or file.startswith("<"):
        return function.strip("<>").removeprefix("built-in method ").removeprefix("method ")
    parts = Path(file).with_suffix("").parts
    for root in ("site-packages", "papers", "replicate"):
        if root in parts:
            inside = parts[len(parts) - parts[::-1].index(root) :]
            return ".".join([*(inside[:1] if root == "site-packages" else inside), function])
    return f"{parts[-1]}.{function}"


def apart(slug: str, preset: str) -> list[dict[str, object]]:
    """Profile a notebook in a process of its own with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "REPLICATE_CACHE": f"{folder}/units", "REPLICATE_JOBS": "1"}
        command = [sys.executable, __file__, "--child", slug, "--preset", preset]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{slug} cannot be profiled:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def experiments(slug: str) -> list[dict[str, object]]:
    """Return the experiments of a paper's committed default run, the most expensive first."""
    manifest = ROOT / "results" / "reference" / "default" / slug / "manifest.json"
    costs = json.loads(manifest.read_text(encoding="utf-8"))["experiments"]
    total = sum(cost["cpu_seconds"] for cost in costs.values()) or 1.0
    return [
        {"paper": slug, "experiment": name, "units": cost["units"], "seconds": round(cost["cpu_seconds"], 1),
         "share": round(cost["cpu_seconds"] / total, 3), "peak_mib": round(cost["peak_mib"])}
        for name, cost in sorted(costs.items(), key=lambda item: -item[1]["cpu_seconds"])
    ]  # fmt: skip


def write_experiments(slugs: list[str]) -> None:
    """Write the table of experiments of all committed default runs."""
    rows = [row for slug in slugs for row in experiments(slug)]
    with EXPERIMENTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write(rows: list[dict[str, object]]) -> None:
    """Put rows into the table; a paper's old rows of the same preset go."""
    old = list(csv.DictReader(TABLE.open(encoding="utf-8"))) if TABLE.is_file() else []
    new = {(row["paper"], row["preset"]) for row in rows}
    kept = [row for row in old if (row["paper"], row["preset"]) not in new] + rows
    kept.sort(key=lambda row: (row["paper"], row["preset"], -float(row["seconds"])))
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def main() -> None:
    """Profile the papers named, or all."""
    every = sorted(path.parent.name for path in (ROOT / "replicate" / "papers").glob("*/paper.toml"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("papers", nargs="*", choices=[*every, []], metavar="PAPER", help="all, if none is named")
    parser.add_argument("--preset", default="smoke")
    parser.add_argument("--experiments", action="store_true", help="the table of experiments alone: nothing runs")
    parser.add_argument("--child", choices=every, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(profile(options.child, options.preset)))
        return
    write_experiments(every)
    for slug in () if options.experiments else options.papers or every:
        rows = apart(slug, options.preset)
        print(f"{slug}, preset {options.preset}, {sum(r['seconds'] for r in rows):.1f} s in these functions")
        for row in rows:
            print(
                f"  {row['share']:6.1%} {row['seconds']:8.2f} s {row['calls']:>9} calls  {row['function']}", flush=True
            )
        write(rows)


if __name__ == "__main__":
    main()
