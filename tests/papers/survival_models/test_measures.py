"""Measurements from tidy rows, against numbers worked out by hand and SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replicate.papers.survival_models import measures

EMPTY = pd.DataFrame()


def covered(shares, n=100):
    """Return rows of S1 with given coverage by (kappa, parameter)."""
    rows = [
        {"kappa": k, "n": 1000, "parameter": p, "metric": "covered", "value": int(i < share * n)}
        for (k, p), share in shares.items()
        for i in range(n)
    ]
    return pd.DataFrame(rows)


def test_coverage_pools_over_kappa_with_an_exact_interval():
    """Lost: C5."""
    frame = covered({(0.0, "lambda"): 0.93, (1.0, "lambda"): 0.97, (0.0, "gamma"): 0.5})
    found = measures.coverage(frame, "lambda")
    exact = stats.binomtest(190, 200).proportion_ci(method="exact")
    assert found.estimate == 0.95
    assert (found.ci_low, found.ci_high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_the_worst_cell_is_in_its_own_monte_carlo_errors():
    """Lost: C5; a bad cell must not hide in the mean."""
    frame = covered({(0.0, "lambda"): 0.95, (1.0, "lambda"): 0.95, (1.0, "gamma"): 0.85})
    assert measures.coverage_cells(frame).estimate == pytest.approx(0.10 / np.sqrt(0.95 * 0.05 / 100))


def test_bias_is_reported_where_it_is_largest():
    """Lost: C8; a mean over kappa would cancel biases of opposite sign."""
    errors = {0.0: np.array([0.1, -0.1, 0.05]), 2.0: np.array([-0.3, -0.2, -0.25])}
    rows = [
        {"kappa": k, "n": 1000, "parameter": "kappa", "metric": "estimate", "truth_value": 1.0, "value": 1.0 + e}
        for k, x in errors.items()
        for e in x
    ]
    found = measures.bias(pd.DataFrame(rows), "kappa")
    interval = stats.ttest_1samp(errors[2.0], 0).confidence_interval(0.95)
    assert found.estimate == pytest.approx(-0.25)
    assert (found.ci_low, found.ci_high) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_power_counts_rejections_at_five_percent():
    """Lost: C7; the critical value of one degree of freedom is 3.841."""
    frame = pd.DataFrame({"metric": "likelihood ratio", "value": [3.8, 3.9, 10.0, 0.1]})
    assert measures.power(frame).estimate == 0.5


def test_correlation_is_that_of_the_weakest_cell_without_singular_samples():
    """Lost: C6."""
    cells = {("phi", 0.5): [-0.99, -0.98, -0.97], ("lambda", 0.5): [-0.95, np.nan, -0.93, -0.94]}
    rows = [
        {"truth": t, "kappa": k, "metric": "correlation", "value": v}
        for (t, k), values in cells.items()
        for v in values
    ]
    assert measures.correlation(pd.DataFrame(rows)).estimate == -0.94


def _models(case, **models):
    return [
        {"case": case, "model": m, "metric": metric, "value": v}
        for m, (loglik, aic) in models.items()
        for metric, v in (("log-likelihood", loglik), ("AIC", aic))
    ]


def test_ranks_follow_the_rule_case_by_case():
    """Lost: C8; near case best: follows; near case not best: does not; none near: free kappa must win."""
    near = _models("e1684", **{"free kappa": (-100, 208), "Burr XII": (-101, 208), "Weibull": (-120, 246)})
    wrong = _models("lung", **{"free kappa": (-100, 210), "Burr XII": (-101.5, 213), "Weibull": (-103, 212)})
    far = _models("bc", **{"free kappa": (-100, 208), "Burr XII": (-110, 226), "Weibull": (-120, 246)})
    assert measures.ranks(pd.DataFrame(near + far)).estimate == 1
    found = measures.ranks(pd.DataFrame(near + wrong + far))
    assert found.estimate == pytest.approx(2 / 3)
    assert found.dataset == "e1684, lung, bc"


def test_extremes_of_chosen_rows():
    """Lost: C1, C10 and C11; rows of other structures must not enter."""
    frame = pd.DataFrame({"metric": "m", "structure": ["a", "a", "b"], "value": [1.0, 3.0, 9.0]})
    assert measures.largest(frame, "m", structure="a").estimate == 3
    assert measures.smallest(frame, "m", structure=["a", "b"]).estimate == 1
    assert measures.spread(frame, "m", structure="a").estimate == 2


@pytest.mark.parametrize(
    "measure",
    [
        lambda f: measures.coverage(f, "lambda"),
        measures.coverage_cells,
        lambda f: measures.bias(f, "kappa"),
        measures.power,
        measures.correlation,
        lambda f: measures.share(f, "AIC chooses both"),
        measures.ranks,
        lambda f: measures.largest(f, "m"),
        lambda f: measures.spread(f, "m"),
    ],
)
def test_what_did_not_run_gives_no_measurement(measure):
    """Lost: *not run*; a claim about nothing must not be judged."""
    assert measure(EMPTY) is None


def test_summary_and_its_tidy_form():
    """Lost: the simulation's table."""
    rows = [
        {"kappa": 0.0, "n": 250, "parameter": "lambda", "truth_value": 1.0, "seed": s, "metric": m, "value": v}
        for s, e in enumerate((0.9, 1.2))
        for m, v in (("estimate", e), ("covered", s))
    ]
    table = measures.summary_of_simulation(pd.DataFrame(rows))
    row = table.iloc[0]
    assert (row["bias"], row["coverage"], row["samples"]) == (pytest.approx(0.05), 0.5, 2)
    assert row["spread"] == pytest.approx(np.std([0.9, 1.2], ddof=1))
    tidy = measures.tidy(table, "kappa", "n", "parameter")
    assert set(tidy.columns) == {"kappa", "n", "parameter", "metric", "value"}
    assert len(tidy) == 4
