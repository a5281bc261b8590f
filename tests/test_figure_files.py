"""A figure's two files: the same bytes whoever writes them, whole or absent, and an error that is heard."""

import subprocess
import sys
import threading
from concurrent.futures import Future

import matplotlib.pyplot as plt
import pytest

from replicate import workers
from replicate.figure_files import FigureFiles

PROGRAM = """
import os, sys
from pathlib import Path
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
from replicate import workers
from replicate.figure_files import FigureFiles

if __name__ == "__main__":
    if {beside}:
        workers.start(2, "colorsys")
    plt.rcParams["font.size"] = 17  # a style of this process alone
    figure, axes = plt.subplots(layout="constrained")
    axes.plot([1, 2], label=r"$\\tau$")
    axes.legend()
    axes.yaxis.set_major_formatter(lambda value, place: f"{{value:g}} m")  # which plain pickle refuses
    files = FigureFiles(Path({folder!r}), "paper")
    files.add(figure, "curve")
    axes.set_title("drawn on after it was kept")
    files.wait()
    print(workers.running())
"""


def drawn(folder, beside: int) -> tuple[bytes, bytes]:
    """Return the files of one figure, by this process or by a worker of it."""
    program = folder / "program.py"
    folder.mkdir()
    program.write_text(PROGRAM.format(folder=str(folder), beside=beside))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout.strip(), done.stderr) == (str(bool(beside)), "")
    return (folder / "curve.svg").read_bytes(), (folder / "curve.png").read_bytes()


def test_a_worker_writes_what_this_process_would(tmp_path):
    """Style, layout and ids travel; what is drawn later does not show."""
    here, there = drawn(tmp_path / "here", 0), drawn(tmp_path / "there", 1)
    assert here == there
    assert here[0].startswith(b"<?xml")
    assert here[1].startswith(b"\x89PNG")


def test_a_figure_that_cannot_travel_is_written_here(tmp_path, monkeypatch):
    """A figure may hold anything, such as a lock."""
    monkeypatch.setattr(workers, "running", lambda: True)
    figure = plt.figure()
    figure.lock = threading.Lock()
    FigureFiles(tmp_path, "paper").add(figure, "curve")
    assert (tmp_path / "curve.svg").exists()
    plt.close("all")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path, monkeypatch):
    """At once where this process writes."""
    monkeypatch.setattr(workers, "running", lambda: False)
    (tmp_path / "figures").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="figures"):
        FigureFiles(tmp_path / "figures", "paper").add(plt.figure(), "curve")
    plt.close("all")


def test_what_a_worker_could_not_write_is_tried_here(tmp_path, monkeypatch):
    """And the error, if there is one, is this process's."""
    lost: Future = Future()
    lost.set_exception(RuntimeError("the worker died"))
    monkeypatch.setattr(workers, "running", lambda: True)
    monkeypatch.setattr(workers, "submit", lambda *args: lost)
    files = FigureFiles(tmp_path, "paper")
    files.add(plt.figure(), "curve")
    assert not list(tmp_path.iterdir())
    files.wait()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curve.png", "curve.svg"]
    plt.close("all")
