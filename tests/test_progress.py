"""Progress is a small file: right counts, few writes, harmless when unreadable."""

import json
import logging
from pathlib import Path

import pytest

from replicate import progress
from replicate.progress import Progress, Reporter


@pytest.fixture
def meter(tmp_path, monkeypatch):
    """Return the file that reporters write to."""
    (variable,) = progress.environment(tmp_path / "p.json")
    monkeypatch.setenv(variable, str(tmp_path / "p.json"))
    return tmp_path / "p.json"


def test_begin_and_end_are_always_written(meter):
    """The runner would show the experiment before, or never 100 %."""
    reporter = Reporter("noise", 3)
    assert (progress.read(meter).experiment, progress.read(meter).done) == ("noise", 0)
    reporter.advance(cached=True)
    reporter.advance()
    reporter.advance()
    state = progress.read(meter)
    assert (state.done, state.cached, state.total) == (3, 1, 3)


def test_writes_are_rare(meter, monkeypatch):
    """A file operation for every one of thousands of cached units would cost more than the units."""
    writes = []
    monkeypatch.setattr(progress.time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(progress.atomic, "write_json", lambda path, state: writes.append(state["done"]))
    reporter = Reporter("noise", 1000)
    for _ in range(1000):
        reporter.advance()
    assert writes == [0, 1000]


def test_without_a_runner_nothing_is_written(tmp_path, monkeypatch):
    """In Jupyter nobody reads the file."""
    monkeypatch.delenv("REPLICATE_PROGRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    Reporter("noise", 1).advance()
    assert list(tmp_path.iterdir()) == []


def test_time_left_counts_computed_units_only():
    """Cached units take no time: counting them would promise an end far too early."""
    state = Progress("noise", total=10, done=6, cached=4, started=100.0)
    assert state.seconds_left(now=120.0) == pytest.approx(40.0)  # 2 computed in 20 s, 4 to go
    assert Progress("noise", 10, done=4, cached=4, started=100.0).seconds_left(now=120.0) is None
    assert Progress("noise", 10, done=10, cached=0, started=100.0).seconds_left(now=120.0) == 0


@pytest.mark.parametrize("content", [None, "", "{", "[]", "null", "3", json.dumps({"experiment": "a", "odd": 1})])
def test_an_unreadable_file_is_no_progress_yet(tmp_path, content):
    """The runner polls while the file appears; a crash there would lose the run."""
    if content is not None:
        (tmp_path / "p.json").write_text(content)
    assert progress.read(tmp_path / "p.json") is None


def test_a_long_training_tells_its_epochs(meter, monkeypatch):
    """One unit of an hour would otherwise show 0 of 1 until its end; images/s and time left are what people ask for."""
    log = logging.getLogger("replicate.training")
    Reporter("overnight", 1)
    assert progress.read(meter).training == ""
    try:
        progress.follow_trainings()
        progress.follow_trainings()
        assert len(log.handlers) == 1
        log.info("epoch %d of %d: 2,100 images/s, 55.0 min left", 12, 160)
        assert progress.read(meter).training == "epoch 12 of 160: 2,100 images/s, 55.0 min left"
        monkeypatch.setenv("REPLICATE_PROGRESS", str(meter.with_name("next.json")))  # of the next run in this process
        progress.follow_trainings()
        log.info("epoch 1")
        assert meter.with_name("next.training").read_text() == "epoch 1"
        assert progress.read(meter).training.startswith("epoch 12")
    finally:
        log.handlers.clear()


def test_without_a_runner_trainings_are_not_followed(monkeypatch):
    """In a notebook that somebody works in nothing is written."""
    (variable,) = progress.environment(Path("p.json"))
    monkeypatch.delenv(variable, raising=False)
    progress.follow_trainings()
    assert not logging.getLogger("replicate.training").handlers
