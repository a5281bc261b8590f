"""How fast is a whole grid of self-distilled fits, against fitting each student anew?

The grid: 100 penalties x 21 weights x 20 steps of kernel ridge regression with n training samples, and its error on
held-out samples. Ours: one eigendecomposition (counted), then all 42,000 students. Against it, for some students and
scaled up: scikit-learn's ``KernelRidge`` fitted for every (penalty, weight, step), as a user would; and one Cholesky
factor a penalty with all weights of a step solved at once, the best one can do without the eigenbasis. The errors of
both are compared with ours.
"""

import argparse
import time

import numpy as np
from harness import alternate, compared, write
from scipy import linalg
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from replicate.papers.self_distillation.distillation import Distillation, grid_losses
from replicate.papers.self_distillation.spectrum import decompose

PAPER = "self_distillation"
PENALTIES, WEIGHTS, STEPS = np.geomspace(1e-2, 1e2, 100), np.linspace(0, 1, 21), 20
SKLEARN, CHOLESKY = "scikit-learn's KernelRidge for each student", "one Cholesky factor for each penalty"
CHECKED, WEIGHT, FEW = 50, 7, 2  # the penalty and the weight of the students fitted anew, and how many steps of them


def problem(n: int, held_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel matrix, kernel of held-out samples, noisy targets and held-out ones of a smooth function."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n + held_out, 5))
    y = np.sin(x.sum(1)) + 0.3 * rng.standard_normal(n + held_out)
    gram = rbf_kernel(x, x[:n], gamma=0.1)
    return gram[:n], gram[n:], y[:n], y[n:]


def one_factor(gram: np.ndarray, cross: np.ndarray, y: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the errors of one penalty, ``(weights, steps)``, factored once, weights solved together."""
    factor = linalg.cho_factor(gram + PENALTIES[CHECKED] * np.eye(len(gram)), lower=True, overwrite_a=True)
    fitted, errors = np.tile(y[:, None], (1, len(WEIGHTS))), []
    for step in range(STEPS):
        mixed = WEIGHTS * y[:, None] + (1 - WEIGHTS) * fitted if step else fitted
        coefficients = linalg.cho_solve(factor, mixed)
        fitted = gram @ coefficients
        errors.append(np.mean((cross @ coefficients - truth[:, None]) ** 2, axis=0))
    return np.stack(errors, axis=1)


def anew(gram: np.ndarray, cross: np.ndarray, y: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the errors of the first few steps of one penalty and weight, each student fitted by scikit-learn."""
    fitted, errors = y, []
    for step in range(FEW):
        target = WEIGHTS[WEIGHT] * y + (1 - WEIGHTS[WEIGHT]) * fitted if step else y
        model = KernelRidge(alpha=PENALTIES[CHECKED], kernel="precomputed").fit(gram, target)
        fitted = model.predict(gram)
        errors.append(np.mean((model.predict(cross) - truth) ** 2))
    return np.array(errors)


def main() -> None:
    """Measure the grid and write its rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="n = 500 instead of 2,000")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    n = 500 if options.quick else 2000
    gram, cross, y, truth = problem(n, 500)

    def ours() -> np.ndarray:
        return grid_losses(Distillation(decompose(gram), y).at(cross), truth, PENALTIES, WEIGHTS, STEPS)

    ways = {"ours": ours, SKLEARN: lambda: anew(gram, cross, y, truth)}
    ways[CHOLESKY] = lambda: one_factor(gram, cross, y, truth)
    spent, found = alternate(ways, options.repeats, clock=time.process_time, warm=0)
    students = len(PENALTIES) * len(WEIGHTS) * STEPS
    scale = {SKLEARN: students / FEW, CHOLESKY: len(PENALTIES)}
    mine = found["ours"][CHECKED]
    off = {SKLEARN: np.abs(found[SKLEARN] - mine[WEIGHT, :FEW]).max(), CHOLESKY: np.abs(found[CHOLESKY] - mine).max()}
    size = f"n = {n:,}, {students:,} students"
    write([
        compared("errors of the grid", PAPER, size, spent["ours"], [s * scale[peer] for s in spent[peer]],
                 f"{peer} (scaled)", target=">= 50" if peer == SKLEARN else "", agree=bool(off[peer] < 1e-8))
        for peer in (SKLEARN, CHOLESKY)
    ])  # fmt: skip


if __name__ == "__main__":
    main()
