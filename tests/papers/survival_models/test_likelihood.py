"""Log-likelihood, score and Hessian of the APGW regression (section 2.5 of the contract)."""

import os
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from replicate.papers.survival_models.likelihood import COMPONENTS, Model, Observed, evaluate

KAPPAS = [0.0, 1.0, -0.5, 1e-9, 1e4]
GOLDEN = [  # theta = (tau, tau_x, beta, beta_x, alpha, alpha_x, nu, nu_x) on e1684, TRT, years: spec 5.2 and 7
    ((0,) * 8, -413.08810287013546),
    ((0.5, -0.3, -0.2, 0.1, 0.2, 0.1, -0.4, 0.2), -389.5555572365625),
    ((0, 0, 0.58, -0.36, 0.35, 0, -0.7, 0), -373.2209965039707),
    ((0.2, 0, -0.5, 0, 0.1, 0, np.log(2), 0), -750.4031564237077),
    ((0.5, -0.3, -0.2, 0.1, 5, 0.1, 0.01, 0), -304643.87441592384),
]


def trial(n=60, seed=0, late=False):
    """Return times, designs and a truncation time below every exit time, or None."""
    rng = np.random.default_rng(seed)
    time = rng.weibull(1.3, n) + 1e-3
    design = np.column_stack([np.ones(n), rng.integers(0, 2, n), rng.standard_normal(n)])
    entry = time * rng.uniform(0, 0.9, n) * (rng.random(n) < 0.7) if late else None
    return Observed(time, rng.random(n) < 0.6, entry), design


def point(kappa, alpha=0.2):
    slopes = [0.1, -0.2]
    return np.array([0.3, *slopes, -0.4, *slopes, alpha, *slopes, np.log1p(kappa), 0.05, 0.03])


def differences(function, theta, step=1e-4):
    """Return central differences of fourth order, exact to about 1e-11 here."""
    moves = np.eye(len(theta)) * step

    def slope(move):
        return (function(theta + move) - function(theta - move)) / (2 * step)

    return np.array([(4 * slope(move) - slope(2 * move) / 2) / 3 for move in moves])


def torch_log_likelihood(theta, data, design):
    """Return the sum of ``d log h - H + H(entry)`` by automatic differentiation's own route."""
    tau, beta, alpha, nu = (design @ part for part in theta.split(design.shape[1]))

    def hazards(time):
        log_z = alpha.exp() * (tau + time.log())
        u = torch.nn.functional.softplus(log_z - nu, threshold=1e3)
        kappa = torch.expm1(nu)
        x = kappa * u
        near = x.abs() < 0.5
        small = torch.where(near, x, 0.0)
        series = sum(small**n / torch.lgamma(torch.tensor(n + 2.0, dtype=x.dtype)).exp() for n in range(18))
        large = torch.where(near, 1.0, x)
        mean = torch.where(near, series, torch.expm1(large) / large)
        log_hazard = beta + alpha + log_z - time.log() + (kappa - 1) * u
        return log_hazard, beta.exp() * nu.exp() * u * mean

    time, event = torch.tensor(data.time), torch.tensor(data.event)
    log_hazard, exit_hazard = hazards(time)
    total = (event * log_hazard - exit_hazard).sum()
    if data.entry is not None:
        late = torch.tensor(data.entry > 0)
        entry = torch.where(late, torch.tensor(data.entry), 1.0)
        total = total + torch.where(late, hazards(entry)[1], 0.0).sum()
    return total


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kappa", KAPPAS)
def test_score_and_hessian_against_central_differences(kappa, late):
    """Lost: the closed forms are the derivatives of the value."""
    data, design = trial(late=late)
    model, theta = Model(dict.fromkeys(COMPONENTS, design)), point(kappa)
    found = evaluate(theta, data, model)
    score = differences(lambda at: evaluate(at, data, model, order=0).value, theta)
    hessian = differences(lambda at: evaluate(at, data, model, order=1).score, theta)
    np.testing.assert_allclose(found.score, score, atol=1e-8 * np.abs(found.hessian).max())
    np.testing.assert_allclose(found.hessian, hessian, atol=1e-8 * np.abs(found.hessian).max())


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("kappa", "alpha"), [*((kappa, 0.2) for kappa in KAPPAS), (0.01, 5.0)])
def test_value_score_and_hessian_against_autograd(kappa, alpha, late):
    """Lost: agreement to 1e-10 with derivatives nobody wrote by hand; alpha = 5 is gamma = 148."""
    data, design = trial(late=late)
    theta = point(kappa, alpha)
    matrix = torch.tensor(design)
    found = evaluate(theta, data, Model(dict.fromkeys(COMPONENTS, design)))
    variable = torch.tensor(theta, requires_grad=True)
    value = torch_log_likelihood(variable, data, matrix)
    (score,) = torch.autograd.grad(value, variable)
    hessian = torch.autograd.functional.hessian(lambda at: torch_log_likelihood(at, data, matrix), variable.detach())
    np.testing.assert_allclose(found.value, value.item(), rtol=1e-13)
    np.testing.assert_allclose(found.score, score.numpy(), atol=1e-10 * score.abs().max().item())
    np.testing.assert_allclose(found.hessian, hessian.numpy(), atol=1e-10 * hessian.abs().max().item())


