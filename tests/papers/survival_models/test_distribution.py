"""The APGW distribution: hazard shapes (C2), cure (C3), AFT and PH exactness (C4), sampling, wrong input."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from replicate.papers.survival_models.distribution import APGW, SHAPES

KAPPAS = [-0.9, -0.5, -1e-9, 0, 1e-9, 0.5, 1, 2, 10, np.inf]
T = np.geomspace(1e-3, 30, 50)


def members(gammas=(0.5, 1, 1.7)):
    return [APGW(1.3, 0.7, gamma, kappa) for kappa in KAPPAS for gamma in gammas]


def counted_shape(distribution):
    """Shape read off the signs of successive differences of log h on a wide grid, flat up to 1e-12."""
    log_z = np.linspace(-60, 60, 241)
    t = np.exp(log_z / distribution.gamma) / distribution.phi
    level = distribution.log_hazard(t)
    noise = 1e-12 * np.maximum(1, np.abs(level[1:]))
    rises = np.where(np.abs(np.diff(level)) < noise, 0, np.sign(np.diff(level)))
    signs = [sign for i, sign in enumerate(rises) if sign and (i == 0 or sign != rises[i - 1])]
    return {(): SHAPES[0], (1,): SHAPES[1], (-1,): SHAPES[2], (1, -1): SHAPES[3], (-1, 1): SHAPES[4]}[tuple(signs)]


def test_hazard_shapes_on_a_grid():
    """Lost: C2, no mismatch on 40 x 40 pairs, among them gamma = 1, kappa = 0, 1, inf and kappa gamma = 1."""
    gammas = np.r_[0.25, 0.5, 1.0, 2.0, 4.0, np.geomspace(0.11, 9, 35)]
    kappas = np.r_[-0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0, np.inf, np.linspace(-0.97, 6.1, 32)]
    predicted = APGW(0.8, 1.3, gammas[:, None], kappas).hazard_shape
    counted = [[counted_shape(APGW(0.8, 1.3, gamma, kappa)) for kappa in kappas] for gamma in gammas]
    assert predicted.shape == (40, 40)
    np.testing.assert_array_equal(predicted, counted)
    assert set(predicted.ravel()) == set(SHAPES)


@pytest.mark.parametrize(
    ("gamma", "kappa"), [(1.5, -0.5), (2, 0), (2, 0.3), (1.05, 0.9), (0.5, 3), (0.9, 1.3), (0.5, np.inf), (0.2, 1e9)]
)
def test_turning_point_against_a_search(gamma, kappa):
    """Lost: C2, location of the mode or antimode, relative 1e-5, against the root of d log h / d log t."""
    one = APGW(2.5, 0.4, gamma, kappa)

    def slope(log_t):
        z = (2.5 * np.exp(log_t)) ** gamma
        return gamma - 1 + gamma * (z if kappa == np.inf else (kappa - 1) * z / (kappa + 1 + z))

    found = np.exp(optimize.brentq(slope, -30, 30, xtol=1e-12))
    assert one.turning_point == pytest.approx(found, rel=1e-5)
    grid = one.log_hazard(one.turning_point * np.exp([-0.05, 0, 0.05]))
    assert np.sign(np.diff(grid)).tolist() == ([1, -1] if one.hazard_shape == "up-then-down" else [-1, 1])


def test_monotone_hazards_do_not_turn():
    """Lost: nan rather than a number for constant, increasing and decreasing hazards."""
    assert np.isnan(APGW(gamma=[1, 2, 0.5, 1, 1, 2], kappa=[1, 2, 0.5, np.inf, 0, 0.5]).turning_point).all()


@pytest.mark.parametrize("kappa", [-0.95, -0.5, -0.2])
def test_cure_fraction(kappa):
    """Lost: C3, S(inf) = exp(-lambda (kappa + 1) / |kappa|), also as the level S reaches; no other member cures."""
    one = APGW(1.3, 0.7, 1.5, kappa)
    closed = np.exp(-0.7 * (kappa + 1) / abs(kappa))
    for level in (one.cure_fraction, one.survival(np.inf), one.survival(1e200)):
        assert level == pytest.approx(closed, rel=1e-10)
    assert APGW(9.0, 0.7, 0.3, kappa).cure_fraction == one.cure_fraction
    np.testing.assert_array_equal(APGW(kappa=[0, 1e-14, 1, np.inf]).cure_fraction, 0)


def test_phi_is_exactly_an_accelerated_failure_time():
    """Lost: C4, all quantiles are divided by exp(tau1)."""
    p = np.array([0.01, 0.2, 0.4])
    for one in members():
        fast = APGW(one.phi * np.exp(0.6), one.lambda_, one.gamma, one.kappa)
        reached = p * (1 - one.cure_fraction)
        np.testing.assert_allclose(one.quantile(reached) / fast.quantile(reached), np.exp(0.6), rtol=1e-10)
        np.testing.assert_allclose(fast.survival(T), one.survival(T * np.exp(0.6)), rtol=1e-10)


def test_lambda_is_exactly_a_proportional_hazard():
    """Lost: C4, HR(t) = exp(beta1) at all t; from the ratio method and from two hazards."""
    for one in members():
        worse = APGW(one.phi, one.lambda_ * np.exp(0.5), one.gamma, one.kappa)
        np.testing.assert_allclose(worse.hazard_ratio(one, T), np.exp(0.5), rtol=1e-10)
        difference = worse.log_hazard(T) - one.log_hazard(T)
        np.testing.assert_allclose(difference, 0.5, atol=1e-10 * np.abs(one.log_hazard(T)).max())


def test_gamma_breaks_both():
    """Lost: C4, with alpha1 != 0 neither HR nor the ratio of quantiles is constant; HR ~ t^(alpha difference) at 0."""
    one, other = APGW(1, 0.7, 1.2, 0.5), APGW(1, 0.7, 1.5, 0.5)
    ratio = other.hazard_ratio(one, T)
    assert ratio.max() / ratio.min() > 2
    scale = one.quantile([0.1, 0.9]) / other.quantile([0.1, 0.9])
    assert abs(scale[0] / scale[1] - 1) > 0.1
    assert other.hazard_ratio(one, 2e-9) / other.hazard_ratio(one, 1e-9) == pytest.approx(2**0.3, rel=1e-6)
    assert other.hazard_ratio(one, 0.0) == 0


@pytest.mark.parametrize("one", members(), ids=lambda one: f"kappa={one.kappa},gamma={one.gamma}")
def test_hazard_density_and_survival_agree(one):
    """Lost: h = dH/dt, S(0) = 1, f = h S, and the density integrating to 1 - cure fraction."""
    t, step = np.geomspace(0.05, 2, 12), 1e-5
    slope = (one.cumulative_hazard(t * (1 + step)) - one.cumulative_hazard(t * (1 - step))) / (2 * step * t)
    np.testing.assert_allclose(one.hazard(t), slope, rtol=1e-7)
    assert one.cumulative_hazard(0) == 0
    assert one.survival(0) == 1
    np.testing.assert_allclose(one.density(t), one.hazard(t) * one.survival(t), rtol=1e-13)
    log_z = np.linspace(-80, 700, 200_001)  # in log time the integrand is smooth and decays at both ends
    times = np.exp(log_z * 0.9 / max(1, one.gamma))
    mass = integrate.trapezoid(one.density(times) * times, np.log(times))
    assert mass == pytest.approx(one.survival(times[0]) - one.survival(times[-1]), abs=1e-9)
    assert one.survival(times[0]) - one.survival(times[-1]) == pytest.approx(1 - one.cure_fraction, abs=1e-10)


@pytest.mark.parametrize("one", members(), ids=lambda one: f"kappa={one.kappa},gamma={one.gamma}")
def test_quantile_round_trip(one):
    """Lost: S(quantile(p)) = 1 - p, inf beyond the cure fraction, the median, and the ends."""
    p = np.array([1e-6, 0.1, 0.5, 0.9, 0.999]) * (1 - one.cure_fraction)
    np.testing.assert_allclose(one.survival(one.quantile(p)), 1 - p, rtol=1e-11)
    assert one.quantile(0) == 0
    assert one.quantile(1) == np.inf
    assert one.median == one.quantile(0.5)
    if one.cure_fraction > 0:
        assert one.quantile(1 - one.cure_fraction * (1 - 1e-9)) == np.inf


@pytest.mark.parametrize("kappa", [-0.3, 0, 0.5, 1, 2, np.inf])
def test_samples_follow_the_distribution(kappa):
    """Lost: simulation of every design; Kolmogorov-Smirnov with 20,000 draws, and the share of cured."""
    one = APGW(1.3, 0.7, 1.5, kappa)
    drawn = one.sample(20_000, np.random.default_rng(11))
    cured = np.isinf(drawn)
    assert abs(cured.mean() - one.cure_fraction) <= 4 * np.sqrt(one.cure_fraction * (1 - one.cure_fraction) / 20_000)
    share = (1 - one.survival(drawn[~cured])) / (1 - one.cure_fraction)
    assert stats.kstest(share, "uniform").pvalue > 1e-3


def test_samples_take_the_shape_of_the_parameters():
    """Lost: one draw per parameter; a size that would share a draw between subjects is refused."""
    one = APGW(phi=np.ones(3), kappa=[[0.0], [1.0]])
    assert one.sample(None, np.random.default_rng(0)).shape == (2, 3)
    assert one.sample((5, 2, 3), np.random.default_rng(0)).shape == (5, 2, 3)
    with pytest.raises(ValueError, match=r"parameters of shape \(2, 3\) do not fit size = \(3,\); append"):
        one.sample(3, np.random.default_rng(0))


def test_arrays_equal_scalars():
    """Lost: broadcasting of parameters against each other and against times."""
    kappa = np.array([-0.5, 0, 1, 3, np.inf])
    many = APGW(1.3, 0.7, 1.5, kappa[:, None])
    for name in ("cumulative_hazard", "hazard", "density", "survival"):
        one_by_one = [getattr(APGW(1.3, 0.7, 1.5, value), name)(T) for value in kappa]
        np.testing.assert_array_equal(getattr(many, name)(T), one_by_one)


@pytest.mark.filterwarnings("error")
def test_ends_of_the_time_axis():
    """Lost: limits of the hazard at 0 and of the density at inf, without nan and without warnings."""
    one = APGW(1.3, 0.7, np.array([0.5, 1, 2]), np.array([[-0.5], [0], [2], [np.inf]]))
    np.testing.assert_allclose(one.hazard(0), [[np.inf, 1.3 * 0.7, 0]] * 4, rtol=1e-14)
    np.testing.assert_array_equal(one.density([[np.inf]]), np.zeros((4, 3)))
    np.testing.assert_array_equal(APGW(1, 1, 148, [2, np.inf]).survival(1e4), 0)
    np.testing.assert_array_equal(APGW(1, 1, 148, [2, np.inf]).density(1e4), 0)
    assert APGW(1, 1, 148, -0.5).survival(1e4) == pytest.approx(np.exp(-1), rel=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"phi": 0}, r"APGW phi must be a finite number above 0; found 0.0"),
        ({"lambda_": [1, np.nan]}, r"APGW lambda_ must be .* found nan at index \(1,\)"),
        ({"gamma": np.inf}, r"APGW gamma must be a finite number above 0; found inf"),
        ({"kappa": -1}, r"APGW kappa must be above -1, inf allowed; use .*log_logistic_cure.* found -1.0"),
        ({"phi": [1, 2], "gamma": [1, 2, 3]}, r"must broadcast .* phi \(2,\), lambda_ \(\), gamma \(3,\)"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    """Lost: a message with what, where and what is allowed."""
    with pytest.raises(ValueError, match=message):
        APGW(**parameters)


def test_wrong_arguments_are_named():
    """Lost: negative times, nan and impossible probabilities are refused, not turned into numbers."""
    one = APGW()
    for method in (one.cumulative_hazard, one.survival, one.hazard, one.log_hazard, one.density):
        for t in (-1e-9, np.nan):
            with pytest.raises(ValueError, match=r"t must be a time of 0 or later; found (-1e-09|nan) at index \(1,\)"):
                method([1.0, t])
    for method in (one.hazard, lambda t: one.hazard_ratio(one, t)):
        with pytest.raises(ValueError, match="t must be a finite time for the hazard; found inf"):
            method(np.inf)
    with pytest.raises(ValueError, match=r"p must be a probability in \[0, 1\]; found 1.5"):
        one.quantile(1.5)
