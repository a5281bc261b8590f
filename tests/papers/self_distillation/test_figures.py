"""Figures and tables of the notebook from small frames: what is drawn where, tuned ridge everywhere, empty frames."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from replicate.papers.self_distillation import data_figures, explore, figures, lesson, toy_rows
from replicate.papers.self_distillation import experiments as ex
from replicate.seeds import Seed


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test has drawn."""
    yield
    plt.close("all")


def rows(unit, configs, replicates=1):
    """Run a unit as a sweep would and return its frame."""
    found = [
        {**{k: v for k, v in config.items() if not isinstance(v, list)}, "seed": r, **row}
        for config in configs
        for r in range(replicates)
        for row in unit(config, Seed(0, r))
    ]
    return pd.DataFrame(found)


@pytest.fixture(scope="module")
def controls():
    """Return what distillation must beat on the toy."""
    return rows(ex.toy_controls, [{}])


def horizontals(axes):
    """Return the heights of horizontal lines across a panel."""
    return [round(float(line.get_ydata()[0]), 6) for line in axes.lines if list(line.get_xdata()) == [0, 1]]


def labels(axes):
    """Return the labels of what is drawn."""
    return [line.get_label() for line in axes.lines]


def test_fits_show_data_truth_limit_and_tuned_ridge():
    """Lost: the picture of the idea; a panel a weight."""
    frame = rows(ex.toy_fits, [{"weight": w, "steps": 6} for w in (0.0, 0.25)])
    panels = figures.fits(frame, 0.575).axes
    assert [p.get_title() for p in panels] == ["$\\alpha$ = 0", "$\\alpha$ = 0.25"]
    limit = next(line for line in panels[0].lines if line.get_label() == "$f_\\infty$")
    assert np.abs(limit.get_ydata()).max() == 0
    assert all({"tuned ridge", "$f_1$", "$f_6$"} <= set(labels(p)) for p in panels)


def test_losses_overlay_the_published_values_and_tuned_ridge(controls):
    """Lost: 18 published values of finite steps, and the control."""
    frame = rows(ex.toy_losses, [{"weight": w, "steps": 6} for w in (0.0, 0.25, 0.35)])
    magnified = figures.losses(frame, controls).axes[1]
    dots = [line for line in magnified.lines if "headed" in str(line.get_label())]
    assert sum(len(line.get_xdata()) for line in dots) == 18
    tuned = float(controls.set_index("metric")["value"]["tuned ridge: loss"])
    assert round(tuned, 6) in horizontals(magnified)


def test_bars_and_ratios_show_limits_where_there_are_any():
    """Lost: the limit of alpha = 0: no bars, and no finite ratio."""
    frame = rows(ex.toy_spectra, [{"weight": w, "steps": 6} for w in (0.0, 0.25, 0.35)])
    bars = figures.shrinkages(frame, 0.575).axes
    assert [len(axes.patches) for axes in bars] == [77, 77, 77]
    assert max(p.get_height() for p in bars[0].patches[-11:]) == 0
    without, with_limit, over = figures.ratios(frame, 0.575).axes
    assert "limit" not in labels(without)
    assert "limit" in labels(with_limit)
    assert all("tuned ridge" in labels(axes) for axes in (*bars, without, with_limit, over))
    assert max(over.lines[0].get_ydata()) > over.lines[1].get_ydata()[0]


def test_parabola_marks_the_closed_form_below_every_grid_point(controls):
    """Lost: C8 at a glance."""
    frame = rows(ex.parabola, [{"step": s, "teacher_weight": w, "points": 101} for s, w in ((2, 1.0), (3, 0.0))])
    axes = figures.parabola(frame, controls).axes[0]
    stars = [line for line in axes.lines if line.get_marker() == "*"]
    curves = [line for line in axes.lines if str(line.get_label()).startswith("step")]
    for star, curve in zip(stars, curves, strict=True):
        assert star.get_ydata()[0] <= min(curve.get_ydata()) + 1e-12


def test_population_weight_crosses_one_at_the_dotted_lines():
    """Lost: the sign rule at a glance."""
    frame = pd.DataFrame([{"noise": 0.5, **row} for row in toy_rows.population(0.5, 121)])
    axes = figures.population(frame).axes[0]
    dotted = next(line for line in axes.lines if line.get_linestyle() == ":")
    curve = axes.lines[0]
    at = np.interp(np.log(dotted.get_xdata()[0]), np.log(curve.get_xdata()), curve.get_ydata())
    assert at == pytest.approx(1, abs=0.02)


def test_monte_carlo_shows_means_and_controls():
    """Lost: the redrawn toy beside tuned ridge."""
    frame = rows(ex.monte_carlo, [{"weight": w, "draws": 50} for w in (0.0, 0.25)])
    tuned = rows(ex.monte_carlo_controls, [{"draws": 50}])
    axes = data_figures.monte_carlo(frame, tuned).axes[0]
    assert round(float(tuned["value"].iloc[0]), 6) in horizontals(axes)


