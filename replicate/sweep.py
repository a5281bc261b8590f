"""Map a unit of work over configurations and replicates: cached, resumable, over processes.

A unit is a module-level function ``unit(config, seed) -> rows`` (optionally with a keyword ``device``).
It must depend on nothing else. Its result is stored under a key made of the function's package sources
and libraries, its configuration, its seed, the device and the hash of its data, as soon as it is there: a
killed sweep resumes where it stopped, a changed module recomputes. Rows come back in a fixed order, so
the number of workers and the order of completion do not show.
"""

import inspect
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import psutil
from joblib.externals.loky import BrokenProcessPool

from replicate import fingerprint, memory, progress, remote, unit_warnings, workers
from replicate.cluster import Link
from replicate.determinism import one_thread, same_sums
from replicate.errors import StaleCode, UnitFailed
from replicate.limits import NO_LIMITS, Limits, UnitLimit, enforced
from replicate.paths import unit_cache_dir
from replicate.seeds import Seed
from replicate.unit_cache import Row, UnitCache, UnitResult, plain_items, plain_rows

Unit = Callable[..., list[Row]]
Config = Mapping[str, Any]
# joblib replaces workers that have grown, as trainings do; their units are done by the new ones
warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given to the executor")
_LAST_COLUMNS = ["dataset", "seed", "step", "metric", "value", "unit", "split", "n", "status"]
_WORKER_DIED = (
    "a worker process of {} was killed, most often because memory ran out with {} of them: "
    "run again with fewer (JOBS=1); finished units are cached"
)
_RESERVED = {"paper", "experiment", "seed", "metric", "value", "status"}  # not for configurations


@dataclass(frozen=True)
class Task:
    """One unit of work to be done."""

    config: dict[str, Any]
    seed: Seed
    key: str


@dataclass(frozen=True)
class Cost:
    """What an experiment's results cost when they were computed, cached ones included."""

    units: int = 0
    computed: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.units + other.units,
            self.computed + other.computed,
            self.wall_seconds + other.wall_seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_mib, other.peak_mib),
        )


