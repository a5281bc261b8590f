"""The 32 structures: labels, nesting, tables of criteria, and independently computed fits of real trials."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replicate.papers.survival_models import selection, simulation

SETTINGS = {"covariates": "x", "duration_col": "time", "event_col": "event"}
COEFFICIENTS = {"phi": "tau", "lambda": "beta", "gamma": "alpha", "kappa": "nu"}
pytestmark = pytest.mark.filterwarnings("ignore::replicate.papers.survival_models.fit_warnings.ConvergenceWarning")


@pytest.fixture(scope="module")
def trial() -> pd.DataFrame:
    """Return a simulated trial of 400 with effects on lambda and gamma, kappa = -0.3."""
    return simulation.draw(simulation.s2(-0.3), 400, np.random.default_rng(0))


def test_there_are_32_structures():
    """Lost: a missing or doubled structure, or covariates in a parameter that the baseline fixes."""
    found = selection.structures()
    assert len(found) == 32
    counts = pd.Series([structure.baseline for structure in found.values()]).value_counts()
    assert counts.to_dict() == {"both": 16, "lam": 8, "phi": 8}
    assert {"0/lam", "b/lam", "ba/lam", "ban/lam", "0/phi", "t/phi", "ta/phi", "tb/both", "tban/both"} <= set(found)
    assert not {"t/lam", "ta/lam", "b/phi", "tb/phi"} & set(found)


def test_labels_mean_formulas_and_fixed_scales(trial):
    """Lost: which letter is which parameter."""
    model = selection.fit_structure(trial, "ta/phi", **SETTINGS)
    assert model.fixed == {"lambda": 1.0}
    expected = [("phi", "Intercept"), ("phi", "x"), ("gamma", "Intercept"), ("gamma", "x"), ("kappa", "Intercept")]
    assert model.params_.index.tolist() == expected
    burr = selection.fit_structure(trial, "ta/phi", fixed={"kappa": 0.0}, **SETTINGS)
    assert burr.fixed == {"lambda": 1.0, "kappa": 0.0}
    assert model.likelihood_ratio_test(burr).df == 1


def test_names_of_columns_and_formulas_are_both_covariates(trial):
    """Lost: column names that are no Python names."""
    df = trial.rename(columns={"x": "arm of trial"}).assign(z=np.sin(np.arange(400)))
    settings = {"duration_col": "time", "event_col": "event"}
    listed = selection.fit_structure(df, "b/lam", covariates=["arm of trial", "z"], **settings)
    written = selection.fit_structure(df, "b/lam", covariates="`arm of trial` + z", **settings)
    pd.testing.assert_series_equal(listed.params_, written.params_)
    assert listed.params_["lambda"].index.tolist() == ["Intercept", "arm of trial", "z"]


def test_unknown_labels_are_explained():
    """Lost: a message with the nearest label."""
    with pytest.raises(ValueError, match="no structure 'ba/lambda': did you mean 'ba/lam'"):
        selection.structure("ba/lambda")


def test_nesting_of_structures():
    """Lost: warm starts from models that are not special cases."""
    of = selection.structure
    assert of("ba/lam").contains(of("b/lam"))
    assert of("tba/both").contains(of("ta/phi"))
    assert of("0/both").contains(of("0/lam"))
    assert not of("ba/lam").contains(of("0/phi"))
    assert not of("b/both").contains(of("a/lam"))


def test_likelihood_never_falls_when_a_component_is_added(trial):
    """Lost: larger models that end below their special cases, even from a single start."""
    fits = selection.fit_structures(trial, starts=1, **SETTINGS)
    assert list(fits) == list(selection.structures())
    for large in fits:
        for small in fits:
            if selection.structure(large).contains(selection.structure(small)):
                assert fits[large].log_likelihood_ >= fits[small].log_likelihood_ - 1e-8, (large, small)


def test_table_of_criteria(trial):
    """Lost: AIC order, criteria, and weights that compare regular fits only."""
    table = selection.selection_table(trial, ["0/lam", "b/lam", "ba/lam", "t/phi"], **SETTINGS)
    assert list(table) == ["label", "p", "loglik", "AIC", "BIC", "regular", "converged", "weight"]
    assert table["AIC"].is_monotonic_increasing
    assert table.set_index("label")["p"].to_dict() == {"0/lam": 3, "b/lam": 4, "ba/lam": 5, "t/phi": 4}
    np.testing.assert_allclose(table["BIC"] - table["AIC"], table["p"] * (np.log(400) - 2))
    assert table["regular"].all()
    assert table["weight"].sum() == pytest.approx(1)
    ratio = np.exp(-(table["AIC"][1] - table["AIC"][0]) / 2)
    assert table["weight"][1] / table["weight"][0] == pytest.approx(ratio)
    assert table["label"][0] == "ba/lam"  # the structure that generated the trial


def test_irregular_fits_get_no_weight():
    """Lost: Akaike weights eaten by a boundary ridge."""
    df = simulation.draw(simulation.s3(1.0, "lambda"), 150, np.random.default_rng(2))
    weibull = {"kappa": 1.0}  # both scales of a Weibull are confounded
    labels = ["0/lam", "b/lam", "tb/both"]
    table = selection.selection_table(df, labels, fixed=weibull, **SETTINGS).set_index("label")
    irregular = ~table["regular"]
    assert table.index[irregular].tolist() == ["tb/both"]
    assert table["weight"][irregular].isna().all()
    assert table["weight"][~irregular].sum() == pytest.approx(1)


def mirror() -> Path:
    """Return the folder of survival data, or skip."""
    folder = os.environ.get("REPLICATE_DATA")
    if not folder:
        pytest.skip("REPLICATE_DATA is not set")
    return Path(folder) / "survival"


def prepared(name: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a real trial in the time unit of the reference fits, and the settings of its regressions."""
    files = {"vet_cell": "veteran", "lung": "lung_ncctg", "bc": "bc_flexsurv"}
    df = pd.read_csv(mirror() / f"{files.get(name, name)}.csv")
    cells = ["squamous", "smallcell", "adeno", "large"]
    columns = {
        "e1684": lambda: (df["FAILTIME"], df["FAILCENS"], df["TRT"]),
        "lung": lambda: (df["time"] / 365.25, df["status"] - 1, (df["sex"] == 2).astype(int)),
        "veteran": lambda: (df["time"] / 30.4375, df["status"], (df["trt"] == 2).astype(int)),
        "vet_cell": lambda: (df["time"] / 30.4375, df["status"], pd.Categorical(df["celltype"], cells)),
        "bc": lambda: (df["recyrs"], df["censrec"], df["group"]),
        "gbsg": lambda: (df["rfstime"] / 365.25, df["status"], df["hormon"]),
    }
    return pd.DataFrame(dict(zip(("time", "event", "x"), columns[name](), strict=True))), SETTINGS


