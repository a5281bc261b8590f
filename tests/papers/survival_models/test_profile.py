"""Profile likelihood: limits, curve, and what is said where there is no limit."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2

from replicate.papers.survival_models.likelihood import COMPONENTS, Model, Observed, evaluate
from replicate.papers.survival_models.newton import maximise
from replicate.papers.survival_models.profile import profile, profile_interval

CRITICAL = chi2.ppf(0.95, 1)
E1684 = {  # spec 5.5: limits of kappa, years, to 0.01
    "b/lam": (-0.600, -0.391),
    "t/phi": (-0.449, -0.338),
    "b/both": (-0.273, 0.067),
    "t/both": (-0.298, 0.060),
}


def trial(n=400, seed=0):
    """Draw Weibull times with a covariate and its design; a third is censored."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    time, censored = rng.weibull(1.4, n) * np.exp(-0.3 * x), rng.uniform(0, 2.5, n)
    return Observed(np.minimum(time, censored), time <= censored), np.column_stack([np.ones(n), x])


def fitted(n=400):
    data, design = trial(n)
    one = np.ones((n, 1))
    model = Model({"beta": design, "alpha": design, "nu": one}, {})
    return data, model, maximise(data, model)


def refit(data, model, optimum, place, value):
    """Return the constrained maximum by another route: a held coefficient moved into an offset-free model."""
    rest = {name: design for name, design in model.designs.items() if name != place}
    return maximise(data, Model(rest, {place: value}), starts=3).value


def test_limits_are_where_the_deviance_is_critical():
    """Lost: the definition of the interval, with the refits done by another model."""
    data, model, optimum = fitted()
    found = profile_interval(data, model, optimum, "nu", 0)
    for limit in (found.lower, found.upper):
        deviance = 2 * (optimum.value - refit(data, model, optimum, "nu", limit))
        assert deviance == pytest.approx(CRITICAL, abs=1e-5)
    assert found.lower < optimum.theta[-1] < found.upper
    assert found.level == 0.95
    assert found.lower_reason == found.upper_reason == ""
    assert found[:2] == (found.lower, found.upper)


def test_curve_of_every_coefficient_meets_its_limits():
    """Lost: profile and interval agree, at any level, for intercepts and slopes alike."""
    data, model, optimum = fitted()
    for component, column in [(name, j) for name, x in model.designs.items() for j in range(x.shape[1])]:
        found = profile_interval(data, model, optimum, component, column, level=0.8)
        estimate = optimum.theta[model.slices[component]][column]
        values = profile(data, model, optimum, component, column, np.array([found.upper, estimate, found.lower]))
        np.testing.assert_allclose(2 * (optimum.value - values), [chi2.ppf(0.8, 1), 0, chi2.ppf(0.8, 1)], atol=1e-6)


def test_curve_on_a_grid_in_any_order():
    """Lost: warm starts do not change the curve, which has one top."""
    data, model, optimum = fitted()
    grid = np.linspace(-0.2, 2.5, 15)
    values = profile(data, model, optimum, "nu", 0, grid)
    direct = [refit(data, model, optimum, "nu", nu) for nu in grid]
    np.testing.assert_allclose(values, direct, atol=1e-7)
    np.testing.assert_allclose(profile(data, model, optimum, "nu", 0, grid[::-1]), values[::-1], atol=1e-8)
    np.testing.assert_allclose(profile(data, model, optimum, "nu", 0, grid[[11]]), values[[11]], atol=1e-7)
    assert np.isfinite(values).all()
    assert (np.diff(np.sign(np.diff(values))) != 0).sum() == 1


def test_large_samples_agree_with_wald():
    """Lost: the two intervals are asymptotically the same."""
    data, model, optimum = fitted(20_000)
    for place, (component, column) in enumerate([("beta", 0), ("beta", 1), ("alpha", 0), ("alpha", 1)]):
        found = profile_interval(data, model, optimum, component, column)
        half = np.sqrt(CRITICAL) * optimum.standard_errors[place]
        wald = optimum.theta[place] + np.array([-half, half])
        np.testing.assert_allclose([found.lower, found.upper], wald, atol=0.05 * half)


def test_single_coefficient_has_the_exact_interval():
    """Lost: the exponential rate, whose deviance is known in closed form, and a fit with nothing to refit."""
    data, _ = trial(50)
    model = Model({"beta": np.ones((50, 1))})
    optimum = maximise(data, model)
    events, exposure = data.event.sum(), data.time.sum()

    def deviance(beta):
        rate = np.exp(beta) * exposure / events
        return 2 * events * (rate - 1 - np.log(rate)) - CRITICAL

    middle = np.log(events / exposure)
    assert optimum.theta[0] == pytest.approx(middle, abs=1e-10)
    found = profile_interval(data, model, optimum, "beta", 0)
    assert found.lower == pytest.approx(brentq(deviance, middle - 2, middle), abs=1e-6)
    assert found.upper == pytest.approx(brentq(deviance, middle, middle + 2), abs=1e-6)