@dataclass(frozen=True)
class Sweeper:
    """Where and how units run.

    Args:
        paper: slug, for the ``paper`` column and the cache folder.
        base_seed: see :class:`replicate.seeds.Seed`.
        device: ``"cpu"`` or ``"cuda"``; handed to units that take ``device``.
        jobs: worker processes; 1 runs in this process.
        gpu_jobs: the same for units that compute on a GPU, which share it: more than 1 pays for small networks.
        data: ``{data set: hash}`` of what the units may read.
        cache: the folder of results.
        link: the cluster that computes instead of this machine's processes.
        limits: what one unit may take on this machine.
    """

    paper: str
    base_seed: int = 0
    device: str = "cpu"
    jobs: int = 1
    data: Mapping[str, str] = field(default_factory=dict)
    cache: Path = field(default_factory=unit_cache_dir)
    link: Link | None = None
    limits: Limits = field(default_factory=Limits)
    gpu_jobs: int = 1

    def __call__(self, unit: Unit, work: Iterable[tuple[Config, int]]) -> tuple[pd.DataFrame, Cost]:
        """Run ``unit`` for every (configuration, replicate) and return a tidy frame and its cost.

        Raises:
            UnitFailed: at least one unit raised, or a worker died; all others were computed and cached.
            StaleCode: a module was edited after this process had started.
            TypeError: a unit that is not a module's own function, or a value that JSON cannot hold.
            ValueError: a configuration uses the name of a result's column.
        """
        _check_unit(unit)
        base = self._ingredients(unit)
        tasks = list({t.key: t for t in (self._task(base, c, r) for c, r in work)}.values())
        cache, group = UnitCache(self.cache), f"{self.paper}/{unit.__name__}"
        reporter = progress.Reporter(unit.__name__, len(tasks))
        results = {t.key: hit for t in tasks if (hit := cache.load(group, t.key))}
        for _ in results:
            reporter.advance(cached=True)
        todo = [t for t in tasks if t.key not in results]
        failures = []
        for task, outcome in self._compute(unit, todo, cache, group, base):
            reporter.advance()
            if isinstance(outcome, UnitResult):
                results[task.key] = outcome
            else:
                failures.append((task, outcome))
        if failures:
            raise UnitFailed(_describe(unit, failures, len(tasks)))
        if said := unit_warnings.summary(unit.__name__, [results[t.key].warned for t in tasks]):
            print(said, file=sys.stderr)
        return self._frame(unit, tasks, results), _cost(results.values(), computed=len(todo))

    def _ingredients(self, unit: Unit) -> dict[str, Any]:
        """Everything but configuration and seed that a result depends on."""
        _refuse_stale_code(unit)
        sources = unit_sources(unit)
        versions = fingerprint.library_versions(unit.__module__)
        return {
            "unit": f"{unit.__module__}.{unit.__qualname__}",
            "modules": sources,
            "libraries": versions,
            "data": dict(self.data),
            **({"device": self.device} if _takes_device(unit) else {}),
        }

    def _task(self, base: Mapping[str, Any], config: Config, replicate: int) -> Task:
        config = plain_items(config)
        if taken := _RESERVED & config.keys():
            raise ValueError(f"a configuration may not use the names of results: {', '.join(sorted(taken))}")
        seed = Seed(self.base_seed, int(replicate))
        ingredients = {**base, "config": config, "seed": [seed.base, seed.replicate]}
        return Task(config, seed, fingerprint.digest(ingredients))

    def _compute(self, unit, todo, cache, group, base) -> Iterator[tuple[Task, UnitResult | str]]:
        if self.link and todo:
            for task, outcome in remote.compute(self.link, unit, todo, base):
                yield task, _stored(task, outcome, cache, group, base)
            return
        shared = (self.device, cache, group, base, self.limits)
        calls = (joblib.delayed(_run)(unit, t, *shared) for t in todo)
        on_gpu = self.device == "cuda" and _takes_device(unit)
        jobs = self.gpu_jobs if on_gpu else self.jobs
        if jobs <= 1 or (len(todo) <= 1 and not workers.running()):
            with one_thread(base["libraries"]):
                yield from (call(*args, **kwargs) for call, args, kwargs in calls)
            return
        try:
            yield from workers.compute(calls, len(todo), jobs)
        except BrokenProcessPool:
            raise UnitFailed(_WORKER_DIED.format(unit.__name__, jobs)) from None

    def _frame(self, unit: Unit, tasks: list[Task], results: Mapping[str, UnitResult]) -> pd.DataFrame:
        names = {"paper": self.paper, "experiment": unit.__name__}
        rows = [
            {**names, **task.config, "seed": task.seed.replicate, "status": "ok", **row}
            for task in sorted(tasks, key=_order)
            for row in results[task.key].rows
        ]
        frame = pd.DataFrame(rows)
        last = [c for c in _LAST_COLUMNS if c in frame.columns]
        return frame[[c for c in frame.columns if c not in last] + last]


def grid(**axes: Iterable[object]) -> list[dict[str, Any]]:
    """Return every combination of the given axes as configurations, the last axis varying fastest.

    >>> grid(width=[50, 100], depth=[1])
    [{'width': 50, 'depth': 1}, {'width': 100, 'depth': 1}]
    """
    configs: list[dict[str, Any]] = [{}]
    for name, values in axes.items():
        values = list(values)
        configs = [{**config, name: value} for config in configs for value in values]
    return configs


def _run(unit, task: Task, device, cache: UnitCache, group: str, base, limits) -> tuple[Task, UnitResult | str]:
    """Compute one unit and store it at once; return why there is no result when it raises."""
    return task, _stored(task, measured(unit, task, device, limits), cache, group, base)


