"""Verdicts: the five outcomes, edges, properties, simulated error rates, and the rules they replace."""

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
    from_pairs,
    from_proportion,
    from_seeds,
    slope,
    smallest_gap,
)
from replicate.verdicts import Outcome, Region, judge

AGREES, DISAGREES, INCONCLUSIVE = Outcome.AGREES, Outcome.DISAGREES, Outcome.INCONCLUSIVE
REPLICATES = 4000
FOUR_ERRORS = 4 * math.sqrt(0.025 * 0.975 / REPLICATES)  # of a simulated rate of 0.025

GRID = st.integers(-800, 800).map(lambda k: k / 8)  # sums, shifts and powers of two are exact on this grid
BOUNDS = GRID | st.sampled_from([-math.inf, math.inf])


def interval(low, high):
    return Measurement((low + high) / 2 if math.isfinite(low + high) else 0.0, low, high, 5, "t")


INTERVALS = st.tuples(BOUNDS, BOUNDS).map(sorted).filter(lambda b: b[0] < math.inf and b[1] > -math.inf)
MEASUREMENTS = INTERVALS.map(lambda b: interval(*b))
TOLERANCES = st.integers(0, 400).map(lambda k: k / 8)


def outcome(measurement, region):
    return judge(measurement, region).outcome


def generator():
    return np.random.default_rng(0)


# The rules in use elsewhere, and what ours says


def test_one_replicate_is_inconclusive_where_a_t_test_calls_it_fine():
    """Without it a single lucky run would count as a replication."""
    published, replicate = 93.1, [93.2]
    with np.errstate(all="ignore"):
        assert not stats.ttest_1samp(replicate, published).pvalue < 0.05  # it is NaN
    verdict = judge(from_seeds(replicate), Region.within(published, 1.0))
    assert verdict.outcome is INCONCLUSIVE
    assert "measured 93.2 (single seed: no interval)" in verdict.reason


def test_fifty_replicates_off_by_a_thousandth_agree_where_a_t_test_calls_them_failed():
    """Without it more evidence for the published value would turn into evidence against it."""
    published = 93.1
    replicates = published + 0.001 + 0.001 * stats.norm.ppf((np.arange(50) + 0.5) / 50)
    assert stats.ttest_1samp(replicates, published).pvalue < 1e-6
    assert outcome(from_seeds(replicates), Region.within(published, 1.0)) is AGREES


def test_deterministic_gold_runs_where_a_prediction_interval_has_width_zero():
    """Without it the last digit of a deterministic program on another machine would fail its replication."""
    gold, ours = np.array([0.853, 0.853, 0.853]), 0.8531
    half_width = stats.t.ppf(0.975, 2) * gold.std(ddof=1) * math.sqrt(1 + 1 / 3)
    assert not gold.mean() - half_width <= ours <= gold.mean() + half_width
    assert outcome(from_exact(ours), Region.within(0.853, 0.005)) is AGREES


# The five outcomes


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((93, 94), AGREES),
        ((94.5, 95), DISAGREES),
        ((90, 91), DISAGREES),
        ((93.5, 95), INCONCLUSIVE),
        ((90, 99), INCONCLUSIVE),
    ],
)
def test_interval_against_tolerance(bounds, expected):
    """Without it the verdict would not be computed from the interval."""
    assert outcome(interval(*bounds), Region.within(93.1, 1.0)) is expected


@pytest.mark.parametrize("estimate", [0.9, 1.1])
def test_point_estimate_alone_never_decides(estimate):
    """Without it an estimate on one side could hide an interval that straddles the edge."""
    measurement = from_interval(estimate, (0.8, 1.2), n_seeds=3, ci_method="t")
    assert outcome(measurement, Region.at_most(1)) is INCONCLUSIVE


def test_nothing_run():
    """Without it a claim nobody ran would look like one that failed."""
    verdict = judge(None, Region.above(0))
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_RUN, "no measurement; the claim accepts above 0")
    assert judge(None, Region.above(0), comparable=False, why_not_comparable="digits").outcome is Outcome.NOT_RUN


def test_not_comparable_says_why_and_comes_before_the_value():
    """Without it results on other data could "agree" with the paper."""
    for measurement in (from_exact(1.0), from_seeds([1.0, math.nan]), from_seeds([1.0])):
        verdict = judge(measurement, Region.above(0), comparable=False, why_not_comparable="ran on digits")
        assert verdict.outcome is Outcome.NOT_COMPARABLE
        assert verdict.reason.startswith("ran on digits; ")