def test_unit_of_a_covariate_scales_its_limits():
    """Lost: equivariance; a covariate in other units and off centre gives the same interval."""
    data, model, optimum = fitted()
    plain = profile_interval(data, model, optimum, "alpha", 1)
    other = model.designs["alpha"] * [1, 1e-3] + [0, 5.0]
    scaled = Model({**model.designs, "alpha": other})
    found = profile_interval(data, scaled, maximise(data, scaled), "alpha", 1)
    assert found.lower / 1e3 == pytest.approx(plain.lower, rel=1e-5)
    assert found.upper / 1e3 == pytest.approx(plain.upper, rel=1e-5)


def test_side_without_limit_is_infinite_with_a_reason():
    """Lost: kappa of Gompertz data has no upper limit, and the interval says so instead of inventing one."""
    rng = np.random.default_rng(4)
    data = Observed(np.log1p(rng.exponential(size=300) / 0.05), np.ones(300))
    one = np.ones((300, 1))
    model = Model({"tau": one, "beta": one, "nu": one})
    found = profile_interval(data, model, maximise(data, model), "nu", 0)
    assert found.upper == np.inf
    assert "unbounded: the log-likelihood falls by" in found.upper_reason
    assert np.isfinite(found.lower)
    assert found.lower_reason == ""


def test_separated_covariate_has_one_limit():
    """Lost: a group without events bounds its hazard ratio from above only."""
    data, _ = trial(200)
    group = np.arange(200) < 20
    data = Observed(data.time, data.event * ~group)
    one = np.ones((200, 1))
    model = Model({"beta": np.column_stack([one, group]), "alpha": one})
    optimum = maximise(data, model)
    found = profile_interval(data, model, optimum, "beta", 1)
    assert found.lower == -np.inf
    assert found.lower_reason.startswith("unbounded")
    (value,) = profile(data, model, optimum, "beta", 1, np.array([found.upper]))
    assert 2 * (optimum.value - value) == pytest.approx(CRITICAL, abs=1e-4)


def test_a_point_that_is_no_maximum_is_found_out():
    """Lost: from a wrong optimum no interval is made up."""
    data, model, optimum = fitted()
    theta = optimum.theta + np.array([0, 0, 0, 0, 0.8])
    wrong = evaluate(theta, data, model)
    moved = replace(optimum, theta=theta, value=wrong.value, score=wrong.score)
    found = profile_interval(data, model, moved, "nu", 0)
    assert np.isnan(found.lower)
    assert "above the optimum" in found.lower_reason
    assert "maximise again" in found.lower_reason


def test_impossible_requests_are_explained():
    """Lost: which coefficients there are, which levels and grids."""
    data, model, optimum = fitted(100)
    with pytest.raises(ValueError, match=r"no coefficient \('tau', 0\); .*'beta': 2, 'alpha': 2, 'nu': 1"):
        profile_interval(data, model, optimum, "tau", 0)
    with pytest.raises(ValueError, match=r"no coefficient \('nu', 1\)"):
        profile(data, model, optimum, "nu", 1, np.zeros(2))
    with pytest.raises(ValueError, match="level = 1 must lie strictly between 0 and 1"):
        profile_interval(data, model, optimum, "nu", 0, level=1)
    with pytest.raises(ValueError, match=r"grid of shape \(1, 1\)"):
        profile(data, model, optimum, "nu", 0, np.zeros((1, 1)))


@pytest.mark.data
@pytest.mark.parametrize("label", E1684)
def test_kappa_on_e1684(label):
    """Lost: C11, the verdict on a cure fraction changes with the baseline."""
    if not os.environ.get("REPLICATE_DATA"):
        pytest.skip("REPLICATE_DATA is not set")
    frame = pd.read_csv(Path(os.environ["REPLICATE_DATA"]) / "survival" / "e1684.csv")
    data, one = Observed(frame["FAILTIME"], frame["FAILCENS"]), np.ones((len(frame), 1))
    covariate, baseline = {"t": "tau", "b": "beta"}[label[0]], label[2:]
    held = {"lam": "tau", "phi": "beta", "both": None}[baseline]
    designs = {name: one for name in COMPONENTS if name != held}
    designs[covariate] = np.column_stack([one, frame["TRT"]])
    model = Model(designs)
    found = profile_interval(data, model, maximise(data, model), "nu", 0)
    np.testing.assert_allclose(np.expm1([found.lower, found.upper]), E1684[label], atol=1e-3)
    assert (found.upper > 0) == (baseline == "both")
