"""Figures about error, width and bandwidth: tidy frames in, matplotlib figures out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from replicate.drawing import BLUE, GREEN, GREY, RED

from .drawing import finish, legend, median_line, shades
from .infinite_width import FLOAT16, FLOAT32, FLOAT64
from .targets import TARGETS


def boxes() -> Figure:
    """Draw the idea: nodes of three boxes on [0, 1], the targets' shapes, and what a box is."""
    figure, panels = plt.subplots(1, 4, figsize=(12, 2.6))
    x, rng = np.linspace(0, 1, 300), np.random.default_rng(1)
    for axes, bandwidth in zip(panels, (1, 10, 100), strict=False):
        a, b = rng.uniform(-bandwidth, bandwidth, (2, 12, 1))
        axes.plot(x, (1 / (1 + np.exp(-(a * x - b)))).T, color=BLUE, linewidth=0.8)
        axes.set(title=f"12 nodes of bandwidth {bandwidth}", xlabel="x", ylabel="sigmoid(ax $-$ b)", ylim=(-0.05, 1.05))
    for name, colour in (("LW", RED), ("sin4", GREEN)):
        panels[3].plot(x, TARGETS[name](x), color=colour, label=name)
    panels[3].set(title="two targets", xlabel="x", ylabel="f(x)")
    legend(panels[3])
    return finish(figure)


def heat(frame: pd.DataFrame) -> Figure:
    """Map the median test RMSE over bandwidth and width, a panel a target; dots mark the best bandwidth of a width.

    ``frame``: rows of ``widths`` with columns bandwidth, width, target, seed, metric, value.
    """
    rows = frame[frame["metric"] == "test rmse"]
    targets = list(dict.fromkeys(rows["target"]))
    middle = rows.groupby(["target", "width", "bandwidth"])["value"].median()
    figure, panels = plt.subplots(1, len(targets), figsize=(3.1 * len(targets), 3.1), squeeze=False, sharey=True)
    scale = LogNorm(max(middle.min(), 1e-12), middle.max())
    for axes, target in zip(panels[0], targets, strict=True):
        table = middle[target].unstack("bandwidth")
        image = axes.pcolormesh(table.to_numpy(), norm=scale, cmap="magma", rasterized=True)
        best = table.to_numpy().argmin(axis=1)
        axes.plot(best + 0.5, np.arange(len(best)) + 0.5, "o", color="white", markersize=4, markeredgecolor="black")
        axes.set_xticks(np.arange(table.shape[1]) + 0.5, [f"{v:g}" for v in table.columns], rotation=90)
        axes.set_yticks(np.arange(table.shape[0]) + 0.5, [f"{v:g}" for v in table.index])
        axes.set(title=target, xlabel="bandwidth $\\lambda$")
    panels[0][0].set_ylabel("nodes $d$")
    finished = finish(figure)
    finished.colorbar(image, ax=list(panels[0]), label="test RMSE", shrink=0.9, pad=0.01)
    return finished