def test_failed_seed_is_inconclusive_and_counted():
    """Without it failed runs would vanish from the verdict."""
    verdict = judge(from_seeds([0.9, math.nan, math.nan], dataset="digits"), Region.above(0))
    assert verdict.outcome is INCONCLUSIVE
    assert verdict.reason == (
        "nothing measured on digits (t, n = 3) cannot be compared with the accepted region (above 0) "
        "(2 of 3 values are NaN, infinite or beyond 1e+150)"
    )


@pytest.mark.parametrize("region", [Region.within(1, 100), Region.at_least(-1e9), Region.below(-1e9)])
def test_single_stochastic_seed_is_always_inconclusive(region):
    """Without it a generous region would turn one run into agreement, or one bad run into refutation."""
    assert outcome(from_seeds([1.0]), region) is INCONCLUSIVE


def test_zero_variance_is_judged_with_a_note():
    """Without it equal seeds could not be judged, or their suspicious precision would go unsaid."""
    verdict = judge(from_seeds([0.5, 0.5, 0.5]), Region.within(0.5, 0.0))
    assert verdict.outcome is AGREES
    assert verdict.reason.endswith("(no variation over 3 seeds)")


def test_paired_ordering_proportion_and_slope_reach_verdicts():
    """Without it the engine would judge means only."""
    fast, slow = [3.0, 5.1, 9.0], [2.0, 4.0, 8.1]
    assert outcome(from_pairs(fast, slow), Region.above(0.5)) is AGREES
    assert outcome(smallest_gap([fast, slow], paired=False), Region.above(0)) is INCONCLUSIVE
    assert outcome(smallest_gap([slow, fast], paired=True), Region.above(0)) is DISAGREES
    assert outcome(from_proportion(0, 20), Region.at_most(0.2)) is AGREES
    assert outcome(from_proportion(0, 20), Region.at_most(0.1)) is INCONCLUSIVE
    assert outcome(slope([0, 1, 2, 3], [0, -0.5, -1.01, -1.5]), Region.within(-0.5, 0.05)) is AGREES


# Edges: exact, closed or open


@pytest.mark.parametrize(
    ("region", "bounds", "expected"),
    [
        (Region.between(1, 2), (1, 2), AGREES),
        (Region.between(1, 2), (2, 3), INCONCLUSIVE),
        (Region.between(1, 2), (0, 1), INCONCLUSIVE),
        (Region.between(1, 2), (math.nextafter(2, 3), 3), DISAGREES),
        (Region.between(1, 2), (1, math.nextafter(2, 3)), INCONCLUSIVE),
        (Region(1, 2, low_open=True, high_open=True), (1, 1.5), INCONCLUSIVE),
        (Region(1, 2, low_open=True, high_open=True), (1.5, 2), INCONCLUSIVE),
        (Region(1, 2, low_open=True, high_open=True), (2, 3), DISAGREES),
        (Region(1, 2, low_open=True, high_open=True), (0, 1), DISAGREES),
        (Region.at_least(1), (1, 5), AGREES),
        (Region.at_least(1), (0, 1), INCONCLUSIVE),
        (Region.above(1), (1, 5), INCONCLUSIVE),
        (Region.above(1), (0, 1), DISAGREES),
        (Region.above(1), (1, 1), DISAGREES),
        (Region.at_most(1), (1, 1), AGREES),
        (Region.below(1), (1, 1), DISAGREES),
        (Region.at_least(1), (1, math.inf), AGREES),
        (Region.at_most(1), (2, math.inf), DISAGREES),
        (Region(1, math.inf, high_open=True), (1, math.inf), AGREES),
        (Region.within(1, 0), (1, 1), AGREES),
    ],
)
def test_interval_touching_an_edge(region, bounds, expected):
    """Without it "at least" and "more than", or touching from inside and from outside, would be confused."""
    assert outcome(interval(*bounds), region) is expected


@pytest.mark.parametrize(("published", "tolerance", "edge"), [(0.7, 0.1, 0.8), (0.1, 0.2, 0.3), (93.1, 1.1, 94.2)])
def test_tolerance_reaches_the_decimal_a_reader_computes(published, tolerance, edge):
    """Without it a deterministic 0.8 would miss 0.7 +- 0.1 by binary rounding."""
    assert Region.within(published, tolerance).high == edge
    assert outcome(from_exact(edge), Region.within(published, tolerance)) is AGREES
    assert outcome(from_exact(math.nextafter(edge, 1e3)), Region.within(published, tolerance)) is DISAGREES


# Properties


