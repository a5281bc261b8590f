"""Intervals against SciPy and against their promised coverage; failed, single and constant seeds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from replicate.measurement import (
    Measurement,
    from_exact,
    from_interval,
    from_median,
    from_pairs,
    from_proportion,
    from_seeds,
    slope,
    smallest_gap,
)

ACCURACIES = [93.1, 92.7, 93.4, 93.0, 92.2]
BASELINES = [91.0, 91.6, 92.9, 90.1, 91.7]
SEEDS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)
REPLICATES = 4000
FOUR_ERRORS = 4 * math.sqrt(0.025 * 0.975 / REPLICATES)  # of a simulated rate of 0.025


def bounds(measurement):
    return measurement.ci_low, measurement.ci_high


def generator():
    return np.random.default_rng(20240117)


def miss_rates(measurements, truth):
    """Return how often the interval lies wholly above and wholly below the truth."""
    intervals = np.array([bounds(m) for m in measurements])
    return np.mean(intervals[:, 0] > truth), np.mean(intervals[:, 1] < truth)


# Against outside truth


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_t_interval_against_scipy_ttest_1samp(confidence):
    """Without it the interval of every ordinary claim could have the wrong width."""
    measurement = from_seeds(ACCURACIES, confidence=confidence)
    expected = stats.ttest_1samp(ACCURACIES, 0).confidence_interval(confidence)
    assert bounds(measurement) == pytest.approx(tuple(expected), rel=1e-12)
    assert measurement.estimate == pytest.approx(np.mean(ACCURACIES), rel=1e-15)
    assert (measurement.n_seeds, measurement.ci_method, measurement.confidence) == (5, "t", confidence)


def test_paired_interval_against_scipy_ttest_rel():
    """Without it the variation shared by a pair would be counted twice."""
    expected = stats.ttest_rel(ACCURACIES, BASELINES).confidence_interval(0.95)
    assert bounds(from_pairs(ACCURACIES, BASELINES)) == pytest.approx(tuple(expected), rel=1e-12)


def test_bootstrap_interval_against_scipy_bca_and_rng():
    """Without it "bootstrap" could be another bootstrap, or depend on hidden random state."""
    measurement = from_seeds(ACCURACIES, method="bootstrap", rng=generator())
    expected = stats.bootstrap((np.sort(ACCURACIES),), np.mean, rng=generator()).confidence_interval
    assert bounds(measurement) == tuple(expected)
    assert "too narrow below 20" in measurement.note
    assert from_seeds(ACCURACIES[::-1], method="bootstrap", rng=generator()) == measurement


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 20), (3, 20), (19, 20), (20, 20), (500, 1000)])
def test_proportion_interval_against_scipy_binomtest(successes, trials):
    """Without it success rates at 0, 1 and small n would lose their guaranteed coverage."""
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    measurement = from_proportion(successes, trials)
    assert bounds(measurement) == pytest.approx(tuple(expected), rel=1e-10, abs=1e-15)
    assert measurement.estimate == successes / trials


def test_slope_interval_against_scipy_linregress():
    """Without it scaling claims would be judged by a wrong standard error."""
    x, y = np.log([1, 2, 4, 8, 16]), np.array([0.1, 0.9, 1.6, 2.8, 3.1])
    fit = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 3) * fit.stderr
    measurement = slope(x, y)
    assert measurement.estimate == pytest.approx(fit.slope, rel=1e-12)
    assert bounds(measurement) == pytest.approx((fit.slope - half, fit.slope + half), rel=1e-10)


def test_unpaired_gap_against_scipy_welch():
    """Without it groups of unequal size or spread would be compared with the wrong degrees of freedom."""
    a, b = ACCURACIES, BASELINES[:3]
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert bounds(smallest_gap([a, b], paired=False)) == pytest.approx(tuple(expected), rel=1e-12)


def test_ordering_bounds_against_scipy_ttest_rel():
    """Without it "A > B > C" would be corrected on the wrong side: 95% below, Bonferroni (97.5%) above."""
    groups = [np.array(ACCURACIES), np.array(BASELINES), np.array([90.1, 90.9, 90.8, 90.2, 90.0])]
    tests = [stats.ttest_rel(groups[0], groups[1]), stats.ttest_rel(groups[1], groups[2])]
    measurement = smallest_gap(groups, paired=True)
    assert measurement.estimate == pytest.approx(min(np.mean(groups[0] - groups[1]), np.mean(groups[1] - groups[2])))
    assert measurement.ci_low == pytest.approx(min(test.confidence_interval(0.95).low for test in tests))
    assert measurement.ci_high == pytest.approx(min(test.confidence_interval(0.975).high for test in tests))


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (8, 1), (9, 2), (10, 2), (20, 6), (25, 8), (50, 18)])
def test_median_ranks_against_published_sign_test_table(n, rank):
    """Without it the median's interval would end at the wrong order statistics (sign test, two-sided 5%)."""
    measurement = from_median(np.arange(1, n + 1))
    assert bounds(measurement) == (rank, n + 1 - rank)
    assert measurement.estimate == (n + 1) / 2


