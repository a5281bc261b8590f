"""Every command of the README does what it says, as typed.

Commands that take minutes (``make``, ``make test``, ...) are expanded by make itself, and each ``replicate`` call
they come down to is parsed by the real command line; what they run is tested in ``test_smoke_runs.py`` and by CI.
"""

import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from replicate import paper as papers
from replicate.cli import app
from replicate.paths import project_root

ROOT = project_root()
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = {kind: re.findall(rf"^```{kind}\n(.*?)^```", TEXT, flags=re.M | re.S) for kind in ("bash", "python")}
COMMANDS = [line.split("#")[0].strip() for block in BLOCKS["bash"] for line in block.splitlines() if line.strip()]
MAKE = [c for c in COMMANDS if c.startswith("make")]
REPLICATE = [c for c in COMMANDS if c.startswith("replicate")]


def _run(words: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=250, env=environment)


def test_there_are_only_commands_that_are_tested_here():
    """A command of a third kind would escape."""
    assert len(COMMANDS) == len(MAKE) + len(REPLICATE)
    assert len(MAKE) > 6
    assert len(REPLICATE) > 5
    inline = re.findall(r"`(make(?: [^`]+)?|replicate [^`]+)`", TEXT)
    known = [c for c in inline if c.split()[0] == "make" or c.split()[1] in _subcommands()]
    assert inline == known


def _subcommands() -> set[str]:
    return {c.name or c.callback.__name__ for c in app.registered_commands} | {g.name for g in app.registered_groups}


@pytest.mark.parametrize("command", MAKE)
def test_make_command_comes_down_to_calls_that_exist(command):
    """A misspelt target, option or subcommand fails here, before it fails for a reader."""
    done = _run([*shlex.split(command), "--dry-run", "--assume-old=.venv/.ready"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    for line in done.stdout.splitlines():
        if call := re.match(r"\s*\S*bin/replicate (.*)", line):
            complaint = _parse(shlex.split(call[1]))
            assert not complaint, f"{line}: {complaint}"


def _parse(words: list[str]) -> str:
    """Return what the command line has against a call, which is parsed and answered with its help."""
    done = CliRunner().invoke(app, [*words, "--help"])
    return "" if done.exit_code == 0 else done.output


def test_a_wrong_call_is_noticed():
    """The parser above must not wave everything through."""
    assert _parse(["run", "all", "--preset", "smoke"]) == ""
    assert "No such option" in _parse(["run", "all", "--presett", "smoke"])
    assert "No such command" in _parse(["rum", "all"])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return the environment of a project of its own: results of the README's commands stay out of the user's."""
    root = tmp_path_factory.mktemp("root")
    for shared in ("notebooks", "data"):
        (root / shared).symlink_to(ROOT / shared)
    return {**os.environ, "REPLICATE_ROOT": str(root), "REPLICATE_CACHE": str(root / "units"), "OMP_NUM_THREADS": "1"}


def test_replicate_commands_run_one_after_the_other(place):
    """As typed and in this order."""
    for command in REPLICATE:
        done = _run([sys.executable, "-m", "replicate.cli", *shlex.split(command)[1:]], place)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert done.stdout.strip(), command


def _namespace(tmp_path) -> dict[str, object]:
    """Return the data that the README's examples assume: a network, tables, arrays."""
    import torch

    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (60, 3))
    target = inputs[:, 0] + 0.1 * rng.normal(size=60)
    table = pd.DataFrame(
        {
            "time": rng.weibull(1.5, 80),
            "event": rng.random(80) < 0.7,
            "trt": np.arange(80) % 2,
            "age": rng.normal(size=80),
        }
    )
    return {
        "module": torch.nn.Sequential(torch.nn.Linear(20, 60), torch.nn.ReLU(), torch.nn.Linear(60, 10)),
        "df": table.astype({"event": int}),
        **dict.fromkeys(("X", "X_cal"), inputs),
        **dict.fromkeys(("y", "y_cal"), target),
        **dict.fromkeys(("X_test", "X_new"), inputs[:10]),
        "y_test": target[:10],
        "logits": torch.randn(2, 3, 50257, generator=torch.Generator().manual_seed(0)),
        "targets": torch.zeros(2, 3, dtype=torch.int64),
        "telemetry": _telemetry(tmp_path / "my.csv", rng),
    }


def _telemetry(path, rng):
    times = pd.date_range("2024-01-01", periods=1500, freq="10min")
    load = np.sin(np.arange(1500) / 40) + 0.05 * rng.normal(size=1500)
    table = pd.DataFrame({"time": times, "T_panel": 20 + 5 * load, "T_battery": 15 + load, "power": 100 + 10 * load})
    table.to_csv(path, index=False)
    return path


def test_library_examples_run(tmp_path, monkeypatch):
    """The first lines a user of the library copies."""
    assert BLOCKS["python"]
    monkeypatch.chdir(tmp_path)
    namespace = _namespace(tmp_path)
    for block in BLOCKS["python"]:
        exec(compile(block, "README.md", "exec"), namespace)
    assert namespace["model"].t.numel() == 750
    assert namespace["net"].rank_ > 0
    assert {"fit", "pipeline"} <= namespace.keys()


def test_every_paper_has_a_library_example_or_a_row():
    """A paper that the README does not mention does not exist for a reader."""
    for slug in papers.slugs():
        assert f"`{slug}`" in TEXT
