"""Measurements from tidy rows, against numbers worked out by hand, SciPy and statsmodels."""

from math import inf, log
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replicate.papers.intrinsic_dimension import measures
from replicate.papers.intrinsic_dimension.dimension import D90


def fitted(estimate=750.0, low=700.0, high=800.0, **changes):
    """Return a fit whose run-noise interval is half as wide in logs as its whole interval."""
    runs = {"run_low": (estimate * low) ** 0.5, "run_high": (estimate * high) ** 0.5}
    values = {"status": "estimated", "threshold": 0.9, "low_dim": 500, "high_dim": 1000, "n_runs": 12, **runs}
    return D90(**{**values, "estimate": estimate, "low": low, "high": high, **changes})


BELOW = D90("below", 0.9, 500, 4000, 8)
ABOVE = D90("above", 0.9, 500, 4000, 8)
FALLS = D90("falls", 0.9, 500, 4000, 8)


def test_a_fit_becomes_its_interval():
    """Lost: C2 and C3."""
    found = measures.dimension(fitted(), dataset="MNIST")
    assert (found.estimate, found.ci_low, found.ci_high, found.n_seeds) == (750, 700, 800, 12)
    assert found.dataset == "MNIST"
    assert measures.dimension(None, dataset="MNIST") is None


@pytest.mark.parametrize(("fit", "bounds"), [(BELOW, (4000, inf)), (ABOVE, (0, 500)), (FALLS, (0, inf))])
def test_a_threshold_never_straddled_bounds_d90_on_one_side_at_most(fit, bounds):
    """Lost: censoring; a number would be invented."""
    found = measures.dimension(fit, dataset="MNIST")
    assert (found.ci_low, found.ci_high) == bounds


def test_ratios_use_the_noise_between_runs_alone():
    """Lost: C5; both d90 are scored on the same test images, whose error cancels."""
    top, bottom = fitted(1500, 1400, 1600), fitted(750, 700, 800)
    found = measures.dimension_ratio(top, bottom, dataset="MNIST")
    assert found.estimate == 2
    down = np.hypot(log(1500 / top.run_low), log(bottom.run_high / 750))
    assert found.ci_low == pytest.approx(2 * np.exp(-down))
    assert measures.dimension_ratio(None, bottom, dataset="") is None
    assert measures.dimension_ratio(top, None, dataset="") is None


@pytest.mark.parametrize(("top", "bounds"), [(BELOW, (5, inf)), (FALLS, (0, inf))])
def test_ratio_with_a_censored_fit_is_a_bound(top, bounds):
    """Lost: C6 at a budget too small for it; and a diverged search must decide nothing."""
    bottom = fitted(750, 700, 800, run_low=700.0, run_high=800.0)
    found = measures.dimension_ratio(top, bottom, dataset="MNIST")
    assert (found.ci_low, found.ci_high) == bounds


def test_parameters_per_dimension_turns_the_interval_over():
    """Lost: C2's ratio."""
    found = measures.parameters_per_dimension(fitted(), 199_210, dataset="MNIST")
    assert found.estimate == pytest.approx(265.61, abs=0.01)
    assert (found.ci_low, found.ci_high) == (pytest.approx(199_210 / 800), pytest.approx(199_210 / 700))
    assert measures.parameters_per_dimension(BELOW, 199_210, dataset="").ci_low == 0


def test_every_draw_is_a_range():
    """Lost: C1; "every subspace" is about the worst one."""
    frame = pd.DataFrame({"metric": "performance", "dim": 10, "seed": 0, "value": [0.999, 1.0, 0.95]})
    found = measures.every(frame, "performance", dim=10)
    assert (found.ci_low, found.ci_high, found.n_seeds) == (0.95, 1.0, 3)


def test_toy_dimension_is_the_first_median_above_the_threshold():
    """Lost: C1."""
    rows = [
        {"seed": s, "dim": d, "value": v}
        for s in range(3)
        for d, v in [(8, 0.1), (9, 0.2), (9, 0.99), (9, 0.3), (10, 1.0), (11, 1.0)]
    ]
    found = measures.toy_dimension(pd.DataFrame(rows))
    assert (found.estimate, found.ci_low, found.ci_high, found.n_seeds) == (10, 10, 10, 3)


