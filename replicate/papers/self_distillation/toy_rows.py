"""Rows of the toy's experiments: losses, fits, shrinkages, convergence, weights, controls."""

from typing import Any

import numpy as np

from . import shrinkage, toy
from .constrained import bending_kernel, guaranteed_rounds, rounds
from .distillation import Evaluation, grid_losses
from .gcv import gcv_weight
from .optimal_weight import greedy_weights, joint_step_weights, optimal_weight, parabola, population_weight, risk_slope
from .ratios import limit_ratio, neighbour_ratios
from .spectrum import decompose

Rows = list[dict[str, Any]]
PENALTIES = np.geomspace(1e-4, 1e3, 2001)  # of tuned ridge
_CLOSE = 1e-3  # sup-norm distance that counts as converged
_EPS = 0.045  # mean squared error allowed in each constrained round


def losses(weight: float, steps: int) -> Rows:
    """Return the loss and the squared norm of the fitted values after each step, and the loss of the limit."""
    path = toy.on_grid().path(toy.PENALTY, [weight] * (steps - 1))
    norms = (toy.problem().fitted().path(toy.PENALTY, [weight] * (steps - 1)) ** 2).sum((1, 2))
    rows = _by_step("loss", toy.toy_losses(path)) + _by_step("squared norm", norms)
    return [*rows, {"metric": "limit loss", "value": float(toy.toy_losses(toy.on_grid().limit(toy.PENALTY, weight)))}]


def fits(weight: float, steps: int) -> Rows:
    """Return the fits on the grid after each step, and the limit."""
    seen = toy.on_grid()
    path = seen.path(toy.PENALTY, [weight] * (steps - 1))[..., 0]
    end = seen.limit(toy.PENALTY, weight)[:, 0]
    rows = [
        {"metric": "fit", "step": t, "x": float(x), "value": float(v)}
        for t, values in enumerate(path, start=1)
        for x, v in zip(toy.GRID, values, strict=True)
    ]
    return rows + [
        {"metric": "limit fit", "x": float(x), "value": float(v)} for x, v in zip(toy.GRID, end, strict=True)
    ]


def spectra(weight: float, steps: int) -> Rows:
    """Return B_k and R_k = B_k / B_{k+1} after each step and in the limit; k counts from 1."""
    d = toy.problem().spectrum.eigenvalues
    shrunk = shrinkage.path(d, toy.PENALTY, [weight] * (steps - 1))
    rows = _table("shrinkage", shrunk) + _table("ratio", neighbour_ratios(shrunk))
    end = {
        "limit shrinkage": shrinkage.limit(d, toy.PENALTY, weight),
        "limit ratio": limit_ratio(d[:-1], d[1:], toy.PENALTY, weight),
    }
    return rows + [
        {"metric": m, "k": k, "value": float(v)} for m, values in end.items() for k, v in enumerate(values, 1)
    ]


def convergence(weight: float, steps: int) -> Rows:
    """Return the distance to the limit by step, its measured and predicted rate, and when it is below 1e-3."""
    seen = toy.on_grid()
    path, end = seen.path(toy.PENALTY, [weight] * (steps - 1)), seen.limit(toy.PENALTY, weight)
    distances = np.abs(path - end).max((1, 2))
    close = np.flatnonzero(distances < _CLOSE)
    predicted = (1 - weight) * float(shrinkage.ridge(seen.eigenvalues, toy.PENALTY)[0])
    return [
        *_by_step("distance to the limit", distances),
        {"metric": "predicted rate", "value": predicted},
        {"metric": "measured rate", "value": _measured_rate(weight)},
        {"metric": "steps to 1e-3", "value": int(close[0]) + 1 if len(close) else float("nan")},
    ]


