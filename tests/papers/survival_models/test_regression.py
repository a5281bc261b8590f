"""The regression against lifelines, known truth and invariances; its tables, tests, warnings and methods."""

import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from lifelines import LogLogisticAFTFitter, WeibullAFTFitter
from lifelines.datasets import load_larynx, load_lung, load_rossi
from scipy import stats

from replicate.papers.survival_models import simulation
from replicate.papers.survival_models.fit_warnings import ConvergenceWarning
from replicate.papers.survival_models.regression import MultiParameterRegression

matplotlib.use("Agg")
AFT = {"lambda": 1.0}


@pytest.fixture(scope="module")
def trial() -> pd.DataFrame:
    """Return a simulated trial of 600: effects 0.5 on log lambda and 0.3 on log gamma, kappa = 0.5."""
    return simulation.draw(simulation.s2(0.5), 600, np.random.default_rng(1))


@pytest.fixture(scope="module")
def fitted(trial) -> MultiParameterRegression:
    """Return the fit of the structure that generated `trial`."""
    return MultiParameterRegression().fit(trial, "time", "event", formulas={"lambda": "x", "gamma": "x"})


@pytest.fixture(scope="module")
def proportional(trial) -> MultiParameterRegression:
    """Return the proportional-hazards fit of `trial`."""
    return MultiParameterRegression().fit(trial, "time", "event", formulas={"lambda": "x"})


def lifelines_tables():
    rossi = load_rossi()
    lung = (
        load_lung()[["time", "status", "age", "sex"]].dropna().assign(status=lambda df: df["status"] == df.status.max())
    )
    larynx = load_larynx()
    return {
        "rossi": (rossi, "week", "arrest", "fin + age + prio"),
        "lung": (lung, "time", "status", "age + sex"),
        "larynx": (larynx, "time", "death", "age + Stage_II + Stage_III + Stage_IV"),
    }


@pytest.mark.parametrize("name", ["rossi", "lung", "larynx"])
@pytest.mark.parametrize(
    ("kappa", "peer", "scale"), [(1.0, WeibullAFTFitter, "lambda_"), (0.0, LogLogisticAFTFitter, "alpha_")]
)
@pytest.mark.parametrize("ancillary", [False, True])
def test_fixed_kappa_gives_the_models_of_lifelines(name, kappa, peer, scale, ancillary):
    """Lost: Weibull (kappa = 1) and log-logistic (kappa = 0) AFT, coefficients, errors and likelihood."""
    df, time, event, formula = lifelines_tables()[name]
    formulas = {"phi": formula} | ({"gamma": formula} if ancillary else {})
    ours = MultiParameterRegression(fixed={**AFT, "kappa": kappa}).fit(df, time, event, formulas=formulas)
    theirs = peer().fit(df, time, event, formula=formula, ancillary=formula if ancillary else None)
    assert theirs.log_likelihood_ - 1e-6 < ours.log_likelihood_ < theirs.log_likelihood_ + 2e-2
    shape = "rho_" if kappa else "beta_"
    for parameter, other, sign in (("phi", scale, -1), ("gamma", shape, 1)):
        gap = np.abs(ours.params_[parameter] - sign * theirs.params_[other][ours.params_[parameter].index])
        # lifelines stops early: its optimum is off by some hundredths of a standard error
        assert (gap < 0.03 * ours.standard_errors_[parameter] + 1e-4).all()
        errors = theirs.standard_errors_[other][ours.params_[parameter].index]
        np.testing.assert_allclose(ours.standard_errors_[parameter], errors, rtol=0.03)


def test_late_entry_is_that_of_lifelines():
    """Lost: left truncation."""
    df = load_rossi().assign(start=lambda d: 7 * d["age"] % 20)
    df = df[df["week"] > df["start"]]
    ours = MultiParameterRegression(fixed={**AFT, "kappa": 1.0})
    ours.fit(df, "week", "arrest", "start", formulas={"phi": "fin + prio"})
    theirs = WeibullAFTFitter().fit(df, "week", "arrest", entry_col="start", formula="fin + prio")
    assert ours.log_likelihood_ == pytest.approx(theirs.log_likelihood_, abs=1e-5)
    names = ["Intercept", "fin", "prio"]
    np.testing.assert_allclose(ours.params_["phi"][names], -theirs.params_["lambda_"][names], atol=1e-4)
    np.testing.assert_allclose(ours.standard_errors_["phi"][names], theirs.standard_errors_["lambda_"][names], 1e-3)


