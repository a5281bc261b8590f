"""Figures from tiny frames: what is drawn where, and what happens to empty and wrong frames."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from replicate.paper import load
from replicate.papers.intrinsic_dimension import figures, measures, toy
from replicate.papers.intrinsic_dimension.dimension import D90


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test has drawn."""
    yield
    plt.close("all")


def runs(truth, n=12):
    dims = np.geomspace(truth / 2, truth * 2, n).round().astype(int)
    value = 0.9 + 0.04 * np.log(dims / truth) + np.random.default_rng(0).normal(0, 0.002, n)
    return pd.DataFrame({"dim": dims, "metric": "test accuracy", "value": value, "n": 10_000, "seed": range(n)})


@pytest.fixture
def searches():
    """Return two searches whose truth is known."""
    frames = {"FC": runs(750), "LeNet": runs(290)}
    return SimpleNamespace(
        frames=frames, original=frames, fits={k: measures.fit(f, threshold=0.9) for k, f in frames.items()}
    )


def _verticals(axes):
    return [
        line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2
    ]


def _horizontals(axes):
    return [
        line.get_ydata()[0] for line in axes.lines if len(line.get_ydata()) == 2 and len(set(line.get_ydata())) == 1
    ]


def test_accuracy_shows_every_run_the_estimate_and_the_published_value(searches):
    """Lost: the comparison at a glance; published values come from paper.toml alone."""
    direct = pd.DataFrame({"network": ["fc", "lenet"], "value": [0.98, 0.99]})
    (axes,) = figures.accuracy(searches.frames, searches.fits, published=figures.IDS, direct=direct).axes
    for claim in ("C2-dimension", "C3-dimension"):
        assert load("intrinsic_dimension").claim(claim).published in _verticals(axes)
    assert {0.98, 0.99, 0.9} <= set(_horizontals(axes))
    drawn = [line for line in axes.lines if line.get_label().endswith("one run")]
    assert [len(line.get_xdata()) for line in drawn] == [12, 12]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert any(f"= {searches.fits['FC'].estimate:.0f} [" in label for label in labels)


def test_a_search_without_a_number_is_drawn_without_a_curve(searches):
    """Lost: honesty; a curve through a diverged search would be invented."""
    fits = {**searches.fits, "LeNet": D90("falls", 0.9, 100, 4000, 12)}
    (axes,) = figures.accuracy(searches.frames, fits).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sum("d_{90}" in label for label in labels) == 1


def test_shuffled_needs_shuffled_runs(searches):
    """Lost: an empty figure at smoke."""
    assert figures.shuffled(searches) is None
    frames = {**searches.frames, "FC, shuffled": runs(750)}
    fits = {**searches.fits, "FC, shuffled": searches.fits["FC"]}
    assert figures.shuffled(SimpleNamespace(frames=frames, original=searches.original, fits=fits)).axes


def test_toy_shows_all_draws_and_the_law():
    """Lost: the transition at 10 and the closed form beside it."""
    rng = np.random.default_rng(0)
    rows = [
        {"dim": d, "draw": i, "value": v}
        for d in (2, 5, 8, 9, 10)
        for i, v in enumerate(toy.performance([d], 30, rng=rng)[0])
    ]
    left, right = figures.toy(pd.DataFrame(rows)).axes
    assert 10 in _verticals(left)
    assert len(left.lines[0].get_xdata()) == 150
    dashed = [line for line in right.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 3
    for line in dashed:  # a distribution function
        assert (np.diff(line.get_ydata()) >= 0).all()


def test_projections_join_the_runs_of_a_seed():
    """Lost: pairing; one line a seed."""
    kinds = ("dense", "sparse", "fastfood", "one_hot")
    rows = [
        {"projection": k, "dim": 750, "seed": s, "metric": "test accuracy", "value": 0.9 + 0.001 * s}
        for k in kinds
        for s in range(5)
    ]
    (axes,) = figures.projections(pd.DataFrame(rows)).axes
    assert len(axes.lines) == 5 + 1
    assert axes.lines[-1].get_ydata() == pytest.approx([0.902] * 4)


def test_cartpole_and_burn_in():
    """Lost: the threshold line and the lines before and after."""
    rows = pd.DataFrame({"metric": "episode length", "dim": [1, 4, 4], "seed": [0, 0, 1], "value": [20, 200, 180]})
    (axes,) = figures.cartpole(rows).axes
    assert 0.9 * 195 in _horizontals(axes)
    burnt = [
        {"burn_in": b, "dim": d, "metric": m, "value": 0.5, "seed": 0}
        for b in (0, 8)
        for d in (50, 200)
        for m in ("accuracy at start", "test accuracy")
    ]
    (axes,) = figures.burn_in(pd.DataFrame(burnt)).axes
    assert len(axes.lines) == 3


def test_large_studies_draw_when_they_ran_and_nothing_when_not():
    """Lost: the paper preset's figures, which no run on a laptop would exercise."""
    grid = pd.DataFrame(
        {"D": [4e4, 2e5], "width": [50, 200], "depth": [1, 2], "d90": [700, 750], "low": 650, "high": 800}
    )
    assert figures.grid(grid).axes
    labels = pd.DataFrame({"labels": [1000, 5000], "d90": [2400, 12000], "low": [2000, 1e4], "high": [2800, 1.4e4]})
    (axes,) = figures.random_labels(labels).axes
    assert axes.containers[0].lines[0].get_ydata() == pytest.approx([2.4, 2.4])
    small = [{"seed": 0, "metric": m, "value": v} for m, v in (("parameters", 900), ("test accuracy", 0.5))]
    assert figures.small_nets(pd.DataFrame(small), runs(750)).axes
    for draw in (figures.grid, figures.random_labels):
        assert draw(pd.DataFrame()) is None
    assert figures.small_nets(pd.DataFrame(), runs(750)) is None


def test_networks_without_a_number_are_left_out():
    """Lost: the figure; NaN on a logarithmic axis is an error, an unbounded bar hides everything."""
    nothing = pd.DataFrame({"d90": [np.nan] * 2, "low": 0.0, "high": np.inf})
    assert figures.grid(nothing.assign(D=[1e4, 1e5], width=50, depth=1)) is None
    assert figures.random_labels(nothing.assign(labels=[100, 200])) is None
    some = pd.DataFrame({"D": [1e4, 1e5, 1e6], "width": 50, "depth": 1, "d90": [700, np.nan, 720]})
    axes, _ = figures.grid(some.assign(low=[0, 0, 700], high=[np.inf, np.inf, 740])).axes
    assert len(axes.collections[-1].get_offsets()) == 2
    assert axes.get_ylim()[1] < 1000


def test_a_frame_that_lacks_a_column_is_named():
    """Lost: a helpful error."""
    with pytest.raises(ValueError, match=r"lacks columns \['value'\]"):
        figures.toy(pd.DataFrame({"dim": [1]}))
