"""Real telemetry: published values, facts of the labels, and what happens without the data."""

import numpy as np
import pandas as pd
import pytest

from replicate.datasets import load_telemetry, telemetry_at_hand, telemetry_path
from replicate.datasets.registry import default_registry
from replicate.datasets.telemetry import FILES
from replicate.errors import UserError
from replicate.papers.euclid_telemetry import (
    cubesats,
    lesson,
    nasa,
    opssat,
    published,
    pumps,
    seen,
    solar_orbiter,
    testbed,
)
from replicate.papers.euclid_telemetry.boosting import Trees
from replicate.papers.euclid_telemetry.event_metrics import best_random

FOREST = {"accuracy": 0.766, "precision": 0.4, "recall": 0.195, "F1": 0.262, "MCC": 0.155, "AUC-PR": 0.347}


def test_every_file_is_registered_and_skab_is_never_embedded():
    """GPL-3.0 data stay out of the repository."""
    registry = default_registry()
    for name, files in FILES.items():
        assert registry.names(name) == list(files)
    for file in (f for files in FILES.values() for f in files):
        assert registry.entry(file).embedded is None
    assert registry.entry("telemetry/skab_gpl3/skab.csv.gz").licence == "GPL-3.0"


def test_unknown_sets_name_the_nearest():
    """A misspelt name is no missing file."""
    with pytest.raises(UserError, match="did you mean 'opssat'"):
        telemetry_path("opsat")
    with pytest.raises(UserError, match="no table"):
        load_telemetry("smap_msl")


def test_what_is_missing_is_said_once(monkeypatch):
    """One sentence names every set and the claims that wait for it."""
    monkeypatch.setattr(seen, "telemetry_at_hand", lambda name: name != "skab")
    assert seen.data_sets().startswith("Not at hand, so not run: skab (C4-valve, C4-rotor).")
    monkeypatch.setattr(seen, "telemetry_at_hand", lambda name: True)
    assert seen.data_sets() == "All real data sets are at hand."


def test_one_step_features_know_only_the_past():
    """Changing sample t changes no feature of t."""
    series = np.random.default_rng(0).normal(size=600)
    before = nasa.features(series)
    series[400] += 10
    after = nasa.features(series)
    np.testing.assert_array_equal(before[:401], after[:401])
    assert not np.array_equal(before[401], after[401])
    assert before.shape == (600, 18)


def test_touching_sequences_are_one_segment():
    """Labels of a channel may overlap; segments may not."""
    np.testing.assert_array_equal(nasa._merged(np.array([[5, 9], [1, 5], [20, 30]])), [[1, 9], [20, 30]])


def test_rates_by_hand():
    """P = R = 0.855 gives F0.5 = 0.855, whatever a table prints."""
    found = nasa.rates(59, 10, 10)
    assert found["precision"] == pytest.approx(0.855, abs=1e-3)
    assert found["F0.5"] == pytest.approx(0.855, abs=1e-3)
    assert nasa.rates(0, 0, 5) == {"precision": 0, "recall": 0, "F0.5": 0, "F1": 0}


def test_unknown_forecasters_and_detectors_are_refused():
    """A misspelt name must not fall through to a default."""
    with pytest.raises(ValueError, match="unknown forecaster 'mode'"):
        nasa.one_step(np.zeros(3), np.zeros(3), "mode", Trees())


@pytest.mark.data
def test_labels_against_published_facts():
    """54 and 27 channels, 68 and 36 segments, shares 0.1283 and 0.1053; the closed form of point adjustment."""
    for spacecraft, facts in {
        "SMAP": (54, 68, 435_826, 0.1283, 0.9599, 0.00571),
        "MSL": (27, 36, 73_729, 0.1053, 0.9056, 0.01475),
    }.items():
        channels, segments, steps, share, best, p = facts
        lengths, nominal, total = nasa.segments(spacecraft)
        assert (nasa.labels()["spacecraft"] == spacecraft).sum() == channels
        assert (len(lengths), total) == (segments, steps)
        assert lengths.sum() / total == pytest.approx(share, abs=5e-5)
        assert nasa.truth(spacecraft).mean() == pytest.approx(share, abs=5e-5)
        found = best_random(lengths, nominal)
        assert found == pytest.approx((best, p), abs=2e-4)


@pytest.mark.data
def test_the_stored_run_against_its_readme():
    """87 hits, 13 false alarms, 18 misses of 105: P 0.870, R 0.829, F0.5 0.861."""
    table = nasa.stored_run()
    counts = table[["TP", "FP", "FN"]].sum()
    assert counts.tolist() == [87, 13, 18]
    assert nasa.rates(*counts)["F0.5"] == pytest.approx(0.861, abs=1e-3)


@pytest.mark.data
def test_simple_forecasts_with_the_dynamic_threshold():
    """A constant forecast finds about half of 104 sequences with few false alarms (+-6 of a reference run)."""
    found = [nasa.evaluate(name, "mean", Trees()) for name in nasa.labels().index]
    total = {key: sum(row[key] for row in found) for key in ("TP", "FP", "FN")}
    assert total["TP"] + total["FN"] == 104
    assert abs(total["TP"] - 52) <= 6
    assert abs(total["FP"] - 6) <= 6
    assert np.mean([row["normalised error"] for row in found]) == pytest.approx(0.196, abs=0.01)


@pytest.mark.data
def test_isolation_forest_on_opssat_against_the_authors_notebook():
    """Equal to three digits."""
    found = opssat.scores("isolation forest", 2137, Trees())
    for name, value in FOREST.items():
        assert found[name] == pytest.approx(value, abs=0.005), name
    with pytest.raises(ValueError, match="unknown detector"):
        opssat.scores("forest", 0, Trees())


