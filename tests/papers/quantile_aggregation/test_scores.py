"""Losses and scores against closed forms and scikit-learn."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss

from replicate.papers.quantile_aggregation import scores
from replicate.papers.quantile_aggregation.levels import check_levels, even_levels, position

CRPS_AT_HALF = 0.3314035312548558  # of N(0, 1) at y = 0.5


def normal_quantiles(m):
    return norm.ppf(even_levels(m))[None]


@pytest.mark.parametrize(
    ("m", "sums", "means"),
    [
        (9, 0.321385938707, 0.357095487452),
        (19, 0.329142767357, 0.346466070902),
        (99, 0.331291383323, 0.334637760932),
        (999, 0.331402548350, 0.331734282622),
    ],
)
def test_crps_from_quantiles_tends_to_the_normal_closed_form(m, sums, means):
    """A wrong factor or spacing would make scores of different m incomparable."""
    q, levels = normal_quantiles(m), even_levels(m)
    assert scores.crps([0.5], q, levels)[0] == pytest.approx(sums, abs=1e-10)
    assert 2 * scores.mean_pinball([0.5], q, levels) == pytest.approx(means, abs=1e-10)
    closed = 0.5 * (2 * norm.cdf(0.5) - 1) + 2 * norm.pdf(0.5) - 1 / np.sqrt(np.pi)
    assert closed == pytest.approx(CRPS_AT_HALF, abs=1e-15)
    assert sums < closed + 1e-6


def test_two_pinball_losses_are_an_interval_score():
    """The score over levels must be the score over intervals the literature writes."""
    rng = np.random.default_rng(0)
    for alpha in (0.05, 0.2, 0.5):
        ends = np.sort(rng.standard_normal((50, 2)), axis=1)
        y = 2 * rng.standard_normal(50)
        pair = scores.wis(y, ends, [alpha / 2, 1 - alpha / 2])
        np.testing.assert_allclose(pair, alpha * scores.interval_score(y, *ends.T, alpha), atol=1e-14)


def test_wis_is_the_sum_of_interval_scores_and_half_the_median():
    """An unpaired median counts |y - q|, half of what an interval of width 0 would."""
    rng = np.random.default_rng(1)
    q, y = np.sort(rng.standard_normal((20, 5)), axis=1), rng.standard_normal(20)
    levels = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    pairs = sum(a * scores.interval_score(y, q[:, i], q[:, 4 - i], a) for i, a in ((0, 0.2), (1, 0.5)))
    np.testing.assert_allclose(scores.wis(y, q, levels), pairs + np.abs(y - q[:, 2]), atol=1e-14)


def test_pinball_against_scikit_learn():
    """Sign errors in y - q would favour the wrong tail."""
    rng = np.random.default_rng(2)
    y, q, levels = rng.standard_normal(30), rng.standard_normal((30, 3)), [0.05, 0.5, 0.9]
    theirs = [mean_pinball_loss(y, q[:, i], alpha=a) for i, a in enumerate(levels)]
    np.testing.assert_allclose(scores.pinball(y, q, levels).mean(0), theirs, rtol=1e-13)


def test_coverage_length_crossing_and_reliability():
    """Small counts by hand."""
    y = np.array([0.0, 1.0, 2.0, 3.0])
    assert scores.coverage(y, np.full(4, 1.0), np.full(4, 2.0)) == 0.5
    assert scores.mean_length([0.0, 1.0], [1.0, np.inf]) == np.inf
    q = np.array([[1.0, 3, 2, 4], [0, 1, 2, 3]])
    assert scores.crossing_rate(q) == pytest.approx(1 / 6)
    assert scores.crossing_rate(q[:, :1]) == 0
    assert scores.reliability([1.5, 9.0], q[:, :2], [0.4, 0.6]).tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([0.0, 0.5], "level 0 is not between 0 and 1"),
        ([0.5, 1.0], "level 1 is not between"),
        ([0.5, np.nan], "level nan is not between"),
        ([0.9, 0.1], "strictly increasing"),
        ([0.5, 0.5], "strictly increasing"),
        ([], "levels have shape"),
        ([[0.1, 0.2]], "levels have shape"),
    ],
)
def test_bad_levels_are_refused(levels, message):
    """A percentage instead of a probability would give nonsense silently."""
    with pytest.raises(ValueError, match=message):
        check_levels(levels)


def test_other_mistakes_are_refused():
    """Broadcasting would hide a transposed table."""
    with pytest.raises(ValueError, match=r"y has shape \(3,\), q \(2, 3\) for 2 levels"):
        scores.pinball(np.zeros(3), np.zeros((2, 3)), [0.1, 0.9])
    with pytest.raises(ValueError, match="alpha is 80"):
        scores.interval_score([0.0], [0.0], [1.0], 80)
    with pytest.raises(ValueError, match=r"level 0\.07 is not among the 19 levels; the nearest is 0\.05"):
        position(even_levels(19), 0.07)
    with pytest.raises(ValueError, match="at least one level"):
        even_levels(0)


def test_coverage_by_length_orders_intervals_by_their_own_length():
    """Short intervals that miss and long ones that hit must not be mixed up."""
    lower, upper = np.zeros(6), np.array([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    y = np.array([1.0, 9.0, 9.0, 1.0, 1.0, 9.0])
    np.testing.assert_array_equal(scores.coverage_by_length(y, lower, upper), [0, 0.5, 1])
    with pytest.raises(ValueError, match="2 samples cannot be divided into 3 groups"):
        scores.coverage_by_length(y[:2], lower[:2], upper[:2])
