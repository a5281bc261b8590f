"""Measurements from tidy rows, against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from replicate.papers.bandlimited_random_nets import lesson, measures

EMPTY = pd.DataFrame()


def widths(errors):
    """Return rows of ``widths`` from {(bandwidth, width): errors by seed}."""
    return pd.DataFrame(
        {"bandwidth": b, "width": w, "target": "LW", "seed": s, "metric": "test rmse", "value": v}
        for (b, w), values in errors.items()
        for s, v in enumerate(values)
    )


def critical(table, solver=0.0):
    """Return rows of ``critical`` from {(seed, target): {bandwidth: relative error}}."""
    cell = {"activation": "sigmoid", "width": 300, "penalty": solver, "metric": "relative error"}
    return pd.DataFrame(
        {"seed": s, "target": t, "bandwidth": b, "value": v, **cell}
        for (s, t), errors in table.items()
        for b, v in errors.items()
    )


def test_ratios_are_paired_by_seed():
    """Lost: C1 and C2; the median of ratios is not the ratio of medians."""
    frame = widths({(1, 50): [1.0, 2.0, 4.0], (1, 500): [1.0, 4.0, 4.0]})
    one, other = {"width": 500, "bandwidth": 1, "target": "LW"}, {"width": 50, "bandwidth": 1, "target": "LW"}
    assert measures.error_ratio(frame, one, other).estimate == 1.0
    assert measures.error(frame, **one).estimate == 4.0
    assert measures.error_ratio(frame, one, {**other, "width": 7}) is None
    assert measures.error_ratio(EMPTY, one, other) is None


def test_critical_bandwidth_is_the_first_below_ten_percent():
    """Lost: C3; later errors above 10 % do not matter, and none below gives infinity."""
    errors = {1.0: 0.5, 2.0: 0.09, 4.0: 0.2}
    table = measures.critical_bandwidths(critical({(0, "sin1"): errors, (0, "sin2"): {1.0: 0.3, 4.0: 0.3}}))
    assert table.loc[0, "sin1"] == 2.0
    assert table.loc[0, "sin2"] == np.inf
    best = measures.best_bandwidths(critical({(0, "sin1"): errors}))
    assert best.loc[0, "sin1"] == 2.0


def test_order_and_factor_of_complexity():
    """Lost: C3's numbers: the weakest step, out of reach beside out of reach counts as no step."""
    names = ["sin1", "sin2", "sin4", "sin8", "sin16"]

    def frame(places):
        grid = [1.0, 2.0, 4.0, 8.0, 16.0]
        cells = {
            (s, n): {b: 0.01 if b >= p else 0.9 for b in grid}
            for s in range(6)
            for n, p in zip(names, places, strict=True)
        }
        return critical(cells)

    assert measures.complexity_order(frame([1, 1, 2, 8, 16])).estimate == 1.0
    assert measures.complexity_factor(frame([1, 1, 2, 8, 16])).estimate == 16.0
    assert measures.complexity_order(frame([1, 4, 2, 8, 16])).estimate == 0.5
    assert measures.complexity_order(frame([1, 2, 4, 99, 99])).estimate == 1.0
    assert measures.complexity_order(critical({(0, "sin1"): {1.0: 0.01}})) is None


def test_best_gap_compares_the_sharp_target_with_one_period():
    """Lost: C3-best."""
    cells = {(s, t): {1.0: 0.5, 10.0: e} for s in range(6) for t, e in (("LW", 0.1), ("sin1", 0.6))}
    assert measures.best_gap(critical(cells)).estimate == 10.0


def certified(errors, bounds, bandwidths):
    """Return rows of ``certificates``, one fit a value."""
    return pd.DataFrame(
        {"bandwidth": b, "target_width": 1.0, "seed": i, "width": 50, "penalty": 0.0, "metric": m, "value": v}
        for i, (e, low, b) in enumerate(zip(errors, bounds, bandwidths, strict=True))
        for m, v in (("relative error", e), ("bound", low))
    )


