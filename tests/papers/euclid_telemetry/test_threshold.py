"""The dynamic threshold against a plain transcription of its steps, and its properties."""

import numpy as np
import pandas as pd
import pytest

from replicate.papers.euclid_telemetry import dynamic_threshold as ndt
from replicate.papers.euclid_telemetry.runs import runs


def best_level(values, mean, sd):
    """Choose z as the description says, with arrays and sets."""
    best, best_score = 12.0, -1e7
    for z in np.arange(2.5, 12, 0.5):
        above = np.flatnonzero(values >= mean + z * sd)
        if not len(above):
            continue
        wide = sorted({j for i in above for j in range(i - 99, i + 100) if 0 <= j < len(values)})
        flags = np.zeros(len(values), bool)
        flags[wide] = True
        groups = sum(b - a > 1 for a, b in runs(flags))
        below = values[values < mean + z * sd]
        score = ((mean - below.mean()) / mean + (sd - below.std()) / sd) / (groups**2 + len(wide))
        if score >= best_score and groups <= 5 and len(wide) < 0.5 * len(values):
            best, best_score = z, score
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_compiled_choice_of_z_against_sets(seed):
    """The one-pass kernel counts what the description counts."""
    rng = np.random.default_rng(seed)
    values = np.abs(rng.normal(size=2100))
    for at in rng.integers(0, 2100, size=seed):
        values[at : at + 30] += rng.uniform(3, 12)
    mean, sd = values.mean(), values.std()
    assert ndt._best_level(values, mean, sd, ndt.LEVELS, ndt.WIDEN_CANDIDATE) == best_level(values, mean, sd)


def test_smoothing_against_pandas():
    """Exponentially weighted mean of span 105; the start is the mean of the first 500."""
    error = np.abs(np.random.default_rng(0).normal(size=1500))
    wanted = pd.Series(error).ewm(span=105).mean().to_numpy()
    np.testing.assert_allclose(ndt.smoothed(error, smooth_start=False), wanted, rtol=1e-12)
    found = ndt.smoothed(error)
    np.testing.assert_allclose(found[:250], wanted[:500].mean())
    np.testing.assert_allclose(found[250:], wanted[250:], rtol=1e-12)


def test_no_errors_no_detections():
    """A perfect forecast flags nothing, whatever the length."""
    for n in (300, 1500, 2400, 5000):
        y = np.sin(np.arange(n) / 50)
        assert len(ndt.detect(y, y)) == 0


@pytest.mark.parametrize("at", [1500, 4000, 7000])
def test_one_large_error_is_one_run_that_holds_it(at):
    """A rectangular error of 100 samples."""
    y = np.sin(np.arange(8000) / 50)
    forecast = y.copy()
    forecast[at : at + 100] += 3
    found = ndt.detect(y, forecast)
    assert len(found) == 1
    assert found[0, 0] <= at + 10
    assert found[0, 1] >= at + 100


def test_two_equal_runs_are_kept_or_dropped_together():
    """Pruning looks at maxima alone: equal maxima share a fate."""
    values = np.full(3000, 0.1)
    flagged = np.zeros(3000, bool)
    for at in (500, 2000):
        values[at : at + 20] = 5.0
        flagged[at - 50 : at + 70] = True
    kept = ndt._pruned(values, flagged, flagged)
    assert kept.sum() == flagged.sum()
    values[~flagged] = 4.9  # nothing stands out any more
    assert not ndt._pruned(values, flagged, flagged).any()


def test_pruning_by_hand():
    """Maxima 10, 5, 4.9 over a rest of 4.8: only the first stands out by 13 %."""
    values, flagged = np.full(400, 4.8), np.zeros(400, bool)
    for at, height in ((50, 10), (150, 5), (250, 4.9)):
        flagged[at - 5 : at + 6] = True
        values[at] = height
    assert runs(ndt._pruned(values, flagged, flagged)).tolist() == [[45, 56]]


def test_widening_against_brute_force():
    """Flags within reach of a true one, clipped at the ends."""
    flags = np.random.default_rng(0).uniform(size=200) < 0.02
    wanted = [flags[max(i - 7, 0) : i + 8].any() for i in range(200)]
    np.testing.assert_array_equal(ndt.widened(flags, 7), wanted)


def test_a_predicted_run_credits_one_sequence_once():
    """A long run over two sequences credits the first; a second run over it credits nothing new."""
    labelled = np.array([[10, 20], [30, 40], [90, 95]])
    assert ndt.matched(np.array([[5, 35], [15, 18], [60, 70]]), labelled) == {"TP": 1, "FP": 1, "FN": 2}
    assert ndt.matched(np.empty((0, 2), int), labelled) == {"TP": 0, "FP": 0, "FN": 3}


def test_lengths_that_differ_are_refused():
    """A shifted forecast would be a silent wrong answer."""
    with pytest.raises(ValueError, match="give equally many"):
        ndt.detect(np.zeros(500), np.zeros(499))