def fits(frame: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """Draw the sharp target, and CO2 of five years, with the net at each bandwidth: median and quartiles over draws.

    Args:
        frame: rows of ``fits`` with columns problem, bandwidth, seed, x, value.
        points: the data, columns problem, x, value.
    """
    names = list(dict.fromkeys(frame["problem"]))
    figure, panels = plt.subplots(len(names), 3, figsize=(11, 2.5 * len(names)), squeeze=False, sharey="row")
    for line, name in zip(panels, names, strict=True):
        bandwidths = sorted(frame.loc[frame["problem"] == name, "bandwidth"].unique())
        for axes, bandwidth in zip(line, bandwidths, strict=True):
            rows = frame[(frame["problem"] == name) & (frame["bandwidth"] == bandwidth)]
            data = points[points["problem"] == name]
            style = (
                {"color": "black", "linewidth": 1}
                if name == "LW"
                else {"color": "0.4", "marker": ".", "linestyle": "", "rasterized": True}
            )
            axes.plot(data["x"], data["value"], **style)
            groups = rows.groupby("x")["value"]
            axes.plot(groups.median().index, groups.median(), color=RED, linewidth=1.2)
            low, high = groups.quantile(0.25), groups.quantile(0.75)
            axes.fill_between(low.index, low, high, color=RED, alpha=0.25, linewidth=0)
            axes.set(title=f"{name}, $\\lambda$ = {bandwidth:g}", xlabel="x" if name == "LW" else "year")
        line[0].set_ylabel("f(x)" if name == "LW" else "CO$_2$, ppm")
    return finish(figure)


def plateaus(frame: pd.DataFrame, operator: pd.DataFrame) -> Figure:
    """Draw the test RMSE on the sharp target over the width; dashed: the floor the operator's spectrum predicts.

    ``frame``: rows of ``widths``; ``operator``: rows of ``operator``.
    """
    rows = frame[(frame["metric"] == "test rmse") & (frame["target"] == "LW")]
    floors = operator[(operator["metric"] == "floor") & (operator["target"] == "LW")]
    floors = floors.set_index("bandwidth")["value"]
    shown = [b for b in sorted(rows["bandwidth"].unique()) if b in floors.index]
    figure, axes = plt.subplots(figsize=(7, 4.2))
    for bandwidth, colour in zip(shown, shades(len(shown)), strict=True):
        part = rows[rows["bandwidth"] == bandwidth]
        median_line(axes, part, "width", color=colour, label=f"{bandwidth:g}")
        axes.axhline(floors[bandwidth], color=colour, linestyle="--", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="nodes $d$", ylabel="test RMSE", ylim=(1e-5, 0.2))
    legend(axes, title="bandwidth", loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def spectrum(operator: pd.DataFrame) -> Figure:
    """Draw the operator's singular values by bandwidth, and what is left of the sharp target at a budget."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
    bandwidths = sorted(operator["bandwidth"].unique())
    for bandwidth, colour in zip(bandwidths, shades(len(bandwidths)), strict=True):
        rows = operator[operator["bandwidth"] == bandwidth]
        values = rows[rows["metric"] == "singular value"].sort_values("index")
        relative = values["value"] / values["value"].iloc[0]
        left.plot(values["index"] + 1, relative, color=colour, label=f"{bandwidth:g}")
        budget = rows[(rows["metric"] == "budget error") & (rows["target"] == "LW")]
        right.plot(budget["budget"], budget["value"], color=colour, label=f"{bandwidth:g}")
    for name, eps in (("float16", FLOAT16), ("float32", FLOAT32), ("float64", FLOAT64)):
        left.axhline(eps, linestyle=":", **GREY)
        left.text(250, eps, f" {name}", fontsize=7, va="bottom", ha="right")
    left.set(yscale="log", ylim=(1e-18, 2), xlim=(0, 256), xlabel="index", ylabel="singular value / largest")
    right.set(
        xscale="log", yscale="log", xlabel="norm allowed, $B$", ylabel="least RMSE on LW, $E_B$", ylim=(1e-7, 0.2)
    )
    legend(right, title="bandwidth", loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def regimes(frame: pd.DataFrame) -> Figure:
    """Draw errors over the width for a smooth and the sharp target: exponential decay and a wall, in one picture."""
    rows = frame[frame["metric"] == "test rmse"]
    wanted = [b for b in (1, 10, 100) if b in set(rows["bandwidth"])]
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    for axes, target, title in zip(panels, ("sin1", "LW"), ("one period", "sharp target"), strict=True):
        for bandwidth, colour in zip(wanted, (BLUE, GREEN, RED), strict=False):
            part = rows[(rows["target"] == target) & (rows["bandwidth"] == bandwidth)]
            median_line(axes, part, "width", color=colour, label=f"{bandwidth:g}")
        axes.set(xscale="log", yscale="log", xlabel="nodes $d$", title=title)
    panels[0].set_ylabel("test RMSE")
    legend(panels[1], title="bandwidth")
    return finish(figure)
