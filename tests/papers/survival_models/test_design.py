"""Formulas to designs, and errors that name the column, the parameter and the way out."""

import warnings

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_rossi

from replicate.papers.survival_models.design import check_designs, designs
from replicate.papers.survival_models.formula_variables import codes_levels_of, variables_of
from replicate.papers.survival_models.table_checks import SeparationWarning, observed


@pytest.fixture(scope="module")
def rossi() -> pd.DataFrame:
    """Return the recidivism trial bundled with lifelines: 432 rows, 114 arrests, weeks."""
    return load_rossi()


def checked(df, formula, event=None):
    """Build and check the design of lambda."""
    found = designs(df, {"lambda": formula}, {"phi": 1.0})
    matrices = found.matrices(df)
    check_designs(found, matrices, df, df["arrest"].to_numpy() if event is None else event)
    return found, matrices["lambda"]


def test_every_free_parameter_gets_its_own_design(rossi):
    """Lost: which covariate acts on which parameter, intercepts elsewhere, the order of the coefficients."""
    found = designs(rossi, {"gamma": "fin", "lambda": "fin + age"}, {"phi": 1.0})
    expected = [("lambda", "Intercept"), ("lambda", "fin"), ("lambda", "age"), ("gamma", "Intercept"), ("gamma", "fin")]
    assert found.index.tolist() == [*expected, ("kappa", "Intercept")]
    matrices = found.matrices(rossi)
    np.testing.assert_array_equal(matrices["lambda"], np.column_stack([np.ones(432), rossi["fin"], rossi["age"]]))
    np.testing.assert_array_equal(matrices["kappa"], np.ones((432, 1)))


def test_fixed_values_are_natural_scale(rossi):
    """Lost: kappa = 0 meaning log(kappa + 1) = 0, and phi = 2 meaning log 2."""
    found = designs(rossi, None, {"phi": 2.0, "kappa": 0.0})
    assert found.fixed_links == {"tau": np.log(2), "nu": 0.0}


def test_new_rows_are_coded_as_the_fitted_ones(rossi):
    """Lost: predictions for single rows, whose own levels and means would give other columns."""
    found, matrix = checked(rossi, "C(prio > 3) + center(prio) + bs(age, df=4)")
    np.testing.assert_allclose(found.matrices(rossi.iloc[[7]])["lambda"], matrix.iloc[[7]], rtol=1e-14)


def test_variables_behind_functions_and_backticks():
    """Lost: errors and Wald tests that know which columns a formula uses."""
    from formulaic import Formula

    formula = Formula("np.log(`ph.ecog`):C(stage) + I(age ** 2) + `wt loss` + {sex - 1}")
    assert variables_of(formula) == {"ph.ecog", "stage", "age", "wt loss", "sex"}
    assert codes_levels_of(formula, "stage")
    assert not codes_levels_of(formula, "age")


def test_covariates_are_found_by_variable_and_by_column(rossi):
    """Lost: the overall test of a covariate across parameters."""
    found = designs(rossi, {"lambda": "C(wexp) + fin", "gamma": "fin:age"}, {"phi": 1.0})
    names = found.index
    assert names[found.columns_with("fin")].tolist() == [("lambda", "fin"), ("gamma", "fin:age")]
    assert names[found.columns_with("wexp")].tolist() == [("lambda", "C(wexp)[T.1]")]
    assert names[found.columns_with("C(wexp)[T.1]")].tolist() == [("lambda", "C(wexp)[T.1]")]