def test_truth_is_recovered(fitted):
    """Lost: consistency of the whole chain from formula to estimate."""
    truth = simulation.s2(0.5).truth()
    z = [(fitted.params_[pair] - truth[pair]) / fitted.standard_errors_[pair] for pair in fitted.params_.index]
    assert np.abs(z).max() < 3
    assert fitted.converged_
    assert fitted.regular_


def test_default_baseline_is_the_authors(proportional):
    """Lost: phi = 1, everything else estimated."""
    assert proportional.params_.index.tolist() == [
        ("lambda", "Intercept"),
        ("lambda", "x"),
        ("gamma", "Intercept"),
        ("kappa", "Intercept"),
    ]


def test_summary_is_consistent(fitted):
    """Lost: the table users read; limits, z and p follow from estimates and errors."""
    table = fitted.summary
    errors = np.sqrt(np.diag(fitted.variance_matrix_))
    np.testing.assert_allclose(table["se(coef)"], errors)
    np.testing.assert_allclose(table["coef upper 95%"], table["coef"] + 1.959964 * errors, rtol=1e-6)
    np.testing.assert_allclose(table["exp(coef) lower 95%"], np.exp(table["coef lower 95%"]))
    np.testing.assert_allclose(table["p"], 2 * stats.norm.sf(np.abs(table["coef"] / errors)), rtol=1e-10)
    np.testing.assert_allclose(table["-log2(p)"], -np.log2(table["p"]), rtol=1e-10)
    np.testing.assert_array_equal(fitted.confidence_intervals_["95% lower-bound"], table["coef lower 95%"])


def test_information_criteria(fitted):
    """Lost: AIC and BIC with p = 5 and n = rows, not events."""
    deviance = -2 * fitted.log_likelihood_
    np.testing.assert_allclose([fitted.AIC_, fitted.BIC_], [deviance + 10, deviance + 5 * np.log(600)])


def test_printed_summary_names_what_matters(fitted, capsys):
    """Lost: a print that says what is fixed and that the unit of time matters."""
    fitted.print_summary()
    text = capsys.readouterr().out
    for part in ("fixed: phi = 1", "depends on the time unit", "rows 600", "gamma", "AIC", "-log2(p)"):
        assert part in text


def test_likelihood_ratio_test(fitted, proportional):
    """Lost: the test of gamma effects, in either order of the models."""
    found = fitted.likelihood_ratio_test(proportional)
    assert found == proportional.likelihood_ratio_test(fitted)
    gain = 2 * (fitted.log_likelihood_ - proportional.log_likelihood_)
    assert (found.df, found.statistic) == (1, pytest.approx(gain))
    assert found.p_value == pytest.approx(stats.chi2.sf(gain, 1))


@pytest.mark.filterwarnings("ignore::replicate.papers.survival_models.fit_warnings.ConvergenceWarning")
def test_fixed_values_and_recoded_covariates_are_nested(trial, fitted):
    """Lost: tests against kappa = 0 or phi = 1, and nesting judged by what columns span, not by their names."""
    burr = MultiParameterRegression({"phi": 1.0, "kappa": 0.0})
    burr.fit(trial.assign(y=3 - 2 * trial["x"]), "time", "event", formulas={"lambda": "y", "gamma": "y"})
    assert fitted.likelihood_ratio_test(burr).df == 1
    both = MultiParameterRegression({}).fit(
        trial, "time", "event", formulas={"lambda": "x", "gamma": "x"}, warm=[fitted], interior=True
    )
    assert both.likelihood_ratio_test(fitted).df == 1


def test_models_that_cannot_be_compared_are_refused(trial, fitted):
    """Lost: likelihood ratios between models that are not nested or saw other data."""
    fewer = MultiParameterRegression().fit(trial.iloc[1:], "time", "event", formulas={"lambda": "x"})
    with pytest.raises(ValueError, match=r"different data \(599 and 600 rows"):
        fitted.likelihood_ratio_test(fewer)
    aft = MultiParameterRegression(AFT).fit(trial, "time", "event", formulas={"phi": "x"})
    with pytest.raises(ValueError, match=r"not nested: phi is fixed at 1 .* and free in the other.*AIC"):
        fitted.likelihood_ratio_test(aft)
    other = MultiParameterRegression().fit(
        trial.assign(w=np.arange(600) / 600), "time", "event", formulas={"lambda": "w"}
    )
    with pytest.raises(ValueError, match="not nested: 'w' of lambda"):
        fitted.likelihood_ratio_test(other)
    with pytest.raises(ValueError, match="both models have 5 coefficients"):
        fitted.likelihood_ratio_test(fitted)


