"""How long does ``make`` take: cold, warm, and after a change of one file?

In a fresh clone of this repository in a temporary folder, which uses this checkout's environment and data. Cold:
nothing cached. Warm: nothing to do. Changed: a paper's drawing module gets a comment, so that one notebook runs again
and no unit does. The peer is what one would do without the suite: papermill runs one notebook after another, nothing
cached, one process each (``--peer``; it takes as long as all units together).

Run ``python benchmarks/suite.py [--preset smoke] [--peer] [--keep FOLDER]`` on an idle machine; the preset "default"
takes about 25 minutes on two cores, and as long again or longer with ``--peer``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Row, alone, compared, write

ROOT = Path(__file__).parents[1]
CHANGED = "replicate/papers/self_distillation/figures.py"
TARGETS = {("cold", "default"): "<= 1500", ("warm", "default"): "<= 10", ("warm", "smoke"): "<= 10"}
WHAT = {"cold": "nothing cached", "warm": "nothing to do", "changed": "after a change of one file"}


def clone(folder: Path) -> Path:
    """Clone the committed state into a folder; return the clone."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def environment(checkout: Path) -> dict[str, str]:
    """Return variables with which the clone's code runs in this environment, one thread a process."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    kept = {name: value for name, value in os.environ.items() if name not in ("REPLICATE_ROOT", "REPLICATE_CACHE")}
    return {**kept, **one, "PYTHONPATH": str(checkout)}


def everything(checkout: Path, paper: str, preset: str, jobs: int | None) -> float:
    """Run what ``make`` runs; return seconds.

    It is the command of the target ``all``, not make itself, which would set up an environment first.
    """
    command = [sys.executable, "-m", "replicate.cli", "run", paper, "--preset", preset]
    command += ["--jobs", str(jobs)] if jobs else []
    start = time.perf_counter()
    done = subprocess.run(command, cwd=checkout, env=environment(checkout), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command[1:])} failed after {time.perf_counter() - start:.0f} s:\n{done.stderr[-2000:]}"
        )
    return time.perf_counter() - start


def touch(checkout: Path) -> None:
    """Change one file of the clone as an edit would."""
    with (checkout / CHANGED).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")


def one_after_another(checkout: Path, paper: str, preset: str) -> float:
    """Run every notebook with papermill in a process of its own, nothing cached; return seconds."""
    seconds = 0.0
    every = sorted(path.parent.name for path in (checkout / "replicate" / "papers").glob("*/paper.toml"))
    for slug in every if paper == "all" else [paper]:
        with tempfile.TemporaryDirectory() as folder:
            variables = {**environment(checkout), "REPLICATE_CACHE": f"{folder}/units", "REPLICATE_JOBS": "1"}
            command = [sys.executable, "-m", "papermill", f"notebooks/{slug}.ipynb", f"{folder}/out.ipynb"]
            command += ["-p", "preset", preset]
            start = time.perf_counter()
            subprocess.run(command, cwd=checkout, env=variables, check=True, capture_output=True)
            seconds += time.perf_counter() - start
            print(f"   papermill {slug}: {time.perf_counter() - start:.0f} s", flush=True)
    return seconds


def measure(checkout: Path, paper: str, preset: str, jobs: int | None, peer: bool) -> list[Row]:
    """Return the rows of the three runs, the peer's with the cold one."""
    size = f"preset {preset}, {'all papers' if paper == 'all' else paper}"
    seconds = {"cold": everything(checkout, paper, preset, jobs), "warm": everything(checkout, paper, preset, jobs)}
    touch(checkout)
    seconds["changed"] = everything(checkout, paper, preset, jobs)
    targets = TARGETS if paper == "all" else {}
    rows = [
        alone(f"make, {WHAT[kind]}", "suite", size, spent, "s", target=targets.get((kind, preset), ""))
        for kind, spent in seconds.items()
    ]
    if peer:
        theirs = [one_after_another(checkout, paper, preset)]
        name = "papermill, one notebook after another"
        rows.append(compared(f"make, {WHAT['cold']}", "suite", size, [seconds["cold"]], theirs, name))
    return rows


def main() -> None:
    """Clone, measure, write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="default", choices=("smoke", "default"))
    parser.add_argument("--paper", default="all", help="one paper; the changed file is self_distillation's")
    parser.add_argument("--jobs", type=int, help="worker processes; by default one a core")
    parser.add_argument("--peer", action="store_true", help="run papermill, one notebook after another, as well")
    parser.add_argument("--keep", type=Path, help="clone into this folder and keep it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkout = clone(options.keep or Path(folder) / "clone")
        write(measure(checkout, options.paper, options.preset, options.jobs, options.peer))


if __name__ == "__main__":
    main()
