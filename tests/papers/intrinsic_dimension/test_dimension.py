"""The d90 estimator: coverage on known curves, grid rules on hand-made cases, degenerate data."""

from math import inf, isnan, log

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from replicate.papers.intrinsic_dimension import dimension, fieller

TRUE, SLOPE, SIGMA = 750, 0.67, 0.051


def simulated(rng, *, n_runs, n_test=10_000, shared=False):
    """Runs of a logistic curve through (750, 0.9); ``shared`` puts the test noise in common to all runs."""
    dims = np.round(TRUE * np.exp(rng.uniform(-0.3, 0.3, n_runs)))
    level = logit(0.9) + SLOPE * np.log(dims / TRUE) + SIGMA * rng.standard_normal(n_runs)
    if shared:
        return dims, expit(level + rng.standard_normal() / np.sqrt(n_test * 0.09))
    return dims, rng.binomial(n_test, expit(level)) / n_test


def fit(dims, accuracies, **settings):
    return dimension.fit_threshold(dims, accuracies, **{"threshold": 0.9, "n_test": 10_000, **settings})


def coverage(low, high, **settings):
    """Share of 1000 simulated studies whose interval contains the true d90."""
    rng = np.random.default_rng(20)
    fits = [fit(*simulated(rng, **settings)) for _ in range(1000)]
    return np.mean([getattr(one, low) <= TRUE <= getattr(one, high) for one in fits])


def test_run_interval_covers_when_test_noise_is_independent():
    """Lost: the nominal 95% of the interval from run noise."""
    assert 0.93 <= coverage("run_low", "run_high", n_runs=20) <= 0.97


def test_combined_interval_covers_when_test_noise_is_shared():
    """Lost: the nominal 95% over new test sets."""
    assert 0.93 <= coverage("low", "high", n_runs=40, shared=True) <= 0.97  # 3 sigma of 1000 studies


def test_shared_test_noise_does_not_average_out():
    """Lost: the difference between more runs and more test examples."""
    rng = np.random.default_rng(0)
    one = fit(*simulated(rng, n_runs=3000))
    floor = 1.96 / np.sqrt(10_000 * 0.09) / SLOPE
    assert one.halfwidth < 0.01
    assert log(one.high / one.low) / 2 == pytest.approx(floor, rel=0.1)


def test_line_against_statsmodels():
    """Lost: agreement of the weighted fit and its covariance with an independent implementation."""
    rng = np.random.default_rng(3)
    x, known = rng.standard_normal(12), rng.uniform(0.5, 2.0, 12)
    y = 1 + 2 * x + 0.1 * rng.standard_normal(12)  # far below the known variance: no extra noise
    line = fieller.fit_line(x, y, known)
    reference = sm.WLS(y, sm.add_constant(x), weights=1 / known).fit(cov_type="fixed scale")
    assert line.sigma == 0
    np.testing.assert_allclose([line.intercept, line.slope], reference.params)
    np.testing.assert_allclose(line.covariance, reference.cov_params(), rtol=1e-8)


def test_run_noise_is_recovered():
    """Lost: the split of the scatter into run noise and binomial noise."""
    one = fit(*simulated(np.random.default_rng(1), n_runs=2000))
    assert one.sigma_run == pytest.approx(SIGMA, rel=0.1)
    assert one.slope == pytest.approx(SLOPE, rel=0.05)


def test_fieller_limits_are_roots_of_the_pivot():
    """Lost: the definition of Fieller's set, |line| = t * standard error at both limits."""
    line = fieller.Line(-0.1, 0.7, np.array([[0.002, 0.001], [0.001, 0.004]]), 0.05, 10)
    student = dimension.stats.t.ppf(0.975, 10)
    for x in fieller.crossing_interval(line):
        variance = np.array([1, x]) @ line.covariance @ np.array([1, x])
        assert abs(line.intercept + line.slope * x) == pytest.approx(student * np.sqrt(variance))


def test_bootstrap_agrees_with_fieller():
    """Lost: agreement of two ways to the same interval, within the error of 400 resamples."""
    data = simulated(np.random.default_rng(5), n_runs=30)
    settings = {"threshold": 0.9, "n_test": 10_000}
    interval = dimension.bootstrap(*data, rng=np.random.default_rng(0), n_resamples=400, **settings)
    one = fit(*data)
    assert interval.estimate == one.estimate
    assert log(interval.high / interval.low) == pytest.approx(log(one.high / one.low), rel=0.25)


@pytest.mark.parametrize(
    ("accuracies", "status", "text"),
    [
        ([0.5, 0.6, 0.7], "below", ">= 400"),
        ([0.8, 0.87, 0.1], "falls", "falls"),  # diverged at large d: no lower bound
        ([0.91, 0.95, 0.97], "above", "<= 100"),
        ([0.97, 0.9, 0.8], "slope", ""),
    ],
)
def test_unbracketed_data_give_a_status_and_no_number(accuracies, status, text):
    """Lost: honesty about thresholds never straddled, or curves that fall."""
    one = fit([100, 200, 400], accuracies)
    assert one.status == status
    assert not one.bracketed
    assert isnan(one.estimate)
    assert (one.low, one.high) == (0.0, inf)
    assert str(one).startswith("not bracketed")
    assert text in str(one)


def test_threshold_itself_is_not_a_solution():
    """Lost: strict excess, as in the paper."""
    assert fit([100, 200], [0.8, 0.9]).status == "below"


def test_one_run_is_never_enough():
    """Lost: a single run cannot straddle."""
    assert [fit([100], [value]).status for value in (0.8, 0.95)] == ["below", "above"]


