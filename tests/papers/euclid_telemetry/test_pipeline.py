"""The pipeline: forecasts, scores, top anomalies, attributions, and reports of one's own telemetry."""

import numpy as np
import pandas as pd
import pytest
import shap
import xgboost as xgb

from replicate.errors import UserError
from replicate.papers.euclid_telemetry import TelemetryPipeline, read_telemetry
from replicate.papers.euclid_telemetry.boosting import Trees, contributions, predict
from replicate.papers.euclid_telemetry.explain import Explainer, memory
from replicate.papers.euclid_telemetry.forecast import (
    PURGE,
    blocks,
    design,
    expanding,
    forecast,
    lagged,
    peaks,
    standardised,
)

SMALL = Trees(20, 3)
TARGETS = ["fom3", "vis_fpa"]


@pytest.fixture(scope="module")
def telemetry(short):
    """Return two temperatures and the covariates of twelve days."""
    return short.telemetry.drop(columns=[c for c in short.telemetry.columns[:11] if c not in TARGETS])


@pytest.fixture(scope="module")
def fitted(telemetry):
    """Return a small fitted pipeline."""
    return TelemetryPipeline(TARGETS, folds=3, forecasting=SMALL, explaining=SMALL).fit(telemetry)


def test_it_finds_and_explains_the_deicing(fitted, short):
    """The mirror's largest residual is its de-icing, and the heater is named."""
    row = fitted.report().query("parameter == 'fom3' and rank == 1").iloc[0]
    event = short.events[short.events["kind"] == "deice"].iloc[0]
    assert event["start"] - pd.Timedelta("1h") <= row["time"] <= event["end"] + pd.Timedelta("12h")
    assert "htr_fom3" in row["cause 1"] or "htr_fom3" in row["cause 2"]


def test_the_report_has_one_row_an_anomaly(fitted):
    """Three peaks for each target, readable."""
    report = fitted.report(causes=2)
    assert len(report) == 6
    assert {"time", "parameter", "rank", "score", "z", "observed", "forecast", "explained", "cause 2"} <= set(report)
    assert report["cause 1"].str.fullmatch(r"\w+ = \S+ \([+-]\S+\)").all()
    np.testing.assert_allclose(report["score"], np.abs(report["observed"] - report["forecast"]))


def test_contributions_add_up_to_the_prediction(fitted):
    """Additivity: base plus contributions is what Model 2 predicts."""
    explainer = fitted.explainers["fom3"]
    rows = np.arange(100, 400, 7)
    phi, base = explainer.raw(rows)
    np.testing.assert_allclose(phi.sum(axis=1) + base, predict(explainer.model, explainer.inputs[rows]), atol=1e-3)
    time = fitted.anomalies_["time"].iloc[0]
    table = fitted.explain("fom3", time)
    assert table["contribution"].sum() + table.attrs["base"] == pytest.approx(table.attrs["prediction"], abs=1e-6)


def test_contributions_against_the_shap_package(fitted):
    """The booster's own TreeSHAP equals shap.TreeExplainer to 1e-4."""
    explainer = fitted.explainers["vis_fpa"]
    rows = explainer.inputs[50:300:5]
    phi, _ = contributions(explainer.model, rows)
    np.testing.assert_allclose(phi, shap.TreeExplainer(explainer.model).shap_values(rows), atol=1e-4)


def test_a_shap_explanation_for_plots(fitted):
    """What shap.plots.waterfall and beeswarm take, summed per covariate."""
    found = fitted.shap_explanation("fom3", rows=[200, 300])
    assert isinstance(found, shap.Explanation)
    assert found.values.shape == found.data.shape == (2, 35)
    assert found.feature_names[0] == "saa_deg"