def _measured_rate(weight: float, *, after: int = 4000) -> float:
    """Return the ratio of successive distances of the fitted values to the limit after many steps of the recursion.

    The differences are iterated, B(t+1) - B(inf) = (1 - alpha) a (B(t) - B(inf)), scaled each step so that they do not
    underflow: it is the recursion of B, not its closed form. Many steps, because the targets, close to an odd
    function, hardly touch the first eigenvector, and the second decays almost as slowly.
    """
    problem = toy.problem()
    d = problem.spectrum.eigenvalues
    a, end = shrinkage.ridge(d, toy.PENALTY), shrinkage.limit(d, toy.PENALTY, weight)
    gap, growth = (a - end) * problem.rotated[:, 0], 0.0
    for _ in range(after):
        following = (1 - weight) * a * gap
        growth = float(np.linalg.norm(following) / np.linalg.norm(gap))
        gap = following / np.linalg.norm(following)
    return growth


def greedy(clipped: bool, steps: int) -> Rows:
    """Return the greedy weights against the noise-free grid, their denominators and losses."""
    found = greedy_weights(toy.on_grid(), toy.truth(toy.GRID), toy.PENALTY, steps, bounds=(0, 1) if clipped else None)
    rows = _by_step("loss", found.losses)
    for name, values in (("weight", found.weights), ("raw weight", found.raw), ("denominator", found.gaps)):
        rows += _by_step(name, values, first=2)
    return rows


def controls() -> Rows:
    """Return what a chain must beat: tuned ridge, the best constant weight, joint chains; and where GCV goes wrong."""
    seen, truth = toy.on_grid(), toy.truth(toy.GRID)
    tuned = toy.toy_losses(seen.ridge(PENALTIES))
    weights = np.arange(101) / 100
    grid = grid_losses(seen, truth, [toy.PENALTY], weights, 50)[0]
    at, step = np.unravel_index(grid.argmin(), grid.shape)
    joint = [joint_step_weights(seen.powers(toy.PENALTY, t), truth)[1] for t in (1, 2, 3, 4)]
    d, rotated = seen.eigenvalues, seen.rotated
    return [
        {"metric": "tuned ridge: loss", "value": float(tuned.min())},
        {"metric": "tuned ridge: penalty", "value": float(PENALTIES[tuned.argmin()])},
        {"metric": "best constant weight: loss", "value": float(grid.min())},
        {"metric": "best constant weight: weight", "value": float(weights[at])},
        {"metric": "best constant weight: step", "value": int(step) + 1},
        {
            "metric": "GCV weight at step 2",
            "value": gcv_weight(shrinkage.ridge(d, toy.PENALTY), d, rotated, toy.PENALTY),
        },
        *_by_step("joint chain: loss", joint),
    ]


def weight_parabola(points: int, teacher_weight: float | None) -> Rows:
    """Return the loss of step 2 (with a teacher weight: step 3) on a grid of weights, and the closed-form weight."""
    seen, truth = toy.on_grid(), toy.truth(toy.GRID)[:, None]
    p, teacher = seen.ridge(toy.PENALTY), shrinkage.ridge(seen.eigenvalues, toy.PENALTY)
    if teacher_weight is not None:
        teacher = shrinkage.following(teacher, teacher, teacher_weight)
    q = seen.pure_student(toy.PENALTY, teacher)
    weights = np.linspace(-2, 2, points)
    best = optimal_weight(p, q, truth)
    curve = parabola(weights, p, q, truth)
    return [
        {"metric": "optimal weight", "value": best},
        {"metric": "loss at the optimal weight", "value": float(parabola([best], p, q, truth)[0])},
        *({"metric": "loss", "weight": float(w), "value": float(v)} for w, v in zip(weights, curve, strict=True)),
    ]


def population(noise: float, points: int) -> Rows:
    """Return the population weight of step 2 and the slope of the ridge risk over the teacher's penalty."""
    d, theta = toy.problem().spectrum.eigenvalues, toy.signal()
    rows = []
    for penalty in np.geomspace(1e-2, 10, points):
        where = {"penalty": float(penalty)}
        slope = float(risk_slope(d, theta, noise, penalty))
        rows.append({"metric": "weight", **where, "value": float(population_weight(d, theta, noise, penalty))})
        rows.append({"metric": "risk slope", **where, "value": slope})
    return rows