# Coverage, by simulation


@pytest.mark.parametrize("n", [6, 15, 40])
def test_median_interval_covers_skewed_seeds(n):
    """Without it the interval would not be free of the distribution: log-normal seeds, median 1."""
    samples = generator().lognormal(size=(REPLICATES, n))
    above, below = miss_rates(map(from_median, samples), 1.0)
    assert max(above, below) <= 0.025 + FOUR_ERRORS


@pytest.mark.parametrize(("trials", "probability"), [(5, 0.3), (20, 0.02), (50, 0.9)])
def test_proportion_interval_covers_exactly_enough(trials, probability):
    """Without it a success rate could miss the truth on one side more often than 2.5% (exact sum)."""
    counts = np.arange(trials + 1)
    intervals = np.array([bounds(from_proportion(int(count), trials)) for count in counts])
    weights = stats.binom.pmf(counts, trials, probability)
    assert weights[intervals[:, 0] > probability].sum() <= 0.025
    assert weights[intervals[:, 1] < probability].sum() <= 0.025


def test_proportion_interval_covers_simulated_trials():
    """Without it the sum above could share a mistake with the constructor."""
    counts = generator().binomial(20, 0.1, REPLICATES)
    above, below = miss_rates([from_proportion(int(count), 20) for count in counts], 0.1)
    assert max(above, below) <= 0.025 + FOUR_ERRORS


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("means", [(5.0, 0.0, 0.0), (0.0, 0.0, 0.0)])
def test_smallest_gap_covers_zero(paired, means):
    """Without it ties (one gap of 0, or all) would be called orderings, or reversed orderings, too often."""
    groups = generator().normal(np.array(means)[:, None], size=(REPLICATES, 3, 5))
    above, below = miss_rates([smallest_gap(list(g), paired=paired) for g in groups], 0.0)
    assert max(above, below) <= 0.025 + FOUR_ERRORS


# Properties


@given(SEEDS, st.randoms(use_true_random=False))
def test_order_of_seeds_never_matters(values, random):
    """Without it the same runs could give different tables when workers finish in another order."""
    shuffled = random.sample(values, len(values))
    assert from_seeds(shuffled) == from_seeds(values)
    assert from_median(shuffled) == from_median(values)


@given(SEEDS, st.integers(-30, 30))
def test_unit_of_measurement_never_matters(values, exponent):
    """Without it percent and fractions could get different verdicts (powers of two are exact in float64)."""
    values = [round(value, 3) for value in values]  # keeps squares clear of underflow
    scale = 2.0**exponent
    measurement, scaled = from_seeds(values), from_seeds(np.array(values) * scale)
    assert bounds(scaled) == (measurement.ci_low * scale, measurement.ci_high * scale)


@given(SEEDS)
def test_sign_never_matters(values):
    """Without it a loss and its negative would be treated differently."""
    measurement, mirrored = from_seeds(values), from_seeds([-value for value in values])
    assert bounds(mirrored) == (-measurement.ci_high, -measurement.ci_low)


