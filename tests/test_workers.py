"""One pool of workers for all sweeps of a process: each case in a process of its own, which has none yet."""

import subprocess
import sys

import pytest

from replicate import paper as papers
from replicate import workers
from replicate.run import Run

PROGRAM = """
import os, sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from toy import where
from replicate import workers
from replicate.sweep import Sweeper


def pids(units, jobs=2):
    frame, _ = Sweeper("toy", jobs=jobs, cache=Path({folder!r}) / "units")(where, [({{"i": i}}, 0) for i in units])
    return [int(text) for text in frame["text"]], frame["value"].tolist()

"""

UNITS = """
import os, sys, time


def where(config, seed):
    time.sleep(config["i"] / 1000)
    return [{"metric": "the module is imported", "value": int("slow" in sys.modules), "text": str(os.getpid())}]
"""

SLOW = """
import os, time
from pathlib import Path

met = Path(__file__).parent / "met"
met.mkdir(exist_ok=True)
(met / str(os.getpid())).touch()
while len(list(met.iterdir())) < 2:  # a module whose import ends once two processes import it
    time.sleep(0.05)
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs lines in a fresh process and returns what they print and complain of."""
    (tmp_path / "toy.py").write_text(UNITS)
    (tmp_path / "slow.py").write_text(SLOW)

    def go(lines: str) -> tuple[str, str]:
        program = PROGRAM.format(folder=str(tmp_path)) + lines
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return go


def test_workers_that_were_started_have_imported_the_module(run):
    """The seconds of an import are spent while the notebook imports its own."""
    out, _ = run("workers.start(2, 'slow'); found, imported = pids([1, 2]); print(os.getpid() in found, imported)")
    assert out.splitlines()[-1] == "False [1, 1]"


def test_many_jobs_start_few_workers_and_grow(run):
    """Sixty-four processes that import PyTorch for five units would take the machine's memory."""
    out, _ = run("workers.start(64, 'colorsys'); print(workers._size); pids(range(6), jobs=64); print(workers._size)")
    assert out.split()[-2:] == ["4", "6"]


def test_one_unit_alone_goes_to_workers_that_run(run):
    """They have imported what it needs; starting some for it would take longer than computing it here."""
    out, _ = run("print(pids([1])[0] == [os.getpid()]); pids([2, 3]); print(pids([4])[0] == [os.getpid()])")
    assert out.split() == ["True", "False"]


def test_a_sweep_for_one_process_stays_here(run):
    """Units of milliseconds do not wait for workers."""
    out, _ = run("workers.start(2, 'colorsys'); print(set(pids([1, 2, 3], jobs=1)[0]) == {os.getpid()})")
    assert out.splitlines()[-1] == "True"


@pytest.mark.parametrize("module", ["colorsys", "no.such.module"])
def test_workers_nobody_uses_are_no_trouble(run, module):
    """A run that computes nothing must end, and say nothing."""
    _, complaints = run(f"workers.start(2, {module!r})")
    assert not complaints


def test_a_module_that_cannot_be_imported_is_the_units_affair(run):
    """The message belongs to the unit that needs it."""
    out, _ = run("workers.start(2, 'no.such.module'); print(len(pids([1, 2])[0]))")
    assert out.split() == ["2"]


def test_a_smaller_number_of_jobs_is_kept(run):
    """Someone asked for less, perhaps for want of memory."""
    out, _ = run("pids([1, 2, 3], jobs=3); print(len(set(pids([400, 401, 402], jobs=2)[0])) <= 2)")
    assert out.split() == ["True"]


@pytest.mark.parametrize(("computed_before", "device", "started"), [(0, "auto", 1), (1, "auto", 0), (0, "cuda", 0)])
def test_a_notebook_starts_workers_where_nothing_was_computed(monkeypatch, tmp_path, computed_before, device, started):
    """Where results are cached, or a GPU computes, workers would import for nothing."""
    calls = []
    monkeypatch.setattr(workers, "start", lambda *args: calls.append(args))
    monkeypatch.setattr("replicate.device.resolve", lambda wanted: "cuda" if wanted == "cuda" else "cpu")
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))
    monkeypatch.setenv("REPLICATE_JOBS", "2")
    if computed_before:
        (tmp_path / "units/tempnet").mkdir(parents=True)
    names = papers.load("tempnet").preset("smoke").parameters
    Run.from_notebook("tempnet", {**dict.fromkeys(names), "preset": "smoke", "seed": 0, "device": device})
    assert calls == [(2, "replicate.papers.tempnet.experiments")] * started