def test_two_runs_give_an_estimate_without_interval():
    """Lost: with no degrees of freedom the interval is the whole half-line."""
    one = fit([500, 1000], [0.88, 0.92])
    assert 500 < one.estimate < 1000
    assert (one.run_low, one.run_high, one.halfwidth) == (0.0, inf, inf)
    assert one.method == "fieller (unbounded)"


def test_repeats_of_one_dimension_have_no_slope():
    """Lost: a singular fit must not raise or return a number."""
    assert fit([100, 100, 100], [0.89, 0.91, 0.9]).status == "slope"


def test_accuracies_of_zero_and_one_are_finite():
    """Lost: infinite logits at 0 and 1."""
    one = fit([1, 2, 4, 8], [0.0, 0.5, 0.95, 1.0], n_test=100)
    assert one.bracketed
    assert 2 < one.estimate < 8


def test_insignificant_slope_gives_an_unbounded_interval():
    """Lost: a bounded interval where Fieller's set is not an interval."""
    one = fit([700, 720, 740, 760], [0.899, 0.902, 0.898, 0.903])
    assert one.bracketed
    assert (one.low, one.high) == (0.0, inf)


def test_runs_outside_the_window_are_ignored():
    """Lost: the fit is local, far points may not bend it."""
    dims, accuracies = simulated(np.random.default_rng(2), n_runs=12)
    near = fit(dims, accuracies)
    far = fit([*dims, 10, 100_000], [*accuracies, 0.1, 0.99])
    assert far.estimate == pytest.approx(near.estimate, rel=1e-12)
    assert (far.n_fitted, far.n_runs) == (12, 14)


def test_order_of_runs_does_not_matter():
    """Lost: independence of the order in which workers finish."""
    dims, accuracies = simulated(np.random.default_rng(4), n_runs=9)
    turned = fit(dims[::-1], accuracies[::-1])
    assert turned.estimate == pytest.approx(fit(dims, accuracies).estimate, rel=1e-12)


def test_first_crossing_on_hand_made_cases():
    """Lost: the authors' rule: mean over repeats, strict excess, smallest d even if the curve falls later."""
    first = dimension.first_crossing
    assert first([400, 100, 200], [0.95, 0.8, 0.91], threshold=0.9) == 200
    assert first([100, 100, 200, 200], [0.95, 0.8, 0.92, 0.89], threshold=0.9) == 200
    assert first([100, 200, 300], [0.91, 0.89, 0.95], threshold=0.9) == 100
    assert first([100, 200], [0.8, 0.9], threshold=0.9) is None


def test_first_crossing_is_exact_on_ties():
    """Lost: three runs of exactly 0.9 have a floating-point mean that must not count as above 0.9."""
    assert dimension.first_crossing([850, 850, 850, 900], [0.9, 0.9, 0.9, 0.91], threshold=0.9) == 900


def test_median_crossing_on_hand_made_cases():
    """Lost: the dimension where half of the runs succeed, interpolated in ln d."""
    median = dimension.median_crossing
    assert median([100, 400], [0.8, 0.95], threshold=0.9) == pytest.approx(200)
    assert median([100, 200, 200, 400], [0.8, 0.8, 0.95, 0.95], threshold=0.9) == pytest.approx(200)
    assert median([100, 200], [0.8, 0.85], threshold=0.9) is None
    assert median([100, 200], [0.95, 0.96], threshold=0.9) is None


def test_ratio_of_independent_fits():
    """Lost: the interval of a ratio is wider than either and inverts with it."""
    rng = np.random.default_rng(7)
    first, second = (fit(*simulated(rng, n_runs=30)) for _ in range(2))
    value, inverse = dimension.ratio(first, second), dimension.ratio(second, first)
    assert value.low < 1 < value.high
    assert value.estimate == pytest.approx(1 / inverse.estimate)
    assert value.low == pytest.approx(1 / inverse.high)
    assert log(value.high / value.low) > log(first.high / first.low)


def test_ratio_of_censored_fit_is_a_bound():
    """Lost: 'at least so many times' when the numerator was never reached."""
    known = fit(*simulated(np.random.default_rng(7), n_runs=30))
    censored = fit([1000, 20_000], [0.3, 0.4])
    value = dimension.ratio(censored, known)
    assert isnan(value.estimate)
    assert (value.low, value.high) == (pytest.approx(20_000 / known.high), inf)
    assert dimension.ratio(known, censored).high == pytest.approx(known.high / 20_000)


def test_elasticity_of_a_power_law():
    """Lost: the exponent of d90 in D."""
    parameters = np.array([4e4, 1e5, 2e5, 9e5])
    assert dimension.elasticity(parameters, 5 * parameters**0.033).estimate == pytest.approx(0.033)
    noisy = dimension.elasticity(parameters, [750, 760, 740, 755])
    assert noisy.low < 0 < noisy.high


def test_unusable_input_is_explained():
    """Lost: a message that says what to do."""
    with pytest.raises(ValueError, match="one entry per run"):
        fit([100, 200], [0.9])
    with pytest.raises(ValueError, match="leave out the direct runs"):
        fit([0, 200], [0.98, 0.9])
    with pytest.raises(ValueError, match="divide percent by 100"):
        fit([100, 200], [89.0, 91.0])
    with pytest.raises(ValueError, match="leave out failed runs"):
        fit([100, 200], [np.nan, 0.9])
    with pytest.raises(ValueError, match=r"threshold = 1.0 must be inside"):
        fit([100, 200], [0.8, 0.9], threshold=1.0)
    with pytest.raises(ValueError, match="n_test = 0"):
        fit([100, 200], [0.8, 0.9], n_test=0)
    with pytest.raises(ValueError, match="at least 3 networks with a positive finite d90, found 2 of 3"):
        dimension.elasticity([1e4, 1e5, 1e6], [700, np.nan, 800])
