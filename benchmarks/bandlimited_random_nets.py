"""How fast is a sweep over the width, against refitting each width with ``numpy.linalg.lstsq``?

Both get the same features and targets; ours factorises once. Rounds alternate in one process, one thread. "Agree" is
about test errors, over all widths and targets where the two have the same rank, errors of 1e-12 included. Three sweeps:
the default preset's six widths, every tenth width, and the paper preset's size.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
from harness import alternate, compared, write
from threadpoolctl import threadpool_limits

from replicate.papers.bandlimited_random_nets.factorisation import Factorisation
from replicate.papers.bandlimited_random_nets.hidden import draw
from replicate.papers.bandlimited_random_nets.paths import rms
from replicate.papers.bandlimited_random_nets.problems import Problem, analytic

PAPER, PEER = "bandlimited_random_nets", "numpy.linalg.lstsq for each width"
NAMES = ["LW", "sin1", "sin4", "sin16"]
TOLERANCE = 0.05  # of errors: at the floor of float64 they are rounding, 1e-12 either way
SWEEPS = {
    "6 widths up to 500, n = 1,000": ([10, 25, 50, 100, 200, 500], 1000, 5),
    "50 widths up to 500, n = 1,000": (list(range(10, 501, 10)), 1000, 3),
    "9 widths up to 4,000, n = 8,000": ([10, 25, 50, 100, 200, 500, 1000, 2000, 4000], 8000, 1),
}
TARGETS = {"50 widths up to 500, n = 1,000": ">= 5"}
Fits = list[tuple[int, np.ndarray]]  # rank and coefficients of each width


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


def ours(data: Arrays, widths: list[int]) -> Fits:
    """Return the fits of all widths from one factorisation."""
    factors = Factorisation(data.h)
    found = [factors.solve(data.y, width) for width in widths]
    return [(f.rank, f.coefficients) for f in found]


def refitting(data: Arrays, widths: list[int]) -> Fits:
    """Return the fits of all widths, each from scratch, with the same cut."""
    found = []
    for width in widths:
        rcond = np.finfo(float).eps * max(len(data.h), width)
        c, _, rank, _ = np.linalg.lstsq(data.h[:, :width], data.y, rcond=rcond)
        found.append((int(rank), c))
    return found


def disagreement(data: Arrays, widths: list[int], a: Fits, b: Fits) -> tuple[float, int]:
    """Return the largest relative difference of test errors at equal ranks, and the number of unequal ranks."""
    worst, unequal = 0.0, 0
    for width, (rank, c), (other_rank, other) in zip(widths, a, b, strict=True):
        errors = [rms(data.test_h[:, :width] @ x - data.test_y) for x in (c, other)]
        unequal += rank != other_rank
        if rank == other_rank:
            worst = max(worst, float(np.max(np.abs(errors[0] / errors[1] - 1))))
    return worst, unequal


def compare(size: str, widths: list[int], n: int, rounds: int, bandwidths: list[float]) -> None:
    """Measure one sweep over all bandwidths and write its row."""
    data = [arrays(bandwidth, max(widths), n) for bandwidth in bandwidths]
    ways = {"ours": lambda: [ours(d, widths) for d in data], PEER: lambda: [refitting(d, widths) for d in data]}
    spent, found = alternate(ways, rounds, clock=time.process_time, warm=int(rounds > 1))
    pairs = zip(data, found["ours"], found[PEER], strict=True)
    worst, unequal = np.array([disagreement(d, widths, a, b) for d, a, b in pairs]).T
    fits = len(data) * len(widths)
    agree = f"errors to {worst.max():.0e}; ranks of {int(unequal.sum())} of {fits} differ"
    verdict = "yes" if worst.max() <= TOLERANCE else "no"
    size = f"{size}, {len(data)} bandwidths"
    name = "least squares for all widths"
    target = TARGETS.get(size.rsplit(", ", 1)[0], "")
    write([compared(name, PAPER, size, spent["ours"], spent[PEER], PEER, target=target, agree=f"{verdict}: {agree}")])


def main() -> None:
    """Measure all sweeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the paper preset's size")
    quick = parser.parse_args().quick
    with threadpool_limits(1):
        for size, (widths, n, rounds) in SWEEPS.items():
            if n <= 1000 or not quick:
                compare(
                    size, widths, n, rounds, [1, 10, 100] if n > 1000 else [0.5, 1, 5, 10, 30, 50, 100, 150, 200, 250]
                )


if __name__ == "__main__":
    main()