def test_a_permuted_covariate_explains_nothing_and_a_copy_shares_credit():
    """SHAP of a noise column is near 0; a duplicated column splits the sum and keeps it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3))
    y = 3 * (x[:, 0] > 0.5) + 0.01 * rng.normal(size=2000)
    names = ("cause", "other", "noise")
    alone = Explainer.fit(y, x, names, Trees(60, 3)).mean_importance()
    assert alone[0] > 50 * alone[2]
    twice = Explainer.fit(
        y, np.column_stack([x, x[:, 0]]), (*names, "copy"), Trees(60, 3, columns=0.5)
    ).mean_importance()
    assert twice[0] + twice[3] == pytest.approx(alone[0], rel=0.15)
    assert min(twice[0], twice[3]) > 0.05 * alone[0]


def test_lags_are_aligned_on_a_ramp():
    """On T(t) = t the features are t - 2 and t - 6, and nothing younger."""
    x, y, offset = design(np.arange(50.0)[:, None], 0, [2, 6], "raw")
    np.testing.assert_array_equal(x[10:], np.column_stack([np.arange(8, 48), np.arange(4, 44)]))
    assert np.isnan(x[5]).any()
    assert (offset == 0).all()
    x, y, offset = design(np.arange(50.0)[:, None], 0, [6, 2], "delta")
    assert (x[10:, 0] == 4).all()
    assert (y[10:] == 2).all()
    np.testing.assert_array_equal(offset[10:], np.arange(8, 48))


def test_joint_design_sees_every_temperature():
    """Eleven temperatures at two lags are 22 features."""
    values = np.random.default_rng(0).normal(size=(60, 11))
    x, _, _ = design(values, 3, [2, 6], "joint")
    np.testing.assert_array_equal(x[20], np.concatenate([values[18], values[14]]))


def test_no_block_is_fitted_on_its_neighbourhood():
    """Cross-fitting leaves 36 steps either side of the block out."""
    n = 1000
    seen = np.zeros(n, dtype=bool)
    for block, allowed in blocks(n, 5):
        rows = np.flatnonzero(allowed)
        assert not ((rows >= block.start - PURGE) & (rows < block.stop + PURGE)).any()
        seen[block] = True
    assert seen.all()


def test_rolling_forecasts_know_only_the_past():
    """A change in the future changes no forecast before it; the first 21 days have none."""
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(size=(400, 1)), axis=0)
    options = {"target": "delta", "mode": "rolling", "day": 8, "trees": SMALL}
    before = forecast(values, 0, [2, 6], **options)
    changed = values.copy()
    changed[300:] += 100
    after = forecast(changed, 0, [2, 6], **options)
    assert np.isnan(before[: 21 * 8]).all()
    np.testing.assert_array_equal(before[:300], after[:300])
    for block, allowed in expanding(400, 168, 112):
        assert np.flatnonzero(allowed).max() < block.start


def test_raw_trees_cannot_follow_a_level_they_have_not_seen_and_delta_trees_can():
    """The paper's reading of Model 1 works as a level detector: say so."""
    values = np.concatenate([np.sin(np.arange(900) / 9), 10 + np.sin(np.arange(100) / 9)])[:, None]
    options = {"mode": "crossfit", "folds": 10, "trees": Trees(60, 4)}
    raw, delta = (forecast(values, 0, [2, 6], target=t, **options) for t in ("raw", "delta"))
    late = slice(910, 1000)
    assert np.abs(raw[late] - values[late, 0]).mean() > 5
    assert np.abs(delta[late] - values[late, 0]).mean() < 1


def test_peaks_keep_their_distance_and_skip_missing_scores():
    """Non-maximum suppression: three peaks, 24 h apart."""
    scores = np.array([0, 5, 4, 0, 0, 3, np.nan, 0, 2.0])
    assert peaks(scores, 3, 2).tolist() == [1, 5, 8]
    assert peaks(scores, 3, 100).tolist() == [1]
    assert peaks(np.full(4, np.nan), 3, 1).tolist() == []


def test_standardised_scores_are_robust():
    """One outlier does not change the scale."""
    rng = np.random.default_rng(0)
    scores = np.abs(rng.normal(size=1000))
    with_outlier = np.append(scores, 1e6)
    np.testing.assert_allclose(standardised(with_outlier)[:1000], standardised(scores), rtol=0.01)


