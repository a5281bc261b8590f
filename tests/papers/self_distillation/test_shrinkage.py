"""Closed forms of the shrinkage: recursion, limits, any sequence of weights, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.papers.self_distillation import shrinkage, toy
from replicate.papers.self_distillation.ratios import limit_ratio, neighbour_ratios, will_grow

D = toy.problem().spectrum.eigenvalues
LAMBDA = toy.PENALTY

eigenvalues = st.lists(st.floats(0, 1e4), min_size=1, max_size=8).map(lambda d: np.sort(d)[::-1])
penalties = st.floats(1e-6, 1e4)
weights = st.floats(0, 1)


@given(eigenvalues, penalties, weights, st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_closed_form_is_the_recursion(d, penalty, weight, steps):
    """Lost: C1 for every kernel, penalty and weight."""
    by_steps = shrinkage.path(d, penalty, [weight] * (steps - 1))[-1]
    assert np.abs(shrinkage.after(d, penalty, weight, steps) - by_steps).max() <= 1e-12


@given(eigenvalues, penalties, st.floats(-3, 4), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_closed_form_holds_for_weights_beyond_zero_and_one(d, penalty, weight, steps):
    """Lost: estimated weights, which are often negative; relative, since such chains may diverge."""
    by_steps = shrinkage.path(d, penalty, [weight] * (steps - 1))
    scale = np.abs(by_steps).max() + np.abs((1 - weight) ** steps)
    assert np.abs(shrinkage.after(d, penalty, weight, steps) - by_steps[-1]).max() <= 1e-10 * max(scale, 1)


def test_closed_form_where_the_geometric_sum_is_singular():
    """Lost: alpha d = -lambda, where (1 - q^tau) / (1 - q) is 0 / 0 and the sum is tau."""
    by_steps = shrinkage.path([2.0], 1.0, [-0.5] * 6)[-1]
    assert shrinkage.after(np.array([2.0]), 1.0, -0.5, 7) == pytest.approx(by_steps, rel=1e-13)


def test_spectrum_and_shrinkages_of_the_toy_against_reference_values():
    """Lost: kernel, penalty or order of the eigenvalues; reference computed independently with NumPy."""
    spectrum = [1.9407290931, 1.8228242052, 1.6418499043, 1.4179822705, 1.1740900421, 0.9320908309]
    spectrum += [0.7100966878, 0.5208707123, 0.3717059857, 0.2654670163, 0.2022932517]
    assert pytest.approx(spectrum, abs=1e-9) == D
    table = {
        (0.5, 1): [0.906574, 0.891414, 0.854449, 0.780243, 0.650170, 0.502850],
        (0.0, 6): [0.555161, 0.501736, 0.389150, 0.225621, 0.075537, 0.016167],
        (0.25, 6): [0.736948, 0.701635, 0.622818, 0.491506, 0.326414, 0.204127],
    }
    for (weight, steps), wanted in table.items():
        assert shrinkage.after(D, LAMBDA, weight, steps)[::2] == pytest.approx(wanted, abs=1e-6)
    limits = {
        0.25: [0.708107, 0.672380, 0.594750, 0.470233, 0.317235, 0.201830],
        0.35: [0.772535, 0.741818, 0.672631, 0.554103, 0.394118, 0.261455],
    }
    for weight, wanted in limits.items():
        assert shrinkage.limit(D, LAMBDA, weight)[::2] == pytest.approx(wanted, abs=1e-6)


def test_ratios_of_the_toy_against_reference_values():
    """Lost: C7, the overshoot of R_9 included."""
    table = {
        (0.0, 1): [1.006043, 1.037789, 1.111337, 1.140001, 1.134183],
        (0.0, 6): [1.036810, 1.249268, 1.883972, 2.194982, 2.128620],
        (0.25, 4): [1.015646, 1.095511, 1.254993, 1.297303, 1.258344],
        (0.25, 6): [1.017810, 1.104802, 1.255091, 1.286338, 1.243120],
    }
    for (weight, steps), wanted in table.items():
        found = neighbour_ratios(shrinkage.after(D, LAMBDA, weight, steps))
        assert found[[0, 4, 7, 8, 9]] == pytest.approx(wanted, abs=1e-6)
    end = limit_ratio(D[:-1], D[1:], LAMBDA, 0.25)
    assert end[[0, 4, 7, 8, 9]] == pytest.approx([1.018880, 1.105215, 1.243050, 1.273240, 1.234480], abs=1e-6)
    path = neighbour_ratios(shrinkage.path(D, LAMBDA, [0.25] * 29))
    assert (path.argmax(0) + 1)[[0, 4, 7, 8, 9]].tolist() == [13, 8, 5, 4, 3]


@given(st.floats(1e-3, 1e3), st.floats(1.001, 1e3), st.floats(1e-3, 1e3), st.floats(0.001, 0.999))
@settings(max_examples=200, deadline=None)
def test_ratio_grows_exactly_when_the_rule_says_so(smaller, factor, penalty, weight):
    """Lost: the exact sign rule; steps that move by less than rounding have no sign."""
    steps = shrinkage.path([smaller * factor, smaller], penalty, [weight] * 19)
    ratio = steps[:, 0] / steps[:, 1]
    moves = np.diff(ratio)
    said = will_grow(ratio[:-1], steps[:-1, 0], ratio[0], weight)
    clear = np.abs(moves) > 1e-12 * ratio[:-1]
    assert ((moves > 0) == said)[clear].all()
    assert (ratio >= ratio[0] * (1 - 1e-12)).all()


def test_ratios_without_ground_truth_grow_without_bound():
    """Lost: the limit of 0 / 0 is infinity, not the 0 of the published plot."""
    ratio = neighbour_ratios(shrinkage.after(D, LAMBDA, 0.0, 400))
    assert ratio[8] > 1e20
    assert np.isinf(limit_ratio(D[:-1], D[1:], LAMBDA, 0.0)).all()


@given(eigenvalues, penalties, weights)
@settings(max_examples=100, deadline=None)
def test_shrinkage_falls_at_the_promised_rate(d, penalty, weight):
    """Lost: contraction, B(tau) - B(inf) = q^tau (1 - B(inf)), between 0 and the last step."""
    steps, end = shrinkage.path(d, penalty, [weight] * 29), shrinkage.limit(d, penalty, weight)
    assert (np.diff(steps, axis=0) <= 1e-15).all()
    q = (1 - weight) * shrinkage.ridge(d, penalty)
    expected = q ** np.arange(1, 31)[:, None] * (1 - end)
    assert np.abs(steps - end - expected).max() <= 1e-12


def test_weight_one_changes_nothing_and_weight_zero_is_a_power():
    """Lost: the two ends of the weight."""
    a = shrinkage.ridge(D, LAMBDA)
    assert shrinkage.path(D, LAMBDA, [1.0] * 9) == pytest.approx(np.tile(a, (10, 1)), abs=1e-15)
    assert shrinkage.after(D, LAMBDA, 0.0, 7) == pytest.approx(a**7, rel=1e-13)
    assert (shrinkage.limit(D, LAMBDA, 0.0) == 0).all()


@given(st.lists(st.floats(0, 1), max_size=7))
@settings(max_examples=100, deadline=None)
def test_sticks_sum_to_one_and_rebuild_the_recursion(alphas):
    """Lost: any sequence of weights as one mix of powers of the smoother."""
    w, a = shrinkage.step_weights(alphas), shrinkage.ridge(D, LAMBDA)
    assert w.sum() == pytest.approx(1, abs=1e-14)
    assert (w >= 0).all()
    by_powers = sum(w[j] * a ** (len(w) - j) for j in range(len(w)))
    assert shrinkage.path(D, LAMBDA, alphas)[-1] == pytest.approx(by_powers, abs=1e-14)


def test_weights_of_step_weights_is_the_way_back():
    """Lost: turning a mix of powers into weights that can be trained with; also beyond 0 and 1."""
    alphas = np.array([-0.6, 0.3, 1.7, 0.2])
    assert shrinkage.weights_of(shrinkage.step_weights(alphas)) == pytest.approx(alphas, rel=1e-12)
    with pytest.raises(ValueError, match="must sum to 1"):
        shrinkage.weights_of([0.5, 0.6])
    with pytest.raises(ValueError, match="partial sum"):
        shrinkage.weights_of([1.0, -1.0, 1.0])


def test_penalties_and_weights_broadcast():
    """Lost: one decomposition for a whole grid."""
    grid_penalties, grid_weights = np.array([0.1, 1.0])[:, None, None], np.array([0.0, 0.3, 1.0])[None, :, None]
    grid = shrinkage.after(D, grid_penalties, grid_weights, 5)
    assert grid.shape == (2, 3, 11)
    assert grid[1, 1] == pytest.approx(shrinkage.after(D, 1.0, 0.3, 5), abs=1e-15)


@pytest.mark.parametrize("penalty", [0.0, -1.0, np.nan, np.inf])
def test_bad_penalties_are_named(penalty):
    """Lost: lambda <= 0 would divide by zero or turn the problem around."""
    with pytest.raises(ValueError, match=r"penalty \(lambda\) must be finite and > 0, found"):
        shrinkage.after(D, penalty, 0.5, 2)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -np.inf])
def test_bad_weights_are_named(weight):
    """Lost: an estimated weight of 0 / 0 would poison every later step silently."""
    with pytest.raises(ValueError, match=r"weight \(alpha\) must be finite, found"):
        shrinkage.path(D, LAMBDA, [0.5, weight])


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, "3"])
def test_bad_steps_are_named(steps):
    """Lost: half a step."""
    with pytest.raises(ValueError, match=r"steps \(tau\) must be a whole number >= 1"):
        shrinkage.after(D, LAMBDA, 0.5, steps)


def test_a_diverging_chain_has_no_limit():
    """Lost: the formula of the limit gives a number also where the steps diverge."""
    with pytest.raises(ValueError, match="no limit"):
        shrinkage.limit(D, LAMBDA, -0.62)