@given(MEASUREMENTS, GRID, TOLERANCES, TOLERANCES)
def test_widening_the_tolerance_never_hurts(measurement, published, tolerance, more):
    """Without it a more generous claim could lose its agreement or become refuted."""
    before = outcome(measurement, Region.within(published, tolerance))
    after = outcome(measurement, Region.within(published, tolerance + more))
    assert before is not AGREES or after is AGREES
    assert after is not DISAGREES or before is DISAGREES


@given(GRID, TOLERANCES, st.integers(0, 400), st.integers(0, 400), GRID, TOLERANCES)
def test_narrowing_the_interval_never_reverses(centre, tolerance, below, above, published, more):
    """Without it more precise data could overturn a verdict that was already settled."""
    wide = outcome(interval(centre - below - more, centre + above + more), Region.within(published, tolerance))
    narrow = outcome(interval(centre - below, centre + above), Region.within(published, tolerance))
    assert narrow is wide or wide is INCONCLUSIVE


@given(MEASUREMENTS, GRID, TOLERANCES, GRID, st.integers(-20, 20))
def test_shift_and_scale_move_claim_and_measurement_alike(measurement, published, tolerance, shift, exponent):
    """Without it verdicts would depend on the unit or on the origin."""
    scale = 2.0**exponent
    moved = interval((measurement.ci_low + shift) * scale, (measurement.ci_high + shift) * scale)
    region = Region.between(published - tolerance, published + tolerance)
    moved_region = Region.between((region.low + shift) * scale, (region.high + shift) * scale)
    assert outcome(moved, moved_region) is outcome(measurement, region)
    assert outcome(measurement, Region.within(published, tolerance)) is outcome(measurement, region)


@given(MEASUREMENTS, GRID)
def test_at_least_mirrors_at_most(measurement, bound):
    """Without it "higher is better" and "lower is better" claims would follow different rules."""
    mirrored = interval(-measurement.ci_high, -measurement.ci_low)
    assert outcome(measurement, Region.at_least(bound)) is outcome(mirrored, Region.at_most(-bound))
    assert outcome(measurement, Region.above(bound)) is outcome(mirrored, Region.below(-bound))


@given(MEASUREMENTS, GRID)
def test_a_claim_and_its_negation_never_share_a_verdict(measurement, bound):
    """Without it both "at least b" and "below b" could agree, or both be refuted, by the same data."""
    opposite = {AGREES: DISAGREES, DISAGREES: AGREES, INCONCLUSIVE: INCONCLUSIVE}
    claim, negation = Region.at_least(bound), Region.below(bound)
    assert outcome(measurement, negation) is opposite[outcome(measurement, claim)]


@given(st.lists(GRID, min_size=1, max_size=8), st.randoms(use_true_random=False), GRID, TOLERANCES)
def test_order_of_seeds_never_changes_a_verdict(values, random, published, tolerance):
    """Without it the verdict could depend on which worker finished first."""
    region = Region.within(published, tolerance)
    shuffled = random.sample(values, len(values))
    assert judge(from_seeds(shuffled), region) == judge(from_seeds(values), region)


@given(st.none() | MEASUREMENTS | st.just(from_exact(math.nan)), GRID, TOLERANCES, st.booleans())
def test_exactly_one_of_five_outcomes_with_one_sentence(measurement, published, tolerance, comparable):
    """Without it a measurement could be left without a verdict, or incomparable data be judged."""
    region = Region.within(published, tolerance)
    verdict = judge(measurement, region, comparable=comparable, why_not_comparable="ran on digits")
    assert verdict.outcome in Outcome
    assert verdict.reason
    assert "\n" not in verdict.reason
    assert (verdict.outcome is Outcome.NOT_RUN) == (measurement is None)
    assert (verdict.outcome is Outcome.NOT_COMPARABLE) == (measurement is not None and not comparable)


@given(MEASUREMENTS, GRID, TOLERANCES)
def test_inside_and_outside_exclude_each_other(measurement, published, tolerance):
    """Without it the order of two lines in the code would decide verdicts."""
    region, bounds = Region.within(published, tolerance), (measurement.ci_low, measurement.ci_high)
    assert not (region.contains_interval(*bounds) and region.disjoint_from(*bounds))


# Error rates, by simulation