@given(SEEDS, st.floats(-1e6, 1e6))
def test_shift_moves_the_interval_along(values, shift):
    """Without it the width would depend on the origin; tolerance: rounding of numbers up to 2e6."""
    measurement, shifted = from_seeds(values), from_seeds(np.array(values) + shift)
    expected = (measurement.ci_low + shift, measurement.ci_high + shift)
    assert bounds(shifted) == pytest.approx(expected, rel=1e-9, abs=1e-7)


@given(SEEDS, st.floats(0.5, 0.98))
def test_more_confidence_widens(values, confidence):
    """Without it asking for fewer errors could give more."""
    narrow, wide = from_seeds(values, confidence=confidence), from_seeds(values, confidence=0.99)
    assert wide.ci_low <= narrow.ci_low
    assert narrow.ci_high <= wide.ci_high


def test_two_groups_paired_is_the_paired_difference():
    """Without it an ordering of two would differ from the difference of two."""
    gap, difference = smallest_gap([ACCURACIES, BASELINES], paired=True), from_pairs(ACCURACIES, BASELINES)
    assert (gap.estimate, *bounds(gap)) == (difference.estimate, *bounds(difference))


def test_pairing_removes_shared_variation():
    """Without it a constant gain over seeds that differ widely would drown in their spread."""
    hard_and_easy = np.array([10.0, 50.0, 90.0])
    gains = np.array([1.0, 1.1, 0.9])
    assert smallest_gap([hard_and_easy + gains, hard_and_easy], paired=True).ci_low > 0.5
    assert smallest_gap([hard_and_easy + gains, hard_and_easy], paired=False).ci_low < -50


# Edge sizes


def test_single_seed_has_no_interval():
    """Without it one lucky run could pass for evidence."""
    expected = Measurement(0.9, -math.inf, math.inf, 1, "single seed: no interval", dataset="digits")
    assert from_seeds([0.9], dataset="digits") == expected
    assert from_seeds([0.9], method="bootstrap", rng=generator(), dataset="digits") == expected
    assert bounds(smallest_gap([[2.0], [1.0]], paired=True)) == (-math.inf, math.inf)
    assert bounds(smallest_gap([[2.0], [1.0, 0.9]], paired=False)) == (-math.inf, math.inf)
    assert bounds(slope([0, 1], [0, 1])) == (-math.inf, math.inf)


@pytest.mark.parametrize("method", ["t", "bootstrap"])
def test_zero_variance_has_width_zero_and_says_so(method):
    """Without it three times 0.1 would not have mean 0.1, and equal seeds would pass for precision unseen."""
    measurement = from_seeds([0.1, 0.1, 0.1], method=method, rng=generator())
    assert (measurement.ci_low, measurement.estimate, measurement.ci_high) == (0.1, 0.1, 0.1)
    assert measurement.note == "no variation over 3 seeds"


def test_zero_variance_in_one_gap_is_noted():
    """Without it a gap known only from equal seeds would go unnoticed among the others."""
    measurement = smallest_gap([[3.0, 3.0], [2.0, 2.0], [0.0, 1.0]], paired=False)
    assert measurement.ci_high == 1.0
    assert measurement.note == "a gap without variation over seeds"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_failed_seed_leaves_nothing_measured(bad):
    """Without it a diverged seed would vanish and the survivors look better than the method."""
    for measurement in (
        from_seeds([0.9, bad, 0.8]),
        from_pairs([0.9, bad, 0.8], [0.1, 0.1, 0.1]),
        slope([0, 1, 2], [0.9, bad, 0.8]),
        smallest_gap([[0.9, bad, 0.8]] * 2, paired=True),
    ):
        assert np.isnan([measurement.estimate, *bounds(measurement)]).all()
        assert measurement.n_seeds == 3
    assert from_seeds([0.9, bad, 0.8]).note == "1 of 3 values are NaN, infinite or beyond 1e+150"


