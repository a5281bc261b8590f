"""The regression against published output, reference software and independent computations on real trials."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replicate.papers.survival_models.regression import MultiParameterRegression


def published(name: str) -> pd.DataFrame:
    """Return a table of the mirror of survival data, or skip."""
    mirror = os.environ.get("REPLICATE_DATA")
    if not mirror:
        pytest.skip("REPLICATE_DATA is not set")
    return pd.read_csv(Path(mirror) / "survival" / name)


@pytest.mark.data
def test_published_output_of_the_authors_code():
    """Lost: agreement with the authors' R functions on public test data (claim C9)."""
    df = published("apgw_protect_testdata.csv")
    null = MultiParameterRegression().fit(df, "time", "deceased")
    np.testing.assert_allclose(null.params_, [-0.6787658, 0.8371022, -0.1474001], atol=1e-5)
    np.testing.assert_allclose(null.standard_errors_, [0.13996574, 0.09882287, 0.0564678], rtol=1e-4)
    assert null.log_likelihood_ == pytest.approx(-367.1022, abs=1e-4)
    model = MultiParameterRegression().fit(df, "time", "deceased", formulas={"lambda": "tx + age"})
    expected = [-0.61243533, -0.09193421, 0.15705516, 0.83349349, -0.13842867]
    np.testing.assert_allclose(model.params_, expected, atol=1e-5)
    errors = [0.18787749, 0.17646485, 0.07684773, 0.09926469, 0.05691890]
    np.testing.assert_allclose(model.standard_errors_, errors, rtol=1e-3)
    np.testing.assert_allclose([model.AIC_, model.BIC_], [739.4943, 755.9859], atol=1e-4)


@pytest.mark.data
@pytest.mark.parametrize(
    ("fixed", "formulas", "expected"),
    [
        ({"phi": 1.0, "gamma": 1.0, "kappa": 1.0}, {"lambda": "TRT"}, -465.04746),
        ({"phi": 1.0, "kappa": 1.0}, {"lambda": "TRT"}, -414.72911),
        ({"phi": 1.0, "kappa": 1.0}, {"lambda": "TRT", "gamma": "TRT"}, -414.70917),
        ({"lambda": 1.0, "kappa": 0.0}, {"phi": "TRT"}, -395.81648),
        ({"kappa": 0.0}, {"phi": "TRT"}, -369.6053),
        ({"kappa": 0.0}, {"phi": "TRT", "gamma": "TRT"}, -368.5535),
    ],
)
def test_special_cases_on_the_melanoma_trial(fixed, formulas, expected):
    """Lost: agreement with R's survreg and mpr where kappa is fixed."""
    model = MultiParameterRegression(fixed).fit(published("e1684.csv"), "FAILTIME", "FAILCENS", formulas=formulas)
    assert model.log_likelihood_ == pytest.approx(expected, abs=1e-4)


@pytest.mark.data
def test_hazard_ratio_cure_and_profile_on_the_melanoma_trial():
    """Lost: HR(t), cure fractions with bands and the profile interval of kappa, computed independently."""
    df, arms = published("e1684.csv"), pd.DataFrame({"TRT": [0, 1]})
    ph = MultiParameterRegression().fit(df, "FAILTIME", "FAILCENS", formulas={"lambda": "TRT"})
    cured = ph.cure_fraction(arms, ci=True).to_numpy()
    np.testing.assert_allclose(cured, [[0.1757, 0.106, 0.260], [0.2971, 0.207, 0.393]], atol=6e-4)
    kappa = np.expm1(ph.profile_intervals(parameter="kappa").iloc[0][["lower", "upper"]].astype(float))
    np.testing.assert_allclose(kappa, [-0.600, -0.391], atol=6e-4)
    power = MultiParameterRegression().fit(df, "FAILTIME", "FAILCENS", formulas={"lambda": "TRT", "gamma": "TRT"})
    ratio = power.hazard_ratio(arms.loc[[1]], arms.loc[[0]], [0.1, 0.25, 0.5, 1, 2, 3, 5, 7, 9])[1]
    expected = [0.4808, 0.6436, 0.7698, 0.8210, 0.7811, 0.7389, 0.6839, 0.6498, 0.6260]
    np.testing.assert_allclose(ratio, expected, atol=6e-5)
    np.testing.assert_allclose(power.cure_fraction(arms), [0.1754, 0.3023], atol=6e-5)


@pytest.mark.data
def test_overall_test_of_mpr_on_the_veteran_trial():
    """Lost: the joint Wald test, equal to the "Overall" block of mpr's summary."""
    df = published("veteran.csv")
    model = MultiParameterRegression({"phi": 1.0, "kappa": 1.0})
    model.fit(df, "time", "status", formulas={"lambda": "trt + celltype", "gamma": "trt"})
    assert model.log_likelihood_ == pytest.approx(-733.3292, abs=1e-4)
    found = model.wald_test("trt")
    assert (found.df, found.statistic) == (2, pytest.approx(1.594468, rel=5e-3))  # numerical Hessian in mpr
    assert found.p_value == pytest.approx(0.45057, rel=5e-3)
