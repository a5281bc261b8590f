"""Figures of accuracies: tidy frames in, matplotlib figures out, published values overlaid as hollow markers."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from replicate.drawing import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, YELLOW, finish

from . import published
from .measures import Networks, where

COLOURS = {
    "all": "0",
    "all_but_bn": "0.6",
    "bn": BLUE,
    "bn_output": SKY,
    "bn_shortcut": SKY,
    "bn_shortcut_output": GREEN,
    "shortcut_output": ORANGE,
    "output": RED,
    "shortcut": YELLOW,
    "random_k": PURPLE,
    "random_global": PURPLE,
    "random_layer": PURPLE,
    "gamma": SKY,
    "beta": SKY,
    "none": "0.7",
}
LABELS = {
    "all": "all",
    "all_but_bn": "all but $\\gamma$, $\\beta$",
    "bn": "BatchNorm only",
    "bn_output": "BN + output",
    "bn_shortcut": "BN + shortcut",
    "bn_shortcut_output": "BN + shortcut + output",
    "shortcut_output": "shortcut + output",
    "output": "output only",
    "random_k": "2 random weights per channel",
    "random_global": "as many random weights",
    "random_layer": "as many in one layer",
    "gamma": "$\\gamma$ only",
    "beta": "$\\beta$ only",
    "none": "nothing",
}
CHANCE: dict[str, Any] = {"color": "0.6", "linestyle": ":", "linewidth": 1}
_WIDE = 3.6


def conditions(networks: Networks, untrained: pd.DataFrame, controls: pd.DataFrame) -> Figure | None:
    """Test accuracy of the base network under every condition: dots are seeds, bars their mean."""
    rows = _ends(networks)
    if rows.empty:
        return None
    size = where(networks.frame, metric="trained parameters")
    entries = []
    for (condition, init), group in rows.groupby(["condition", "norm_init"]):
        if init != "uniform" and condition != "all_but_bn":
            continue
        count = where(size, condition=condition, depth=networks.depth, width=1)["value"].iloc[0]
        label = LABELS.get(condition, condition) + (" ($\\gamma$ = 1)" if init == "fixed" else "")
        entries.append((group["value"].mean(), label, count, group["value"], COLOURS.get(condition, "0.5")))
    if len(controls):
        values = 100 * where(controls, metric="accuracy")["value"]
        count = where(controls, metric="trained parameters")["value"].iloc[0]
        entries.append((values.mean(), "random subspace", count, values, PURPLE))
    if len(untrained):
        for statistics, rows in untrained.groupby("statistics"):
            entries.append(
                (100 * rows["value"].mean(), f"nothing, statistics {statistics}", 0, 100 * rows["value"], "0.7")
            )
    return _bars(sorted(entries), networks.dataset)


def _ends(networks: Networks) -> pd.DataFrame:
    frame = networks.frame
    if frame.empty:
        return frame
    rows = where(frame, metric="accuracy", split="test", family="resnet", depth=networks.depth, width=1, norms="batch")
    rows = where(rows[rows["step"] == rows["epochs"]], disabled=0.0, decay=float(networks.decay))
    return rows.assign(value=100 * rows["value"])


def _bars(entries: list, dataset: str) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(entries) + 1.1))
    for place, (mean, _, count, values, colour) in enumerate(entries):
        axes.barh(place, mean, color=colour, alpha=0.35, height=0.7)
        axes.plot(values, np.full(len(values), place), "o", color=colour, markersize=4)
        axes.text(max(values) + 1, place, f"{mean:.1f} %   ({count:,.0f} trained)", va="center", fontsize=8)
    axes.axvline(10, **CHANCE)
    axes.set(yticks=range(len(entries)), yticklabels=[label for _, label, *_ in entries])
    axes.set(xlabel=f"test accuracy after the last epoch in %, {dataset}  (dotted: chance)")
    axes.set_xlim(0, max(e[0] for e in entries) * 1.35 + 5)
    return finish(figure)


def over_size(networks: Networks, width_depth: int) -> Figure | None:
    """Accuracy over depth and over width, a line a condition with its standard deviation; hollow: the paper."""
    depth, width = _series(networks, "depth", None), _series(networks, "width", width_depth)
    if depth.empty and width.empty:
        return None
    figure, panels = plt.subplots(1, 2, figsize=(11, _WIDE), sharey=True)
    for axes, ours, axis in ((panels[0], depth, "depth"), (panels[1], width, "width")):
        for condition, rows in ours.groupby("condition"):
            _line(axes, rows[axis], rows["value"], COLOURS.get(condition, "0.5"), LABELS.get(condition, condition))
        _published(axes, axis)
        axes.axhline(10, **CHANCE)
        axes.set_xscale("log")
        ticks = sorted({*ours[axis], *published.of_paper(published.accuracies())[axis]}) if len(ours) else None
        if ticks:
            axes.set_xticks(ticks, [f"{t:g}" for t in ticks], fontsize=7)
            axes.minorticks_off()
    panels[0].set(xlabel="depth (base width)", ylabel="test accuracy in %", title=f"ours: {networks.dataset}")
    panels[1].set(
        xlabel=f"width, multiple of 16 (ours: depth {width_depth}; paper: 14)", title="hollow: paper, CIFAR-10"
    )
    named = [entry for axes in panels for entry in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in named}
    panels[1].legend(
        handles.values(), handles.keys(), frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1)
    )
    return finish(figure)


def _series(networks: Networks, axis: str, depth: int | None) -> pd.DataFrame:
    frame = networks.frame
    if frame.empty:
        return frame
    rows = where(frame, metric="accuracy", split="test", family="resnet", norms="batch", norm_init="uniform")
    rows = where(rows[rows["step"] == rows["epochs"]], disabled=0.0, decay=float(networks.decay))
    rows = where(rows, width=1) if axis == "depth" else where(rows, depth=depth)
    several = rows.groupby("condition")[axis].nunique()
    rows = rows[rows["condition"].isin(several[several > 1].index)]
    return rows.assign(value=100 * rows["value"])


def _line(axes: Axes, x: pd.Series, y: pd.Series, colour: str, label: str) -> None:
    found = y.groupby(x).agg(["mean", "std"]).fillna(0)
    axes.plot(found.index, found["mean"], "o-", color=colour, markersize=4, label=label)
    axes.fill_between(
        found.index, found["mean"] - found["std"], found["mean"] + found["std"], color=colour, alpha=0.2, lw=0
    )


def _published(axes: Axes, axis: str) -> None:
    rows = published.of_paper(published.accuracies())
    rows = rows[rows["width"] == 1] if axis == "depth" else rows[rows["depth"] == 14]
    for condition, group in rows.groupby("condition"):
        if condition in COLOURS:
            group = group.sort_values(axis)
            style: dict[str, Any] = {
                "marker": "o",
                "fillstyle": "none",
                "markersize": 5,
                "linestyle": "-",
                "linewidth": 0.5,
                "alpha": 0.8,
            }
            label = f"{LABELS[condition]}, paper"
            axes.plot(group[axis], group["accuracy"], color=COLOURS[condition], **style, label=label)


def learning_curves(curves: pd.DataFrame, networks: Networks) -> Figure | None:
    """Test accuracy (line, or a dot after the last epoch) and training accuracy (thin) by epoch; hollow: published."""
    frame = curves if len(curves) else where(networks.frame, depth=networks.depth, width=1, norm_init="uniform")
    frame = where(frame, metric="accuracy")
    if "decay" in frame:
        frame = where(frame, decay=float(networks.decay))
    frame = frame[frame["condition"].isin(["all", "bn", "bn_shortcut_output"])] if len(frame) else frame
    if frame.empty:
        return None
    figure, axes = plt.subplots(figsize=(8, _WIDE))
    for condition, rows in frame.groupby("condition"):
        colour = COLOURS[condition]
        for split, style in (("test", {"linewidth": 1.5}), ("train", {"linewidth": 0.6, "linestyle": "--"})):
            mean = where(rows, split=split).groupby("step")["value"].mean()
            label = f"{LABELS[condition]}, ours, {split}"
            dot: dict[str, Any] = {"marker": "o", "markersize": 4} if len(mean) == 1 else {}
            axes.plot(mean.index, 100 * mean, color=colour, **style, **dot, label=label)
    depth, last = int(frame["depth"].iloc[0]), frame["step"].max()
    if last >= 100:
        for (condition, source), rows in published.curves().groupby(["condition", "source"]):
            rows = rows[rows["depth"] == depth]
            marker = "o" if source.startswith(published.PAPER) else "s"
            hollow: dict[str, Any] = {"marker": marker, "fillstyle": "none", "markersize": 5, "linestyle": "none"}
            if len(rows):
                axes.plot(rows["epoch"], rows["accuracy"], color=COLOURS[condition], **hollow, label=source)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="accuracy in %", title=f"ResNet-{depth}, {networks.dataset}")
    axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def starts(networks: Networks) -> Figure | None:
    """Accuracy of BatchNorm only by the start of gamma and beta, differences from U(0, 1) paired by seed."""
    values = {name: networks.accuracy(norm_init=name) for name in ("uniform", "fixed", "oneone", "positivenegative")}
    values = {name: v for name, v in values.items() if len(v)}
    if len(values) < 2:
        return None
    labels = {"uniform": "U(0, 1), 0", "fixed": "1, 0", "oneone": "1, 1", "positivenegative": "U(−1, 1), 0"}
    figure, axes = plt.subplots(figsize=(5, 3.2))
    table = pd.DataFrame(values)
    for _, row in table.iterrows():
        axes.plot(range(len(row)), row, "o-", color=COLOURS["bn"], alpha=0.5, linewidth=0.8, markersize=4)
    axes.plot(range(table.shape[1]), table.mean(), "_", color="k", markersize=22)
    axes.set(
        xticks=range(table.shape[1]), xticklabels=[labels[c] for c in table], xlabel="start of $\\gamma$, $\\beta$"
    )
    axes.set(
        ylabel="test accuracy in %", title=f"BatchNorm only, {networks.dataset}", xlim=(-0.5, table.shape[1] - 0.5)
    )
    return finish(figure)


def disabled(networks: Networks) -> Figure | None:
    """Accuracy of BatchNorm only over the share of features switched off before training."""
    shares = sorted(set(networks.frame["disabled"])) if len(networks.frame) else []
    points = [(s, networks.accuracy(disabled=float(s))) for s in shares]
    points = [(s, v) for s, v in points if len(v)]
    if len(points) < 2:
        return None
    figure, axes = plt.subplots(figsize=(5, 3.2))
    x, y = np.concatenate([[s] * len(v) for s, v in points]), np.concatenate([v for _, v in points])
    _line(axes, pd.Series(x), pd.Series(y), COLOURS["bn"], "BatchNorm only")
    axes.axhline(10, **CHANCE)
    axes.set(xlabel="share of channels with $\\gamma = \\beta = 0$ from the start", ylabel="test accuracy in %")
    return finish(figure)
