"""The search for d90: converges, keeps its budget, depends on the runs only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from replicate.papers.intrinsic_dimension.search import next_dims, search

SETTINGS = {
    "threshold": 0.9,
    "start": 512,
    "max_dim": 199_210,
    "n_test": 10_000,
    "points_per_round": 3,
    "budget": 14,
}
RUNS = st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1)), max_size=20)


def logistic(true, rng, noise=0.04):
    """Evaluate noisy accuracies on a logistic curve that passes 0.9 at ``true``."""

    def evaluate(dims):
        level = logit(0.9) + 0.67 * np.log(np.array(dims) / true) + noise * rng.standard_normal(len(dims))
        return rng.binomial(10_000, expit(level)) / 10_000

    return evaluate


@pytest.mark.parametrize("true", [4, 50, 290, 750, 20_000])
def test_search_converges_to_the_truth(true):
    """Lost: the point of the search; the error of 14 runs is about 3%, so 12% is four sigma."""
    result = search(logistic(true, np.random.default_rng(true)), **SETTINGS)
    assert result.fit.bracketed
    assert abs(np.log(result.fit.estimate / true)) < 0.12
    assert len(result.history) <= 14


def test_larger_budget_reaches_the_finer_target():
    """Lost: that refinement buys precision."""
    fine = SETTINGS | {"budget": 60, "target_halfwidth": 0.03}
    result = search(logistic(750, np.random.default_rng(0)), **fine)
    assert result.reason == "precise"
    assert result.fit.halfwidth <= 0.03
    assert len(result.history) <= 60


def test_bracket_doubles_and_halves_from_the_start():
    """Lost: the bracket, one run per round, until the threshold is straddled."""
    assert next_dims([], **SETTINGS).dims == [512]
    assert next_dims([(512, 0.8)], **SETTINGS).dims == [1024]
    assert next_dims([(512, 0.95)], **SETTINGS).dims == [256]
    refined = next_dims([(512, 0.88), (1024, 0.92)], **SETTINGS)
    assert refined.reason == "refine"
    assert len(refined.dims) == 3
    np.testing.assert_allclose(np.diff(np.log(refined.dims)), 0.25, atol=0.005)


def test_never_reached_is_reported_at_the_largest_dimension():
    """Lost: censoring; the search must try max_dim itself and then stop without a number."""
    result = search(lambda dims: [0.3] * len(dims), **SETTINGS | {"max_dim": 3000, "budget": 60})
    assert result.reason == "below"
    assert [dim for dim, _ in result.history] == [512, 1024, 2048, 3000]
    assert str(result.fit) == "not bracketed (>= 3000)"


def test_training_that_fails_at_large_dimensions_gives_no_bound():
    """Lost: a diverged run at d = 2048 once counted as "d90 is above 2048"."""
    curve = {512: 0.84, 1024: 0.87, 2048: 0.1}
    result = search(lambda dims: [curve[d] for d in dims], **SETTINGS | {"budget": 60})
    assert result.reason == "falls"
    assert [dim for dim, _ in result.history] == [512, 1024, 2048]
    assert not result.fit.bracketed


def test_always_solved_stops_at_one_dimension():
    """Lost: the lower end of the bracket."""
    result = search(lambda dims: [0.99] * len(dims), **SETTINGS)
    assert result.reason == "above"
    assert result.history[-1][0] == 1


def test_bracketing_stops_at_the_budget():
    """Lost: the budget while nothing is straddled yet."""
    result = search(lambda dims: [0.3] * len(dims), **SETTINGS | {"budget": 4})
    assert (result.reason, len(result.history)) == ("budget", 4)


def test_falling_curve_ends_with_the_budget_and_no_number():
    """Lost: non-monotone curves (as in reinforcement learning) must end, not loop."""
    result = search(lambda dims: [0.95 if dim <= 300 else 0.5 for dim in dims], **SETTINGS | {"start": 400})
    assert result.reason == "budget" or not result.fit.bracketed
    assert len(result.history) <= 14


def test_few_runs_are_not_called_precise():
    """Lost: protection against three runs that lie on a line by luck."""
    lucky = [(600, expit(logit(0.9) + 0.67 * np.log(600 / 750))), (750, 0.9001), (900, 0.9109)]
    assert next_dims(lucky, **SETTINGS).reason == "refine"


@settings(max_examples=60, deadline=None)
@given(runs=RUNS, seed=st.integers(0, 100))
def test_decision_ignores_the_order_of_runs(runs, seed):
    """Lost: the same course whatever the number of workers."""
    turned = [runs[index] for index in np.random.default_rng(seed).permutation(len(runs))]
    first, second = next_dims(runs, **SETTINGS), next_dims(turned, **SETTINGS)
    assert (first.dims, first.reason) == (second.dims, second.reason)


@settings(max_examples=60, deadline=None)
@given(runs=RUNS, max_dim=st.integers(1, 2000), points=st.integers(1, 8), budget=st.integers(1, 30))
def test_proposals_respect_dimensions_and_budget(runs, max_dim, points, budget):
    """Lost: dims within [1, D] and never more runs than the budget leaves."""
    runs = [(min(dim, max_dim), value) for dim, value in runs]
    limits = {"max_dim": max_dim, "points_per_round": points, "budget": budget}
    proposal = next_dims(runs, **SETTINGS | limits)
    assert all(1 <= dim <= max_dim for dim in proposal.dims)
    assert len(proposal.dims) <= max(budget - len(runs), 0)
    assert len(proposal.dims) <= points
    assert proposal.reason


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), true=st.integers(1, 3000), budget=st.integers(1, 20))
def test_search_ends_within_budget(seed, true, budget):
    """Lost: termination for any curve."""
    noisy = logistic(true, np.random.default_rng(seed), noise=0.5)
    assert len(search(noisy, **SETTINGS | {"max_dim": 2000, "budget": budget}).history) <= budget


def test_wrong_settings_are_explained():
    """Lost: a message instead of an endless loop."""
    with pytest.raises(ValueError, match="budget = 0 must be at least 1"):
        next_dims([], **SETTINGS | {"budget": 0})
    with pytest.raises(ValueError, match="returned 1 accuracies for 3 dims"):
        search(lambda dims: [0.88 if dims[0] <= 512 else 0.92], **SETTINGS)
