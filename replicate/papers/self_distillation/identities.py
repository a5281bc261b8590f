"""What must hold exactly, measured: the largest error of each identity. One function a check, listed in ``CHECKS``."""

from collections.abc import Callable

import numpy as np
from sklearn.kernel_ridge import KernelRidge

from . import shrinkage, toy
from .distillation import Distillation
from .ratios import will_grow

_WEIGHTS = np.linspace(0, 1, 21)
_MANY = 50


def recursion(rng: np.random.Generator) -> float:
    """Compare the recursion of B with its closed form for alpha in [0, 1] and up to 50 steps."""
    d = toy.problem().spectrum.eigenvalues
    errors = []
    for weight in _WEIGHTS:
        steps = shrinkage.path(d, toy.PENALTY, [weight] * (_MANY - 1))
        closed = np.stack([shrinkage.after(d, toy.PENALTY, weight, t) for t in range(1, _MANY + 1)])
        errors.append(np.abs(steps - closed).max())
    return float(max(errors))


def first_fit(rng: np.random.Generator) -> float:
    """Compare students, solved step by step with the kernel matrix, with the explicit function of the first fit.

    f(tau)(x) = k(x, X) G [alpha sum_{i < tau - 1} Q^i + Q^(tau - 1)] y with Q = (1 - alpha) S: no decomposition on
    either side.
    """
    gram, cross = toy.kernel(toy.INPUTS, toy.INPUTS), toy.kernel(toy.GRID, toy.INPUTS)
    solve = np.linalg.inv(gram + toy.PENALTY * np.eye(len(gram)))
    smoother, y, errors = gram @ solve, toy.TARGETS, []
    for weight in (0.0, 0.25, 0.35, 0.8):
        fitted, q = y, (1 - weight) * smoother
        ours = toy.on_grid().path(toy.PENALTY, [weight] * 9)[..., 0]
        for step in range(1, 11):
            mixed = (weight if step > 1 else 0) * y + (1 - weight if step > 1 else 1) * fitted
            by_steps = cross @ solve @ mixed
            fitted = smoother @ mixed
            series = weight * sum(np.linalg.matrix_power(q, i) for i in range(step - 1)) + np.linalg.matrix_power(
                q, step - 1
            )
            explicit = cross @ solve @ series @ y
            errors += [np.abs(by_steps - explicit).max(), np.abs(by_steps - ours[step - 1]).max()]
    return float(max(errors))


def stick_breaking(rng: np.random.Generator) -> float:
    """Compare the recursion with the sum over powers for random weights in [0, 1]; the mix must sum to 1."""
    d = toy.problem().spectrum.eigenvalues
    a, errors = shrinkage.ridge(d, toy.PENALTY), []
    for _ in range(200):
        weights = rng.random(6)
        w = shrinkage.step_weights(weights)
        by_powers = sum(w[j] * a ** (len(w) - j) for j in range(len(w)))
        errors += [np.abs(shrinkage.path(d, toy.PENALTY, weights)[-1] - by_powers).max(), abs(w.sum() - 1)]
    return float(max(errors))


def limit(rng: np.random.Generator) -> float:
    """Compare the limit with scikit-learn's KernelRidge at penalty lambda / alpha, on the 101 grid points."""
    seen, errors = toy.on_grid(), []
    for weight in (0.05, 0.1, 0.25, 0.35, 0.5, 0.75, 1.0):
        other = KernelRidge(alpha=toy.PENALTY / weight, kernel="rbf", gamma=toy.GAMMA)
        predicted = other.fit(toy.INPUTS[:, None], toy.TARGETS).predict(toy.GRID[:, None])
        errors.append(np.abs(seen.limit(toy.PENALTY, weight)[:, 0] - predicted).max())
    return float(max(errors))


def zero_limit(rng: np.random.Generator) -> float:
    """Compare the loss of the limit at alpha = 0 with that of the zero function, 50 / 101."""
    return abs(float(toy.toy_losses(toy.on_grid().limit(toy.PENALTY, 0.0))) - 50 / 101)


def contraction(rng: np.random.Generator) -> float:
    """Return by how much the distance to the limit exceeds ((1 - alpha) a_1)^tau |y|, or B grows; 0 when never."""
    problem, worst = toy.problem(), 0.0
    d = problem.spectrum.eigenvalues
    for weight in (0.0, 0.1, 0.25, 0.5, 0.9):
        steps = shrinkage.path(d, toy.PENALTY, [weight] * 29)
        gap = np.linalg.norm((steps - shrinkage.limit(d, toy.PENALTY, weight)) * problem.rotated[:, 0], axis=1)
        rate = (1 - weight) * d[0] / (d[0] + toy.PENALTY)
        allowed = rate ** np.arange(1, 31) * np.linalg.norm(toy.TARGETS)
        worst = max(worst, float((gap - allowed).max()), float(np.diff(steps, axis=0).max()))
    return worst


def taylor(rng: np.random.Generator) -> float:
    """Compare step 2 with f_lambda + (1 - alpha) lambda d f_lambda / d lambda: a step along the path of penalties."""
    seen, errors = toy.on_grid(), []
    for weight in (-1.0, 0.0, 0.25, 1.0, 2.0):
        along = seen.ridge(toy.PENALTY) + (1 - weight) * toy.PENALTY * seen.ridge_slope(toy.PENALTY)
        errors.append(np.abs(seen.path(toy.PENALTY, [weight])[-1] - along).max())
    return float(max(errors))


def interpolation(rng: np.random.Generator) -> float:
    """Return how far students of an interpolating teacher (lambda = 1e-12) are from it: distillation does nothing."""
    fitted = Distillation(toy.problem().spectrum, toy.TARGETS).fitted()
    return float(np.abs(fitted.path(1e-12, [0.0] * 5) - toy.TARGETS[:, None]).max())


CHECKS: dict[str, Callable[[np.random.Generator], float]] = {
    check.__name__.replace("_", " "): check
    for check in (recursion, first_fit, stick_breaking, limit, zero_limit, contraction, taylor, interpolation)
}


def rule_mismatches(cases: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """Return over random problems: steps in which the ratio rule was wrong, steps decided, steps in which ratios fell.

    Steps in which the ratio moves by less than rounding (1e-12 of itself) are left out: they have no sign.
    """
    wrong = decided = falls = 0
    for _ in range(cases):
        d = np.sort(np.exp(rng.uniform(-5, 5, 2)))[::-1]
        penalty, weight = float(np.exp(rng.uniform(-5, 3))), float(rng.uniform(0.01, 0.99))
        steps = shrinkage.path(d, penalty, [weight] * 29)
        ratio = steps[:, 0] / steps[:, 1]
        grows = will_grow(ratio[:-1], steps[:-1, 0], ratio[0], weight)
        clear = np.abs(np.diff(ratio)) > 1e-12 * ratio[:-1]
        wrong += int((grows != (np.diff(ratio) > 0))[clear].sum())
        falls += int((np.diff(ratio) < 0)[clear].sum())
        decided += int(clear.sum())
    return wrong, decided, falls
