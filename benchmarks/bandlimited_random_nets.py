"""How fast is a sweep over the width, against refitting each width with ``numpy.linalg.lstsq``?

Both get the same features and targets; ours factorises once. Repeats alternate in one process, one thread; ratios are
medians of pairs, times are processor seconds. "Agree" is the largest relative difference of test errors over all widths
and targets where the two have the same rank, errors of 1e-12 included. Three sweeps: the default preset's six widths,
every tenth width, and the paper preset's size.
"""

import argparse
import sys
import time
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from replicate.papers.bandlimited_random_nets.factorisation import Factorisation
from replicate.papers.bandlimited_random_nets.hidden import draw
from replicate.papers.bandlimited_random_nets.paths import rms
from replicate.papers.bandlimited_random_nets.problems import Problem, analytic

NAMES = ["LW", "sin1", "sin4", "sin16"]
SWEEPS = {
    "default: 6 widths up to 500, n = 1,000": ([10, 25, 50, 100, 200, 500], 1000, 5),
    "dense: 50 widths up to 500, n = 1,000": (list(range(10, 501, 10)), 1000, 3),
    "paper: 9 widths up to 4,000, n = 8,000": ([10, 25, 50, 100, 200, 500, 1000, 2000, 4000], 8000, 1),
}


@dataclass(frozen=True)
class Arrays:
    """Features and targets of training and test points."""

    h: np.ndarray
    y: np.ndarray
    test_h: np.ndarray
    test_y: np.ndarray


def arrays(bandwidth: float, width: int, n: int) -> Arrays:
    """Return the features of one draw."""
    rng = np.random.default_rng(0)
    problem: Problem = analytic(NAMES, n, rng)
    layer = draw(rng, bandwidth, width)
    return Arrays(layer(problem.inputs), problem.targets, layer(problem.test_inputs), problem.test_targets)


def ours(data: Arrays, widths: list[int]) -> list[tuple[int, np.ndarray]]:
    """Return (rank, coefficients) for each width from one factorisation."""
    factors = Factorisation(data.h)
    found = [factors.solve(data.y, width) for width in widths]
    return [(f.rank, f.coefficients) for f in found]


def refitting(data: Arrays, widths: list[int]) -> list[tuple[int, np.ndarray]]:
    """Return (rank, coefficients) for each width from scratch, with the same cut."""
    found = []
    for width in widths:
        rcond = np.finfo(float).eps * max(len(data.h), width)
        c, _, rank, _ = np.linalg.lstsq(data.h[:, :width], data.y, rcond=rcond)
        found.append((int(rank), c))
    return found


def disagreement(data: Arrays, widths: list[int], a: list, b: list) -> tuple[float, int]:
    """Return the largest relative difference of test errors at equal ranks, and the number of unequal ranks."""
    worst, unequal = 0.0, 0
    for width, (rank, c), (other_rank, other) in zip(widths, a, b, strict=True):
        errors = [rms(data.test_h[:, :width] @ x - data.test_y) for x in (c, other)]
        unequal += rank != other_rank
        if rank == other_rank:
            worst = max(worst, float(np.max(np.abs(errors[0] / errors[1] - 1))))
    return worst, unequal


def timed(call, *arguments) -> tuple[float, list]:
    """Return processor seconds and result."""
    start = time.process_time()
    result = call(*arguments)
    return time.process_time() - start, result


def compare(widths: list[int], n: int, repeats: int, bandwidths: list[float]) -> list[list[str]]:
    """Return the rows of one sweep: seconds, ratio and agreement by bandwidth, and all bandwidths together."""
    rows, totals = [], np.zeros(2)
    for bandwidth in bandwidths:
        data, pairs = arrays(bandwidth, max(widths), n), []
        for _ in range(repeats):
            mine, a = timed(ours, data, widths)
            theirs, b = timed(refitting, data, widths)
            pairs.append((mine, theirs))
        worst, unequal = disagreement(data, widths, a, b)
        middle = np.median(pairs, axis=0)
        totals += middle
        ratio = float(np.median([theirs / mine for mine, theirs in pairs]))
        texts = f"{middle[0]:.3f}", f"{middle[1]:.3f}", f"{ratio:.1f}", f"{worst:.1e}", str(unequal)
        rows.append([f"{bandwidth:g}", *texts])
    rows.append(["all", f"{totals[0]:.3f}", f"{totals[1]:.3f}", f"{totals[1] / totals[0]:.1f}", "", ""])
    return rows


def main() -> None:
    """Print all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the paper preset's size")
    quick = parser.parse_args().quick
    console = Console(width=None if sys.stdout.isatty() else 120)
    with threadpool_limits(1):
        for title, (widths, n, repeats) in SWEEPS.items():
            if quick and n > 1000:
                continue
            bandwidths = [1, 10, 100] if n > 1000 else [0.5, 1, 5, 10, 30, 50, 100, 150, 200, 250]
            table = Table(title=title)
            for column in ("bandwidth", "ours, s", "lstsq, s", "times faster", "errors agree to", "unequal ranks"):
                table.add_column(column)
            for row in compare(widths, n, repeats, bandwidths):
                table.add_row(*row)
            console.print(table)


if __name__ == "__main__":
    main()
