"""Predictions against the distribution itself, and delta-method bands against numerical derivatives."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replicate.papers.survival_models import log_quantities, prediction
from replicate.papers.survival_models.design import designs
from replicate.papers.survival_models.distribution import APGW
from replicate.papers.survival_models.prediction import Predictors

TIMES = np.array([0.05, 0.4, 1.0, 3.0])
ROWS = pd.DataFrame({"x": [0.0, 1.0, -0.4], "g": ["a", "b", "a"]}, index=["r", "s", "t"])
FORMULAS = {"phi": "x", "lambda": "g", "gamma": "x + g", "kappa": "x"}


def predictors(nu=(-0.5, 0.2), rows=ROWS, formulas=FORMULAS, fixed=None, shift=0.0):
    """Return predictors at made-up estimates (no fit), with a made-up positive definite covariance."""
    found = designs(ROWS, formulas, fixed or {})
    theta = {"phi": [0.3, -0.2], "lambda": [-0.4, 0.6], "gamma": [0.2, 0.3, -0.1], "kappa": list(nu)}
    theta = np.concatenate([theta[name] for name in found.specs]) + shift
    root = np.random.default_rng(0).normal(size=(theta.size, theta.size)) * 0.05
    return Predictors(found, theta, root @ root.T, rows, 0.95)


def distributions(at):
    """Return the APGW of every row, built from the linear predictors by hand."""
    phi, lam, gamma, k1 = np.exp(at.eta).T
    return [APGW(p, la, g, k - 1) for p, la, g, k in zip(phi, lam, gamma, k1, strict=True)]


def numeric_limits(estimate, at, back, into):
    """Return limits of ``estimate(theta)`` with the gradient by central differences on the scale ``into``."""
    centre, gradient = into(estimate(0 * at.theta)), []
    for place in range(at.theta.size):
        step = np.zeros(at.theta.size)
        step[place] = 1e-5
        gradient.append((into(estimate(step)) - into(estimate(-step))) / 2e-5)
    gradient = np.stack(gradient, axis=-1)
    half = stats.norm.ppf(0.975) * np.sqrt(np.einsum("...p,pq,...q->...", gradient, at.covariance, gradient))
    return np.sort(np.stack([back(centre - half), back(centre + half)]), axis=0)


def log_log(p):
    return np.log(-np.log(p))


def exp_exp(x):
    return np.exp(-np.exp(x))


@pytest.mark.parametrize("nu", [-0.5, 0.0, np.log(2), 1.5, 30.0])
@pytest.mark.parametrize("time", [1e-8, 0.3, 1.7])
def test_gradients_in_the_predictors(nu, time):
    """Lost: every band; includes kappa = 0 and 1, where naive formulas divide by 0, and tiny times."""
    eta = np.array([0.2, -0.3, 0.4, nu])
    cases = [
        lambda e: log_quantities.log_cumulative_hazard(e, np.array(time)),
        lambda e: log_quantities.log_hazard(e, np.array(time)),
        lambda e: log_quantities.log_quantile(e, np.array(0.3)),
    ]
    for case in cases:
        numeric = [(case(eta + d)[0] - case(eta - d)[0]) / 2e-5 for d in 1e-5 * np.eye(4)]
        np.testing.assert_allclose(case(eta)[1], numeric, rtol=1e-6, atol=1e-8)


def test_survival_hazard_and_quantiles_are_those_of_the_distribution():
    """Lost: that predictions are the model's, row by row, labelled by row and time."""
    at = predictors()
    for row, law in zip(ROWS.index, distributions(at), strict=True):
        np.testing.assert_allclose(prediction.survival(at, TIMES)[row], law.survival(TIMES), rtol=1e-12)
        np.testing.assert_allclose(prediction.cumulative_hazard(at, TIMES)[row], law.cumulative_hazard(TIMES), 1e-12)
        np.testing.assert_allclose(prediction.hazard(at, TIMES)[row], law.hazard(TIMES), rtol=1e-12)
        np.testing.assert_allclose(prediction.percentile(at, 0.8)[row], law.quantile(0.2), rtol=1e-12)
        np.testing.assert_allclose(prediction.cure_fraction(at)[row], law.cure_fraction, rtol=1e-12)
    assert prediction.survival(at, TIMES).index.tolist() == TIMES.tolist()


@pytest.mark.parametrize(
    ("predict", "back", "into"),
    [
        (lambda at, ci: prediction.survival(at, TIMES, ci=ci), exp_exp, log_log),
        (lambda at, ci: prediction.cumulative_hazard(at, TIMES, ci=ci), np.exp, np.log),
        (lambda at, ci: prediction.hazard(at, TIMES, ci=ci), np.exp, np.log),
        (lambda at, ci: prediction.mean_survival(at, TIMES, ci=ci), exp_exp, log_log),
        (lambda at, ci: prediction.percentile(at, 0.8, ci=ci), np.exp, np.log),
        (lambda at, ci: prediction.cure_fraction(at, ci=ci), exp_exp, log_log),
    ],
)
def test_bands_against_numerical_derivatives(predict, back, into):
    """Lost: the delta method, covariances between parameters included, on the documented scale."""
    at = predictors()
    lower, upper = numeric_limits(lambda d: np.squeeze(predict(predictors(shift=d), False)), at, back, into)
    banded = predict(at, True)
    if banded.columns.nlevels == 2:
        got = [banded.xs(name, axis=1, level=1) for name in ("lower", "upper")]
    else:
        got = [banded["lower"], banded["upper"]]
    np.testing.assert_allclose(got[0], lower, rtol=1e-6)
    np.testing.assert_allclose(got[1], upper, rtol=1e-6)


