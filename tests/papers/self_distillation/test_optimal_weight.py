"""Optimal weights: against grids, derivatives, Monte Carlo, reference values; GCV against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from replicate.papers.self_distillation import optimal_weight as ow
from replicate.papers.self_distillation import shrinkage, toy
from replicate.papers.self_distillation.gcv import gcv, gcv_penalty, gcv_weight

TRUTH = toy.truth(toy.GRID)
D, THETA = toy.problem().spectrum.eigenvalues, toy.signal()


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_no_weight_of_a_grid_is_better(number):
    """Lost: C8, a global minimum of a parabola with derivative 0."""
    p, q, y = np.random.default_rng(number).standard_normal((3, 20, 2))
    best = ow.optimal_weight(p, q, y)
    grid = np.linspace(best - 2, best + 2, 501)
    curve, at_best = ow.parabola(grid, p, q, y), float(ow.parabola([best], p, q, y)[0])
    assert at_best <= curve.min() + 1e-12
    assert abs(grid[curve.argmin()] - best) <= 4 / 500
    up, down = ow.parabola([best + 1e-5, best - 1e-5], p, q, y)
    assert abs(up - down) / 2e-5 <= 1e-8


def test_equal_students_have_no_best_weight():
    """Lost: 0 / 0 must be NaN, not a warning and a number."""
    assert np.isnan(ow.optimal_weight(np.ones(3), np.ones(3), np.zeros(3)))


@pytest.mark.parametrize(
    ("q", "message"), [(np.ones(4), "must have one shape"), (np.array([1.0, np.nan, 0.0]), "must be finite")]
)
def test_bad_predictions_are_named(q, message):
    """Lost: broadcasting, and NaN weights out of NaN outputs."""
    with pytest.raises(ValueError, match=message):
        ow.optimal_weight(np.ones(3), q, np.zeros(3))


def test_greedy_chains_against_reference_values():
    """Lost: section on optimal weights of the toy; six decimals."""
    free = ow.greedy_weights(toy.on_grid(), TRUTH, 0.2, 6)
    assert free.weights == pytest.approx([-0.621844, 0.330359, 0.334760, 0.335769, 0.336040], abs=1e-6)
    assert free.losses[1:] == pytest.approx([0.148340, 0.148890, 0.149226, 0.149407, 0.149502], abs=1e-6)
    clipped = ow.greedy_weights(toy.on_grid(), TRUTH, 0.2, 6, bounds=(0, 1))
    assert clipped.weights == pytest.approx([0, 0.135085, 0.334096, 0.335609, 0.335994], abs=1e-6)
    assert clipped.losses[1:] == pytest.approx([0.150756, 0.148764, 0.149155, 0.149370, 0.149483], abs=1e-6)
    assert clipped.raw[0] == pytest.approx(free.raw[0])


def test_greedy_losses_are_those_of_the_chain_with_these_weights():
    """Lost: bookkeeping between teacher and student."""
    found = ow.greedy_weights(toy.on_grid(), TRUTH, 0.2, 5)
    assert found.losses == pytest.approx(toy.toy_losses(toy.on_grid().path(0.2, found.weights)), abs=1e-14)


def test_greedy_refuses_targets_of_another_shape():
    """Lost: a transposed or shortened validation set."""
    with pytest.raises(ValueError, match="held-out targets have shape"):
        ow.greedy_weights(toy.on_grid(), TRUTH[:-1], 0.2, 3)


def test_joint_chains_against_reference_values():
    """Lost: fitting all steps at once (Pareek et al.)."""
    found = [ow.joint_step_weights(toy.on_grid().powers(0.2, t), TRUTH) for t in (1, 2, 3, 4)]
    assert [loss for _, loss in found] == pytest.approx([0.164773, 0.148340, 0.147647, 0.143363], abs=1e-6)
    assert [w.sum() for w, _ in found] == pytest.approx([1] * 4, abs=1e-9)


def test_population_weight_against_reference_values():
    """Lost: the closed form with noise; limit for large noise."""
    noise = np.array([0, 0.1, 0.25, 0.5, 1, 2, 1e8])
    wanted = [2.128449, 1.785047, 0.543130, -1.151374, -2.347401, -2.796375, -2.966742]
    assert ow.population_weight(D, THETA, noise, 0.2) == pytest.approx(wanted, abs=1e-6)


def test_population_weight_minimises_the_risk():
    """Lost: the formula itself, against a numerical minimiser."""
    a = shrinkage.ridge(D, 0.3)
    best = float(ow.population_weight(D, THETA, 0.4, 0.3))
    found = optimize.minimize_scalar(lambda w: float(ow.risk(shrinkage.following(a, a, w), THETA, 0.4)))
    assert found.x == pytest.approx(best, abs=1e-6)


def test_population_weight_against_simulation():
    """Lost: the expectation; 200,000 draws at sigma = 0.5 gave -1.148 against -1.1514."""
    rng, a = np.random.default_rng(0), shrinkage.ridge(D, 0.2)
    y = THETA[:, None] + 0.5 * rng.standard_normal((11, 100_000))
    p, q = a[:, None] * y, (a**2)[:, None] * y
    truth = np.broadcast_to(THETA[:, None], y.shape)
    assert ow.optimal_weight(p, q, truth) == pytest.approx(-1.1514, abs=0.03)


def test_weight_is_one_exactly_where_the_ridge_risk_is_stationary():
    """Lost: the sign rule; crossing at sigma = 0.198404 for lambda = 0.2, zero weight at sigma = 0.315079."""
    stationary = optimize.brentq(lambda s: float(ow.risk_slope(D, THETA, s, 0.2)), 0.01, 2, xtol=1e-14)
    assert stationary == pytest.approx(0.198404, abs=1e-6)
    assert float(ow.population_weight(D, THETA, stationary, 0.2)) == pytest.approx(1, abs=1e-8)
    zero = optimize.brentq(lambda s: float(ow.population_weight(D, THETA, s, 0.2)), 0.01, 2)
    assert zero == pytest.approx(0.315079, abs=1e-6)
    for noise in (0.05, 0.3, 1.0):
        for penalty in (0.01, 0.2, 3.0):
            slope = float(ow.risk_slope(D, THETA, noise, penalty))
            assert np.sign(1 - float(ow.population_weight(D, THETA, noise, penalty))) == -np.sign(slope)


def test_risk_slope_is_the_derivative():
    """Lost: R'(lambda), by central differences."""
    up, down = (float(ow.risk(shrinkage.ridge(D, 0.2 + h), THETA, 0.5)) for h in (1e-5, -1e-5))
    assert float(ow.risk_slope(D, THETA, 0.5, 0.2)) == pytest.approx((up - down) / 2e-5, rel=1e-7)


