"""Does cost grow as it should? Exponents of time and memory over a decade of problem size, for each paper's methods.

Every method is measured at five sizes in a process of its own: the shortest of several runs in processor seconds, and
by how much the peak of the process rises in a first run, its inputs not counted. The exponent is the slope of a
line through logarithms. Beside it stands what the method's operations say; where a cheaper part still weighs in at
these sizes, the measured exponent is smaller, and a line of the table says which part.
"""

import argparse
import csv
import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import machine
from methods import METHODS, Method

TABLE = Path(__file__).with_name("exponents.csv")
COLUMNS = [
    "paper", "method", "size", "smallest", "largest", "time_exponent", "time_expected", "memory_exponent",
    "memory_expected", "seconds", "mib", "remark", "machine",
]  # fmt: skip
ENOUGH = 0.2  # seconds of runs, of which the shortest counts
FLOOR_MIB = 4.0  # smaller rises are allocators' pages: no exponent
POINTS = 5


@dataclass(frozen=True)
class Point:
    """Cost at one size: seconds of a run, MiB by which the peak rose."""

    size: int
    seconds: float
    mib: float


def sizes(smallest: int) -> list[int]:
    """Return so many sizes over a decade, evenly spaced on a logarithmic scale."""
    return [round(smallest * 10 ** (i / (POINTS - 1))) for i in range(POINTS)]


def measure(method: Method) -> list[Point]:
    """Measure all sizes in a child process of its own, which gives freed arrays back to the system at once."""
    os.environ |= {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(METHODS.index(method), sender))
    child.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError(f"{method.paper}, {method.name}: the process died, see above") from None
    finally:
        child.join()


def _measure(number: int, sender) -> None:
    method = METHODS[number]
    method.prepare(method.smallest)()  # imports, compilation
    sender.send([_point(method, size) for size in sizes(method.smallest)])


def _point(method: Method, size: int) -> Point:
    from replicate import memory

    run = method.prepare(size)
    gc.collect()
    memory.reset_peak()
    before = memory.peak_mib()
    times = [_seconds(run)]
    mib = memory.peak_mib() - before
    while sum(times) < ENOUGH:
        times.append(_seconds(run))
    return Point(size, min(times), mib)


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    kept = run()
    spent = time.process_time() - start
    del kept
    return spent


def exponent(points: list[tuple[int, float]]) -> float:
    """Return the slope of log cost against log size."""
    x, y = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(x, y, 1)[0])


def row(method: Method, points: list[Point]) -> dict[str, object]:
    """Return a method's line of the table."""
    rises = [(p.size, p.mib) for p in points]
    grows = min(mib for _, mib in rises) >= FLOOR_MIB
    last = points[-1]
    return {
        "paper": method.paper,
        "method": method.name,
        "size": method.size,
        "smallest": points[0].size,
        "largest": last.size,
        "time_exponent": f"{exponent([(p.size, p.seconds) for p in points]):.2f}",
        "time_expected": method.time,
        "memory_exponent": f"{exponent(rises):.2f}" if grows else "",
        "memory_expected": method.memory,
        "seconds": f"{last.seconds:.3g}",
        "mib": f"{last.mib:.3g}" if last.mib >= 0.5 else "0",
        "remark": method.remark,
        "machine": machine(),
    }


def write(rows: list[dict[str, object]]) -> None:
    """Put rows into the table, in the order of the methods; those of methods that are gone, too."""
    old = list(csv.DictReader(TABLE.open(encoding="utf-8"))) if TABLE.is_file() else []
    found = {(r["paper"], r["method"]): r for r in [*old, *rows]}
    wanted = [found[m.paper, m.name] for m in METHODS if (m.paper, m.name) in found]
    temporary = TABLE.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(wanted)
    os.replace(temporary, TABLE)


def chosen(words: list[str]) -> Iterator[Method]:
    """Return the methods whose paper or name holds one of the words; all without words."""
    return (m for m in METHODS if not words or any(w in m.paper or w in m.name for w in words))


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="words in the paper's or method's name")
    for method in chosen(parser.parse_args().only):
        points = measure(method)
        found = row(method, points)
        costs = ", ".join(f"{p.size:,}: {p.seconds:.3g} s {p.mib:.3g} MiB" for p in points)
        print(f"{method.paper}, {method.name}: {costs}", flush=True)
        memory = found["memory_exponent"] or "-"
        print(
            f"  time {found['time_exponent']} (expected {method.time}), memory {memory} ({method.memory})", flush=True
        )
        write([found])


if __name__ == "__main__":
    main()