def test_the_law_is_corrected_for_the_number_of_dimensions():
    """Lost: the error rate; nine tests at 0.001 would be rejected nine times as often."""
    p = [0.5, 0.02, 0.3]
    frame = pd.DataFrame({"metric": "p-value", "seed": 0, "value": p, "n": 400})
    assert measures.law(frame).estimate == pytest.approx(0.06)
    assert measures.law(frame.assign(value=0.9)).estimate == 1


def test_growth_of_memory_is_a_slope_in_logs():
    """Lost: C9; dense grows like d, one-hot does not."""
    rows = [{"projection": k, "dim": d, "value": v} for k, d, v in [("a", 150, 3), ("a", 300, 6), ("b", 150, 5)]]
    frame = pd.DataFrame([*rows, {"projection": "b", "dim": 300, "value": 5}])
    assert measures.memory_growth(frame, "a").estimate == pytest.approx(1)
    assert measures.memory_growth(frame, "b").estimate == 0


def test_projections_are_compared_within_seeds():
    """Lost: C9's pairing; against SciPy's paired t interval."""
    rng = np.random.default_rng(0)
    level = rng.normal(0.9, 0.02, 8)
    values = {"dense": level + rng.normal(0, 0.002, 8), "sparse": level + rng.normal(-0.003, 0.002, 8)}
    rows = [
        {"projection": k, "seed": s, "dim": d, "metric": "test accuracy", "value": v + shift}
        for k, x in values.items()
        for s, v in enumerate(x)
        for d, shift in ((300, -0.01), (750, 0.01))
    ]
    found = measures.paired_difference(pd.DataFrame(rows), "sparse", against="dense", dataset="MNIST")
    expected = stats.ttest_rel(values["sparse"], values["dense"])
    interval = expected.confidence_interval(0.95)
    assert (found.ci_low, found.ci_high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert found.n_seeds == 8


def test_grid_of_networks():
    """Lost: C4; range and elasticity of a known power law."""
    sizes = np.array([39_760, 100_000, 199_210, 400_000, 959_610])
    d90 = 700 * (sizes / 39_760) ** 0.07
    searches = SimpleNamespace(fits={str(n): fitted(d, d / 1.05, d * 1.05) for n, d in zip(sizes, d90, strict=True)})
    found = measures.grid_range(searches, dataset="MNIST")
    assert found.estimate == pytest.approx(d90[-1] / 700)
    assert found.ci_low < found.estimate < found.ci_high
    table = pd.DataFrame({"D": sizes, "d90": d90})
    assert measures.grid_elasticity(table, dataset="MNIST").estimate == pytest.approx(0.07)
    assert measures.grid_elasticity(table.head(2), dataset="MNIST") is None
    assert measures.grid_range(SimpleNamespace(fits={}), dataset="MNIST") is None


def test_a_network_of_the_grid_without_d90_leaves_the_range_open():
    """Lost: C4; leaving the censored net out would make the range look small."""
    fits = {"a": fitted(700, 690, 710), "b": fitted(720, 710, 730), "c": FALLS}
    found = measures.grid_range(SimpleNamespace(fits=fits), dataset="MNIST")
    assert (found.ci_low, found.ci_high) == (0, inf)


def test_floats_per_label():
    """Lost: C6; d90 = c N^0.6 means that floats per label fall with exponent -0.4."""
    labels = np.array([5_000, 25_000, 50_000])
    table = pd.DataFrame({"labels": labels, "d90": 10 * labels**0.6})
    assert measures.memory_elasticity(table, dataset="").estimate == pytest.approx(-0.4)
    assert measures.memory_elasticity(table.head(1), dataset="") is None


def test_best_small_net_is_the_best_within_the_size():
    """Lost: C7; a net over 2,000 parameters does not count."""
    rows = [
        {"seed": s, "metric": m, "value": v, "n": 10_000}
        for s, acc, size in [(0, 0.5, 900), (1, 0.55, 1900), (2, 0.8, 5000)]
        for m, v in (("test accuracy", acc), ("parameters", size))
    ]
    found = measures.best_small(pd.DataFrame(rows), dataset="MNIST")
    exact = stats.binomtest(5500, 10_000).proportion_ci(method="exact")
    assert found.estimate == 0.55
    assert (found.ci_low, found.ci_high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    assert measures.best_small(pd.DataFrame(), dataset="") is None


def test_accuracy_near_a_dimension():
    """Lost: C7; runs elsewhere must not enter."""
    frame = pd.DataFrame({"metric": "test accuracy", "dim": [990, 1010, 1500], "value": [0.9, 0.92, 0.99]})
    assert measures.accuracy_at(frame, 1000, dataset="").estimate == pytest.approx(0.91)
    assert measures.accuracy_at(frame, 300, dataset="") is None


def test_best_gain_pays_for_the_choice():
    """Lost: C11; the best of five dimensions is not one comparison."""
    rng = np.random.default_rng(1)
    rows = [
        {"seed": s, "dim": d, "value": 0.58 + 0.02 * (d == 15_000) + rng.normal(0, 0.005), "dataset": "CIFAR-10"}
        for s in range(6)
        for d in (0, 5_000, 15_000)
    ]
    frame = pd.DataFrame(rows)
    found = measures.best_gain(frame)
    table = frame.pivot(index="seed", columns="dim", values="value")
    interval = stats.ttest_rel(table[15_000], table[0]).confidence_interval(0.975)
    assert (found.ci_low, found.ci_high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert found.dataset == "CIFAR-10"
    assert measures.best_gain(pd.DataFrame()) is None


def _episodes(successes: dict[int, tuple[int, int]]) -> pd.DataFrame:
    rows = [
        {"metric": "episode length", "dim": d, "value": 200.0 if i < good else 20.0}
        for d, (good, of) in successes.items()
        for i in range(of)
    ]
    return pd.DataFrame(rows)


def test_cartpole_dimension_is_bounded_by_clear_successes_and_failures():
    """Lost: C13; against the binomial: 0 of 8 and 8 of 8 are clear at 0.025/4, 4 of 8 is not."""
    found = measures.cartpole_dimension(_episodes({1: (0, 8), 4: (4, 8), 16: (8, 8), 40: (8, 8)}))
    assert (found.ci_low, found.ci_high) == (1, 16)
    assert found.estimate == pytest.approx(4)
    one = measures.cartpole_dimension(_episodes({4: (1, 1)}))
    assert (one.ci_low, one.ci_high) == (1, inf)


def test_crossings_stand_side_by_side():
    """Lost: the comparison with the authors' estimate on the same runs."""
    dims = np.repeat([400, 600, 750, 900, 1200], 3)
    rng = np.random.default_rng(0)
    accuracy = 0.9 + 0.04 * np.log(dims / 750) + rng.normal(0, 0.003, dims.size)
    frame = pd.DataFrame({"metric": "test accuracy", "dim": dims, "value": accuracy.clip(0, 1), "n": 10_000})
    fits = {"FC": measures.fit(frame, threshold=0.9)}
    (row,) = measures.crossings({"FC": frame}, fits, np.random.default_rng(0)).to_dict("records")
    low, high = map(float, row["bootstrap"].split(" to "))
    assert low < fits["FC"].estimate < high
    assert row["first crossing"] in {600, 750, 900}
    assert row["regression (Fieller)"] == str(fits["FC"])


def test_fit_of_nothing_says_so():
    """Lost: a helpful error."""
    frame = pd.DataFrame({"metric": ["test accuracy"], "dim": [0], "value": [0.9], "n": [100]})
    with pytest.raises(ValueError, match="dim > 0"):
        measures.fit(frame, threshold=0.9)


def test_tables_of_searches():
    """Lost: tidy tables, one metric a row, also for a search without a number."""
    table = measures.summary({"FC": fitted(), "LeNet": FALLS})
    assert set(table["metric"]) == {"d90", "ci_low", "ci_high", "run_low", "run_high", "sigma_run"}
    assert table.set_index(["problem", "metric"]).loc[("FC", "d90"), "value"] == 750
    assert np.isnan(table.set_index(["problem", "metric"]).loc[("LeNet", "d90"), "value"])
    assert measures.stacked({}).empty
    assert list(measures.stacked({"a": pd.DataFrame({"x": [1]}), "b": pd.DataFrame({"x": [2]})})["problem"]) == [
        "a",
        "b",
    ]
