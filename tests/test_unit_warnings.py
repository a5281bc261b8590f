"""Warnings of units: kept with the results, summed up once, cached or not."""

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from replicate import unit_warnings
from replicate.sweep import Sweeper

UNITS = """
import warnings


def warn(config, seed):
    for i in range(config["times"]):
        warnings.warn(f"step {i + 10} of 1e-3 went wrong", RuntimeWarning)
    return [{"metric": "m", "value": 1.0}]
"""


@pytest.fixture
def units(tmp_path, monkeypatch):
    """Return a module of units that warn."""
    (tmp_path / "warning_units.py").write_text(UNITS)
    monkeypatch.syspath_prepend(tmp_path)
    import warning_units

    return warning_units


def test_a_sweep_says_once_what_its_units_warned_of(units, tmp_path, capfd):
    """A page of warnings, with paths of the machine, hid the tables; a cached result warns as a new one does."""
    work = [({"times": n}, 0) for n in (0, 1, 3)]
    for _ in range(2):
        Sweeper("toy", cache=tmp_path / "units")(units.warn, work)
        said = capfd.readouterr().err
        assert said == "warn: 2 of 3 units warned\n  4 x RuntimeWarning: step # of # went wrong\n"


def test_workers_keep_theirs(units, tmp_path):
    """Nothing reaches the notebook's output but the summary; a process of its own, for its workers' sake."""
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from pathlib import Path
import warning_units
from replicate.sweep import Sweeper
work = [({{"times": n}}, 0) for n in (1, 2)]
Sweeper("toy", jobs=2, cache=Path({str(tmp_path / "units")!r}))(warning_units.warn, work)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == "warn: 2 of 2 units warned\n  3 x RuntimeWarning: step # of # went wrong\n"


def test_an_error_is_an_error_still():
    """A warning turned into an error by a unit's own filter goes on up."""
    with pytest.raises(FloatingPointError), unit_warnings.kept(), np.errstate(all="raise"):
        np.log(np.zeros(1))


def test_another_thread_keeps_nothing():
    """Filters belong to the process: keeping here would swallow the main thread's warnings."""
    found = []

    def elsewhere():
        with unit_warnings.kept() as kept:
            found.append(warnings.showwarning)
            found.append(kept)

    before = warnings.showwarning
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [before, []]


def test_many_kinds_are_counted():
    """Five are spelt out, the most frequent first."""
    lines = unit_warnings.summary("fits", [[f"{'ABCDEFG'[i]}: x"] * (i + 1) for i in range(7)]).splitlines()
    assert lines[0] == "fits: 7 of 7 units warned"
    assert lines[1] == "  7 x G: x"
    assert lines[-1] == "  and 2 other kinds"
    assert unit_warnings.summary("fits", [[], []]) == ""
