"""C1: every named member against its closed form, scipy.stats or lifelines, at relative 1e-12."""

import lifelines
import numpy as np
import pytest
from scipy import stats

from replicate.papers.survival_models import special_cases
from replicate.papers.survival_models.distribution import APGW

T = np.geomspace(1e-3, 4, 60)

CLOSED = {
    "weibull": (special_cases.weibull(shape=1.7, scale=2.5), (T / 2.5) ** 1.7),
    "exponential": (special_cases.exponential(rate=0.4), 0.4 * T),
    "log_logistic": (special_cases.log_logistic(shape=1.7, scale=2.5), np.log1p((T / 2.5) ** 1.7)),
    "burr_xii": (special_cases.burr_xii(c=1.7, d=0.6, scale=2.5), 0.6 * np.log1p((T / 2.5) ** 1.7)),
    "lomax": (special_cases.lomax(c=1.7, scale=2.5), 1.7 * np.log1p(T / 2.5)),
    "gompertz": (special_cases.gompertz(c=0.3, scale=2.5), 0.3 * np.expm1(T / 2.5)),
    "weibull_exponential": (
        special_cases.weibull_exponential(c=0.3, shape=1.7, scale=2.5),
        0.3 * np.expm1((T / 2.5) ** 1.7),
    ),
    "linear_hazard": (special_cases.linear_hazard(intercept=0.4, slope=0.7), 0.4 * T + 0.35 * T**2),
    "power_generalized_weibull": (
        special_cases.power_generalized_weibull(sigma=2.5, eta=1.7, g=3.0),
        np.expm1(np.log1p((T / 2.5) ** 1.7) / 3),
    ),
    "mpr_pgw": (special_cases.mpr_pgw(scale=0.8, g=1.7, r=0.4), 0.8 * np.expm1(0.4 * np.log1p(T**1.7))),
    "mpr_burr": (special_cases.mpr_burr(scale=0.8, g=1.7, r=0.4), np.log1p(0.8 * 0.4 * T**1.7) / 0.4),
    "cure": (
        special_cases.cure(cure_fraction=0.35, c=1.7, d=0.6, scale=2.5),
        np.log(0.35) * np.expm1(-0.6 * np.log1p((T / 2.5) ** 1.7)),
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_cumulative_hazard_against_the_closed_form(name):
    """Lost: C1, a row of the table of special cases."""
    member, closed = CLOSED[name]
    np.testing.assert_allclose(member.cumulative_hazard(T), closed, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("weibull", stats.weibull_min(1.7, scale=2.5)),
        ("exponential", stats.expon(scale=1 / 0.4)),
        ("log_logistic", stats.fisk(1.7, scale=2.5)),
        ("burr_xii", stats.burr12(1.7, 0.6, scale=2.5)),
        ("lomax", stats.lomax(1.7, scale=2.5)),
        ("gompertz", stats.gompertz(0.3, scale=2.5)),
    ],
)
def test_against_scipy(name, reference):
    """Lost: agreement of survival, density and quantiles with an independent implementation."""
    member, p = CLOSED[name][0], np.array([0.001, 0.2, 0.5, 0.95])
    np.testing.assert_allclose(member.survival(T), reference.sf(T), rtol=1e-12)
    np.testing.assert_allclose(member.density(T), reference.pdf(T), rtol=1e-12)
    np.testing.assert_allclose(member.quantile(p), reference.ppf(p), rtol=1e-12)


@pytest.mark.parametrize(
    ("fitter", "constructor"),
    [(lifelines.WeibullFitter, special_cases.weibull), (lifelines.LogLogisticFitter, special_cases.log_logistic)],
)
def test_against_lifelines(fitter, constructor):
    """Lost: that shape and scale mean what lifelines' rho (beta) and lambda (alpha) mean."""
    drawn = constructor(shape=1.7, scale=2.5).sample(200, np.random.default_rng(5))
    fitted = fitter().fit(drawn)
    scale, shape = fitted.params_
    expected = fitted.survival_function_at_times(T).to_numpy()
    np.testing.assert_allclose(constructor(shape=shape, scale=scale).survival(T), expected, rtol=1e-12)


def test_gompertz_is_the_limit_of_large_kappa():
    """Lost: C1, the member at kappa = 1e12 within 1e-10."""
    near = APGW(phi=1 / 2.5, lambda_=0.3, gamma=1.0, kappa=1e12)
    np.testing.assert_allclose(near.cumulative_hazard(T), CLOSED["gompertz"][1], rtol=1e-10)


def test_log_logistic_cure_is_the_limit_of_kappa_minus_one():
    """Lost: C1, kappa + 1 = 1e-9 within 1e-7 of theta w / (1 + w), and its cure fraction."""
    near = special_cases.log_logistic_cure(cure_fraction=0.35, shape=1.7, scale=2.5)
    w = (T / 2.5) ** 1.7
    np.testing.assert_allclose(near.cumulative_hazard(T), -np.log(0.35) * w / (1 + w), rtol=1e-7)
    assert near.cure_fraction == pytest.approx(0.35, rel=1e-9)


def test_cure_fraction_is_the_argument():
    """Lost: C3, the promotion-time cure model keeps its cure fraction for any latency."""
    member = special_cases.cure(cure_fraction=[0.05, 0.35, 0.9], c=1.3, d=[[0.1], [0.99]], scale=4.0)
    np.testing.assert_allclose(member.cure_fraction, [[0.05, 0.35, 0.9]] * 2, rtol=1e-10)


def test_hazard_shapes_of_the_named_members():
    """Lost: the shapes the names are known for."""
    shapes = {name: str(member.hazard_shape) for name, (member, _) in CLOSED.items()}
    assert shapes["exponential"] == "constant"
    assert {shapes[name] for name in ("weibull", "gompertz", "linear_hazard")} == {"increasing"}
    assert shapes["lomax"] == "decreasing"
    assert {shapes[name] for name in ("log_logistic", "burr_xii", "cure", "mpr_burr")} == {"up-then-down"}
    assert special_cases.weibull_exponential(c=0.3, shape=0.5).hazard_shape == "down-then-up"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: special_cases.weibull(shape=-1), "shape must be finite and above 0; found -1"),
        (lambda: special_cases.gompertz(c=0.3, scale=np.inf), "scale must be finite and above 0; found inf"),
        (lambda: special_cases.linear_hazard(intercept=1, slope=0), "slope must be finite and above 0; found 0"),
        (lambda: special_cases.cure(cure_fraction=0, c=1, d=0.5), "cure_fraction must lie strictly between 0 and 1"),
        (lambda: special_cases.cure(cure_fraction=0.2, c=1, d=1), "d must lie strictly between 0 and 1; found 1"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    """Lost: the name the caller used, not that of an APGW parameter."""
    with pytest.raises(ValueError, match=message):
        call()
