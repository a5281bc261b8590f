"""Bringing results up to date: whole runs, failures, interruptions, two at once; a toy paper with a real notebook."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from replicate import manifest, suite
from replicate.suite import Request

UNIT_MODULE = """
import os, pathlib

def noise(config, seed):
    log = pathlib.Path(os.environ["TOY_LOG"])
    with log.open("a") as out:
        out.write(f"{config['dim']} {seed.replicate}\\n")
    wait = os.environ.get("TOY_WAIT")
    while wait and seed.replicate == 2 and not pathlib.Path(wait).exists():
        pass
    rng = seed.rng("noise", config["dim"])
    return [{"metric": "accuracy", "value": 93.1 + 0.01 * rng.standard_normal()}]
"""
CELLS = [
    'preset = "smoke"  # scale\nseed = 0  # base seed\ndevice = "auto"  # device\n'
    "dim = None  # dimension\nrate = None  # rate",
    "import toy_units\nfrom replicate.measurement import from_seeds\nfrom replicate.run import Run\n"
    'run = Run.from_notebook("toy", globals())',
    'frame = run.sweep(toy_units.noise, [{"dim": run.settings.dim}], replicates=4)\nrun.table("noise", frame)',
    'run.measure("C1", from_seeds(frame["value"], dataset="digits"))\nrun.finish()',
]


@pytest.fixture
def request_(toy, isolated, monkeypatch, tmp_path):
    """Return the request for a toy paper that runs in a second or two."""
    (isolated.root / "notebooks").mkdir()
    (tmp_path / "toy_units.py").write_text(UNIT_MODULE)
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    monkeypatch.delenv("TOY_WAIT", raising=False)
    _write(toy, CELLS)
    return Request(toy, "smoke")


def _write(toy, cells):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, toy.notebook)


def _computed(tmp_path):
    log = tmp_path / "log"
    return log.read_text().splitlines() if log.exists() else []


def test_a_run_is_whole_and_a_second_does_nothing(request_, tmp_path):
    """`make` twice must not compute twice, and a result must carry all its parts."""
    outcome = suite.bring_up_to_date(request_)
    assert outcome.state == "ran", outcome.detail
    found = manifest.read(request_.target)
    assert found.state == "complete"
    assert {"claims.csv", "tables/noise.csv", "toy.ipynb"} <= found.manifest["files"].keys()
    assert found.manifest["experiments"]["noise"]["units"] == 4
    assert len(found.manifest["cells"]) == len(CELLS) + 1  # the injected one
    assert suite.bring_up_to_date(request_).state == "cached"
    assert len(_computed(tmp_path)) == 4
    assert suite.state(request_) == ("up to date", "")
    assert [p.name for p in request_.target.parent.iterdir() if not p.name.startswith(".")] == ["toy"]


def test_two_runs_give_the_same_bytes(request_, tmp_path, monkeypatch):
    """Same commit, preset and seed: byte-identical tables, claims and notebook, with nothing cached."""
    seen = []
    for name in ("one", "two"):
        monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / name))
        assert suite.bring_up_to_date(request_, force=True).state == "ran"
        files = ("tables/noise.csv", "claims.csv", "toy.ipynb")
        seen.append([(request_.target / f).read_bytes() for f in files])
    assert seen[0] == seen[1]
    assert len(_computed(tmp_path)) == 8


def test_why_names_what_changed(request_, toy):
    """'It runs again' without a reason is not believable."""
    assert suite.why(request_) == ["result: never run"]
    suite.bring_up_to_date(request_)
    assert suite.why(request_) == []
    _write(toy, [*CELLS, "1 + 1"])
    assert [line.split(":")[0] for line in suite.why(request_)] == ["notebook"]
    assert suite.state(request_)[0] == "stale"


def test_data_that_have_come_make_a_run_stale(request_, read_toy, toy_paper_toml, tmp_path, monkeypatch):
    """Who puts the missing file in its place and types `make` again must not hear 'nothing to do'."""
    mirror = tmp_path / "mirror"
    (mirror / "telemetry").mkdir(parents=True)
    monkeypatch.setenv("REPLICATE_DATA", str(mirror))
    paper = read_toy(toy_paper_toml(('datasets = ["digits"]', 'datasets = ["digits", "birds"]')))
    request = replace(request_, paper=paper)
    assert suite.bring_up_to_date(request).state == "ran"
    assert manifest.read(request.target).manifest["absent"] == ["telemetry/birds_eps.csv.gz"]
    assert suite.why(request) == []
    (mirror / "telemetry/birds_eps.csv.gz").write_bytes(b"here")
    assert suite.why(request) == ["data file telemetry/birds_eps.csv.gz: at hand now"]
    assert suite.bring_up_to_date(request).state == "ran"
    assert suite.why(request) == []


def test_a_failing_cell_keeps_the_last_result_and_the_executed_notebook(request_, toy):
    """A failure must neither destroy what was good nor hide what happened."""
    suite.bring_up_to_date(request_)
    before = (request_.target / "claims.csv").read_bytes()
    _write(toy, [*CELLS[:2], 'raise ValueError("the reason")'])
    outcome = suite.bring_up_to_date(request_)
    assert outcome.state == "failed"
    assert "the reason" in outcome.detail
    assert "failed/toy.ipynb" in outcome.detail
    assert request_.failed_notebook.exists()
    assert (request_.target / "claims.csv").read_bytes() == before
    assert suite.state(request_)[0] == "failed"
    _write(toy, CELLS)
    assert suite.bring_up_to_date(request_, force=True).state == "ran"
    assert suite.state(request_)[0] == "up to date"
    assert not request_.failed_notebook.exists()


def test_a_notebook_that_never_finishes_its_run_is_no_result(request_, toy):
    """Without run.finish() there are no claims to report."""
    _write(toy, CELLS[:3])
    outcome = suite.bring_up_to_date(request_)
    assert outcome.state == "failed"
    assert "without run.finish()" in outcome.detail
    assert not request_.target.exists()


def test_a_damaged_result_is_made_again(request_):
    """A truncated table must not be reported."""
    suite.bring_up_to_date(request_)
    table = request_.target / "tables" / "noise.csv"
    table.write_bytes(table.read_bytes()[:20])
    assert "noise.csv" in suite.why(request_)[0]
    assert suite.bring_up_to_date(request_).state == "ran"
    assert suite.why(request_) == []


def test_two_at_once_run_once(request_, tmp_path):
    """Two `make` in one tree must neither clash nor do the work twice."""
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(suite.bring_up_to_date(request_))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(o.state for o in outcomes) == ["cached", "ran"]
    assert len(_computed(tmp_path)) == 4


def test_a_killed_run_resumes_with_what_was_finished(request_, tmp_path):
    """SIGKILL in the middle: no result, and nothing finished is computed again."""
    call = (
        "from replicate import paper, suite; "
        "print(suite.bring_up_to_date(suite.Request(paper.load('toy'), 'smoke')).state)"
    )
    env = {**os.environ, "TOY_WAIT": str(tmp_path / "go")}
    process = subprocess.Popen([sys.executable, "-c", call], env=env)
    deadline = time.monotonic() + 60
    while len(_computed(tmp_path)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)  # units 0 and 1 are done, unit 2 waits
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not request_.target.exists()
    outcome = suite.bring_up_to_date(request_)
    assert outcome.state == "ran", outcome.detail
    done = _computed(tmp_path)
    assert done.count("2 0") == done.count("2 1") == 1
    assert done.count("2 2") == 2
    assert manifest.read(request_.target).state == "complete"


def test_overrides_are_injected_and_recorded(request_):
    """A changed parameter must reach the notebook and the manifest."""
    changed = Request(request_.paper, "smoke", overrides={"dim": 3})
    assert suite.bring_up_to_date(changed).state == "ran"
    assert manifest.read(changed.target).manifest["parameters"]["dim"] == 3
    assert "3," in (changed.target / "tables" / "noise.csv").read_text()
    assert not request_.target.exists()
    stored = json.loads((changed.target / "toy.ipynb").read_text())
    assert any("injected-parameters" in c["metadata"].get("tags", []) for c in stored["cells"])


def _copy(toy, isolated, slug, cells=CELLS):
    """Add the toy paper once more under another slug, or write its notebook anew."""
    text = (isolated.papers / "toy" / "paper.toml").read_text()
    (isolated.papers / slug).mkdir(exist_ok=True)
    (isolated.papers / slug / "paper.toml").write_text(text)
    place = SimpleNamespace(notebook=toy.notebook.with_name(f"{slug}.ipynb"))
    _write(place, [cell.replace('"toy"', f'"{slug}"') for cell in cells])


def test_one_failing_paper_neither_hides_nor_stops_the_others(request_, toy, isolated):
    """`make` must report every paper, name those that failed at the end, and run only those again."""
    _copy(toy, isolated, "after")
    _copy(toy, isolated, "broken", [*CELLS[:3], "1 / 0"])
    _copy(toy, isolated, "illegible")
    (isolated.papers / "illegible" / "paper.toml").write_text("short = ")
    command = [sys.executable, "-m", "replicate.cli", "run", "all", "--preset", "smoke"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "failed: illegible" in done.stderr
    assert "broken" in done.stderr
    assert "ZeroDivisionError" in done.stdout
    assert {"after", "toy"} <= {p.name for p in request_.target.parent.iterdir()}
    assert done.stdout.count("agrees") >= 2

    _copy(toy, isolated, "broken")
    (isolated.papers / "illegible" / "paper.toml").unlink()
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("up to date") == 2
    assert "broken: done" in again.stdout


def test_two_makes_in_one_tree_compute_once(request_, isolated, tmp_path):
    """Two terminals, one habit: the second must wait for the first, and neither may spoil a result."""
    source, tree = Path(__file__).parent.parent, tmp_path / "tree"
    (tree / ".venv").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(source / name, tree / name)
    (tree / ".venv" / "bin").symlink_to(os.path.dirname(sys.executable))
    (tree / ".venv" / ".ready").touch()
    options = {"cwd": tree, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    both = [subprocess.Popen(["make", "smoke", "JOBS=1"], **options) for _ in range(2)]
    said = [process.communicate(timeout=250)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(_computed(tmp_path)) == 4
    assert manifest.read(request_.target).state == "complete"
    assert not [p for p in request_.target.parent.iterdir() if "partial" in p.name]
    once = (request_.target / "tables" / "noise.csv").read_bytes()
    shutil.rmtree(isolated.cache)
    assert suite.bring_up_to_date(request_, force=True).state == "ran"
    assert (request_.target / "tables" / "noise.csv").read_bytes() == once
