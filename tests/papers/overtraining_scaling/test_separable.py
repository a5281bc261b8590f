"""Variable projection against exact data, finite differences, other software and a Monte Carlo."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from replicate.papers.overtraining_scaling import designs, hoffmann, intervals, levenberg
from replicate.papers.overtraining_scaling.compute_units import joint_law
from replicate.papers.overtraining_scaling.fits import sizes_of
from replicate.papers.overtraining_scaling.laws import (
    ERROR,
    M_BLIND,
    TIED,
    UNTIED,
    ErrorLaw,
    LossLaw,
    fit_error,
    fit_loss,
)  # fmt: skip
from replicate.papers.overtraining_scaling.separable import fit

LAWS = [
    LossLaw(1.84, 212, 367, 0.136),
    LossLaw(1.51, 141, 190, 0.121),
    LossLaw(0.9, 30, 60, 0.09),
    LossLaw(2.2, 900, 800, 0.2),
]
N, D = sizes_of(designs.LOSS_RUNS)
POINTS = np.column_stack([N, D])


def noisy(scale=0.01, seed=0):
    """Return losses near RedPajama's law at the default design."""
    return LAWS[0].at_size(N, D) * np.exp(scale * np.random.default_rng(seed).standard_normal(len(N)))


@pytest.mark.parametrize("law", LAWS)
def test_exact_losses_return_their_law(law):
    """Four numbers from five points: identifiable, to ten digits."""
    found = fit_loss(N, D, law.at_size(N, D))
    np.testing.assert_allclose([*vars(found).values()], [*vars(law).values()], rtol=1e-8)


@pytest.mark.parametrize("law", [ErrorLaw(0.857, 2.21, 0.715), ErrorLaw(0.77, 1.1, 0.82), ErrorLaw(1.0, 1.0, 1.0)])
def test_exact_errors_return_their_law(law):
    """Also Schaeffer's special case eps = k = gamma = 1."""
    losses = np.linspace(2, 5.4, 6)
    found = fit_error(losses, law.at(losses))
    np.testing.assert_allclose([*vars(found).values()], [*vars(law).values()], rtol=1e-7)