def test_memory_features_by_hand():
    """Now, mean of the last hour, mean of the last four, change over an hour."""
    frame = pd.DataFrame({"a": np.arange(30.0)})
    found = memory(frame, pd.Timedelta("10min"), "lagged")
    np.testing.assert_allclose(found[29], [29, 26.5, 17.5, 6])


def test_same_telemetry_same_bytes(telemetry, fitted):
    """Two fits agree bit for bit; another seed does not."""
    again = TelemetryPipeline(TARGETS, folds=3, forecasting=SMALL, explaining=SMALL).fit(telemetry)
    assert again.forecasts_.to_numpy().tobytes() == fitted.forecasts_.to_numpy().tobytes()
    pd.testing.assert_frame_equal(again.report(), fitted.report())
    other = TelemetryPipeline(TARGETS, folds=3, forecasting=SMALL, seed=5).fit(telemetry)
    assert other.forecasts_.to_numpy().tobytes() != fitted.forecasts_.to_numpy().tobytes()


def test_early_stopping_keeps_the_best_trees():
    """Patience ends training where the last tenth of the rows stops improving."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    model = Trees(500, 6, learning_rate=0.5, patience=5).fit(x, rng.normal(size=400))
    assert isinstance(model, xgb.Booster)
    assert model.num_boosted_rounds() < 100


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_a_file_of_one_s_own(telemetry, tmp_path, suffix):
    """CSV and Parquet give the same report as the frame in memory."""
    path, frame = tmp_path / f"my.{suffix}", telemetry[["fom3", "htr_fom3", "bus_current"]]
    if suffix == "parquet":
        frame.reset_index().to_parquet(path)
    else:
        frame.to_csv(path)
    pipeline = TelemetryPipeline("fom3", folds=3, forecasting=SMALL, explaining=SMALL, top=1)
    report = pipeline.fit(read_telemetry(path)).report(causes=1)
    assert report["cause 1"].iloc[0].startswith("htr_fom3")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.report(), "call .fit"),
        (lambda p: TelemetryPipeline("a", top=0), "at least one anomaly"),
        (lambda p: TelemetryPipeline("a", lags=()), "at least one anomaly and one lag"),
    ],
)
def test_misuse_is_refused(call, message):
    """What cannot work says so."""
    with pytest.raises(UserError, match=message):
        call(TelemetryPipeline("fom3"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "raww"}, "did you mean 'raw'"),
        ({"mode": "cross"}, "crossfit"),
        ({"features": "lag"}, "lagged"),
        ({"step": "ten"}, "step 'ten' is no duration"),
        ({"lags": ("0min",)}, "must be longer than zero"),
        ({"exclusion": "-1h"}, "must be longer than zero"),
    ],
)
def test_misspelt_options_name_what_is_allowed(telemetry, options, message):
    """Nearest match, or the right form."""
    with pytest.raises(UserError, match=message):
        TelemetryPipeline("fom3", forecasting=SMALL, explaining=SMALL, **options).fit(telemetry).report()


def test_times_and_parameters_outside_are_refused(fitted):
    """A time after the telemetry has no explanation."""
    with pytest.raises(UserError, match="outside the telemetry"):
        fitted.explain("fom3", "2030-01-01")
    with pytest.raises(UserError, match="did you mean 'fom3'"):
        fitted.explain("fom4", fitted.anomalies_["time"].iloc[0])


def test_without_covariates_there_is_nothing_to_explain_with(telemetry):
    """Forecasts and ranks work; the explanation says what is missing."""
    pipeline = TelemetryPipeline("fom3", covariates=[], folds=3, forecasting=SMALL).fit(telemetry)
    assert len(pipeline.anomalies_) == 3
    with pytest.raises(UserError, match="no covariates"):
        pipeline.report()
    assert np.isnan(lagged(np.arange(3.0), 5)).all()
