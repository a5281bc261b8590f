"""Limits of one unit of work: one that takes too long or too much memory is stopped and named, the rest goes on."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SECONDS, MIB = "REPLICATE_UNIT_SECONDS", "REPLICATE_UNIT_MIB"
_LOOK = 0.05  # seconds between two looks
_SIGNAL = signal.SIGUSR2


class UnitLimit(BaseException):
    """A unit went past a limit; no ``except Exception`` inside it can swallow this."""


@dataclass(frozen=True)
class Limits:
    """What one unit may take: seconds of wall time, MiB of resident memory of its process; None is no limit.

    The unit is interrupted between two steps of Python: one long call of a compiled library is stopped when it
    returns.
    """

    seconds: float | None = None
    mib: float | None = None

    def environment(self) -> dict[str, str]:
        """Return the variables that hand these limits to a child process."""
        given = {SECONDS: self.seconds, MIB: self.mib}
        return {name: repr(float(value)) for name, value in given.items() if value is not None}

    @classmethod
    def from_environment(cls) -> "Limits":
        """Return the limits that this process was handed."""
        return cls(*(float(os.environ[name]) if os.environ.get(name) else None for name in (SECONDS, MIB)))


NO_LIMITS = Limits()


@contextmanager
def enforced(limits: Limits) -> Iterator[None]:
    """Raise `UnitLimit` in this thread when what happens inside goes past a limit.

    Does nothing outside the main thread, where no signal arrives (workers of a cluster have limits of their own).
    """
    if limits == NO_LIMITS or threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = threading.Event()
    reason: list[str] = []

    def interrupt(*_) -> None:
        if not ended.is_set():
            raise UnitLimit(reason[0])

    before = signal.signal(_SIGNAL, interrupt)
    watcher = threading.Thread(target=_watch, args=(limits, ended, reason, threading.get_ident()), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        signal.signal(_SIGNAL, before)


def _watch(limits: Limits, ended: threading.Event, reason: list[str], thread: int) -> None:
    start, process = time.monotonic(), psutil.Process()
    while not ended.wait(_LOOK):
        if limits.seconds is not None and time.monotonic() - start > limits.seconds:
            reason.append(f"took longer than {limits.seconds:g} s (raise --unit-seconds)")
        elif limits.mib is not None and (used := process.memory_info().rss / 2**20) > limits.mib:
            reason.append(f"its process took {used:.0f} MiB, more than {limits.mib:g} (raise --unit-mib)")
        if reason:
            return signal.pthread_kill(thread, _SIGNAL)
    return None
