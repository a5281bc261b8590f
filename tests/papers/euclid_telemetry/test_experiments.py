"""Units, measures and figures on small missions."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from replicate.papers.euclid_telemetry import (
    detection,
    experiments,
    figures,
    hardware_figures,
    lesson,
    measures,
    missions,
)
from replicate.papers.euclid_telemetry.missions import mission, residuals
from replicate.papers.euclid_telemetry.schedule import COVARIATES
from replicate.seeds import Seed

SHORT = {"days": 20, "causal": 1, "faults": 1, "native_seconds": 600, "step_minutes": 10}
MODEL = {"rounds": 10, "depth": 3, "patience": 0, "folds": 3}
EXPLAIN = {"explain_rounds": 10, "explain_depth": 3, "interventional": True, "leave_out": True, "features": "inst"}
SEED = Seed(0, 0)


@pytest.fixture(scope="module")
def attributed():
    """Return the attribution rows of a short mission."""
    rows = experiments.attribution({**SHORT, **MODEL, **EXPLAIN}, SEED)
    return pd.DataFrame(rows).assign(seed=0)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_every_event_with_a_cause_is_ranked_by_every_explainer(attributed):
    """Nine kinds, each once, by all explainers; sensor faults have no rank."""
    ranks = attributed[attributed["metric"] == "rank"]
    assert set(ranks["explainer"]) == {
        *("SHAP inst", "SHAP inst, interventional", "SHAP inst, event left out"),
        *("gain", "correlation", "z-score", "random"),
    }
    assert (ranks.groupby("explainer").size() == 9).all()
    assert ranks["value"].between(1, 35).all()
    assert not ranks["kind"].str.startswith("s_").any()
    tolerant = attributed[attributed["metric"] == "rank, proxies count"]["value"].to_numpy()
    assert (tolerant <= ranks["value"].to_numpy()).all()


def test_what_is_said_of_events_and_sensor_faults(attributed):
    """Every event has an explained share; credit is between 1/35 and 1."""
    shares = attributed[attributed["metric"] == "largest share"]
    assert shares["kind"].nunique() == 13
    assert shares["value"].between(0, 1).all()
    assert measures.fault_auc(attributed, "SHAP inst").n_seeds == 1


def test_hits_are_shares_of_events(attributed):
    """hit@35 is certain; hit@1 of a perfect explainer is 1."""
    assert measures.hit(attributed, "random", 35).estimate == 1
    perfect = attributed.assign(value=1.0)
    assert measures.hit(perfect, "SHAP inst", 1).estimate == 1
    assert measures.hit_order(perfect, "SHAP inst", "gain").estimate == 0
    assert measures.hit(attributed, "SHAP lagged", 1) is None
    assert measures.hit_order(attributed, "SHAP lagged", "gain") is None


@pytest.mark.parametrize("detector", ["raw cross-fit", "persistence", "constant", "random"])
def test_a_detector_has_the_same_metrics_as_all_others(detector):
    """Side by side means the same rows."""
    frame = pd.DataFrame(experiments.detectors({**SHORT, **MODEL, "detector": detector}, SEED))
    assert {"AUC-PR", "VUS-PR", "affiliation F1", "event-wise F0.5", "false alarms per 30 d"} <= set(frame["metric"])
    top = frame[frame["metric"] == "top-3 in an event"].iloc[0]
    assert 0 <= top["value"] <= top["n"] == 33
    assert (frame["metric"] == "recalled").sum() == 13


def test_unknown_detectors_are_refused():
    """A misspelt detector has no score."""
    one = mission({**SHORT}, SEED)
    with pytest.raises(ValueError, match="unknown detector 'persistense'"):
        detection.scores("persistense", one, {}, SEED)


def test_a_perfect_score_has_perfect_metrics():
    """The labels themselves as a score."""
    truth = np.zeros(2000, int)
    truth[300:305] = 1
    found = detection.channel_metrics(truth, truth.astype(float) * 2 + np.linspace(0, 1e-3, 2000), 144)
    assert found["AUC-PR"] == pytest.approx(1)
    assert found["best F1 (oracle)"] == pytest.approx(1)
    assert found["delay h"] == 0


def test_constant_scores_flag_nothing_and_find_nothing():
    """No threshold lies above a constant score by chance."""
    frame = pd.DataFrame(experiments.detectors({**SHORT, **MODEL, "detector": "constant"}, SEED))
    assert frame.loc[frame["metric"] == "recalled", "value"].sum() == 0


def test_forecast_rows_against_their_definition():
    """The ratio is RMSE over the RMSE of the value 20 minutes before."""
    config = {**SHORT, **MODEL, "target": "delta", "mode": "crossfit"}
    frame = pd.DataFrame(experiments.forecasts(config, SEED)).set_index(["channel", "metric"])["value"]
    one, errors = mission(config, SEED), residuals(config, SEED, "delta", "crossfit")
    series = one.values[:, 4]
    naive = np.sqrt(np.mean((series[6:] - series[4:-2]) ** 2))
    assert frame["twta", "RMSE"] == pytest.approx(np.sqrt(np.nanmean(errors[:, 4] ** 2)))
    assert frame["twta", "ratio to persistence"] == pytest.approx(frame["twta", "RMSE"] / naive, rel=1e-6)


def test_results_do_not_depend_on_what_ran_before():
    """Missions and residuals are remembered within a process; the bytes must not show it."""
    configs = [{**SHORT, **MODEL, "target": t, "mode": "crossfit"} for t in ("raw", "delta")]
    before = [experiments.forecasts(config, Seed(0, 1)) for config in configs]
    for remembered in (missions._mission, missions._residuals):
        remembered.cache_clear()
    assert [experiments.forecasts(config, Seed(0, 1)) for config in configs[::-1]] == before[::-1]
    assert experiments.forecasts(configs[0], Seed(1, 1)) != before[0]


def test_the_top_table_has_the_paper_s_33_rows():
    """Three anomalies a temperature, three covariates each, and a map of 11 x 35."""
    frame = pd.DataFrame(experiments.top_anomalies({**SHORT, **MODEL, **EXPLAIN}, SEED))
    table = lesson.top_table(frame)
    assert len(table) == 33
    assert {"cause 1", "cause 3", "true event", "explained"} <= set(table)
    assert (frame["metric"] == "mean |SHAP|").sum() == 11 * 35
    assert figures.importance(frame) is not None


def test_overview_and_closeups_draw():
    """From the units' own rows."""
    config = {**SHORT, **MODEL, **EXPLAIN}
    assert len(figures.overview(pd.DataFrame(experiments.overview(config, SEED))).axes) == 11
    frame = pd.DataFrame(experiments.closeups(config, SEED))
    assert len(figures.closeups(frame).axes) == 9
    sample = pd.DataFrame(experiments.shap_sample({**config, "temperature": "rwl1"}, SEED)).assign(temperature="rwl1")
    assert sample["covariate"].nunique() == 8
    assert figures.shap_summary(sample) is not None
    parts = frame[(frame["closeup"] == 0) & (frame["metric"] == "contribution")]
    assert parts["covariate"].iloc[0] in COVARIATES


