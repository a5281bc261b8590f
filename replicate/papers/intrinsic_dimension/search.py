"""Find d90 with few runs: bracket by doubling or halving, then refine around the fitted crossing.

``next_dims`` is a pure decision: it looks at the runs done so far, as a multiset, and says which
dimensions to run next. It keeps no state, so a search can be stopped, resumed and spread over any
number of workers, and takes the same course. A dimension may be proposed again: every run is meant to
use fresh seeds.
"""

from collections.abc import Callable, Iterable, Sequence
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np

from .crossing import exceeds
from .dimension import D90, fit_threshold

MINIMUM_RUNS = 6  # fewer fitted runs can look precise by luck: with 3 the noise has one degree of freedom
SPREAD = 0.25  # refinement points lie within exp(+-0.25) of the current estimate


class Proposal(NamedTuple):
    """Dimensions to run next; none means stop. ``reason`` says why, ``fit`` is the fit of all runs so far."""

    dims: list[int]
    reason: str
    fit: D90 | None


class SearchResult(NamedTuple):
    """What a finished search knows: runs in the order they were done, why it stopped, the fit."""

    history: list[tuple[int, float]]
    reason: str
    fit: D90 | None


def next_dims(
    history: Iterable[Sequence[float]],
    *,
    threshold: float,
    start: int,
    max_dim: int,
    n_test: int,
    points_per_round: int = 3,
    budget: int = 14,
    target_halfwidth: float = 0.06,
) -> Proposal:
    """Decide the next dimensions from ``history``, an iterable of (dim, accuracy) pairs in any order.

    At most the runs ``budget`` leaves, dims in [1, ``max_dim``]. Stops: ``precise`` (95% half-width from
    run noise <= ``target_halfwidth``), ``budget``, ``below`` at ``max_dim``, ``above`` at d = 1,
    ``falls`` where training fails at large d before the threshold is reached.
    """
    _check_settings(start, max_dim, points_per_round, budget)
    runs = sorted((int(dim), float(accuracy)) for dim, accuracy in history)
    left = budget - len(runs)
    if not runs:
        return Proposal([min(start, max_dim)], "start", None)
    fit = fit_threshold(*zip(*runs, strict=True), threshold=threshold, n_test=n_test)
    if fit.status in ("below", "above"):
        return _widen(fit, max_dim, left)
    if fit.status == "falls":
        return Proposal([], "falls", fit)
    if fit.n_fitted >= MINIMUM_RUNS and fit.halfwidth <= target_halfwidth:
        return Proposal([], "precise", fit)
    if left <= 0:
        return Proposal([], "budget", fit)
    guess = fit.estimate if fit.bracketed else _middle(runs, threshold)
    return Proposal(_around(guess, max_dim, points_per_round, left), "refine", fit)


def search(evaluate: Callable[[list[int]], Sequence[float]], **settings) -> SearchResult:
    """Run ``next_dims(history, **settings)`` until it stops.

    ``evaluate`` receives dimensions and returns one accuracy for each, in order; it may spread them
    over processes. Raises ValueError when it returns another number of accuracies.
    """
    history: list[tuple[int, float]] = []
    while (proposal := next_dims(history, **settings)).dims:
        accuracies = list(evaluate(proposal.dims))
        if len(accuracies) != len(proposal.dims):
            raise ValueError(
                f"evaluate returned {len(accuracies)} accuracies for {len(proposal.dims)} dims; return one per dim"
            )
        history += zip(proposal.dims, (float(value) for value in accuracies), strict=True)
    return SearchResult(history, proposal.reason, proposal.fit)


def _widen(fit: D90, max_dim: int, left: int) -> Proposal:
    at_end = fit.high_dim >= max_dim if fit.status == "below" else fit.low_dim <= 1
    if at_end:
        return Proposal([], fit.status, fit)
    if left <= 0:
        return Proposal([], "budget", fit)
    dim = min(2 * fit.high_dim, max_dim) if fit.status == "below" else max(fit.low_dim // 2, 1)
    return Proposal([dim], "bracket", fit)


def _middle(runs: list[tuple[int, float]], threshold: float) -> float:
    """Return the geometric mean of the smallest dimension above and the largest below the threshold."""
    above = min(dim for dim, value in runs if exceeds(value, threshold))
    below = max(dim for dim, value in runs if not exceeds(value, threshold))
    return sqrt(above * below)


def _around(guess: float, max_dim: int, points: int, left: int) -> list[int]:
    offsets = np.linspace(-SPREAD, SPREAD, points) if points > 1 else np.zeros(1)
    nearest = sorted(offsets, key=lambda offset: (abs(round(offset, 9)), offset))[:left]
    return sorted(int(np.clip(round(exp(log(guess) + offset)), 1, max_dim)) for offset in nearest)


def _check_settings(start: int, max_dim: int, points_per_round: int, budget: int) -> None:
    smallest = {"start": start, "max_dim": max_dim, "points_per_round": points_per_round, "budget": budget}
    for name, value in smallest.items():
        if value < 1:
            raise ValueError(f"{name} = {value} must be at least 1")