def measured(unit: Unit, task: Task, device: str, limits: Limits = NO_LIMITS) -> UnitResult | str:
    """Compute one unit; return its rows and what they cost, or a traceback when it raises."""
    memory.reset_peak()
    progress.follow_trainings()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        extra = {"device": device} if _takes_device(unit) else {}
        sums = same_sums() if extra.get("device") == "cuda" else nullcontext()
        with enforced(limits), sums, unit_warnings.kept() as warned:
            rows = plain_rows(unit(deepcopy(task.config), task.seed, **extra))  # units may change their copy
    except UnitLimit as error:
        return f"stopped: {error}"
    except Exception:
        return traceback.format_exc()
    return UnitResult(rows, time.perf_counter() - wall, time.process_time() - cpu, memory.peak_mib(), warned)


def _stored(task: Task, outcome: UnitResult | str, cache: UnitCache, group: str, base) -> UnitResult | str:
    if isinstance(outcome, UnitResult):
        seed = [task.seed.base, task.seed.replicate]
        try:
            cache.store(group, task.key, outcome, {**base, "config": task.config, "seed": seed})
        except OSError as error:
            return f"computed, but {cache.root} cannot be written ({error.strerror}): free some space and run again"
    return outcome


def _check_unit(unit: Unit) -> None:
    if not inspect.isfunction(unit) or "<" in unit.__qualname__:  # <locals>, <lambda>
        raise TypeError(f"{unit!r} is not a module's own function: its key would miss what it captures")
    if not Path(inspect.getsourcefile(unit) or "").is_file():
        raise TypeError(f"{unit.__name__} has no source file: move it from the notebook into a module")


def _refuse_stale_code(unit: Unit) -> None:
    """Refuse to compute with code that was edited after this process, perhaps a live kernel, had started."""
    if edited := fingerprint.edited_since(unit.__module__, psutil.Process().create_time()):
        raise StaleCode(
            f"{', '.join(edited)} changed after this kernel started, so it may still run the old code: "
            "restart the kernel and run again; finished units are cached"
        )


def _takes_device(unit: Unit) -> bool:
    return "device" in inspect.signature(unit).parameters


def unit_sources(unit: Unit) -> dict[str, str]:
    """Fingerprint the modules that a unit uses; one that lives outside the package by its own file."""
    if found := fingerprint.module_sources(unit.__module__):
        return found
    return {unit.__module__: fingerprint.digest(Path(inspect.getfile(unit)).read_bytes())}


def _order(task: Task) -> tuple:
    """Sort numbers as numbers and everything else as text, column by column; no two tasks tie."""
    values = [task.config[k] for k in sorted(task.config)]
    ranks = [(0, v, "") if isinstance(v, int | float) and v == v else (1, 0, str(v)) for v in values]
    return [*ranks, (0, task.seed.replicate, "")], json.dumps(task.config, sort_keys=True)


def _cost(results: Iterable[UnitResult], *, computed: int) -> Cost:
    total = Cost(computed=computed)
    for r in results:
        total += Cost(1, 0, r.wall_seconds, r.cpu_seconds, r.peak_mib)
    return total


def _describe(unit: Unit, failures: list[tuple[Task, str]], total: int) -> str:
    lines = [f"{len(failures)} of {total} units of {unit.__name__} failed; the others are cached:"]
    for task, trace in failures[:5]:
        lines.append(f"  {task.config}, replicate {task.seed.replicate}: {trace.strip().splitlines()[-1]}")
    lines += ["first traceback:", failures[0][1].rstrip()]
    return "\n".join(lines)


def default_gpu_jobs() -> int:
    """Return ``$REPLICATE_GPU_JOBS``, or 1: units that compute on a GPU run one after the other."""
    return int(os.environ.get("REPLICATE_GPU_JOBS") or 1)


def default_jobs() -> int:
    """Return ``$REPLICATE_JOBS``, or the number of cores this process may use."""
    return int(os.environ.get("REPLICATE_JOBS") or joblib.cpu_count())