def constrained(kernel: str) -> Rows:
    """Return penalty and loss of each round of the constrained form before its collapse."""
    if kernel == "rbf":
        gram, cross = toy.kernel(toy.INPUTS, toy.INPUTS), toy.kernel(toy.GRID, toy.INPUTS)
    else:  # G = g / n, as Mobahi et al. define it
        n = len(toy.INPUTS)
        gram, cross = bending_kernel(toy.INPUTS, toy.INPUTS) / n, bending_kernel(toy.GRID, toy.INPUTS) / n
    spectrum = decompose(gram)
    found = rounds(spectrum, toy.TARGETS, _EPS)
    loss = [float(np.mean((cross @ c - toy.truth(toy.GRID)) ** 2)) for c in found.dual]
    return [
        *_by_step("penalty", found.penalties),
        *_by_step("loss", loss),
        {"metric": "rounds", "value": len(loss)},
        {"metric": "guaranteed rounds", "value": guaranteed_rounds(spectrum, toy.TARGETS, _EPS)},
    ]


def monte_carlo(weight: float, draws: int, rng: np.random.Generator) -> Rows:
    """Return mean losses over redrawn samples, their standard errors, and the share of draws better than step 1."""
    seen = toy.on_grid(toy.redraw(draws, rng))
    by_draw = toy.loss_by_draw(seen.path(toy.PENALTY, [weight] * 5))
    end = toy.loss_by_draw(seen.limit(toy.PENALTY, weight))
    rows = _by_step("mean loss", by_draw.mean(1)) + _by_step("standard error", by_draw.std(1, ddof=1) / np.sqrt(draws))
    rows += _by_step("share better than step 1", (by_draw[1:] < by_draw[0]).mean(1), first=2)
    return [*rows, {"metric": "limit mean loss", "value": float(end.mean())}]


def monte_carlo_controls(draws: int, rng: np.random.Generator) -> Rows:
    """Return over redrawn samples: best common penalty of ridge, best common weight of step 2, oracle of each draw."""
    seen = toy.on_grid(toy.redraw(draws, rng))
    penalties = np.geomspace(0.05, 5, 401)
    ridge = np.array([float(toy.loss_by_draw(seen.ridge(penalty)).mean()) for penalty in penalties])
    p, q = _first_and_pure(seen)
    common, each = toy.common_weight(p, q), toy.oracle_weights(p, q)
    return [
        {"metric": "tuned ridge: loss", "value": float(ridge.min())},
        {"metric": "tuned ridge: penalty", "value": float(penalties[ridge.argmin()])},
        {"metric": "common weight", "value": common},
        {"metric": "common weight: loss", "value": float(toy.loss_by_draw(common * p + (1 - common) * q).mean())},
        {"metric": "weight of each draw: loss", "value": float(toy.loss_by_draw(each * p + (1 - each) * q).mean())},
        {"metric": "weight of each draw: median", "value": float(np.median(each))},
        {"metric": "weight of each draw: share below 0", "value": float((each < 0).mean())},
    ]


def _first_and_pure(seen: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    teacher = shrinkage.ridge(seen.eigenvalues, toy.PENALTY)
    return seen.ridge(toy.PENALTY), seen.pure_student(toy.PENALTY, teacher)


def _by_step(metric: str, values, *, first: int = 1) -> Rows:
    return [{"metric": metric, "step": t, "value": float(v)} for t, v in enumerate(values, start=first)]


def _table(metric: str, values: np.ndarray) -> Rows:
    return [
        {"metric": metric, "step": t, "k": k, "value": float(v)}
        for t, row in enumerate(values, start=1)
        for k, v in enumerate(row, start=1)
    ]
