"""Figures draw from tiny frames and show what they promise."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("agg")

from matplotlib import pyplot as plt

from replicate.papers.bandlimited_random_nets import figures, figures_bounds, figures_data


@pytest.fixture(autouse=True)
def closed():
    """Close figures after each test."""
    yield
    plt.close("all")


def widths():
    """Return rows of ``widths``: two targets, bandwidths and widths, three seeds; the best bandwidth is 10."""
    return pd.DataFrame(
        {"bandwidth": b, "width": w, "target": t, "seed": s, "metric": m, "value": (0.1 if b == 1 else 0.01) / w}
        for b in (1, 10)
        for w in (50, 200)
        for t in ("LW", "sin1")
        for s in range(3)
        for m in ("test rmse", "train rmse")
    )


def operator():
    """Return rows of ``operator`` for two bandwidths."""
    rows = []
    for b in (1, 10):
        rows += [{"bandwidth": b, "metric": "singular value", "index": i, "value": 10.0**-i} for i in range(4)]
        rows += [{"bandwidth": b, "metric": "floor", "target": "LW", "value": 0.05 / b}]
        rows += [
            {"bandwidth": b, "metric": "budget error", "target": "LW", "budget": v, "value": 1 / v} for v in (1.0, 9.0)
        ]
    return pd.DataFrame(rows)


def test_heat_marks_the_best_bandwidth_of_each_width():
    """Lost: take-home (ii) at a glance."""
    figure = figures.heat(widths())
    dots = figure.axes[0].lines[0].get_xydata()
    assert dots[:, 0].tolist() == [1.5, 1.5]  # the second column, bandwidth 10
    assert len(figure.axes) == 3  # two targets and the colour scale


def test_plateaus_show_the_predicted_floor():
    """Lost: R2's dashed lines."""
    figure = figures.plateaus(widths(), operator())
    dashed = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert dashed == [0.05, 0.005]


def test_spectrum_regimes_and_boxes_draw():
    """Lost: three figures of the lesson."""
    assert len(figures.spectrum(operator()).axes) == 2
    assert len(figures.regimes(widths()).axes) == 2
    assert len(figures.boxes().axes) == 4


def test_fits_show_net_and_data():
    """Lost: the picture of the fits."""
    names = {"LW": (1, 10, 100), "co2": (1, 10, 300)}
    frame = pd.DataFrame(
        {"problem": n, "bandwidth": b, "seed": s, "x": x, "value": x + s}
        for n, bandwidths in names.items()
        for b in bandwidths
        for s in (0, 1)
        for x in (0.0, 1.0)
    )
    points = pd.DataFrame({"problem": n, "x": [0.0, 1.0], "value": [0.0, 1.0]} for n in names).explode(["x", "value"])
    figure = figures.fits(frame, points)
    assert [axes.get_title() for axes in figure.axes][-1] == "co2, $\\lambda$ = 300"
    assert figure.axes[0].lines[1].get_ydata().tolist() == [0.5, 1.5]


def test_precision_has_a_line_for_each_number_of_digits():
    """Lost: the wall and what is behind it; digits that did not suffice leave no point."""
    rows = [
        {"bandwidth": 1, "width": w, "precision": p, "target": "sin4", "metric": m, "value": v}
        for w in (10, 20)
        for p, v in (("float32", 0.6), ("120 digits", 1e-9))
        for m in ("test rmse", "coefficient norm")
    ]
    rows.append({"bandwidth": 1, "width": 20, "precision": "60 digits", "metric": "test rmse", "value": None})
    figure = figures_bounds.precision(pd.DataFrame(rows))
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()][:2] == ["float32", "120 digits"]


def test_certificates_are_dashed_below_their_errors():
    """Lost: C4's picture."""
    rows = [
        {"bandwidth": b, "target_width": 1.0, "width": 50, "penalty": 0.0, "metric": m, "value": v}
        for b in (0.25, 0.5)
        for m, v in (("relative error", 0.2), ("bound", 0.1))
    ]
    axes = figures_bounds.certificate(pd.DataFrame(rows)).axes[0]
    solid, dashed = axes.lines[0].get_ydata(), axes.lines[1].get_ydata()
    assert (solid > dashed).all()


def test_ridgelet_map_and_critical_bandwidths_draw():
    """Lost: two figures; what is out of reach leaves no point."""
    figure = figures_bounds.ridgelet({"a": np.eye(5), "b": np.eye(5)}, 120.0, np.zeros((2, 3)))
    assert len(figure.axes[0].patches) == 4  # boxes
    table = pd.DataFrame({"sin1": [1.0, 1.0], "sin2": [2.0, 4.0], "sin4": [np.inf, np.inf], "LW": [9.0, 9.0]})
    line = figures_bounds.critical({"net": table}).axes[0].lines[0]
    assert line.get_xdata().tolist() == [1, 2]
    assert line.get_ydata().tolist() == [1.0, 3.0]


def test_series_seasons_and_pictures_draw():
    """Lost: the real data; the vertical line is the prediction."""
    rows = [{"series": "co2", "bandwidth": b, "width": 50, "metric": "test rmse", "value": 1.0} for b in (1, 300)]
    axes = figures_data.series(pd.DataFrame(rows), {"co2": (275.0, "one year")}).axes[0]
    assert 275.0 in [line.get_xdata()[0] for line in axes.lines]
    rows = [{"bandwidth": b, "frequency": f, "value": 1.0} for b in (10, 300) for f in (0.5, 1.0)]
    assert len(figures_data.seasons(pd.DataFrame(rows)).axes[0].lines) == 2
    figure = figures_data.pictures({"photograph": np.zeros((4, 4))}, {"photograph": "12 dB"})
    assert figure.axes[0].get_xlabel() == "12 dB"


def test_other_nets_draw_and_nothing_is_none():
    """Lost: presets that do not run them."""
    assert figures_data.baselines(pd.DataFrame(), pd.DataFrame()) is None
    assert figures_data.incremental(pd.DataFrame(), widths()) is None
    assert figures_data.control(pd.DataFrame()) is None
    rows = [{"placement": "box", "bandwidth": b, "width": 100, "value": 0.1} for b in (1, 10)]
    remedies = pd.DataFrame([{"remedy": "trained", "width": 100, "metric": "test rmse", "value": 0.01}])
    axes = figures_data.baselines(pd.DataFrame(rows), remedies).axes[0]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["box", "trained"]
    rows = [{"bandwidth": 1, "width": w, "value": 0.1} for w in (100, 500)]
    assert len(figures_data.incremental(pd.DataFrame(rows), widths()).axes[0].lines) == 2
    rows = [{"bandwidth": b, "value": v} for b in (0.1, 5) for v in (0.4, 0.5)]
    assert figures_data.control(pd.DataFrame(rows)).axes[0].lines[0].get_ydata().tolist() == [0.45, 0.45]