@pytest.mark.data
@pytest.mark.parametrize("name", ["e1684", "lung", "veteran", "vet_cell", "bc", "gbsg"])
def test_regular_fits_equal_the_reference(name):
    """Lost: agreement with an independent implementation on its regular fits: log-likelihood, estimates, errors.

    The highest regular maximum is compared: with both scales free a boundary ridge may lie above it.
    """
    df, settings = prepared(name)
    fits = json.loads((mirror() / "reference_fits.json").read_text())["fits"]
    reference = {fit["model"]: fit for fit in fits if fit["data"] == name}
    models = selection.fit_structures(df, list(reference), interior=True, **settings)
    compared = 0
    for label, expected in reference.items():
        if not expected["regular"]:
            continue
        model = models[label]
        assert model.log_likelihood_ == pytest.approx(expected["loglik"], abs=1e-5), label
        np.testing.assert_allclose([model.AIC_, model.BIC_], [expected["aic"], expected["bic"]], atol=2e-5)
        assert model.regular_, label
        for parameter in model.params_.index.unique(0):
            component = COEFFICIENTS[parameter]
            np.testing.assert_allclose(model.params_[parameter], expected["coef"][component], atol=1e-5)
            np.testing.assert_allclose(model.standard_errors_[parameter], expected["se"][component], rtol=1e-3)
        compared += 1
    assert compared >= 8
