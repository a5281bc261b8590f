"""What does a sweep cost besides the units' own work?

Units that draw one number, so that all time is overhead: in one process, in two, and on a local cluster of two workers;
then the same sweep again, when everything is cached: time and memory of listing the results. Each in a process of its
own, with a cache of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import alone, missing, write

HERE = Path(__file__).parent
MIB = 2**20


def sweep(folder: str, units: int, where: str) -> dict[str, float]:
    """Run so many units (or list them, if they are cached); return wall and processor seconds, and peak MiB."""
    import small_units

    from replicate import memory
    from replicate.sweep import Sweeper

    work = [({"i": i}, 0) for i in range(units)]
    before_mib = memory.peak_mib()
    wall, used = time.perf_counter(), _used()
    if where == "cluster":
        from replicate.cluster import Local, start

        environment = {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        with start(Local(kind="local", workers=2, memory="2GiB", environment=environment)) as (link, _):
            wall, used = time.perf_counter(), _used()
            frame, _ = Sweeper("small", cache=Path(folder), link=link)(small_units.draw, work)
            wall, used = time.perf_counter() - wall, _used() - used
    else:
        frame, _ = Sweeper("small", cache=Path(folder), jobs=2 if where == "two" else 1)(small_units.draw, work)
        wall, used = time.perf_counter() - wall, _used() - used
    assert len(frame) == units
    return {"wall": wall, "processor": used, "peak": memory.peak_mib() - before_mib}


def _used() -> float:
    """Return processor seconds of this process and of its ended children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in both)


def apart(folder: str, units: int, where: str) -> dict[str, float]:
    """Run `sweep` in a process of its own."""
    command = [sys.executable, __file__, "--child", folder, where, "--units", str(units)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def overheads(units: int, where: str, title: str) -> list:
    """Return the row of the overhead a unit: processor milliseconds of one process, on the wall's clock of several."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = apart(folder, units, where)
        except RuntimeError as error:
            return [missing("overhead of a unit", "suite", f"{units:,} units, {title}", "", f"not run: {error}")]
    clock, unit = ("processor", "ms of processor") if where == "one" else ("wall", "ms")
    return [alone("overhead of a unit", "suite", f"{units:,} units, {title}", 1e3 * found[clock] / units, unit)]


def cached(units: int) -> list:
    """Return the rows of listing a large sweep of which everything is cached already."""
    with tempfile.TemporaryDirectory() as folder:
        fill(folder, units)
        found = apart(folder, units, "one")
    size, name, goal = f"{units:,} units", "listing cached units", units == 100_000
    return [
        alone(name, "suite", size, found["processor"], "s of processor", target="<= 10" if goal else ""),
        alone(f"memory of {name}", "suite", size, found["peak"], "MiB", target="<= 1024" if goal else ""),
    ]


def fill(folder: str, units: int) -> None:
    """Store the results of so many units as a sweep stores them, without running one: that takes minutes."""
    import small_units

    from replicate.sweep import Sweeper
    from replicate.unit_cache import UnitCache, UnitResult

    sweeper, cache = Sweeper("small", cache=Path(folder)), UnitCache(Path(folder))
    base = sweeper._ingredients(small_units.draw)
    for i in range(units):
        task = sweeper._task(base, {"i": i}, 0)
        result = UnitResult(small_units.draw(task.config, task.seed), 0.0, 0.0, 0.0)
        cache.store("small/draw", task.key, result, {**base, "config": task.config, "seed": [0, 0]})


def main() -> None:
    """Measure and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=10_000, help="0: only the sweep that is listed")
    parser.add_argument("--cached", type=int, default=100_000, help="units of the sweep that is listed; 0: none")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(sweep(options.child[0], options.units, options.child[1])))
        return
    for where, title in (("one", "one process"), ("two", "two processes"), ("cluster", "local cluster, two workers")):
        if options.units:
            write(overheads(options.units, where, title))
    if options.cached:
        write(cached(options.cached))


if __name__ == "__main__":
    main()
