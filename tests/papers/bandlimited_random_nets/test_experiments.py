"""Units against the reference measurements (other draws, so: factor 2 above 1e-3, order of magnitude below)."""

import numpy as np
import pandas as pd
import pytest

from replicate.papers.bandlimited_random_nets import experiments as ex
from replicate.seeds import Seed

WIDTHS = {"targets": ["LW", "sin1", "sin4", "sin16"], "widths": [10, 50, 200, 500], "n": 1000}


def rows(unit, config, seeds=1):
    """Return the rows of a unit over several draws."""
    parts = [pd.DataFrame(unit(config, Seed(0, r))).assign(seed=r) for r in range(seeds)]
    return pd.concat(parts, ignore_index=True)


def close(found, wanted):
    """Tell whether a median is within the tolerance of the reference."""
    factor = 2 if wanted > 1e-3 else 10
    return wanted / factor <= found <= wanted * factor


@pytest.mark.parametrize(
    ("bandwidth", "lw", "others", "rank"),
    [
        (0.5, (6.39e-2, 6.39e-2, 6.40e-2, 6.40e-2), (1.59e-4, 6.20e-1, 7.02e-1), 8),
        (1, (6.38e-2, 6.32e-2, 6.32e-2, 6.32e-2), (5.83e-6, 5.19e-1, 7.01e-1), 10),
        (5, (6.28e-2, 5.85e-2, 5.63e-2, 5.58e-2), (3.80e-11, 3.94e-6, 6.83e-1), 21),
        (10, (6.28e-2, 5.06e-2, 4.25e-2, 3.92e-2), (6.01e-13, 1.27e-9, 6.42e-1), 34),
        (30, (6.64e-2, 4.71e-2, 2.01e-2, 7.72e-3), (4.33e-13, 3.76e-11, 3.78e-6), 73),
        (50, (7.22e-2, 5.08e-2, 1.52e-2, None), (2.07e-12, 4.61e-11, 3.12e-7), 104),
        (100, (8.71e-2, 4.90e-2, 1.76e-2, 3.15e-4), (1.57e-10, 1.33e-8, 2.14e-5), 137),
    ],
)
def test_widths_against_the_reference_measurement(bandwidth, lw, others, rank):
    """Lost: what C1 and C2 rest on; medians of seven draws (ten there)."""
    frame = rows(ex.widths, {"bandwidth": bandwidth, **WIDTHS}, seeds=7)
    errors = frame[frame["metric"] == "test rmse"].groupby(["target", "width"])["value"].median()
    for width, wanted in zip((10, 50, 200, 500), lw, strict=True):
        assert wanted is None or close(errors["LW", width], wanted)
    for name, wanted in zip(("sin1", "sin4", "sin16"), others, strict=True):
        assert close(errors[name, 500], wanted)
    ranks = frame[(frame["metric"] == "rank") & (frame["width"] == 500)]["value"]
    assert ranks.median() == pytest.approx(rank, abs=3)


@pytest.mark.parametrize(
    ("bandwidth", "share", "error"), [(0.5, 0.9463, 5.7e-3), (0.8, 0.7598, 3.3e-8), (1.0, 0.6023, 3.1e-13)]
)
def test_mexican_hat_against_the_reference_measurement(bandwidth, share, error):
    """Lost: the counterexample of C5; slopes there go down to a twentieth, hence within two orders of magnitude."""
    frame = rows(ex.literal_reading, {"bandwidth": bandwidth, "width": 300}, seeds=3)
    median = frame.groupby("metric")["value"].median()
    assert median["share outside"] == pytest.approx(share, abs=1e-4)
    assert error / 100 < median["relative error"] < error * 100


def test_mexican_hat_is_reached_though_its_spectrum_is_not():
    """Lost: C5: a share of 14 % outside, an error of rounding."""
    frame = rows(ex.literal_reading, {"bandwidth": 2.0, "width": 300}).set_index("metric")["value"]
    assert frame["share outside"] == pytest.approx(0.1413, abs=1e-4)
    assert frame["relative error"] < 1e-12


@pytest.mark.parametrize(
    ("placement", "bandwidth", "width", "wanted"),
    [
        *(("box", 30, 100, 3.80e-2), ("placed", 30, 100, 1.39e-2), ("cauchy", 30, 100, 2.14e-2)),
        *(("cauchy", 1, 100, 5.88e-2), ("placed", 100, 100, 2.72e-3), ("cauchy", 100, 200, 4.84e-4)),
        ("placed", 100, 200, 3.02e-5),
    ],
)
def test_baselines_against_the_reference_measurement(placement, bandwidth, width, wanted):
    """Lost: the comparison of places."""
    config = {"placement": placement, "bandwidth": bandwidth, "widths": [width], "n": 1000}
    assert close(rows(ex.baselines, config, seeds=7)["value"].median(), wanted)