def test_late_entry_is_conditioning_on_survival_to_entry():
    """Lost: left truncation as log f(t)^d S(t)^(1-d) / S(entry), from the power formula of the paper."""
    data, design = trial(late=True)
    kappa, theta = 0.7, point(0.7)
    theta[-2:] = 0.0
    tau, beta, alpha = (design @ theta[start : start + 3] for start in (0, 3, 6))
    k1, gamma = kappa + 1, np.exp(alpha)

    def cumulative(time):
        return np.exp(beta) * k1 / kappa * ((1 + (np.exp(tau) * time) ** gamma / k1) ** kappa - 1)

    z = (np.exp(tau) * data.time) ** gamma
    hazard = np.exp(beta) * gamma * z / data.time * (1 + z / k1) ** (kappa - 1)
    expected = (data.event * np.log(hazard) - cumulative(data.time) + cumulative(data.entry)).sum()
    found = evaluate(theta, data, Model(dict.fromkeys(COMPONENTS, design)), order=0)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.score is None
    assert found.hessian is None


def test_entry_at_zero_is_no_truncation():
    """Lost: log 0 = -inf of a row at risk from the start never reaches the sums."""
    data, design = trial()
    model = Model(dict.fromkeys(COMPONENTS, design))
    late = evaluate(point(0.3), Observed(data.time, data.event, np.zeros_like(data.time)), model)
    plain = evaluate(point(0.3), data, model)
    assert late.value == plain.value
    np.testing.assert_array_equal(late.hessian, plain.hessian)


def test_special_cases_against_scipy():
    """Lost: kappa = 1 is the Weibull and kappa = 0, lambda = 1 the log-logistic, with scipy's parameters."""
    data, _ = trial(200)
    one = np.ones((200, 1))
    for fixed, law in (({}, stats.weibull_min(1.4, scale=0.8)), ({"nu": 0.0}, stats.fisk(1.4, scale=0.8))):
        model = Model({"tau": one, "alpha": one}, fixed)
        expected = np.where(data.event, law.logpdf(data.time), law.logsf(data.time)).sum()
        found = evaluate(np.array([-np.log(0.8), np.log(1.4)]), data, model, order=0)
        assert found.value == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("late", [False, True])
def test_chunks_and_row_order_do_not_matter(late):
    """Lost: large data give the same sums as small."""
    data, design = trial(500, late=late)
    model, theta = Model({"beta": design, "alpha": design, "nu": np.ones((500, 1))}), np.linspace(-0.3, 0.4, 7)
    whole = evaluate(theta, data, model)
    order = np.random.default_rng(5).permutation(500)
    entry = data.entry[order] if late else None
    shuffled = Model({name: matrix[order] for name, matrix in model.designs.items()})
    for found in (
        evaluate(theta, data, model, chunk=7),
        evaluate(theta, Observed(data.time[order], data.event[order], entry), shuffled),
    ):
        assert found.value == pytest.approx(whole.value, rel=1e-13)
        np.testing.assert_allclose(found.score, whole.score, rtol=1e-11)
        np.testing.assert_allclose(found.hessian, whole.hessian, rtol=1e-11, atol=1e-10)


def test_intercept_alone_equals_any_other_constant_column():
    """Lost: the scalar route of a column of ones is the matrix route."""
    data, design = trial()
    one = np.ones((60, 1))
    fast = Model({"tau": one, "beta": design, "alpha": one, "nu": one})
    slow = Model({"tau": 2 * one, "beta": design, "alpha": 2 * one, "nu": 2 * one})
    scale = np.array([1, 2, 2, 2, 1, 1]) / 2
    theta = np.array([0.3, -0.4, 0.1, 0.2, 0.2, -0.3])
    assert fast.constant == {"tau", "alpha", "nu"}
    assert slow.constant == set()
    one, two = evaluate(theta, data, fast), evaluate(theta * scale, data, slow)
    assert one.value == pytest.approx(two.value, rel=1e-13)
    np.testing.assert_allclose(one.hessian, two.hessian * np.outer(scale, scale), rtol=1e-12)


