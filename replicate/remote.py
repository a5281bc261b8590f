"""Units on a Dask cluster: the same units and the same cache, computed by workers that have the same code and data.

Workers compute, this process stores: results come back as plain rows and are cached as they arrive, so nothing but
the scheduler's address is shared. The unit of a worker that dies is given to another one, three times at most.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import psutil

from replicate import datasets, fingerprint
from replicate.cluster import Link
from replicate.determinism import one_thread, same_sums
from replicate.errors import StaleCode, UnitFailed

if TYPE_CHECKING:
    from replicate.sweep import Task, Unit
    from replicate.unit_cache import UnitResult


def compute(
    link: Link, unit: Unit, todo: list[Task], base: Mapping[str, Any]
) -> Iterator[tuple[Task, UnitResult | str]]:
    """Yield every task with its result, or with the reason why there is none, as they come.

    Raises:
        UnitFailed: the scheduler does not answer, or went away; what came before is cached by the caller.
    """
    from distributed import Client

    try:
        client = Client(link.address, set_as_default=False)
    except OSError as error:
        raise UnitFailed(f"no scheduler answers at {link.address}: {error}; finished units are cached") from None
    with client:
        try:
            suspects = []
            for task, outcome in _together(client, unit, todo, link.device, base):
                if isinstance(outcome, Killed):
                    suspects.append(task)
                else:
                    yield task, outcome
            for task in suspects:  # who shares a worker with a unit that kills it is not guilty
                yield from _together(client, unit, [task], link.device, base, turn="alone")
        except (OSError, CancelledError):
            raise UnitFailed(
                f"the scheduler at {link.address} went away; finished units are cached: run again"
            ) from None


_FETCH_SECONDS = 30  # in which a worker that is alive hands over a unit's rows


class Killed(str):
    """Why there is no result: every worker that tried the unit, or the one that held its result, died."""


def _together(client, unit: Unit, todo: list[Task], device: str, base, *, turn: str = "together") -> Iterator:
    from distributed import KilledWorker, as_completed

    tasks = {f"{unit.__name__}-{turn}-{task.key}": task for task in todo}
    shared = {"unit": unit, "device": device, "base": base}
    futures = client.map(_on_worker, list(tasks.values()), key=list(tasks), pure=False, **shared)
    for future in as_completed(futures, loop=client.loop):
        if future.status in ("cancelled", "lost"):
            raise CancelledError
        error = future.exception() if future.status == "error" else None
        if error is None:
            try:
                outcome = future.result(timeout=_FETCH_SECONDS)
            except TimeoutError:  # the worker that held it has died meanwhile
                outcome = Killed("the worker died after it had computed the unit")
        else:
            outcome = (Killed if isinstance(error, KilledWorker) else str)(f"{type(error).__name__}: {error}")
        yield tasks[future.key], outcome
        future.release()


def _on_worker(task: Task, *, unit: Unit, device: str, base: Mapping[str, Any]) -> UnitResult | str:
    from replicate.sweep import measured

    if problem := _differs(unit, base):
        return problem
    on_gpu = device == "cuda"
    with one_thread(base["libraries"]), same_sums() if on_gpu else nullcontext():
        return measured(unit, task, device)


def _differs(unit: Unit, base: Mapping[str, Any]) -> str:
    """Return why this worker's result would not be the one that was asked for; empty if it would."""
    wanted = {"code": base["modules"], "libraries": base["libraries"], "data": base["data"]}
    here = _here(unit, tuple(base["data"]))
    for what, found in here.items():
        if other := sorted(name for name in wanted[what] if found.get(name) != wanted[what][name]):
            return (
                f"the worker on {platform.node()} has other {what}: {', '.join(other[:5])}; install the same commit "
                "and versions there, and give it the same data (REPLICATE_DATA under 'environment' in cluster.yaml)"
            )
    return ""


@cache  # asked for every unit; what this process has loaded does not change
def _here(unit: Unit, data: tuple[str, ...]) -> dict[str, dict[str, str]]:
    from replicate.sweep import unit_sources

    if edited := fingerprint.edited_since(unit.__module__, psutil.Process().create_time()):
        raise StaleCode(f"{', '.join(edited)} changed after the worker on {platform.node()} started: restart it")
    return {
        "code": unit_sources(unit),
        "libraries": fingerprint.library_versions(unit.__module__),
        "data": {name: datasets.data_hash(name) for name in data},
    }
