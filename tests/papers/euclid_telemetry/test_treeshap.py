"""Tabulated TreeSHAP against the booster's own algorithm and the shap package."""

import numpy as np
import pytest
import shap
import xgboost as xgb

from replicate.papers.euclid_telemetry.boosting import Trees, contributions, predict
from replicate.papers.euclid_telemetry.treeshap import depth, tabulate, tree_shap


def data(n=1500, p=12):
    """Return features with gaps and a target with interactions."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, p)).astype(np.float32)
    x[rng.uniform(size=x.shape) < 0.1] = np.nan
    filled = np.nan_to_num(x)
    return x, filled[:, 0] * filled[:, 1] + (filled[:, 2] > 0.5) + 0.1 * rng.normal(size=n)


@pytest.mark.parametrize("deep", [1, 2, 4, 6])
@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic"])
def test_tables_against_the_booster_and_shap(deep, objective):
    """Equal to 1e-5 at every depth, with missing values and features split on twice."""
    x, y = data()
    model = Trees(30, deep, objective=objective).fit(x, (y > 0.5).astype(float) if "binary" in objective else y)
    found, tables = tree_shap(tabulate(model), x), tabulate(model)
    direct = model.predict(xgb.DMatrix(x, nthread=1), pred_contribs=True)
    np.testing.assert_allclose(found, direct[:, :-1], atol=1e-5)
    assert tables.base == pytest.approx(direct[0, -1], abs=1e-5)
    np.testing.assert_allclose(found[:50], shap.TreeExplainer(model).shap_values(x[:50]), atol=1e-4)
    assert depth(model) == deep


def test_contributions_are_the_same_whichever_way_they_come():
    """Few rows are asked of the booster, many of the tables, deep trees always of the booster."""
    x, y = data()
    model = Trees(30, 5).fit(x, y)
    many, base = contributions(model, x)
    few, _ = contributions(model, x[:20])
    np.testing.assert_allclose(many[:20], few, atol=1e-5)
    np.testing.assert_allclose(many.sum(axis=1) + base, predict(model, x), atol=1e-3)
    deep = Trees(5, 8).fit(x, y)
    phi, base = contributions(deep, x)
    np.testing.assert_allclose(phi.sum(axis=1) + base, predict(deep, x), atol=1e-3)
    with pytest.raises(ValueError, match="too deep to tabulate"):
        tabulate(deep)
    assert contributions(model, x[:0])[0].shape == (0, 12)


def test_a_constant_target_has_no_contributions():
    """Trees without a split explain nothing."""
    x, _ = data(200)
    model = Trees(3, 4).fit(x, np.full(200, 2.5))
    np.testing.assert_array_equal(tree_shap(tabulate(model), x), 0)
    assert tabulate(model).base == pytest.approx(2.5, abs=1e-5)
