"""Fits of tables without formulas: coefficient names, held parameters, agreement with the regression class."""

import numpy as np
import pytest
from lifelines import WeibullFitter

from replicate.papers.survival_models import experiments, simulation, trials
from replicate.papers.survival_models.regression import MultiParameterRegression
from replicate.papers.survival_models.selection import structure
from replicate.seeds import Seed


@pytest.fixture(scope="module")
def frame():
    """Return a simulated trial with effects on lambda and gamma."""
    return simulation.draw(simulation.s2(0.5), 600, np.random.default_rng(0))


def _fit(frame, terms, **options):
    return trials.fit(frame, terms, starts=3, rng=np.random.default_rng(0), **options)


def test_it_is_the_regression_without_formulas(frame):
    """Lost: two roads to one optimum."""
    ours = _fit(frame, {"lambda": ("x",), "gamma": ("x",), "kappa": ()})
    model = MultiParameterRegression().fit(frame, "time", event_col="event", formulas={"lambda": "x", "gamma": "x"})
    assert ours.loglik == pytest.approx(model.log_likelihood_, abs=1e-6)
    assert ours.estimates == pytest.approx(model.params_.to_numpy(), abs=1e-4)
    assert ours.aic == pytest.approx(model.AIC_, abs=1e-5)
    assert ours.names[ours.at("gamma", "x")] == ("gamma", "x")


def test_held_parameters_give_the_special_case(frame):
    """Lost: C8; kappa held at 1 (log 2 on its link scale) is the Weibull."""
    ours = _fit(frame, {"phi": (), "gamma": ()}, fixed={"kappa": np.log(2)})
    assert ours.loglik == pytest.approx(WeibullFitter().fit(frame["time"], frame["event"]).log_likelihood_, abs=1e-4)


@pytest.mark.parametrize(
    ("label", "terms"),
    [
        ("ba/lam", {"lambda": ("x",), "gamma": ("x",), "kappa": ()}),
        ("t/phi", {"phi": ("x",), "gamma": (), "kappa": ()}),
        ("tb/both", {"phi": ("x",), "lambda": ("x",), "gamma": (), "kappa": ()}),
    ],
)
def test_labels_name_their_terms(label, terms):
    """Lost: which model a row of a table belongs to."""
    assert trials.terms_of(structure(label), ("x",)) == terms


def test_simulated_units_are_reproducible_and_near_the_truth():
    """Lost: determinism and C5; one sample of 1,000 lies within five standard errors."""
    config = {"kappa": 0.5, "n": 1000}
    rows = experiments.s1(config, Seed(0, 3))
    assert rows == experiments.s1(config, Seed(0, 3))
    assert rows != experiments.s1(config, Seed(0, 4))
    by = {(r["metric"], r["parameter"]): r for r in rows if "parameter" in r}
    for parameter in ("lambda", "gamma", "kappa"):
        estimate, error = by["estimate", parameter], by["standard error", parameter]["value"]
        gap = abs(estimate["value"] - estimate["truth_value"])
        assert gap < 5 * error
        assert by["covered", parameter]["value"] == int(gap <= 1.959963984540054 * error)


def test_the_likelihood_ratio_is_never_negative():
    """Lost: C7; the larger model starts from the smaller one's optimum."""
    for replicate in range(4):
        rows = experiments.s2({"kappa": 2.0, "n": 200}, Seed(0, replicate))
        assert next(r["value"] for r in rows if r["metric"] == "likelihood ratio") > -1e-6


def test_aic_chooses_exactly_one():
    """Lost: C6."""
    rows = experiments.s3({"kappa": 0.0, "n": 1000, "truth": "phi"}, Seed(0, 0))
    values = {r["metric"]: r["value"] for r in rows}
    assert sum(values[f"AIC chooses {name}"] for name in ("AFT", "PH", "both")) == 1
    assert -1 <= values["correlation"] < 0


@pytest.mark.data
@pytest.mark.parametrize("model", ["null", "tx + age"])
def test_the_authors_code_is_matched(model):
    """Lost: C9."""
    rows = experiments.authors_code({"model": model}, Seed(0, 0))
    worst = {}
    for row in rows:
        worst[row["metric"]] = max(worst.get(row["metric"], 0.0), abs(row["value"]))
    assert worst["log-likelihood difference"] < 1e-4
    assert worst["estimate difference"] < 1e-5
    assert worst["standard error difference"] < 1e-3


@pytest.mark.data
def test_units_of_time_on_e1684():
    """Lost: C10; reference values of two independent implementations."""
    config = {"case": "e1684", "starts": 4}
    found = {}
    for label, factor in (("b/lam", 1.0), ("b/lam", 12.0), ("t/phi", 1.0), ("t/phi", 12.0)):
        rows = experiments.time_units({**config, "structure": label, "factor": factor}, Seed(0, 0))
        found[label, factor] = rows[0]["value"]
    assert found["b/lam", 1.0] == pytest.approx(-373.2132, abs=1e-3)
    assert found["b/lam", 12.0] == pytest.approx(-372.3269, abs=1e-3)
    assert found["t/phi", 1.0] == pytest.approx(-372.1987, abs=1e-3)
    assert found["t/phi", 12.0] == pytest.approx(-372.1987, abs=1e-3)


@pytest.mark.data
@pytest.mark.parametrize(
    ("label", "low", "high"),
    [("b/lam", -0.600, -0.391), ("t/phi", -0.449, -0.338), ("b/both", -0.273, 0.067), ("t/both", -0.298, 0.060)],
)
def test_profile_limits_of_kappa_on_e1684(label, low, high):
    """Lost: C11; endpoints within 0.01 of the reference."""
    rows = experiments.kappa_profile({"case": "e1684", "structure": label, "points": 5, "starts": 8}, Seed(0, 0))
    found = {row["metric"]: row["value"] for row in rows}
    assert found["lower limit"] == pytest.approx(low, abs=0.01)
    assert found["upper limit"] == pytest.approx(high, abs=0.01)