@pytest.mark.parametrize(
    ("formulas", "fixed", "message"),
    [
        ({"lambda": "fim"}, {}, "formula of lambda: no column 'fim': did you mean 'fin'"),
        ({"lamda": "fin"}, {}, "no parameter 'lamda': did you mean 'lambda'"),
        ({"beta": "fin"}, {}, "'beta' are the coefficients of 'lambda'"),
        ({}, {"nu": 0.0}, "'nu' are the coefficients of 'kappa'"),
        ({"phi": "fin"}, {"phi": 1.0}, "phi has the formula 'fin' and is fixed at 1.0.*AFT"),
        ({}, {"kappa": -1.0}, "kappa = -1.0 must be a finite number above -1"),
        ({}, {"phi": 0.0}, "phi = 0.0 must be a finite number above 0"),
        ({}, {"kappa": np.inf}, "kappa = inf must be a finite number"),
        ({}, {"gamma": "1"}, "gamma = '1' must be a finite number"),
        ({}, dict.fromkeys(["phi", "lambda", "gamma", "kappa"], 1.0), "nothing is left to estimate"),
        ({"gamma": "y ~ fin"}, {}, "formula of gamma, 'y ~ fin', has a left-hand side"),
        ({"gamma": "fin + ("}, {}, r"formula of gamma, 'fin \+ \(', cannot be read"),
        ({"gamma": "0"}, {}, "formula of gamma, '0', has no term"),
        ({"gamma": "frobnicate(fin)"}, {}, "formula of gamma: Unable to evaluate factor `frobnicate"),
    ],
)
def test_what_is_wrong_with_formulas_is_said(rossi, formulas, fixed, message):
    """Lost: a message that names the parameter and the repair."""
    with pytest.raises(ValueError, match=message):
        designs(rossi, formulas, fixed)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("fin + one", "design of lambda: 'one' is constant"),
        ("fin + nothing", "design of lambda: 'nothing' is constant"),
        ("fin + age + months", "'months' is a linear combination of 'Intercept', 'age', 'fin'|'age' is a linear"),
        ("gap + fin", r"missing values in 'gap' \(3 of 432\); drop these rows.*or impute"),
        ("log(fin)", r"column 'log\(fin\)' is not finite in 216 rows"),
    ],
)
def test_what_is_wrong_with_columns_is_said(rossi, formula, message):
    """Lost: a message that names the column."""
    gap = rossi["prio"].where(rossi.index > 2)
    df = rossi.assign(one=1.0, nothing=0.0, months=12 * rossi["age"] + 3 * rossi["fin"] - 5, gap=gap)
    with pytest.raises(ValueError, match=message):
        checked(df, formula)


def test_unknown_levels_in_new_rows_are_refused(rossi):
    """Lost: a new level silently predicted as the reference level."""
    df = rossi.assign(group=np.where(rossi["fin"] == 1, "a", "b"))
    found, _ = checked(df, "group")
    with pytest.raises(ValueError, match=r"formula of lambda: a factor has levels .* \{'q'\}"):
        found.matrices(df.assign(group="q"))


@pytest.mark.parametrize("formula", ["C(site)", "site", "young"])
def test_a_level_without_events_is_warned_of(rossi, formula):
    """Lost: a warning that a coefficient has no finite estimate, whichever way the level is coded."""
    site = np.where(rossi["age"] < 20, "north", "south")
    df = rossi.assign(site=site, young=(site == "north").astype(int))
    event = np.where(site == "north", 0, rossi["arrest"])
    with pytest.warns(SeparationWarning, match=r"factor '(site|young)' in the formula of lambda: no event at level"):
        checked(df, formula, event)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SeparationWarning)
        checked(df, formula)


def test_times_events_and_entries_are_read(rossi):
    """Lost: booleans as events, all rows as events by default, late entry."""
    df = rossi.assign(seen=rossi["arrest"] == 1, start=rossi["week"] / 2)
    data = observed(df, "week", "seen", "start")
    np.testing.assert_array_equal(data.event, rossi["arrest"])
    np.testing.assert_array_equal(data.entry, rossi["week"] / 2)
    assert observed(df, "week").event.all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"week": 0.0}, "column 'week': 1 of 432 values are not allowed, the first is 0 in row 5.*drop or shift"),
        ({"week": np.inf}, "column 'week': 1 of 432 values.*finite"),
        ({"week": np.nan}, r"missing values in 'week' \(1 of 432\)"),
        ({"arrest": 2}, "column 'arrest': 1 of 432 values.*events must be 0"),
        ({"start": 99.0}, "column 'start': 1 of 432 values.*entry must be >= 0 and below 'week'"),
    ],
)
def test_what_is_wrong_with_times_is_said(rossi, change, message):
    """Lost: a message that names column, row and rule."""
    df = rossi.assign(start=0.0).astype({"week": float})
    for column, value in change.items():
        df.loc[5, column] = value
    with pytest.raises(ValueError, match=message):
        observed(df, "week", "arrest", "start")


def test_tables_without_information_are_refused(rossi):
    """Lost: clear words instead of a failed search."""
    with pytest.raises(ValueError, match="df has no rows"):
        observed(rossi.iloc[:0], "week", "arrest")
    with pytest.raises(ValueError, match="column 'arrest': all 432 rows are censored"):
        observed(rossi.assign(arrest=0), "week", "arrest")
    with pytest.raises(ValueError, match="no column 'arest': did you mean 'arrest'"):
        observed(rossi, "week", "arest")
    with pytest.raises(ValueError, match=r"column 'week' has type .*must hold numbers"):
        observed(rossi.assign(week="soon"), "week", "arrest")