def test_median_ranks_diverged_seeds_but_not_nan():
    """Without it the one statistic that survives a diverged seed would be lost, or a NaN would be ranked."""
    losses = [0.1, 0.2, 0.3, 0.4, 0.5, math.inf]
    assert bounds(from_median(losses)) == (0.1, math.inf)
    with_nan = from_median([*losses, math.nan])
    assert math.isnan(with_nan.estimate)
    assert with_nan.note == "2 of 7 values are NaN, infinite or beyond 1e+150"


def test_median_of_few_seeds_is_unbounded():
    """Without it five seeds (93.75% at best) would be sold as 95%."""
    measurement = from_median(ACCURACIES)
    assert (measurement.estimate, *bounds(measurement)) == (93.0, -math.inf, math.inf)
    assert measurement.note == "5 seeds cannot bound the median"
    assert bounds(from_median(ACCURACIES, confidence=0.9)) == (92.2, 93.4)


def test_exact_value_has_width_zero():
    """Without it a closed form would need seeds; a NaN from it is still nothing."""
    assert from_exact(2) == Measurement(2.0, 2.0, 2.0, 1, "exact")
    assert from_exact(math.nan).note == "the value is NaN"


def test_interval_from_elsewhere_is_kept():
    """Without it Fieller intervals (estimate outside, one side unbounded) could not be judged."""
    measurement = from_interval(1.0, (2, math.inf), n_seeds=4, ci_method="Fieller", confidence=0.9)
    assert measurement == Measurement(1.0, 2.0, math.inf, 4, "Fieller", 0.9)


# Failures


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Measurement(math.nan, 0, 1, 3, "t"), "NaN must be in all three or none"),
        (lambda: Measurement(0.5, math.nan, 1, 3, "t"), "NaN must be in all three or none"),
        (lambda: Measurement(0.5, 1, 0, 3, "t"), r"interval \[1, 0\]: ci_low must not be above ci_high"),
        (lambda: Measurement(0.5, 0, 1, -1, "t"), "n_seeds is -1; give a whole number >= 0"),
        (lambda: Measurement(0.5, 0, 1, 2.5, "t"), "n_seeds is 2.5"),
        (
            lambda: Measurement(0.5, 0, 1, 3, "t", confidence=95),
            "confidence is 95; .* strictly between 0 and 1",
        ),
        (lambda: from_seeds([]), r"values has shape \(0,\); give one number per seed"),
        (lambda: from_seeds([[1.0, 2.0]]), r"values has shape \(1, 2\)"),
        (lambda: from_seeds([1.0], confidence=1), "confidence is 1;"),
        (lambda: from_seeds([1.0], method="bootstrp"), "unknown method 'bootstrp'; did you mean 'bootstrap'"),
        (lambda: from_seeds([1.0, 2.0], method="bootstrap"), "pass rng=numpy.random.default_rng"),
        (
            lambda: from_pairs([1.0, 2.0], [1.0]),
            "paired groups have 2 and 1 seeds; give both values of every seed",
        ),
        (lambda: smallest_gap([[1.0, 2.0], [1.0]], paired=True), "paired groups have 2 and 1 seeds"),
        (lambda: smallest_gap([[1.0]], paired=False), "at least 2 groups, got 1"),
        (lambda: smallest_gap([[1.0], []], paired=False), r"groups\[1\] has shape \(0,\)"),
        (lambda: from_proportion(3, 2), "3 successes in 2 trials: need integers"),
        (lambda: from_proportion(0, 0), "0 successes in 0 trials"),
        (lambda: from_proportion(0.5, 2), "0.5 successes in 2 trials"),
        (lambda: slope([1, 2], [1]), "x has 2 values, y 1: need equally many"),
        (lambda: slope([1, 1], [1, 2]), "x finite and not constant"),
        (lambda: slope([1, math.nan], [1, 2]), "x finite and not constant"),
    ],
)
def test_mistakes_are_named(call, message):
    """Without it a wrong call would surface as a wrong verdict."""
    with pytest.raises(ValueError, match=message):
        call()