def test_band_of_a_hazard_ratio_uses_the_common_covariance():
    """Lost: HR bands; without the correlation of the two rows they would be far too wide."""

    def ratio(shift, *, ci=False):
        one, two = (predictors(rows=ROWS.loc[[row]], shift=shift) for row in ("s", "r"))
        return prediction.hazard_ratio(one, two, TIMES, ci=ci)

    at = predictors()
    laws = dict(zip(ROWS.index, distributions(at), strict=True))
    np.testing.assert_allclose(ratio(0.0)["s"], laws["s"].hazard(TIMES) / laws["r"].hazard(TIMES), rtol=1e-12)
    lower, upper = numeric_limits(lambda d: ratio(d).to_numpy()[:, 0], at, np.exp, np.log)
    banded = ratio(0.0, ci=True)["s"]
    np.testing.assert_allclose(banded["lower"], lower, rtol=1e-6)
    np.testing.assert_allclose(banded["upper"], upper, rtol=1e-6)
    same = prediction.hazard_ratio(at, at, TIMES, ci=True)
    np.testing.assert_allclose(same, 1.0, rtol=1e-7)


def test_scale_effects_give_constant_ratios():
    """Lost: lambda alone is PH, phi alone AFT, with bands that do not depend on time either."""
    ph = predictors(formulas={"lambda": "g"}, fixed={"phi": 1.0, "gamma": 1.4, "kappa": 0.3})
    rows = [Predictors(ph.designs, ph.theta, ph.covariance, ROWS.loc[[row]], 0.95) for row in ("s", "r")]
    ratio = prediction.hazard_ratio(*rows, TIMES, ci=True)["s"]
    np.testing.assert_allclose(ratio["estimate"], np.exp(0.6), rtol=1e-12)
    assert np.ptp(ratio.to_numpy(), axis=0).max() < 1e-12
    aft = predictors(formulas={"phi": "x"}, fixed={"lambda": 1.0, "gamma": 1.4, "kappa": 0.3})
    quantiles = [prediction.percentile(aft, p) for p in (0.9, 0.5, 0.1)]
    for times in quantiles:
        np.testing.assert_allclose(times["s"] / times["r"], np.exp(0.2), rtol=1e-12)


def test_survival_starts_at_one_and_bands_enclose():
    """Lost: time 0, and limits in the right order, inside [0, 1]."""
    drawn = prediction.survival(predictors(), [0.0, *TIMES], ci=True)
    assert (drawn.loc[0.0] == 1).all()
    for row in ROWS.index:
        assert (drawn[row]["lower"] <= drawn[row]["estimate"]).all()
        assert (drawn[row]["estimate"] <= drawn[row]["upper"]).all()
    assert drawn.to_numpy().min() > 0
    assert (prediction.mean_survival(predictors(), [0.0], ci=True) == 1).all(axis=None)


def test_cured_rows_have_no_median_and_others_no_cure():
    """Lost: inf and 0 instead of errors or invented numbers at and beyond the plateau."""
    cured = predictors(nu=(-2.5, 0.0))
    median = prediction.percentile(cured, 0.5, ci=True)
    assert np.isinf(median.loc["r", "estimate"])
    assert median.loc["r", ["lower", "upper"]].isna().all()
    assert prediction.cure_fraction(cured)["r"] > 0.5
    uncured = prediction.cure_fraction(predictors(nu=(0.0, 0.5), rows=ROWS.loc[["r", "s"]]), ci=True)
    assert (uncured["estimate"] == 0).all()
    assert uncured[["lower", "upper"]].isna().all(axis=None)


def test_cure_fraction_ignores_phi_and_gamma():
    """Lost: log(-log p) = log lambda + log(k1 / |kappa|): covariates of phi and gamma leave the plateau alone."""
    at = predictors(formulas={"phi": "x", "gamma": "x + g"}, fixed={"lambda": 0.8, "kappa": -0.4})
    np.testing.assert_allclose(prediction.cure_fraction(at), np.exp(-0.8 * 0.6 / 0.4), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda at: prediction.hazard(at, [0.0, 1.0]), r"times must be .* > 0 .*found \[0.0\]"),
        (lambda at: prediction.survival(at, [-1.0]), r"times must be .* >= 0, found \[-1.0\]"),
        (lambda at: prediction.survival(at, [np.nan]), "times must be"),
        (lambda at: prediction.percentile(at, 1.0), "p = 1.0 must lie strictly between 0 and 1"),
        (lambda at: prediction.hazard_ratio(at, predictors(rows=ROWS.iloc[:2]), [1.0]), "3 rows against 2"),
    ],
)
def test_wrong_questions_are_refused(call, message):
    """Lost: a message with what was found and what is allowed."""
    with pytest.raises(ValueError, match=message):
        call(predictors())