def test_wald_test_is_joint_over_parameters(fitted):
    """Lost: the overall test of a covariate; equals the chi-squared form of its estimates, about the LR test."""
    hit = [("lambda", "x"), ("gamma", "x")]
    estimate, variance = fitted.params_[hit].to_numpy(), fitted.variance_matrix_.loc[hit, hit].to_numpy()
    found = fitted.wald_test("x")
    assert (found.df, found.statistic) == (2, pytest.approx(estimate @ np.linalg.inv(variance) @ estimate))
    null = MultiParameterRegression().fit(fitted_trial(fitted), "time", "event")
    assert found.statistic == pytest.approx(fitted.likelihood_ratio_test(null).statistic, rel=0.15)
    with pytest.raises(ValueError, match="no formula uses 'y'; there are x"):
        fitted.wald_test("y")


def fitted_trial(model):
    """Return the table behind a fit with covariate x."""
    data = model.data_
    return pd.DataFrame({"time": data.time, "event": data.event, "x": model.matrices_["lambda"]["x"]})


def test_profile_intervals_are_likelihood_ratio_intervals(fitted, trial):
    """Lost: limits at which the likelihood-ratio statistic is the 95% point."""
    found = fitted.profile_intervals(parameter="kappa")
    assert found.index.tolist() == [("kappa", "Intercept")]
    for limit in found.loc[("kappa", "Intercept"), ["lower", "upper"]]:
        held = MultiParameterRegression({"phi": 1.0, "kappa": np.expm1(limit)})
        held.fit(trial, "time", "event", formulas={"lambda": "x", "gamma": "x"})
        assert 2 * (fitted.log_likelihood_ - held.log_likelihood_) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-4)
    with pytest.raises(ValueError, match="no coefficient"):
        fitted.profile_intervals(covariate="y")


@pytest.mark.parametrize("fixed", [{"lambda": 1.0}, {}])
def test_free_horizontal_scale_does_not_depend_on_the_unit(fixed):
    """Lost: fits in days and years that agree (claim C10)."""
    trial = simulation.draw(simulation.s2(0.0), 600, np.random.default_rng(3))
    formulas = {"phi": "x", "gamma": "x"}
    years, days = (
        MultiParameterRegression(fixed).fit(trial.assign(time=c * trial["time"]), "time", "event", formulas=formulas)
        for c in (1.0, 365.25)
    )
    shift = trial["event"].sum() * np.log(365.25)
    assert days.log_likelihood_ + shift == pytest.approx(years.log_likelihood_, abs=1e-6)
    expected = years.params_.copy()
    expected["phi", "Intercept"] -= np.log(365.25)
    np.testing.assert_allclose(days.params_, expected, atol=1e-4)


def test_coding_and_order_of_rows_do_not_matter(trial, fitted):
    """Lost: invariance under recoding 0/1 as 1/2 and under permutation."""
    shuffled = trial.sample(frac=1, random_state=3).assign(x=lambda df: df["x"] + 1)
    again = MultiParameterRegression().fit(shuffled, "time", "event", formulas={"lambda": "x", "gamma": "x"})
    assert again.log_likelihood_ == pytest.approx(fitted.log_likelihood_, abs=1e-8)
    slopes = [("lambda", "x"), ("gamma", "x")]
    np.testing.assert_allclose(again.params_[slopes], fitted.params_[slopes], atol=1e-6)


@pytest.mark.filterwarnings("ignore::replicate.papers.survival_models.fit_warnings.ConvergenceWarning")
def test_same_seed_same_fit(trial):
    """Lost: reproducibility of the random starts."""
    one, two = (MultiParameterRegression({}).fit(trial, "time", "event", seed=5) for _ in range(2))
    pd.testing.assert_series_equal(one.params_, two.params_, check_exact=True)


@pytest.mark.filterwarnings("ignore::replicate.papers.survival_models.fit_warnings.ConvergenceWarning")
def test_warm_start_makes_a_larger_model_at_least_as_good(trial, fitted):
    """Lost: nested models whose likelihood falls, even with a single poor start."""
    larger = MultiParameterRegression({}).fit(
        trial, "time", "event", formulas=dict.fromkeys(["phi", "lambda", "gamma"], "x"), starts=1, warm=[fitted]
    )
    assert larger.log_likelihood_ >= fitted.log_likelihood_ - 1e-9