def test_held_components_are_a_part_of_the_full_model():
    """Lost: a model with components held has the same value and the matching blocks."""
    data, design = trial()
    theta = point(-0.3)
    theta[[1, 2, 10, 11]] = 0.0
    full = evaluate(theta, data, Model(dict.fromkeys(COMPONENTS, design)))
    part = Model({"alpha": design, "beta": design}, {"tau": theta[0], "nu": theta[9]})
    found = evaluate(theta[3:9], data, part)
    assert part.slices == {"beta": slice(0, 3), "alpha": slice(3, 6)}
    assert found.value == pytest.approx(full.value, rel=1e-14)
    np.testing.assert_allclose(found.hessian, full.hessian[3:9, 3:9], rtol=1e-12)


def test_overflow_is_a_value_of_minus_infinity_without_warning():
    """Lost: the search can step anywhere and only has to look at ``finite``."""
    data, design = trial()
    model = Model(dict.fromkeys(COMPONENTS, design))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for place, value in ((3, 800.0), (6, 800.0), (9, 12.0), (0, 1e300)):
            theta = point(0.5)
            theta[place] = value
            found = evaluate(theta, data, model)
            assert found.value == -np.inf or found.finite
        theta[:] = np.nan
        assert not evaluate(theta, data, model).finite


def test_memory_beyond_the_data_is_small():
    """Lost: a million rows fit in 1.5 GB; here 200,000 rows need less than 10 MB of temporaries."""
    data, design = trial(200_000)
    model = Model({"beta": design, "alpha": design, "nu": np.ones((200_000, 1))})
    theta = np.full(7, 0.1)
    _ = data.log_time
    tracemalloc.start()
    evaluate(theta, data, model)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 0.0], [1, 0]), r"time\[1\] = 0.0 \(1 such rows\); it must be > 0"),
        (([1.0, np.nan], [1, 0]), r"time\[1\] = nan"),
        (([1.0, 2.0], [1, 2]), r"event\[1\] = 2.0 .* 0 \(censored\) or 1"),
        (([1.0, 2.0], [1]), r"event has shape \(1,\)"),
        (([1.0, 2.0], [1, 0], [0.5, 2.0]), r"entry\[1\] = 2.0 .* < time"),
    ],
)
def test_impossible_observations_are_explained(arguments, message):
    """Lost: the row and the rule in the message."""
    with pytest.raises(ValueError, match=message):
        Observed(*arguments)


@pytest.mark.parametrize(
    ("designs", "fixed", "message"),
    [
        ({"gamma": np.ones((3, 1))}, {}, "no component 'gamma'; allowed: tau, beta, alpha, nu"),
        ({}, {}, "give at least one design"),
        ({"nu": np.ones((3, 1))}, {"nu": 0.0}, "either a design or a fixed value"),
        ({"nu": np.ones((3, 1)), "tau": np.ones((2, 1))}, {}, r"must be \(2, p\)"),
        ({"nu": np.ones(3)}, {}, r"shape \(3,\)"),
        ({"nu": np.full((3, 1), np.nan)}, {}, "complete cases"),
        ({"nu": np.ones((3, 1))}, {"tau": np.inf}, "fixed tau = inf"),
    ],
)
def test_impossible_models_are_explained(designs, fixed, message):
    """Lost: what is wrong with a design."""
    with pytest.raises(ValueError, match=message):
        Model(designs, fixed)


def test_parameters_must_fit_the_model():
    """Lost: a vector of another model is refused."""
    data, design = trial()
    with pytest.raises(ValueError, match=r"theta \(2,\).* needed: theta \(3,\)"):
        evaluate(np.zeros(2), data, Model({"beta": design}))


@pytest.fixture
def e1684():
    """Return the melanoma trial (years) and its design, from the mirror."""
    if not os.environ.get("REPLICATE_DATA"):
        pytest.skip("REPLICATE_DATA is not set")
    frame = pd.read_csv(Path(os.environ["REPLICATE_DATA"]) / "survival" / "e1684.csv")
    design = np.column_stack([np.ones(len(frame)), frame["TRT"]])
    return Observed(frame["FAILTIME"], frame["FAILCENS"]), Model(dict.fromkeys(COMPONENTS, design))


@pytest.mark.data
@pytest.mark.parametrize(("theta", "expected"), GOLDEN)
def test_golden_values_on_e1684(e1684, theta, expected):
    """Lost: the log-likelihoods two implementations agree on, one with gamma = 148."""
    found = evaluate(np.array(theta, dtype=float), *e1684)
    assert found.finite
    assert found.value == pytest.approx(expected, rel=1e-13)


@pytest.mark.data
def test_golden_score_on_e1684(e1684):
    """Lost: the score at the second golden point."""
    expected = [-8.34890401, -14.75972259, -30.8822326, -51.95379442, -7.48018125, -28.51996034]
    found = evaluate(np.array(GOLDEN[1][0]), *e1684)
    np.testing.assert_allclose(found.score, [*expected, -73.69318442, -105.20898085], atol=5e-9)