@pytest.mark.parametrize(("bandwidth", "wanted"), [(1, (9.59e-2, 9.55e-2)), (30, (7.43e-2, 6.43e-2))])
def test_incremental_net_against_the_reference_measurement(bandwidth, wanted):
    """Lost: the parent paper's setting stalls at every bandwidth."""
    config = {"bandwidth": bandwidth, "counts": [100, 1000], "n": 1000}
    found = rows(ex.incremental, config, seeds=3).groupby("width")["value"].median()
    assert tuple(found) == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize(("bandwidth", "wanted"), [(0.1, 0.482), (0.5, 0.431), (5, 0.031)])
def test_diabetes_against_the_reference_measurement(bandwidth, wanted):
    """Lost: the negative control; mean of five folds."""
    config = {"bandwidth": bandwidth, "width": 200, "penalty": 1e-2}
    assert rows(ex.control, config, seeds=5)["value"].mean() == pytest.approx(wanted, abs=0.08)


def test_critical_bandwidths_against_the_reference_measurement():
    """Lost: C3 at the grid points beside the reference's crossings (sigmoid, 300 nodes)."""
    for bandwidth, below in ((8.0, ["sin1", "sin4", "sin8"]), (4.0, ["sin1", "sin4"])):
        config = {"bandwidth": bandwidth, "activation": "sigmoid", "widths": [300], "n": 1000}
        config |= {"targets": ["sin1", "sin4", "sin8", "sin16"], "penalties": [0.0, 1e-8]}
        frame = rows(ex.critical, config, seeds=3)
        median = frame[frame["penalty"] == 0].groupby("target")["value"].median()
        assert sorted(median.index[median < 0.1]) == below
        ridge = frame[frame["penalty"] > 0].groupby("target")["value"].median()
        assert (ridge >= median).all()


def test_precision_study_reports_what_could_not_be_computed():
    """Lost: a failed number of digits must not vanish or pass for a result."""
    config = {"bandwidth": 0.05, "width": 20, "targets": ["sin4"], "digits": [16]}
    frame = rows(ex.precision, config)
    assert frame.loc[frame["precision"] == "16 digits", "status"].tolist() == ["too few digits"]


def test_certified_bounds_are_below_errors_in_every_unit():
    """Lost: C4 in the rows the claim reads."""
    config = {"bandwidth": 0.25, "target_width": 1.0, "widths": [20, 60], "penalties": [0.0, 1e-6, 1e-2]}
    wide = rows(ex.certificates, config).pivot(index=["width", "penalty"], columns="metric", values="value")
    assert (wide["bound"] > 0).all()
    assert (wide["bound"] <= wide["relative error"]).all()


def test_residual_of_co2_loses_its_year_in_a_wide_box():
    """Lost: the periodogram; amplitude at one cycle a year in ppm."""
    peaks = {}
    for bandwidth in (10, 300):
        config = {"bandwidth": bandwidth, "width": 800, "penalty": 1e-10, "frequencies": 291}
        frame = rows(ex.residual_spectrum, config)
        peaks[bandwidth] = frame.loc[(frame["frequency"] - 1).abs() < 0.02, "value"].max()
    assert peaks[10] == pytest.approx(2.75, abs=0.4)  # half of the seasonal swing
    assert peaks[300] < 0.2 * peaks[10]


def test_shares_outside_fall_with_the_box_and_rise_with_complexity():
    """Lost: the ridgelet table."""
    shares = {}
    for name in ("sin1", "sin16"):
        config = {"target": name, "nodes": 300, "bandwidths": [10.0, 30.0, 100.0]}
        shares[name] = rows(ex.ridgelet_shares, config)["value"].to_numpy()
        assert (np.diff(shares[name]) < 0).all()
    assert (shares["sin16"] > shares["sin1"]).all()


def test_units_are_the_same_bytes_again_and_differ_between_draws():
    """Lost: caching and reproducibility."""
    config = {"bandwidth": 30, **WIDTHS}
    assert ex.widths(config, Seed(0, 3)) == ex.widths(config, Seed(0, 3))
    assert ex.widths(config, Seed(0, 3)) != ex.widths(config, Seed(0, 4))
    assert ex.widths(config, Seed(0, 3)) != ex.widths(config, Seed(1, 3))
