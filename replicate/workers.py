"""Worker processes of this machine: one pool, started in the background, kept for all sweeps of this process."""

import atexit
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from importlib import import_module
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor

from replicate import collector

_FIRST = 4  # workers started before it is known how many units there are: each takes a core for seconds, and memory
_size = 0  # workers of the pool; joblib starts them again when they have died, or ended after a long rest
_starting: Iterable[None] = ()


def start(jobs: int, module: str) -> None:
    """Start workers, unless there are any, and let them import ``module`` while this process goes on.

    At most ``jobs``, and few: the pool grows with the first sweep that needs more.
    """
    global _starting
    if jobs > 1 and not running():
        jobs = min(jobs, _FIRST)
        _starting = _hand_out((joblib.delayed(_import)(module) for _ in range(jobs)), jobs)


def running() -> bool:
    """Say whether this process has workers, perhaps still starting."""
    return _size > 1


def compute(calls: Iterable[tuple], number: int, jobs: int) -> Iterator[Any]:
    """Compute ``number`` calls on at most ``jobs`` workers (two or more); results come as they are ready.

    Raises:
        joblib.externals.loky.BrokenProcessPool: a worker was killed.
    """
    _wait()  # joblib serves one caller after the other
    return _hand_out(calls, min(jobs, max(number, _size, 2)))  # a pool that shrinks would lose warm workers


def submit(function: Callable, *args: Any, **kwargs: Any) -> Future:
    """Have one call computed beside everything else; there must be workers (`running`)."""
    _wait()
    return get_reusable_executor(max_workers=_size, reuse=True).submit(function, *args, **kwargs)


def _hand_out(calls: Iterable[tuple], jobs: int) -> Iterator[Any]:
    global _size
    _size = jobs
    with joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
        return joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=jobs)(calls)


@atexit.register  # joblib complains of results that nobody fetched
def _wait() -> None:
    global _starting
    started, _starting = _starting, ()
    for _ in started:
        pass


def _import(module: str) -> None:
    with collector.paused(), suppress(Exception):  # shown by the unit that needs it
        import_module(module)
        if "torch" in sys.modules:
            import torch

            torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # the first optimiser imports for a second more
