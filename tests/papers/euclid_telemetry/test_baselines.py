"""Detectors and explainers to compare with, against brute force and closed forms."""

import numpy as np
import pandas as pd
import pytest

from replicate.papers.euclid_telemetry import attribution, baselines, conformal


def test_matrix_profile_against_brute_force():
    """z-normalised distances to the nearest neighbour outside the exclusion zone."""
    series = np.random.default_rng(0).normal(size=220).cumsum()
    windows = np.lib.stride_tricks.sliding_window_view(series, 16)
    z = (windows - windows.mean(axis=1, keepdims=True)) / windows.std(axis=1, keepdims=True)
    distance = np.sqrt(((z[:, None] - z[None]) ** 2).sum(axis=-1))
    i = np.arange(len(z))
    distance[np.abs(i[:, None] - i) < 4] = np.inf
    np.testing.assert_allclose(baselines.matrix_profile(series, 16), distance.min(axis=1), atol=1e-8)


def test_a_discord_is_found_and_constant_windows_are_no_neighbours():
    """A different stretch of a periodic series stands out; a flat one is far from all others."""
    series = np.sin(np.arange(1000) / 8)
    series[500:540] = np.sin(np.arange(40) / 3)
    score = baselines.discord(series[:, None], 50)[:, 0]
    assert 460 <= score.argmax() <= 580
    flat = np.sin(np.arange(400) / 8)
    flat[200:260] = flat[200]
    profile = baselines.matrix_profile(flat, 30)
    assert np.isfinite(profile).all()


def test_persistence_and_rolling_z_by_hand():
    """|T(t) - T(t - 2)|; distance from the past mean in past deviations."""
    values = np.array([[0.0], [1.0], [4.0], [9.0]])
    np.testing.assert_array_equal(baselines.persistence(values, 2)[:, 0], [np.nan, np.nan, 4, 8])
    series = np.random.default_rng(0).normal(size=(500, 1))
    past = pd.Series(series[:400, 0]).iloc[-50:]
    wanted = abs(series[400, 0] - past.mean()) / past.std()
    assert baselines.rolling_z(series, 50)[400, 0] == pytest.approx(wanted)


def test_reconstruction_error_against_all_components():
    """A column that breaks the common pattern has the error; with every component kept there is none."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=400)
    values = np.column_stack([common + 0.1 * rng.normal(size=400) for _ in range(6)])
    values[200, 2] += 5
    error = baselines.reconstruction(values, 0.8)
    assert np.unravel_index(error.argmax(), error.shape) == (200, 2)
    values[3, 1] = np.nan
    assert np.isnan(baselines.reconstruction(values)[3]).all()


def test_isolation_is_reproducible():
    """A seed decides the forest."""
    values = np.random.default_rng(0).normal(size=(200, 1))
    a, b = (baselines.isolation(values, 2, seed=3, trees=20) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert np.isnan(a[:2]).all()


def test_ranks_by_hand():
    """The best of several right answers counts; ties share a rank; NaN ranks last."""
    assert attribution.rank_of(np.array([0.1, 0.5, 0.3]), [2]) == 2
    assert attribution.rank_of(np.array([0.1, 0.5, 0.3]), [0, 1]) == 1
    assert attribution.rank_of(np.zeros(5), [4]) == 3
    assert attribution.rank_of(np.array([np.nan, 1.0]), [0]) == 2


def test_random_attribution_reaches_chance():
    """hit@1 = 1/35, hit@3 = 3/35, MRR = H_35/35 = 0.118 within Monte-Carlo error."""
    rng = np.random.default_rng(0)
    ranks = np.array([attribution.rank_of(rng.permutation(35).astype(float), [7]) for _ in range(8000)])
    assert (ranks <= 1).mean() == pytest.approx(1 / 35, abs=0.008)
    assert (ranks <= 3).mean() == pytest.approx(3 / 35, abs=0.013)
    assert (1 / ranks).mean() == pytest.approx(0.118, abs=0.01)


def test_correlation_against_numpy():
    """|Pearson r| within the reach; constant covariates and gaps in the score do no harm."""
    rng = np.random.default_rng(0)
    scores, covariates = rng.normal(size=300), rng.normal(size=(300, 3))
    covariates[:, 2] = 1.0
    found = attribution.correlation(scores, covariates, 150, 40)
    rows = slice(110, 191)
    assert found[0] == pytest.approx(abs(np.corrcoef(scores[rows], covariates[rows, 0])[0, 1]))
    assert found[2] == 0
    scores[140] = np.nan
    assert np.isfinite(attribution.correlation(scores, covariates, 150, 40)).all()


def test_recent_z_sees_a_change_of_something_constant():
    """A heater that was never on has no deviation, and is the strangest of all when it is on."""
    covariates = np.random.default_rng(0).normal(size=(3000, 2))
    covariates[:, 1] = 0
    covariates[2500:, 1] = 1
    found = attribution.recent_z(covariates, 2505, skip=36, history=2016)
    assert found.argmax() == 1
    assert found[0] < 3


def test_concentration():
    """All credit on one covariate is 1, equal credit 1/p."""
    assert attribution.concentration(np.array([0, 2.0, 0])) == 1
    assert attribution.concentration(np.ones(4)) == 0.25
    assert attribution.concentration(np.zeros(4)) == 0


def test_conformal_bands_cover_what_they_promise():
    """Exchangeable residuals: 90 % bands hold 90 %."""
    errors = np.abs(np.random.default_rng(0).normal(size=(20000, 2)))
    covered, width = conformal.coverage(errors, level=0.9, folds=5)
    np.testing.assert_allclose(covered, 0.9, atol=0.01)
    np.testing.assert_allclose(width, 1.645, atol=0.05)