def test_confounded_scales_are_warned_of_by_name():
    """Lost: the message that phi and lambda cannot be told apart near kappa = 1 (Weibull)."""
    df = simulation.draw(simulation.s3(1.0, "lambda"), 300, np.random.default_rng(2))
    model = MultiParameterRegression({"kappa": 1.0})
    with pytest.warns(ConvergenceWarning, match="near-singular information .* phi: .*lambda: "):
        model.fit(df, "time", "event", formulas={"phi": "x", "lambda": "x"})
    assert not model.regular_


def test_gompertz_data_drive_kappa_to_infinity_with_a_warning():
    """Lost: the name of the limit and what to do."""
    rng = np.random.default_rng(4)
    df = pd.DataFrame({"time": np.log1p(rng.exponential(size=400) / 0.05) / 2})
    model = MultiParameterRegression({"phi": 2.0, "gamma": 1.0})
    with pytest.warns(ConvergenceWarning, match=r"kappa drifts to infinity .*fixed=\{'kappa': 1e6\}"):
        model.fit(df, "time")
    assert not model.regular_


def test_regular_fits_do_not_warn(trial):
    """Lost: warnings that mean something."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MultiParameterRegression().fit(trial, "time", "event", formulas={"lambda": "x"})


def test_predictions_of_a_fit(fitted, proportional):
    """Lost: the methods; default times, medians, a constant hazard ratio under proportional hazards."""
    rows = pd.DataFrame({"x": [0, 1]})
    drawn = fitted.predict_survival_function(rows)
    assert drawn.index.tolist() == np.unique(fitted.data_.time).tolist()
    median = fitted.predict_median(rows)
    for row in (0, 1):
        assert fitted.predict_survival_function(rows, [median[row]])[row].item() == pytest.approx(0.5)
        total = fitted.predict_cumulative_hazard(rows, [1.0])[row].item()
        assert np.exp(-total) == pytest.approx(fitted.predict_survival_function(rows, [1.0])[row].item())
    ratio = proportional.hazard_ratio(rows.loc[[1]], rows.loc[[0]], [0.1, 1.0, 3.0], ci=True)[1]
    lower = proportional.summary.loc[("lambda", "x"), "exp(coef) lower 95%"]
    np.testing.assert_allclose(ratio["estimate"], np.exp(proportional.params_["lambda", "x"]))
    np.testing.assert_allclose(ratio["lower"], lower)
    ahead = fitted.predict_hazard(rows, [1.0]).loc[1.0]
    assert fitted.hazard_ratio(rows.loc[[1]], rows.loc[[0]], [1.0])[1].item() == pytest.approx(ahead[1] / ahead[0])


def test_plots_draw_on_the_given_axes(fitted, trial):
    """Lost: drawings from the methods: one row a coefficient, a line a group."""
    import matplotlib.pyplot as plt

    figure, (one, two, three) = plt.subplots(1, 3)
    assert fitted.plot(ax=one) is one
    assert len(one.get_yticks()) == 5
    assert fitted.plot_survival(trial, by="x", ax=two) is two
    assert [text.get_text() for text in two.get_legend().get_texts()] == ["x = 0", "x = 1"]
    rows = pd.DataFrame({"x": [0, 1]})
    assert fitted.plot_hazard_ratio(rows.loc[[1]], rows.loc[[0]], ax=three) is three
    plt.close(figure)


def test_misuse_is_explained(trial):
    """Lost: words instead of tracebacks from inside."""
    with pytest.raises(ValueError, match="alpha = 5 must lie strictly between 0 and 1"):
        MultiParameterRegression(alpha=5)
    with pytest.raises(AttributeError, match=r"not fitted yet; call .fit"):
        _ = MultiParameterRegression().params_
    with pytest.raises(ValueError, match=r"phi has the formula 'x' and is fixed at 1\.0"):
        MultiParameterRegression().fit(trial, "time", "event", formulas={"phi": "x"})


def test_a_factor_of_one_level_is_refused_not_ignored(trial):
    """Lost: a covariate that silently has no coefficient."""
    with pytest.raises(ValueError, match=r"formula of lambda: 'site' has one level, 'Ulm', in all \d+ rows.*drop it"):
        MultiParameterRegression().fit(trial.assign(site="Ulm"), "time", "event", formulas={"lambda": "x + site"})


def test_residuals_need_a_fit(trial):
    """Lost: the same words for every method that needs a fit."""
    with pytest.raises(AttributeError, match=r"not fitted yet; call .fit"):
        MultiParameterRegression().cox_snell_residuals(trial)
