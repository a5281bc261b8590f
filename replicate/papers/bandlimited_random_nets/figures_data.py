"""Figures about real data and other nets: tidy frames in, matplotlib figures out; None where nothing was run."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replicate.drawing import BLUE, COLOURS, GREY, RED

from .drawing import finish, legend, median_line, shades


def series(frame: pd.DataFrame, predicted: dict[str, tuple[float, str]]) -> Figure:
    """Draw the test RMSE on each series over the bandwidth, a line a width; the vertical line is the prediction.

    Args:
        frame: rows of ``series`` with columns series, bandwidth, width, metric, value.
        predicted: by series, the bandwidth its cycle asks for and what to call the cycle.
    """
    names = list(dict.fromkeys(frame["series"]))
    figure, panels = plt.subplots(1, len(names), figsize=(5.2 * len(names), 3.5), squeeze=False)
    rows = frame[frame["metric"] == "test rmse"]
    for axes, name in zip(panels[0], names, strict=True):
        widths = sorted(rows["width"].unique())
        for width, colour in zip(widths, shades(len(widths)), strict=True):
            part = rows[(rows["series"] == name) & (rows["width"] == width)]
            median_line(axes, part, "bandwidth", color=colour, label=f"{width} nodes")
        place, cycle = predicted[name]
        axes.axvline(place, **GREY)
        axes.text(place * 1.05, axes.get_ylim()[1], cycle, fontsize=8, va="top")
        unit = {"co2": "ppm"}.get(name, "number")
        axes.set(xscale="log", xlabel="bandwidth $\\lambda$", ylabel=f"test RMSE ({unit})", title=name)
    legend(panels[0][0], loc="lower left")
    return finish(figure)


def seasons(frame: pd.DataFrame) -> Figure:
    """Draw the amplitude of the residual of weekly CO2 over the frequency for a narrow and a wide box.

    ``frame``: rows of ``residual_spectrum`` with columns bandwidth, frequency, value.
    """
    figure, axes = plt.subplots(figsize=(7, 3.2))
    for (bandwidth, rows), colour in zip(frame.groupby("bandwidth"), (BLUE, RED), strict=True):
        axes.plot(rows["frequency"], rows["value"], color=colour, linewidth=1, label=f"bandwidth {bandwidth:g}")
    axes.set(xlabel="cycles a year", ylabel="amplitude (ppm)", ylim=(0, None))
    legend(axes)
    return finish(figure)


def pictures(images: dict[str, np.ndarray], labels: dict[str, str]) -> Figure:
    """Draw a photograph and what nets of growing bandwidth make of it, with the signal-to-noise ratio below each."""
    figure, panels = plt.subplots(1, len(images), figsize=(2.1 * len(images), 2.2), squeeze=False)
    for axes, (name, image) in zip(panels[0], images.items(), strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], xlabel=labels[name])
        axes.set_title(name, fontsize=9)
        axes.xaxis.label.set_size(8)
    return finish(figure)


def baselines(frame: pd.DataFrame, remedies: pd.DataFrame) -> Figure | None:
    """Draw errors on the sharp target by where weights are drawn, over the bandwidth; level lines are adaptive nets.

    ``frame``: rows of ``baselines``; ``remedies``: rows of ``remedies``. The width is 100.
    """
    if not len(frame):
        return None
    figure, axes = plt.subplots(figsize=(7, 3.8))
    rows = frame[frame["width"] == 100]
    for (name, part), colour in zip(rows.groupby("placement", sort=False), COLOURS, strict=False):
        median_line(axes, part, "bandwidth", color=colour, label=name)
    wanted = remedies[(remedies["width"] == 100) & (remedies["metric"] == "test rmse")] if len(remedies) else remedies
    for (name, part), style in zip(wanted.groupby("remedy") if len(wanted) else (), ("--", "-.", ":"), strict=False):
        axes.axhline(part["value"].median(), linestyle=style, color="black", linewidth=1, label=name)
    axes.set(xscale="log", yscale="log", xlabel="bandwidth $\\lambda$", ylabel="test RMSE on LW, 100 nodes")
    legend(axes, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def incremental(frame: pd.DataFrame, refitted: pd.DataFrame) -> Figure | None:
    """Draw the training error of the incremental net beside the refitted one (dashed), a colour a bandwidth.

    ``frame``: rows of ``incremental``; ``refitted``: rows of ``widths``.
    """
    if not len(frame):
        return None
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    refitted = refitted[(refitted["target"] == "LW") & (refitted["metric"] == "train rmse")]
    for (bandwidth, part), colour in zip(frame.groupby("bandwidth"), COLOURS, strict=False):
        median_line(axes, part, "width", color=colour, label=f"{bandwidth:g}, never refitted")
        other = refitted[refitted["bandwidth"] == bandwidth]
        if len(other):
            median_line(axes, other, "width", color=colour, label=f"{bandwidth:g}, least squares", linestyle="--")
    axes.set(xscale="log", yscale="log", ylim=(1e-5, 0.2), xlabel="nodes", ylabel="training RMSE on LW")
    legend(axes, title="bandwidth", loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def control(frame: pd.DataFrame) -> Figure | None:
    """Draw the explained variance on the diabetes data over the bandwidth, mean and range over folds."""
    if not len(frame):
        return None
    figure, axes = plt.subplots(figsize=(5, 3.2))
    groups = frame.groupby("bandwidth")["value"]
    axes.plot(groups.mean().index, groups.mean(), "o-", color=BLUE)
    axes.fill_between(groups.min().index, groups.min(), groups.max(), color=BLUE, alpha=0.18, linewidth=0)
    axes.axhline(0, **GREY)
    axes.set(xscale="log", xlabel="bandwidth $\\lambda$", ylabel="$R^2$ on held-out folds")
    return finish(figure)