def test_figures_draw_from_tiny_frames(attributed):
    """Every figure from the least it needs."""
    assert figures.hits(attributed) is not None
    assert figures.null_test(attributed) is not None
    ratio = pd.DataFrame({"raw crossfit": [1.2, 0.5], "delta crossfit": [0.9, 0.6]}, ["a", "b"])
    assert figures.forecast_ratio(ratio) is not None
    assert figures.recall(pd.DataFrame({"persistence": [0.5]}, ["deice"])) is not None
    table = pd.DataFrame({"forecaster": ["mean"], "precision": [0.9], "recall": [0.5]})
    assert hardware_figures.nasa(table, (0.8, 0.8)) is not None
    rows = [
        {"spacecraft": "MSL", "metric": m, "p": p, "value": 0.5} for m in ("closed form", "simulated") for p in (0.1, 1)
    ]
    rows += [{"spacecraft": "MSL", "metric": "F1 of flagging everything", "value": 0.2}]
    assert hardware_figures.point_adjustment(pd.DataFrame(rows)) is not None
    panels = [
        {"satellite": s, "panel": p, "failed": 0, "metric": m, "covariate": "I_py", "value": 1.0}
        for s in ("A", "B")
        for p in ("py", "px")
        for m in ("rank of the own current", "mean |SHAP|")
    ]
    assert hardware_figures.cubesats(pd.DataFrame(panels)) is not None
    assert hardware_figures.heating({"A": (np.arange(5.0), np.arange(5.0))}) is not None
    assert hardware_figures.heating({}) is None


def test_studies_that_did_not_run_have_no_figure_and_no_measurement():
    """Their claims are *not run*; nothing fails."""
    empty = pd.DataFrame()
    for draw in (
        figures.overview,
        figures.closeups,
        figures.importance,
        figures.hits,
        figures.recall,
        figures.null_test,
    ):
        assert draw(empty) is None
    for draw in (
        figures.shap_summary,
        figures.forecast_ratio,
        hardware_figures.point_adjustment,
        hardware_figures.cubesats,
    ):
        assert draw(empty) is None
    assert hardware_figures.nasa(empty, (0, 0)) is None
    assert measures.better_channels(empty, "raw") is None
    assert measures.top_share(empty, "persistence") is None
    assert measures.fault_auc(empty, "SHAP lagged") is None
    assert measures.panels(empty, failed=True) is None
    assert measures.right_sensors(empty, "valve") is None
    assert measures.nasa_count(empty, "mean", "TP") is None
    assert measures.nasa_gap(empty, empty, "F0.5") is None
    assert measures.stored_rate(empty, "recall") is None
    assert measures.number(empty, "F1") is None
    assert measures.adjustment_error(empty) is None
    assert measures.flagging_everything(empty) is None
    for table in (measures.hit_table, measures.detection_table, measures.recall_table, measures.ratio_table):
        assert table(empty).empty
    assert measures.nasa_table(empty, empty).empty


def test_counts_and_shares_by_hand():
    """Nine of eleven channels; two of six peaks; the gap of two F0.5."""
    ratios = [
        {
            "seed": s,
            "channel": str(c),
            "target": "delta",
            "mode": "crossfit",
            "metric": "ratio to persistence",
            "value": v,
        }
        for s in range(2)
        for c, v in enumerate([0.9] * 9 + [1.1] * 2)
    ]
    assert measures.better_channels(pd.DataFrame(ratios), "delta").estimate == 9
    tops = [{"seed": s, "detector": "d", "metric": "top-3 in an event", "value": s, "n": 3} for s in (1, 1)]
    assert measures.top_share(pd.DataFrame(tops), "d").estimate == pytest.approx(1 / 3)
    counts = [
        {"seed": 0, "forecaster": "mean", "metric": m, "value": v} for m, v in (("TP", 52), ("FP", 6), ("FN", 52))
    ]
    stored = [{"metric": m, "value": v} for m, v in (("TP", 87), ("FP", 13), ("FN", 18))]
    gap = measures.nasa_gap(pd.DataFrame(counts), pd.DataFrame(stored), "F0.5")
    assert gap.estimate == pytest.approx(0.861 - 0.774, abs=1e-3)
    assert measures.nasa_count(pd.DataFrame(counts), "mean", "TP").estimate == 52