@pytest.mark.parametrize("n", [3, 5, 20])
@pytest.mark.parametrize("truth", [0.0, 1.0, 2.0])
def test_error_rates_two_sided(truth, n):
    """Without it "at most 2.5% wrong verdicts" would be a claim about formulas only; table in the module."""
    samples = generator().normal(truth, 0.5, (REPLICATES, n))
    outcomes = np.array([outcome(from_seeds(seeds), Region.within(0, 1)) for seeds in samples])
    if truth >= 1:
        assert np.mean(outcomes == AGREES) <= 0.025 + FOUR_ERRORS
    if truth <= 1:
        assert np.mean(outcomes == DISAGREES) <= 0.025 + FOUR_ERRORS


@pytest.mark.parametrize("n", [3, 5, 20])
def test_error_rates_of_an_ordering_with_a_tie(n):
    """Without it testing two gaps at once could err twice as often (A > B = C; A = B = C)."""
    region = Region.above(0)
    noise = generator().normal(size=(REPLICATES, 3, n))
    tied = noise + np.array([[5.0], [0.0], [0.0]])
    one_tie = [outcome(smallest_gap(list(g), paired=True), region) for g in tied]
    all_tied = [outcome(smallest_gap(list(g), paired=True), Region.at_least(0)) for g in noise]
    assert np.mean(np.array(one_tie) == AGREES) <= 0.025 + FOUR_ERRORS
    assert np.mean(np.array(all_tied) == DISAGREES) <= 0.025 + FOUR_ERRORS


def test_power_grows_with_seeds():
    """Without it the rule could keep its error rates by never deciding."""
    rates = []
    for n in (3, 5, 20):
        samples = generator().normal(0, 0.5, (500, n))
        rates.append(np.mean([outcome(from_seeds(seeds), Region.within(0, 1)) is AGREES for seeds in samples]))
    assert 0.2 < rates[0] < rates[1] - 0.2
    assert rates[1] < rates[2]
    assert rates[2] > 0.99


# Sentences and mistakes


@pytest.mark.parametrize(
    ("measurement", "region", "reason"),
    [
        (
            from_seeds([93.0, 93.4, 93.2, 92.9], dataset="CIFAR-10"),
            Region.within(93.1, 1.0),
            "measured 93.1 on CIFAR-10 (95% interval 92.8 to 93.5, t, n = 4) "
            "lies inside the accepted region (92.1 to 94.1)",
        ),
        (from_exact(2), Region.above(2), "measured 2 (exact) lies outside the accepted region (above 2)"),
        (
            from_interval(1234567.0, (1200000, math.inf), n_seeds=9, ci_method="Fieller", confidence=0.9),
            Region(0, 1300000, low_open=True),
            "measured 1230000 (90% interval 1200000 to inf, Fieller, n = 9) "
            "lies neither wholly inside nor wholly outside the accepted region "
            "(0 to 1300000, low edge excluded)",
        ),
    ],
)
def test_reason_is_one_readable_sentence(measurement, region, reason):
    """Without it the scorecard would show verdicts nobody can check."""
    assert judge(measurement, region).reason == reason


def test_rounding_never_contradicts_the_verdict():
    """Without it a bound of 93.96 would be printed as the edge, 94, that it fails to reach."""
    verdict = judge(from_interval(95, (93.96, 96), n_seeds=3, ci_method="t"), Region.at_least(94))
    assert verdict.outcome is INCONCLUSIVE
    assert "measured 95 (95% interval 93.96 to 96, t, n = 3)" in verdict.reason


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Region.within(1, -0.1), "tolerance is -0.1; it must be finite and >= 0"),
        (lambda: Region.within(1, math.nan), "tolerance is nan"),
        (lambda: Region.within(1, math.inf), "tolerance is inf"),
        (lambda: Region.within(math.nan, 1), "published value is nan; it must be finite"),
        (lambda: Region.between(2, 1), "from 2.0 to 1.0 accepts no value; low must be below high"),
        (lambda: Region(1, 1, low_open=True), "accepts no value"),
        (lambda: Region.above(math.nan), "an edge is NaN; use -inf or inf"),
        (
            lambda: Region.between(-math.inf, math.inf),
            "accepts every value; a claim needs at least one finite edge",
        ),
        (lambda: Region.at_least(math.inf), "accepts no finite value"),
        (lambda: Region.at_most(-math.inf), "accepts no finite value"),
        (lambda: Region.above(0).contains_interval(math.nan, math.nan), "an interval bound is NaN"),
        (lambda: judge(None, Region.above(0), comparable=False), "comparable=False needs why_not_comparable"),
    ],
)
def test_mistakes_are_named(call, message):
    """Without it a meaningless claim would get a verdict."""
    with pytest.raises(ValueError, match=message):
        call()
