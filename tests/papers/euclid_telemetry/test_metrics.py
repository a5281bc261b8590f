"""Detection metrics against TSB-AD's implementation, scikit-learn, hand-computed cases and closed forms."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from replicate.errors import UserError
from replicate.papers.euclid_telemetry.affiliation import affiliation
from replicate.papers.euclid_telemetry.event_metrics import (
    best_random,
    delays,
    event_wise,
    f1,
    false_alarms,
    point_adjusted,
    random_adjusted_f1,
    range_based,
)
from replicate.papers.euclid_telemetry.runs import flags, runs
from replicate.papers.euclid_telemetry.volume import auc_pr, soft_labels, vus

STEPS = np.arange(100)
SCORE = (
    0.5 * np.abs(np.sin(0.37 * STEPS))
    + 0.9 * np.exp(-(((STEPS - 27) / 4) ** 2))
    + 0.6 * np.exp(-(((STEPS - 70) / 3) ** 2))
)
TRUTH = flags([(20, 30), (60, 65)], 100).astype(int)
FLAGS = SCORE > 0.8


def test_the_flags_of_the_worked_example():
    """All goldens below rest on them."""
    assert np.flatnonzero(FLAGS).tolist() == [26, 27, 28, 29, 30, 70, 71, 72]


def test_point_wise_scores_against_scikit_learn():
    """And against the worked example's printed values."""
    assert auc_pr(TRUTH, SCORE) == pytest.approx(0.5542629, abs=1e-7)
    assert auc_pr(TRUTH, SCORE) == average_precision_score(TRUTH, SCORE)
    assert f1(TRUTH, FLAGS) == pytest.approx(f1_score(TRUTH, FLAGS))
    assert f1(TRUTH, point_adjusted(TRUTH, FLAGS)) == pytest.approx(0.6896552, abs=1e-7)


def test_range_based_against_the_worked_example():
    """Recall with and without a reward for existence."""
    found = range_based(TRUTH, FLAGS)
    assert found == pytest.approx({"precision": 0.40, "recall": 0.26, "F1": 0.3151515}, abs=1e-7)
    assert range_based(TRUTH, FLAGS, alpha=0)["recall"] == pytest.approx(0.20)


def test_affiliation_against_tsb_ad_and_by_hand():
    """Zone [0, 45), flags [26, 31): precision (4 + 1 - 11/45)/5, recall (4 + 6 (1 - 6/45))/10."""
    found = affiliation(TRUTH, FLAGS)
    assert found["precision"] == pytest.approx(0.8119192, abs=1e-7)
    assert found["recall"] == pytest.approx(0.8236364, abs=1e-7)
    one = affiliation(flags([(20, 30)], 45), flags([(26, 31)], 45))
    assert one["precision"] == pytest.approx((4 + 1 - 11 / 45) / 5)
    assert one["recall"] == pytest.approx((4 + 6 * (1 - 6 / 45)) / 10)


def test_affiliation_against_numerical_integration():
    """The closed integrals equal a fine Riemann sum, for random events and flags."""
    rng = np.random.default_rng(0)
    truth, flagged = flags([(8, 14)], 40), rng.uniform(size=40) < 0.2
    y = np.linspace(8, 14, 20001)
    x = np.linspace(0, 40, 4001)
    pieces = runs(flagged)
    distance = np.maximum(np.maximum(pieces[:, 0] - y[:, None], y[:, None] - pieces[:, 1]), 0).min(axis=1)
    recall = np.mean([(np.abs(x - one) >= d).mean() for one, d in zip(y[::50], distance[::50], strict=True)])
    assert affiliation(truth, flagged)["recall"] == pytest.approx(recall, abs=0.01)


@pytest.mark.parametrize(
    ("longest", "pr", "roc"), [(0, 0.5107052, 0.7968627), (10, 0.6223695, 0.8759323), (20, 0.7358127, 0.9221141)]
)
def test_volume_under_the_surface_against_tsb_ad(longest, pr, roc):
    """Values of TSB-AD's own implementation, 250 thresholds."""
    found = vus(TRUTH, SCORE, longest=longest)
    assert found["VUS-PR"] == pytest.approx(pr, abs=1e-7)
    assert found["VUS-ROC"] == pytest.approx(roc, abs=1e-6)


def test_volume_of_a_constant_score_against_tsb_ad():
    """A constant score is no zero: the prevalence with soft edges."""
    assert vus(TRUTH, np.ones(100), longest=10)["VUS-PR"] == pytest.approx(0.2248229, abs=1e-7)


def test_soft_labels_by_hand():
    """sqrt(1 - d / w) at distance d, nothing beyond w / 2."""
    label = soft_labels(flags([(10, 12)], 20), 4)
    np.testing.assert_allclose(
        label[[7, 8, 9, 10, 11, 12, 13, 14]], [0, 0.5**0.5, 0.75**0.5, 1, 1, 0.75**0.5, 0.5**0.5, 0]
    )


