"""Figures of gammas and features: how small, which layer, needed or not, silent or not."""

from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from replicate import drawing
from replicate.drawing import BLUE, PURPLE, RED, finish

from .affine import SMALL
from .figures import CHANCE, COLOURS, LABELS
from .measures import Networks, transfer_label, where

_LINES = ("-", "--", ":", "-.")


def gammas(networks: Networks, kappa: float | None = None) -> Figure | None:
    """Distribution functions of gamma, beta and |gamma| (log axis), a line a condition and decay; 0.01 is marked.

    ``kappa``: factor of the null model at the matched decay; its line is what decay alone makes of U(0, 1).
    """
    frame = networks.frame
    rows = frame[frame["metric"].str.startswith("quantile")] if len(frame) else frame
    if rows.empty:
        return None
    figure, panels = plt.subplots(1, 3, figsize=(12, 3.4), sharey=True)
    titles = ("gamma", "beta", "|gamma|")
    for axes, name in zip(panels, titles, strict=True):
        for (condition, decay), group in rows[rows["metric"] == f"quantile of {name}"].groupby(["condition", "decay"]):
            line = group.groupby("level")["value"].mean()
            style = _LINES[sorted(rows["decay"].unique()).index(decay) % len(_LINES)]
            label = f"{LABELS[condition]}, $\\lambda$ = {decay:.2g}"
            axes.plot(line, line.index, color=COLOURS[condition], linestyle=style, linewidth=1.3, label=label)
    panels[2].axvline(SMALL, **CHANCE)
    if kappa:
        level = np.linspace(0.001, 1, 200)
        panels[2].plot(kappa * level, level, color="0.6", linewidth=3, alpha=0.6, label="decay alone, matched")
    panels[2].set(xscale="log", xlim=(1e-4, 3), xlabel="$|\\gamma|$  (dotted: 0.01)")
    panels[0].set(xlabel="$\\gamma$", ylabel="share of channels below", xlim=(-1, 2.5))
    panels[1].set(xlabel="$\\beta$", xlim=(-2, 2))
    panels[2].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def by_layer(networks: Networks) -> Figure | None:
    """Share of gammas below 0.01 in every norm of the base network, in the network's order; a bar a condition."""
    rows = _base(networks, "small gammas of a norm")
    if rows.empty:
        return None
    names = [name for name in ("bn", "all") if name in set(rows["condition"])]
    figure, axes = plt.subplots(figsize=(8, 3))
    for i, name in enumerate(names):
        mean = where(rows, condition=name).groupby("layer")["value"].mean()
        width = 0.8 / len(names)
        axes.bar(
            mean.index + (i - (len(names) - 1) / 2) * width, 100 * mean, width, color=COLOURS[name], label=LABELS[name]
        )
    axes.set(xlabel="norm, from the image to the output", ylabel="channels with $|\\gamma| < 0.01$, %")
    axes.set_title(networks.dataset)
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def zeroing(networks: Networks) -> Figure | None:
    """Accuracy when gammas below a threshold are set to 0, and when as many random ones are (band: 10 to 90 %)."""
    small = _base(networks, "accuracy, small gammas zeroed")
    if small.empty:
        return None
    names = [name for name in ("bn", "all") if name in set(small["condition"])]
    figure, panels = plt.subplots(1, len(names), figsize=(4.6 * len(names), 3.3), squeeze=False, sharey=True)
    for axes, name in zip(panels[0], names, strict=True):
        _zeroed(axes, networks, name, small)
    panels[0][0].set(ylabel="test accuracy in %", ylim=(0, None))
    panels[0][-1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def _zeroed(axes: Axes, networks: Networks, name: str, small: pd.DataFrame) -> None:
    random = where(_base(networks, "accuracy, random gammas zeroed"), condition=name)
    before = 100 * where(_base(networks, "accuracy as trained"), condition=name)["value"].mean()
    kept = 100 * where(small, condition=name).groupby("threshold")["value"].mean()
    axes.plot(kept.index, kept, "o-", color=COLOURS[name], label="small gammas")
    if len(random):
        groups = 100 * random.groupby("threshold")["value"].quantile([0.1, 0.5, 0.9]).unstack()
        axes.plot(groups.index, groups[0.5], "s--", color=RED, label="as many random gammas")
        axes.fill_between(groups.index, groups[0.1], groups[0.9], color=RED, alpha=0.2, lw=0)
    axes.axhline(before, color="0.5", linewidth=0.8, label="as trained")
    axes.axhline(10, **CHANCE)
    axes.set(xscale="log", xlabel="threshold of $|\\gamma|$", title=LABELS[name])


def activity(networks: Networks) -> Figure | None:
    """Share of channels that are silent on more than 99 % of image positions, and mean share of zeros, by condition."""
    frame = networks.frame
    rows = frame[frame["metric"].isin(["dead channels", "zero activations"])] if len(frame) else frame
    if rows.empty:
        return None
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
    for axes, metric in zip(panels, ("dead channels", "zero activations"), strict=True):
        found = 100 * rows[rows["metric"] == metric].groupby(["place", "condition", "decay"])["value"].mean()
        labels = [f"{place}\n{LABELS[c]}, $\\lambda$ = {d:.2g}" for place, c, d in found.index]
        axes.barh(range(len(found)), found, color=[COLOURS[c] for _, c, _ in found.index], alpha=0.6)
        axes.set(yticks=range(len(found)), yticklabels=labels, xlabel=f"{metric} in %")
        axes.tick_params(axis="y", labelsize=7)
    return finish(figure)


def expressivity(frame: pd.DataFrame) -> Figure:
    """Error and condition number of reconstructing random targets over the number of random features."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.2))
    for axes, metric in zip(panels, ("error", "condition number"), strict=True):
        sizes = frame[frame["metric"] == metric].groupby(["inputs", "outputs"])
        for ((c0, c2), rows), colour in zip(sizes, drawing.COLOURS, strict=False):
            line = rows.groupby("features")["value"].median()
            axes.plot(line.index / (c0 * c2), line, "o-", color=colour, markersize=4, label=f"target {c2} x {c0}")
        axes.axvline(1, **CHANCE)
        axes.set(yscale="log", xlabel="random features / entries of the target", ylabel=metric)
    panels[0].legend(frameon=False, fontsize=8)
    return finish(figure)


def lottery(frame: pd.DataFrame, dataset: str) -> Figure | None:
    """Accuracy of every pair of start weights (columns) and data order (dots)."""
    if frame.empty:
        return None
    rows = where(frame, metric="accuracy", split="test")
    rows = rows[rows["step"] == rows["epochs"]]
    figure, axes = plt.subplots(figsize=(5, 3.2))
    style: dict[str, Any] = {"marker": "o", "linewidth": 0.6, "markersize": 4}
    for (order, group), colour in zip(rows.groupby("order"), cycle(drawing.COLOURS)):
        axes.plot(group["init"], 100 * group["value"], color=colour, **style, label=f"order {order}")
    axes.set(xlabel="start weights", ylabel="test accuracy in %", title=f"BatchNorm only, {dataset}")
    axes.set_xticks(sorted(rows["init"].unique()))
    axes.legend(frameon=False, fontsize=7)
    return finish(figure)


def transfer(frame: pd.DataFrame) -> Figure | None:
    """Accuracy on the target set by epoch, BatchNorm only around learned and random features: thin lines are seeds."""
    rows = where(frame, metric="accuracy")
    if rows.empty:
        return None
    figure, axes = plt.subplots(figsize=(5.5, 3.2))
    for features, colour in (("learned", BLUE), ("random", PURPLE)):
        group = where(rows, features=features)
        for _, line in group.groupby("seed"):
            axes.plot(line["step"], 100 * line["value"], color=colour, linewidth=0.7, alpha=0.5)
        mean = 100 * group.groupby("step")["value"].mean()
        axes.plot(mean.index, mean, "o-", color=colour, markersize=4, label=f"{features} features")
    axes.axhline(10, **CHANCE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(rows["step"].min() - 0.5, rows["step"].max() + 0.5)
    axes.set(xlabel="epoch on the target set", ylabel="test accuracy in %", title=transfer_label(frame))
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def _base(networks: Networks, metric: str) -> pd.DataFrame:
    rows = where(networks.frame, metric=metric, depth=networks.depth, width=1)
    return where(rows, decay=float(networks.decay)) if len(rows) else rows