@pytest.mark.data
def test_panel_currents_name_healthy_panels_and_not_the_failed_one():
    """Own current first on a healthy panel, in the last third on a failed one."""
    trees = Trees(60, 4, subsample=1.0)
    for satellite, panel, bound in (("NEPALISAT", "py", 1), ("RAAVANA", "py", 8)):
        found = cubesats.importance(satellite, panel, trees)
        rank = int((found > found[cubesats.COVARIATES.index(f"I_{panel}")]).sum()) + 1
        assert rank == 1 if bound == 1 else rank >= bound


@pytest.mark.data
def test_testbed_experiments_and_kinds():
    """20 valve closings, 5 rotor imbalances, 9 others; flow rate names a closed valve."""
    kinds = list(testbed.experiments().values())
    assert [kinds.count(k) for k in ("valve", "rotor", "other")] == [20, 5, 9]
    trees = Trees(60, 3, learning_rate=0.2, subsample=1.0, objective="binary:logistic")
    assert testbed.SENSORS[testbed.contribution("valve1/0", trees).argmax()] == "Volume Flow RateRMS"


@pytest.mark.data
def test_real_temperatures_are_level_detected():
    """XGBoost's AUC and its RMSE both exceed those of persistence: it detects levels."""
    trees, naive = (pumps.evaluate("ambient", d) for d in ("XGBoost", "persistence"))
    assert trees["AUC-PR"] > naive["AUC-PR"]
    assert trees["RMSE"] > naive["RMSE"]
    assert naive["RMSE"] == pytest.approx(0.916, abs=0.01)


def test_at_hand_is_a_plain_answer():
    """Never an exception for a known set."""
    assert telemetry_at_hand("birds") in (True, False)


def test_a_day_with_a_coded_gap_has_no_temperature_at_all():
    """Zeros that stay, or a mean mixed with zeros beside them, would be the largest anomalies."""
    names = list(solar_orbiter.TEMPERATURES)
    table = pd.DataFrame({name: [-80.0, 0.0, -81.0] for name in names}).assign(**{names[3]: [-110.0, -17.3, -111.0]})
    found = solar_orbiter.without_gaps(table)
    assert found.isna().to_numpy().tolist() == [[False] * 4, [True] * 4, [False] * 4]
    assert solar_orbiter.largest_changes(pd.Series([1.0, 4.0, 2.0, 2.5]), top=2).tolist() == [3.0, 2.0]


def test_published_scores_stand_beside_ours_by_data_set():
    """The mean is over series, the best of each set and the worst are shown, multivariate tracks are not mixed in."""
    ours = pd.DataFrame({"detector": ["mean", "mean"], "spacecraft": ["SMAP", "SMAP"], "value": [0.2, 0.4]})
    theirs = pd.DataFrame(
        {
            "track": ["U", "U", "U", "M"],
            "spacecraft": "SMAP",
            "detector": ["a", "b", "c", "d"],
            "value": [0.9, 0.5, 0.1, 1.0],
        }
    )
    found = published.beside(ours, theirs, best=1)["SMAP"]
    assert found["ours"].to_dict() == pytest.approx({"mean": 0.3})
    assert found["TSB-AD"].to_dict() == {"a": 0.9, "c": 0.1}
    assert published.beside(ours, theirs.iloc[:0]).empty
    assert lesson.beside_published(pd.DataFrame(), pd.DataFrame(), theirs).empty


def test_depths_stand_beside_the_presets_own():
    """Only the first mission's cross-fitted rows may be compared with the other depths."""
    columns = {"metric": "ratio to persistence", "mode": "crossfit", "target": "raw"}
    forecasts = pd.DataFrame([{**columns, "seed": 0, "value": 0.8}, {**columns, "seed": 1, "value": 9.0}])
    depths = pd.DataFrame([{**columns, "seed": 0, "depth": 3, "value": 0.9}])
    assert lesson.depth_table(depths, forecasts, 5)["raw"].to_dict() == {3: 0.9, 5: 0.8}
    assert lesson.depth_table(pd.DataFrame(), forecasts, 5).empty


@pytest.mark.data
def test_published_means_of_tsb_ad():
    """Means that others computed from the same per-series table."""
    found = pd.DataFrame(published.volumes()).set_index(["track", "spacecraft", "detector"])["value"]
    means = {("SMAP", "POLY"): 0.644, ("MSL", "Sub-PCA"): 0.507, ("NAB", "IForest"): 0.223, ("NAB", "POLY"): 0.484}
    for (name, detector), value in means.items():
        assert found["U", name, detector] == pytest.approx(value, abs=6e-4)
    assert found["M", "MSL", "KMeansAD"] == pytest.approx(0.435, abs=6e-4)


@pytest.mark.data
def test_solar_orbiters_gap_is_the_largest_change_of_three_temperatures():
    """The data gap of May 2023, unless it is removed; the box warms towards the Sun."""
    raw = solar_orbiter.telemetry()
    clean = solar_orbiter.without_gaps(raw)
    first = [f"{solar_orbiter.largest_changes(raw[name], 1).index[0]:%Y-%m-%d}" for name in solar_orbiter.TEMPERATURES]
    assert first.count("2023-05-04") == 3
    assert not any(
        "2023-05-04" <= f"{solar_orbiter.largest_changes(clean[name], 1).index[0]:%Y-%m-%d}" <= "2023-05-13"
        for name in solar_orbiter.TEMPERATURES
    )
    size, correlation = solar_orbiter.drivers(clean, "electronics box", Trees(150, 4, subsample=1.0))
    assert size.argmax() == 0
    assert correlation[0] == pytest.approx(-0.8, abs=0.05)