def test_real_data_show_tuned_ridge_in_every_panel():
    """Lost: the control; its penalty is its own, so it belongs to every panel."""
    config = {"penalties": [0.05, 5.0], "weights": [0.0, 0.5], "steps": 3}
    frame = rows(ex.diabetes, [config], replicates=2)
    panels = data_figures.by_step(frame, "test error", panel="penalty", ylabel="error").axes
    tuned = frame[frame["weight"] == "tuned ridge"]["value"].mean()
    assert len(panels) == 2
    assert all(round(tuned, 6) in horizontals(p) for p in panels)
    assert all("$\\alpha$ estimated" in labels(p) for p in panels)
    assert data_figures.by_step(pd.DataFrame(), "test error", panel="penalty", ylabel="") is None
    table = lesson.by_step(frame, "test error")
    assert table.loc[("chosen", "tuned ridge"), "step 1"] == pytest.approx(tuned)
    assert table.loc[(0.05, "0"), "step 1"] == table.loc[(0.05, "0.5"), "step 1"]


def network_rows():
    """Return two seeds of two chains and their first network."""
    found = []
    for seed in (0, 1):
        for alpha, step, value in (("first", 1, 0.8), ("0", 2, 0.9), ("estimated", 2, 0.85)):
            row = {"teacher": "soft", "decay": 0.0, "seed": seed, "alpha": alpha, "step": step, "split": "test"}
            found += [{**row, "metric": m, "value": value + 0.01 * seed} for m in ("accuracy", "squared error")]
            found += [{**row, "metric": "raw weight", "value": 0.3}] if alpha == "estimated" else []
    return pd.DataFrame(found)


def test_networks_start_every_chain_at_the_first_network():
    """Lost: what a student is compared with."""
    axes = data_figures.networks(network_rows(), pd.Series([0.87, 0.89])).axes[0]
    assert 0.88 in horizontals(axes)
    means = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    assert [round(float(m[0]), 6) for m in means] == [0.805, 0.805]
    table = lesson.network_table(network_rows())
    assert table.loc[("soft", 0.0, "0"), "accuracy"] == pytest.approx(0.905)
    assert table.loc[("soft", 0.0, "estimated"), "estimated weight"] == pytest.approx(0.3)


def test_spectra_widths_and_images_draw():
    """Lost: figures of the last section; no pictures of what was not run."""
    known = rows(ex.repeated, [{"r": r, "direction": d} for r in (2, 4) for d in ("top", "bottom")])
    top, bottom = data_figures.repeated(known).axes
    assert "tuned ridge" in labels(top)
    assert "tuned ridge" in labels(bottom)
    width = pd.DataFrame({"width": [8, 8, 32], "value": [0.4, 0.5, 0.3]})
    assert len(data_figures.finite_width(width).axes[0].lines) == 3
    assert data_figures.images(pd.DataFrame()) is None
    parts = [("1", 1, 0.8), ("0.6", 2, 0.85), ("1", 2, 0.81)]
    image_rows = pd.DataFrame(parts, columns=["weight", "step", "value"])
    image_rows = image_rows.assign(seed=0, metric="accuracy", dataset="CIFAR-10", protocol="fair")
    assert {"$\\alpha$ = 0.6", "first network"} <= set(labels(data_figures.images(image_rows).axes[0]))


def test_published_tables_put_ours_beside_theirs():
    """Lost: the evidence of the inconsistencies."""
    table = lesson.published_table(rows(ex.published_losses, [{}]))
    readme = table.loc["README"].reset_index()
    off = (readme["published"] - readme["ours, at the heading's weight"]).abs()
    right = (readme["published"] - readme["ours, at the true weight"]).abs()
    assert right.max() <= 5.1e-6
    assert off.max() > 1e-3
    plots = lesson.figure_table(rows(ex.published_figures, [{}]))
    bar = plots.loc[("shrinkage", 1, 0.25)]
    assert bar["ours, alpha = 0.25"] == pytest.approx(0.7369, abs=1e-4)
    assert bar["ours, alpha = 0.35"] == pytest.approx(0.7821, abs=1e-4)
    assert lesson.toy_fit().round(5).tolist() == [0.16477, 0.15309, 0.14958, 0.14903, 0.14946, 0.15011]


def test_explore_draws_any_position_of_its_sliders():
    """Lost: the interactive view, also where the steps diverge and where nothing is left."""
    for weight, steps, log_penalty in ((0.25, 6, -0.7), (-1.0, 40, -3.0), (0.0, 40, 1.0), (1.0, 1, 0.0)):
        assert len(explore.draw(weight, steps, log_penalty).axes) == 2
    assert [child.description for child in explore.sliders().children[:3]] == ["alpha", "steps", "log10 lambda"]