def test_violations_and_positive_bounds_are_counted():
    """Lost: C4; an error equal to its bound is none, and wide boxes do not count for the share."""
    frame = certified([0.5, 0.1, 0.2], [0.5, 0.2, 0.0], [0.5, 0.25, 0.5])
    assert measures.violations(frame).estimate == 1
    assert measures.positive_share(frame).estimate == pytest.approx(2 / 3)
    assert measures.positive_share(certified([0.1], [0.0], [2.0])) is None
    assert measures.violations(EMPTY) is None


def test_floor_deviation_is_the_worst_bandwidth_of_each_seed():
    """Lost: R2."""
    frame = widths({(b, 500): [1.0, 1.1] if b == 5 else [1.0, 1.0] for b in (0.5, 1, 5, 10)})
    operator = pd.DataFrame({"bandwidth": b, "metric": "floor", "target": "LW", "value": 1.0} for b in (0.5, 1, 5, 10))
    assert measures.floor_deviation(frame, operator).estimate == pytest.approx(0.05)
    assert measures.floor_deviation(frame, operator[operator["bandwidth"] > 1]) is None


def test_series_measures_use_co2_alone():
    """Lost: R3."""
    rows = [
        {"series": name, "bandwidth": b, "width": w, "seed": s, "metric": "test rmse", "value": v}
        for name, factor in (("co2", 1.0), ("sunspots", 100.0))
        for s in range(6)
        for w in (50, 800)
        for b, v in ((1, 2.0), (30, 2.1 * factor), (200, 1.0), (300, 0.5), (500, 0.9))
    ]
    frame = pd.DataFrame(rows)
    assert measures.series_plateau(frame).estimate == pytest.approx(1.05)
    assert measures.best_series_bandwidth(frame).estimate == 300
    assert measures.series_plateau(frame).dataset == "co2"
    assert measures.best_series_bandwidth(frame[frame["bandwidth"] < 300]) is None


def test_slopes_leave_out_the_edge_of_the_grid():
    """Lost: the exponent; points at the lower edge would flatten it."""
    grid = (3.0, 6.0, 12.0, 24.0)
    cells = {(s, f"sin{k}"): {b: 0.01 if b >= 3 * k else 0.9 for b in grid} for s in range(4) for k in (1, 2, 4, 8)}
    table = measures.complexity_slopes(critical(cells), np.random.default_rng(0))
    assert table["slope"].tolist() == pytest.approx([1.0])
    assert measures.complexity_slopes(EMPTY, np.random.default_rng(0)).empty


def test_lesson_tables():
    """Lost: what the notebook prints: medians, quartiles, paired tests, ghosts, norms."""
    frame = widths({(b, 500): 10.0**-b * np.arange(1, 9) for b in (1, 2)})
    assert lesson.medians(frame, "bandwidth", "width").loc[1, 500] == pytest.approx(0.45)
    assert lesson.medians(EMPTY, "bandwidth", "width").empty
    tests = lesson.paired_tests(frame, width=500)
    assert tests.index.name == "best: 2"
    assert tests.loc[1, "error / best"] == pytest.approx(10)
    assert tests.loc[1, "p"] == pytest.approx(2 / 2**8)
    assert set(lesson.tidy_tests(tests)["metric"]) == {"error / best", "p"}
    assert lesson.paired_tests(frame[frame["seed"] < 5], width=500).empty
    quartiles = lesson.quartiles(frame, "bandwidth").set_index(["bandwidth", "metric"])["value"]
    assert quartiles[1, "median"] == pytest.approx(0.45)
    compact = lesson.compact(frame.assign(paper="x", widths=[[1, 2]] * len(frame), status="ok"))
    assert {"paper", "widths", "status"}.isdisjoint(compact.columns)


def test_price_in_norm_explodes_below_the_critical_bandwidth_in_every_dimension():
    """Lost: the certificate in two and three dimensions."""
    table = lesson.required_norms()
    assert (table.diff().dropna() < 0).all().all()
    assert (table.loc[0.2] > 1e6 * table.loc[0.9]).all()


def test_ghosts_have_the_same_output_outside_the_box():
    """Lost: the counterexample behind C5: 300 nodes, all steeper than 2, make the hat of slope 1."""
    table = lesson.ghosts(np.random.default_rng(0))
    assert table.loc["300 nodes", "smallest slope"] >= 2
    assert table.loc["300 nodes", "relative error"] < 1e-3