def test_ridge_slope_is_the_derivative():
    """Lost: the Taylor identity's own ingredient, by central differences."""
    seen = toy.on_grid()
    numeric = (seen.ridge(0.2 + 1e-5) - seen.ridge(0.2 - 1e-5)) / 2e-5
    assert seen.ridge_slope(0.2) == pytest.approx(numeric, abs=1e-8)


@given(st.integers(0, 10_000), st.floats(1e-3, 100), st.floats(-1, 2))
@settings(max_examples=50, deadline=None)
def test_gcv_weight_is_the_best_of_a_wide_grid(number, penalty, teacher_weight):
    """Lost: the closed form of GCV's minimum, with bounds and without, for steps 2 and 3."""
    rng = np.random.default_rng(number)
    d, rotated = np.sort(rng.exponential(3, 15))[::-1], rng.standard_normal(15)
    a = shrinkage.ridge(d, penalty)
    teacher = shrinkage.following(a, a, teacher_weight)
    grid = np.linspace(-4, 4, 4001)
    scores = gcv(shrinkage.following(teacher, a, grid[:, None]), rotated)
    found = gcv_weight(teacher, d, rotated, penalty, bounds=(-4, 4))
    assert -4 <= found <= 4
    assert gcv(shrinkage.following(teacher, a, found), rotated) <= scores.min() * (1 + 1e-9)
    free = gcv_weight(teacher, d, rotated, penalty)
    assert gcv(shrinkage.following(teacher, a, free), rotated) <= scores.min() * (1 + 1e-9)


def test_gcv_against_the_matrix_formula():
    """Lost: n and the trace."""
    problem = toy.problem()
    gram = toy.kernel(toy.INPUTS, toy.INPUTS)
    smoother = gram @ np.linalg.inv(gram + 0.2 * np.eye(11))
    residual = toy.TARGETS - smoother @ toy.TARGETS
    wanted = np.mean(residual**2) / (1 - np.trace(smoother) / 11) ** 2
    assert gcv(shrinkage.ridge(D, 0.2), problem.rotated) == pytest.approx(wanted, rel=1e-12)


def test_gcv_fails_on_eleven_points():
    """Lost: the failure the notebook states: GCV picks 2.018 where the oracle is -0.62."""
    problem = toy.problem()
    assert gcv_weight(shrinkage.ridge(D, 0.2), D, problem.rotated, 0.2) == pytest.approx(2.018, abs=1e-3)
    assert gcv_penalty(D, problem.rotated, [0.01, 0.1, 1.0]) in (0.01, 0.1, 1.0)