def test_the_untied_law_returns_equal_exponents_on_tied_data():
    """Lost: a baseline that invents a difference."""
    n, m = (v.ravel() for v in np.meshgrid([1e7, 8e7, 4e8], [20, 80, 640]))
    found = fit(UNTIED, np.column_stack([n, n * m]), LAWS[0].at_size(n, n * m))
    np.testing.assert_allclose(found.theta[0], [-0.272, -0.272], atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_estimators_agree_with_the_authors_kind(seed):
    """Levenberg-Marquardt from 128 starts and variable projection reach one optimum: predictions to 1e-6."""
    losses = noisy(seed=seed)
    ours, theirs = fit_loss(N, D, losses), levenberg.fit_loss(N, D, losses)
    at = np.array([1.4e9, 6.9e9]), np.array([9e11, 1.4e11])
    np.testing.assert_allclose(ours.at_size(*at), theirs.at_size(*at), rtol=1e-6)
    errors = ErrorLaw(0.857, 2.21, 0.715).at(losses) + 0.002 * np.random.default_rng(seed).standard_normal(len(N))
    at = np.linspace(2.3, 2.8, 5)
    np.testing.assert_allclose(fit_error(losses, errors).at(at), levenberg.fit_error(losses, errors).at(at), rtol=1e-6)


@pytest.mark.parametrize(
    ("law", "x"), [(TIED, POINTS), (M_BLIND, POINTS), (UNTIED, POINTS), (ERROR, np.linspace(2, 5, 5)[:, None])]
)
def test_jacobian_against_finite_differences(law, x):
    """Every interval rests on it."""
    y = noisy() if law is not ERROR else ErrorLaw(0.86, 2.2, 0.7).at(x[:, 0])
    fitted, step = fit(law, x, y) if law is not UNTIED else fit(law, *_wide()), 1e-6
    found = fitted.jacobian(x)[0]
    for k in range(law.exponents):
        up, down = (_moved(fitted, k, sign * step, x) for sign in (1, -1))
        np.testing.assert_allclose(found[:, k], (up - down) / (2 * step), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found[:, law.exponents :] @ fitted.coefficients[0], fitted.predict(x)[0], rtol=1e-12)


def _wide():
    n, m = (v.ravel() for v in np.meshgrid([1e7, 8e7, 4e8], [20, 80, 640]))
    return np.column_stack([n, n * m]), LAWS[0].at_size(n, n * m)


def _moved(fitted, k, step, x):
    theta = fitted.theta.copy()
    theta[0, k] += step
    return (fitted.law.columns(theta[:, None], x[None]) @ fitted.coefficients[0])[0]


def test_linear_intervals_against_scipy():
    """The covariance of curve_fit at the same optimum gives the same standard error."""
    losses, at = noisy(), np.array([[1.4e9, 9e11], [6.9e9, 1.4e11]])
    fitted = fit(TIED, POINTS, losses)

    def law(points, q, p, r, e):
        n, d = points[0] / 1e8, points[1] / 2e9
        return p * n**q + r * d**q + e

    start = [fitted.theta[0, 0], *fitted.coefficients[0]]
    _, covariance = curve_fit(law, POINTS.T, losses, p0=start)
    g = fitted.jacobian(at)[0]
    expected = np.sqrt(np.einsum("mp,pq,mq->m", g, covariance, g) / fitted.sse[0])  # one degree of freedom
    np.testing.assert_allclose(intervals.amplification(fitted, at), expected, rtol=1e-3)


@pytest.mark.parametrize("multipliers", [[20, 40, 80, 160, 320, 640], None])
def test_linear_intervals_cover_under_their_own_assumptions(multipliers):
    """4,000 draws of Gaussian noise around the law: 90 % intervals for a new run cover 88 to 92 %, 24 runs or five."""
    rng, law, points, at = np.random.default_rng(0), LAWS[0], POINTS, np.array([[1.4e9, 9e11]])
    if multipliers:
        n, m = (v.ravel() for v in np.meshgrid(N[:4], multipliers))
        points = np.column_stack([n, n * m])
    drawn = law.at_size(*points.T) + 0.01 * rng.standard_normal((4000, len(points)))
    many, truth = fit(TIED, points, drawn), law.at_size(*at[0]) + 0.01 * rng.standard_normal(4000)
    covered = []
    for k in range(4000):
        one = replace(many, **{f: getattr(many, f)[k : k + 1] for f in ("theta", "coefficients", "residuals")})
        centre, half = intervals.linear(one, at)
        covered.append(abs(truth[k] - centre[0]) <= half[0])
    assert 0.88 <= np.mean(covered) <= 0.92


def test_a_batch_is_its_parts():
    """Bootstrap draws fitted together are those fitted one by one, with shared and with own points."""
    many = np.stack([noisy(seed=s) for s in range(4)])
    together = fit(TIED, POINTS, many)
    apart = [fit(TIED, POINTS, y) for y in many]
    np.testing.assert_allclose(together.predict(POINTS), [f.predict(POINTS)[0] for f in apart], rtol=1e-9)
    own = fit(TIED, np.stack([POINTS] * 4), many)
    np.testing.assert_allclose(own.theta, together.theta, atol=1e-7)


def test_the_anchor_is_met_exactly_and_decides_nothing_on_the_line():
    """Leverage 1 at the only run off M = 20: predictions at M = 20 are those of the M-blind law on four runs."""
    losses = noisy()
    fitted = fit(TIED, POINTS, losses)
    assert intervals.leverage(fitted)[-1] == pytest.approx(1, abs=1e-9)
    assert abs(fitted.residuals[0, -1]) < 1e-9
    assert intervals.leverage(fitted).sum() == pytest.approx(4)
    line = np.array([[1.4e9, 2.8e10], [6.9e9, 1.38e11]])
    blind = fit(M_BLIND, POINTS[:4], losses[:4]).predict(line)
    np.testing.assert_allclose(fitted.predict(line), blind, rtol=1e-6)
    moved = losses * np.array([1, 1, 1, 1, 1.05])
    np.testing.assert_allclose(fit(TIED, POINTS, moved).predict(line), blind, rtol=1e-6)


def test_four_runs_are_interpolated():
    """No degree of freedom is left, and an interval says so."""
    fitted = fit(TIED, POINTS[1:], noisy()[1:])
    assert fitted.sse[0] < 1e-15
    with pytest.raises(ValueError, match="leave no residual: add a run"):
        intervals.linear(fitted, POINTS)


def test_invariances():
    """Order of runs; L -> cL; L -> L + c; N and D in other units; nats to bits."""
    losses, at = noisy(), np.array([[1.4e9, 9e11]])
    base = fit(TIED, POINTS, losses)
    shuffled = np.array([3, 0, 4, 1, 2])
    assert fit(TIED, POINTS[shuffled], losses[shuffled]).predict(at)[0] == pytest.approx(base.predict(at)[0], rel=1e-9)
    law, bits = LossLaw.of(base), fit_loss(N, D, losses / np.log(2))
    np.testing.assert_allclose([bits.E, bits.a, bits.b], np.array([law.E, law.a, law.b]) / np.log(2), rtol=1e-6)
    assert bits.eta == pytest.approx(law.eta, rel=1e-6)
    lifted = fit_loss(N, D, losses + 1)
    np.testing.assert_allclose([lifted.E - 1, lifted.a, lifted.eta], [law.E, law.a, law.eta], rtol=1e-5)
    assert fit(TIED, 3 * POINTS, losses).predict(3 * at)[0] == pytest.approx(base.predict(at)[0], rel=1e-8)


def test_too_few_points_and_missing_values_are_refused():
    """An exact fit through noise, or NaN in a verdict."""
    with pytest.raises(ValueError, match="3 points cannot fix 4 parameters"):
        fit(TIED, POINTS[:3], noisy()[:3])
    with pytest.raises(ValueError, match="must be finite"):
        fit(TIED, POINTS, noisy() * np.array([1, 1, np.nan, 1, 1]))


def test_an_exponent_at_the_edge_is_not_identified():
    """Losses that fall linearly in log N fix no floor: such fits are counted, never predicted from."""
    n = np.geomspace(1e7, 1e9, 6)
    found = fit(M_BLIND, np.column_stack([n, 20 * n]), 9 - 0.3 * np.log(n))
    assert not found.identified[0]


def test_hoffmann_with_a_large_delta_is_least_squares_on_log_loss():
    """And on exact data it returns the law whatever delta is."""
    x, losses = _wide()
    n, d = x.T
    exact = hoffmann.fit_hoffmann(n, d, losses, tied=True)
    np.testing.assert_allclose([exact.alpha, np.exp(exact.log_e)], [0.272, 1.84], rtol=1e-3)
    bent = losses * np.exp(0.01 * np.random.default_rng(0).standard_normal(len(n)))
    found = hoffmann.fit_hoffmann(n, d, bent, tied=True, delta=1e3)

    def log_law(points, log_a, log_b, log_e, alpha):
        terms = np.exp(log_a) * (points[0] / 1e8) ** -alpha + np.exp(log_b) * (points[1] / 2e9) ** -alpha
        return np.log(terms + np.exp(log_e))

    best, _ = curve_fit(log_law, (n, d), np.log(bent), p0=[0, 0, 0.6, 0.27])
    at = np.array([1.4e9]), np.array([9e11])
    assert np.log(found.at_size(*at)) == pytest.approx(log_law(at, *best), abs=1e-4)
    with pytest.raises(ValueError, match="must be positive"):
        hoffmann.fit_hoffmann(n, d, -losses, tied=True)


def test_the_joint_law_is_the_single_one_for_one_group():
    """And on two groups of one exponent it finds that exponent and both floors."""
    one = fit(joint_law(1), np.column_stack([POINTS, np.zeros(5)]), noisy())
    assert one.theta[0, 0] == pytest.approx(fit(TIED, POINTS, noisy()).theta[0, 0], abs=1e-7)
    other = LossLaw(1.2, 100, 200, LAWS[0].eta)
    x = np.concatenate([np.column_stack([POINTS, np.full(5, k)]) for k in (0, 1)])
    both = fit(joint_law(2), x, np.concatenate([LAWS[0].at_size(N, D), other.at_size(N, D)]))
    assert both.theta[0, 0] == pytest.approx(-2 * LAWS[0].eta, rel=1e-6)
    np.testing.assert_allclose(both.coefficients[0, [2, 5]], [LAWS[0].E, 1.2], rtol=1e-5)


def test_simulated_intervals_grow_with_noise_and_vanish_without():
    """Noise propagation and the chained interval on an exact law."""
    fitted, at = fit(TIED, POINTS, LAWS[0].at_size(N, D)), np.array([[6.9e9, 1.38e11]])
    rng = np.random.default_rng(0)
    widths = [
        np.ptp(intervals.bounds(intervals.propagated(fitted, at, s, 300, rng)), axis=0)[0] for s in (0, 0.003, 0.01)
    ]
    assert widths[0] < 1e-8
    assert 2 < widths[2] / widths[1] < 5
    losses = np.full((200, 1), 2.4)
    error = fit(ERROR, np.linspace(2, 5, 6)[:, None], ErrorLaw(0.86, 2.2, 0.7).at(np.linspace(2, 5, 6)))
    drawn = intervals.chained(error, losses, 0.002, 200, rng)
    assert drawn.shape == (200, 1)
    assert drawn.mean() == pytest.approx(ErrorLaw(0.86, 2.2, 0.7).at(2.4), abs=0.002)