def test_event_wise_by_hand():
    """One event found, one alarm false, five nominal points flagged of 85."""
    found = event_wise(TRUTH, FLAGS)
    assert (found["TP"], found["FP"], found["FN"]) == (1, 1, 1)
    assert found["TNR"] == pytest.approx(0.952941, abs=1e-6)
    assert found["precision"] == pytest.approx(0.476471, abs=1e-6)
    assert found["F"] == pytest.approx(0.480998, abs=1e-6)


def test_redundant_alarms_lower_the_alarming_precision_only():
    """Three alarms on one event: one is enough."""
    truth, flagged = flags([(10, 30)], 50), flags([(11, 12), (15, 16), (20, 21)], 50)
    found = event_wise(truth, flagged)
    assert found["precision"] == 1
    assert found["alarming precision"] == pytest.approx(1 / 3)


def test_perfect_and_flag_everything():
    """Flagging everything is worthless event-wise and looks half good to affiliation."""
    assert affiliation(TRUTH, TRUTH) == pytest.approx({"precision": 1, "recall": 1, "F1": 1})
    everything = np.ones(100)
    assert affiliation(TRUTH, everything)["precision"] == pytest.approx(0.5144, abs=1e-4)
    assert event_wise(TRUTH, everything)["precision"] == 0
    assert event_wise(TRUTH, TRUTH)["F"] == 1
    assert vus(TRUTH, TRUTH.astype(float), longest=0)["VUS-PR"] == pytest.approx(1)


def test_no_flags_no_events():
    """Edge sizes give zeros or NaN, never an exception."""
    nothing = np.zeros(100)
    assert event_wise(TRUTH, nothing)["F"] == 0
    assert affiliation(TRUTH, nothing)["recall"] == 0
    assert np.isnan(affiliation(nothing, FLAGS)["recall"])
    assert range_based(nothing, nothing) == {"precision": 0, "recall": 0, "F1": 0}
    assert np.isnan(vus(nothing, SCORE, longest=3)["VUS-PR"])
    assert f1(nothing, nothing) == 0


def test_delays_and_false_alarms_by_hand():
    """First flag six steps after the onset; the other event never; one false alarm in a hundred steps."""
    np.testing.assert_array_equal(delays(TRUTH, FLAGS), [6, np.nan])
    assert false_alarms(TRUTH, FLAGS, steps_per_day=10) == pytest.approx(3)


def test_point_adjustment_asks_for_a_share():
    """PA%K: four of ten points flagged count as the event for K = 30 %, not for K = 50 %."""
    assert point_adjusted(TRUTH, FLAGS, share=0.3)[20:30].all()
    assert not point_adjusted(TRUTH, FLAGS, share=0.5)[20:26].any()


def test_random_point_adjusted_f1_against_simulation():
    """F1 of expected counts is what random flags reach."""
    truth = flags([(100, 400), (1000, 1010), (3000, 3500)], 5000)
    lengths, rng = np.array([300, 10, 500]), np.random.default_rng(0)
    closed = random_adjusted_f1(lengths, 5000 - 810, [0.01])[0]
    drawn = [f1(truth, point_adjusted(truth, rng.uniform(size=5000) < 0.01)) for _ in range(300)]
    assert np.mean(drawn) == pytest.approx(closed, abs=0.01)
    best, p = best_random(lengths, 4190)
    assert best >= random_adjusted_f1(lengths, 4190, np.geomspace(1e-4, 1, 2000)).max() - 1e-9
    assert 0 < p < 0.1


def test_certain_flags_give_the_f1_of_flagging_everything():
    """p = 1 is the limit of the closed form."""
    assert random_adjusted_f1([10, 20], 70, [1.0])[0] == pytest.approx(
        f1(flags([(0, 10), (20, 40)], 100), np.ones(100))
    )


def test_scores_do_not_depend_on_their_scale():
    """Ranks alone count."""
    a, b = vus(TRUTH, SCORE, longest=5), vus(TRUTH, np.exp(3 * SCORE), longest=5)
    assert a == pytest.approx(b)
    assert roc_auc_score(TRUTH, SCORE) == pytest.approx(0.8125490, abs=1e-7)


@pytest.mark.parametrize(
    ("truth", "score", "message"),
    [
        ([0, 1], [0.1], "equal length"),
        ([], [], "equal length"),
        ([0, 1, 0], [0.1, np.nan, 0.2], "hold NaN"),
        ([0, 2, 0], [0.1, 0.3, 0.2], "must be 0 or 1"),
    ],
)
def test_bad_input_is_refused(truth, score, message):
    """A metric of something else would be a silent wrong answer."""
    with pytest.raises(UserError, match=message):
        vus(np.array(truth, float), np.array(score, float), longest=2)


def test_runs_and_flags_are_inverse():
    """Half-open intervals both ways, also at the ends."""
    series = np.array([1, 1, 0, 0, 1, 0, 1], bool)
    np.testing.assert_array_equal(runs(series), [[0, 2], [4, 5], [6, 7]])
    np.testing.assert_array_equal(flags(runs(series), 7), series)
