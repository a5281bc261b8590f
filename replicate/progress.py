"""How far a run is, as a small file: the sweep writes it, the runner shows it.

Bars inside a headless kernel are invisible and end up in stored outputs, so nothing is printed there.
"""

import contextlib
import json
import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from replicate import atomic

_VARIABLE = "REPLICATE_PROGRESS"
_TRAININGS = "replicate.training"  # the logger of epochs
_EVERY = 0.2  # seconds between writes; a reader polls at the same rate


@dataclass
class Progress:
    """State of one experiment: units done (of which cached) out of total, since when (epoch s), and the last line of a
    training that takes long: its epoch, images/s and time left."""

    experiment: str
    total: int
    done: int = 0
    cached: int = 0
    started: float = 0.0
    training: str = ""

    def seconds_left(self, now: float | None = None) -> float | None:
        """Return the time left at the present rate, or None before the first computed unit."""
        computed = self.done - self.cached
        if computed <= 0:
            return None
        elapsed = (time.time() if now is None else now) - self.started
        return elapsed / computed * (self.total - self.done)


class Reporter:
    """Writes an experiment's progress to the file named by ``$REPLICATE_PROGRESS``, if set."""

    def __init__(self, experiment: str, total: int):
        self.state = Progress(experiment, total, started=time.time())
        target = os.environ.get(_VARIABLE)
        self._path = Path(target) if target else None
        self._last = 0.0
        self._write(force=True)

    def advance(self, *, cached: bool = False) -> None:
        """Count one more unit as done."""
        self.state.done += 1
        self.state.cached += cached
        self._write(force=self.state.done == self.state.total)

    def _write(self, *, force: bool) -> None:
        now = time.monotonic()
        if self._path is None or (not force and now - self._last < _EVERY):
            return
        self._last = now
        atomic.write_json(self._path, asdict(self.state))


class _Trainings(logging.Handler):
    """Keeps the last line that a training logged, in a file beside the progress."""

    def __init__(self, path: Path):
        super().__init__(logging.INFO)
        self.path = path

    def emit(self, record: logging.LogRecord) -> None:
        atomic.write_text(self.path, record.getMessage())


def follow_trainings() -> None:
    """Let trainings in this process report their epochs to the file of ``$REPLICATE_PROGRESS``, or nowhere."""
    target, log = os.environ.get(_VARIABLE), logging.getLogger(_TRAININGS)
    path = training_file(Path(target)) if target else None
    followed = [handler for handler in log.handlers if isinstance(handler, _Trainings)]
    for handler in followed:
        if handler.path != path:
            log.removeHandler(handler)
    if path and all(handler.path != path for handler in followed):
        log.addHandler(_Trainings(path))
        log.setLevel(logging.INFO)


def training_file(path: Path) -> Path:
    """Return where the last line of a training is kept, for the progress in ``path``."""
    return path.with_suffix(".training")


def read(path: Path) -> Progress | None:
    """Return the progress last written to ``path``, or None when there is none yet."""
    try:
        state = Progress(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    with contextlib.suppress(OSError):
        state.training = training_file(path).read_text()
    return state


def environment(path: Path) -> dict[str, str]:
    """Return the variable that makes a child process report to ``path``."""
    return {_VARIABLE: str(path)}
