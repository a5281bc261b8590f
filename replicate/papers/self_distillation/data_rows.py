"""Rows of the experiments on real data: scores by step for constant and chosen weights, beside tuned ridge."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import shrinkage
from .distillation import losses
from .gcv import gcv_penalty, gcv_weight
from .optimal_weight import greedy_weights
from .real_data import Split
from .tangent_kernel import network_fit, relu_tangent_kernel

Rows = list[dict[str, Any]]
Score = Callable[[np.ndarray], np.ndarray]  # predictions (..., m, C) -> (...)
GCV_BOUNDS = (-6.0, 6.0)


def chains(split: Split, penalty: float, weights: Sequence[float], steps: int, score: Score, metric: str) -> Rows:
    """Return test scores by step and in the limit for constant weights, and by step for estimated ones."""
    rows: Rows = []
    where: dict[str, Any]
    for weight in weights:
        where = {"penalty": penalty, "weight": f"{weight:g}"}
        rows += _by_step(metric, score(split.test.path(penalty, [weight] * (steps - 1))), **where)
        end = float(score(split.test.limit(penalty, weight)))
        rows.append({"metric": f"limit {metric}", **where, "value": end})
    found = greedy_weights(split.validation, split.validation_targets, penalty, steps)
    where = {"penalty": penalty, "weight": "estimated"}
    rows += _by_step(metric, score(split.test.path(penalty, found.weights)), **where)
    rows += _by_step("estimated weight", found.weights, first=2, **where)
    return rows + _by_step("denominator", found.gaps, first=2, **where)


def one_shot(split: Split, penalty: float, score: Score, metric: str) -> Rows:
    """Return the score of one distillation step whose weight GCV chose on the training data alone."""
    spectrum, rotated = split.problem.spectrum, split.problem.rotated
    teacher = shrinkage.ridge(spectrum.eigenvalues, penalty)
    weight = gcv_weight(teacher, spectrum.eigenvalues, rotated, penalty, bounds=GCV_BOUNDS)
    found = score(split.test.path(penalty, [weight]))
    where: dict[str, Any] = {"penalty": penalty, "weight": "GCV"}
    return [*_by_step(metric, found, **where), {"metric": "estimated weight", "step": 2, **where, "value": weight}]


def tuned_ridge(split: Split, penalties: np.ndarray, score: Score, metric: str) -> Rows:
    """Return the score of ridge with its penalty chosen on validation data, and by GCV: what distillation must beat."""
    best = penalties[np.argmin(losses(split.validation.ridge(penalties), split.validation_targets))]
    by_gcv = gcv_penalty(split.problem.spectrum.eigenvalues, split.problem.rotated, penalties)
    rows = []
    for name, penalty in (("tuned ridge", float(best)), ("tuned ridge, GCV", by_gcv)):
        rows.append(
            {"metric": metric, "weight": name, "penalty": penalty, "value": float(score(split.test.ridge(penalty)))}
        )
    return rows


def finite_width(
    split: Split, inputs: Sequence[np.ndarray], penalty: float, width: int, rng, *, iterations=600
) -> Rows:
    """Return how far a trained network is from ridge with the tangent kernel, relative to the size of the latter.

    ``inputs``: training and new inputs, the first rows of the split's training and test part.
    """
    train, new = inputs
    targets = split.problem.targets[: len(train)]
    gram = relu_tangent_kernel(train, train)
    limit = relu_tangent_kernel(new, train) @ np.linalg.solve(gram + penalty * np.eye(len(train)), targets)
    found = network_fit(train, targets, new, width=width, penalty=penalty, iterations=iterations, rng=rng)
    return [{"metric": "relative distance", "value": float(np.linalg.norm(found - limit) / np.linalg.norm(limit))}]


def _by_step(metric: str, values, *, first: int = 1, **where) -> Rows:
    return [{"metric": metric, "step": t, **where, "value": float(v)} for t, v in enumerate(values, start=first)]
