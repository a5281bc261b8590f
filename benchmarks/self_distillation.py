"""How fast is a whole grid of self-distilled fits, against solving each system anew?

The grid: 100 penalties x 21 weights x 20 steps of kernel ridge regression with n training samples, and its error on
held-out samples. Ours: one eigendecomposition (timed apart), then all 42,000 students. Against it, for some penalties
and scaled up: "each system" solves K + lambda I from scratch for every student; "one factor" keeps the Cholesky factor
of each penalty and solves for all weights of a step at once, the best one can do without the eigenbasis. Repeats
alternate in one process; ratios are medians, and the errors of both sides are compared.
"""

import argparse
import time
from statistics import median

import numpy as np
from scipy import linalg
from sklearn.metrics.pairwise import rbf_kernel

from replicate.papers.self_distillation.distillation import Distillation, grid_losses
from replicate.papers.self_distillation.spectrum import decompose

PENALTIES, WEIGHTS, STEPS = np.geomspace(1e-2, 1e2, 100), np.linspace(0, 1, 21), 20
ANEW = 2  # systems solved from scratch a repeat: each costs O(n^3)


def problem(n: int, held_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel matrix, kernel of held-out samples, noisy targets and held-out ones of a smooth function."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n + held_out, 5))
    y = np.sin(x.sum(1)) + 0.3 * rng.standard_normal(n + held_out)
    gram = rbf_kernel(x, x[:n], gamma=0.1)
    return gram[:n], gram[n:], y[:n], y[n:]


def timed(call) -> tuple[float, object]:
    """Return seconds and result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def one_factor(gram: np.ndarray, cross: np.ndarray, y: np.ndarray, truth: np.ndarray, penalty: float) -> np.ndarray:
    """Return the errors of one penalty, ``(weights, steps)``, factored once, weights solved together."""
    factor = linalg.cho_factor(gram + penalty * np.eye(len(gram)), lower=True, overwrite_a=True)
    fitted, errors = np.tile(y[:, None], (1, len(WEIGHTS))), []
    for step in range(STEPS):
        mixed = WEIGHTS * y[:, None] + (1 - WEIGHTS) * fitted if step else fitted
        coefficients = linalg.cho_solve(factor, mixed)
        fitted = gram @ coefficients
        errors.append(np.mean((cross @ coefficients - truth[:, None]) ** 2, axis=0))
    return np.stack(errors, axis=1)


def anew(gram: np.ndarray, y: np.ndarray, penalty: float) -> None:
    """Solve one system from scratch and compute its fitted values: what every student costs without any reuse."""
    for _ in range(ANEW):
        gram @ linalg.solve(gram + penalty * np.eye(len(gram)), y, assume_a="pos")


def main() -> None:
    """Print times, ratios and the largest difference of the errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="n = 500 instead of 2,000")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    n = 500 if options.quick else 2000
    gram, cross, y, truth = problem(n, 500)
    students = len(PENALTIES) * len(WEIGHTS) * STEPS
    ours, processor, decompositions, against_anew, against_factor, differences = [], [], [], [], [], []
    for repeat in range(options.repeats):
        at = (repeat * 37 + 10) % len(PENALTIES)
        seconds, spectrum = timed(lambda: decompose(gram))
        decompositions.append(seconds)
        seen = Distillation(spectrum, y)
        start = time.process_time()
        seconds, grid = timed(lambda seen=seen: grid_losses(seen.at(cross), truth, PENALTIES, WEIGHTS, STEPS))
        ours.append(seconds)
        processor.append(time.process_time() - start)
        scratch, _ = timed(lambda at=at: anew(gram, y, PENALTIES[at]))
        against_anew.append(scratch / ANEW * students / seconds)
        factor, errors = timed(lambda at=at: one_factor(gram, cross, y, truth, PENALTIES[at]))
        against_factor.append(factor * len(PENALTIES) / seconds)
        differences.append(float(np.abs(errors - grid[at]).max()))
    grid_size = f"{len(PENALTIES)} penalties x {len(WEIGHTS)} weights x {STEPS} steps"
    print(f"n = {n}, {students:,} students ({grid_size}), 500 held out")
    print(f"eigendecomposition, once: {median(decompositions):.2f} s")
    busy = f"{median(processor):.2f} s of processor time"
    print(f"the whole grid after it:  {median(ours):.2f} s, {busy} (largest of {options.repeats}: {max(ours):.2f} s)")
    print(f"each system anew (scaled from {ANEW} a repeat): {median(against_anew):,.0f} times as long")
    print(f"one Cholesky factor a penalty (scaled from 1 a repeat): {median(against_factor):,.0f} times as long")
    whole = median(a * o / (o + d) for a, o, d in zip(against_factor, ours, decompositions, strict=True))
    print(f"the same, our decomposition counted: {whole:,.0f} times as long")
    agree = max(differences)
    print(f"largest difference of the errors: {agree:.1e} ({'they agree' if agree < 1e-8 else 'THEY DO NOT AGREE'})")


if __name__ == "__main__":
    main()
