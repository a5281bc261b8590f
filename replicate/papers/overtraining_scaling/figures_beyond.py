"""Figures on what the fit was spared: intervals, other designs, other laws, less compute."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replicate.drawing import BLUE, GREEN, GREY, RED, finish

from . import designs
from .figures import COLOURS
from .measures import OFF

LADDER = (
    ("I1", "default design"), ("I1", "small, M >= 20"), ("I2", "small, M >= 20"), ("pairs", "small, M >= 20"),
    ("I3", "default design"),
)  # fmt: skip


def ladder(frame: pd.DataFrame) -> Figure:
    """Intervals of every kind around the predicted loss, the truth as a line, one panel a large run."""
    frame = frame[frame["evaluation"] == "c4_val"]
    wide = frame[frame["metric"].isin(["low", "high", "predicted", "measured"])].pivot(
        index=["training_set", "size", "M", "interval", "pool"], columns="metric", values="value"
    )
    runs = list(
        dict.fromkeys(zip(*(wide.index.get_level_values(k) for k in ("training_set", "size", "M")), strict=True))
    )
    columns = 3
    figure, panels = plt.subplots(
        -(-len(runs) // columns),
        columns,
        figsize=(12, 1.9 * -(-len(runs) // columns) + 0.6),
        sharey=True,
        squeeze=False,
    )
    for axes, run in zip(panels.flat, runs, strict=False):
        for height, kind in enumerate(LADDER):
            if (*run, *kind) in wide.index:
                row = wide.loc[(*run, *kind)]
                outside = not row["low"] <= row["measured"] <= row["high"]
                colour = RED if outside else BLUE
                axes.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=2)
                axes.plot(row["predicted"], height, "o", color=colour, markersize=4)
        axes.axvline(row["measured"], color="black", linewidth=0.9)
        axes.set_title(f"{run[0]}, {run[1]}, M = {run[2]:g}", fontsize=9)
        axes.set_yticks(range(len(LADDER)), [f"{kind}, {pool}" for kind, pool in LADDER], fontsize=8)
        axes.set_xlabel("C4 loss")
        axes.invert_yaxis() if axes is panels[0][0] else None
    return finish(figure)


def designs_forest(frame: pd.DataFrame) -> Figure | None:
    """Signed errors of the three large runs, a row a design; anchors as a range (ours); None when it was not run."""
    if frame.empty:
        return None
    frame = frame[frame["evaluation"] == "c4_val"]
    names = [name for name in designs.DESIGNS if name in set(frame["design"])]
    groups = {"anchor: other, M >= 40": (40, 640), "anchor: M <= 10": (5, 10)}
    order = [*names, *groups]
    sets = list(dict.fromkeys(frame["training_set"]))
    figure, panels = plt.subplots(1, len(sets), figsize=(3 + 3.4 * len(sets), 6), sharey=True, squeeze=False)
    for axes, training_set in zip(panels[0], sets, strict=True):
        rows = frame[frame["training_set"] == training_set]
        for (size, m), colour in zip(_targets(rows), (BLUE, RED, GREEN), strict=True):
            one = rows[(rows["size"] == size) & (rows["M"] == m)].set_index("design")
            at = one.loc[names, "value"].clip(-20, 20)
            axes.plot(at, range(len(names)), "o", color=colour, markersize=5, label=f"{size}, M = {m:g}")
            for k, (low, high) in enumerate(groups.values(), start=len(names)):
                others = one[one["kind"] == "anchor"]
                anchor = others.index.str.rpartition("/").get_level_values(2).astype(float)
                part = others["value"][(anchor >= low) & (anchor <= high)].clip(-20, 20)
                axes.plot([part.min(), part.max()], [k, k], color=colour, linewidth=2, alpha=0.6)
        axes.axvspan(-1, 1, color="0.9", zorder=0)
        axes.axvline(0, **GREY)
        axes.set(title=training_set, xlabel="relative error of loss, %", xlim=(-21, 21))
        axes.set_yticks(range(len(order)), order, fontsize=8)
        axes.legend(frameon=False, fontsize=7, loc="lower right")
    panels[0][0].invert_yaxis()
    return finish(figure)


def _targets(rows: pd.DataFrame) -> list[tuple[str, float]]:
    return list(dict.fromkeys(zip(rows["size"], rows["M"], strict=True)))


def baselines(frame: pd.DataFrame) -> Figure | None:
    """Absolute errors of nine large runs under every law and estimator, their median as a bar; None if not run."""
    if frame.empty:
        return None
    rows = frame[(frame["target"] == "loss") & (frame["evaluation"] == "c4_val")].assign(off=lambda r: r["value"].abs())
    order = rows.groupby("baseline")["off"].median().sort_values(ascending=False)
    figure, axes = plt.subplots(figsize=(7, 3.8))
    axes.barh(range(len(order)), order, color="0.85")
    for training_set, part in rows.groupby("training_set"):
        heights = [list(order.index).index(name) for name in part["baseline"]]
        axes.plot(part["off"], heights, "o", color=COLOURS[training_set], markersize=4, label=training_set)
    axes.set_yticks(range(len(order)), order.index, fontsize=8)
    axes.set(xscale="symlog", xlabel=f"absolute {OFF}: nine large runs, bar: median", xlim=(0, 30))
    axes.set_xticks([0, 1, 3, 10, 30], ["0", "1", "3", "10", "30"])
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def windows(frame: pd.DataFrame, predictions: pd.DataFrame) -> Figure | None:
    """Errors over the compute of random subsets (figures 14 to 16), medians a decade, the default design as a star."""
    if frame.empty:
        return None
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
    for axes, target in zip(panels, ("loss", "error17"), strict=True):
        for (size, colour), m in zip((("1.4B", BLUE), ("6.9B", RED)), (640, 20), strict=True):
            rows = frame[(frame["target"] == target) & (frame["size"] == size) & (frame["identified"] == 1)]
            axes.plot(rows["C"], rows["value"], ".", color=colour, alpha=0.25, markersize=4, rasterized=True)
            middle = rows.groupby(np.floor(2 * np.log10(rows["C"])) / 2)["value"].median()
            label = f"{size}, M = {m}: median a half-decade"
            axes.plot(10 ** (middle.index + 0.25), middle, "-", color=colour, label=label)
            _star(axes, predictions, target, size, m, colour)
        axes.set(xscale="log", yscale="log", xlabel="compute of the fitted runs, FLOPs", title=target, ylim=(0.01, 300))
    panels[0].set_ylabel(OFF)
    panels[0].legend(frameon=False, fontsize=8)
    return finish(figure)


def _star(axes, predictions: pd.DataFrame, target: str, size: str, m: int, colour: str) -> None:
    rows = predictions[(predictions["training_set"] == "RedPajama") & (predictions["target"] == target)]
    compute = rows["C"][(rows["fitted"] == 1) & (rows["metric"] == OFF)].sum()
    off = rows["value"][(rows["size"] == size) & (rows["M"] == m) & (rows["metric"] == OFF)].abs()
    axes.plot([compute] * len(off), off, "*", color=colour, markeredgecolor="black", markersize=13)


def frontier(frame: pd.DataFrame) -> Figure | None:
    """Loss over compute of the grid search's frontier and the selected runs (figure 4); None when it was not run."""
    if frame.empty:
        return None
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    value = frame.set_index(["points", "metric"])["value"]
    for name, run, colour in (("frontier", "frontier run", BLUE), ("four selected", "selected run", RED)):
        rows = frame[frame["points"] == run]
        axes.plot(rows["C"], rows["value"], "o", color=colour, markersize=4)
        at = frame[(frame["points"] == name) & (frame["metric"] == "predicted loss")].set_index("size")["value"]
        compute = [120 * n * n for n in (1_439_795_200, 6_889_410_560)]
        eta, floor = value[name, "eta"], value[name, "E"]
        label = f"{name}: eta = {eta:.3f}, E = {floor:.2f}"
        axes.plot(compute, at[["1.4B", "6.9B"]], "s", mfc="none", color=colour, label=label)
    low = frame[(frame["points"] == "frontier") & frame["metric"].isin(["low, 95 %", "high, 95 %"])]
    for c, size in zip(compute, ("1.4B", "6.9B"), strict=True):
        axes.plot([c, c], low["value"][low["size"] == size], color=BLUE, linewidth=1)
    axes.set(xscale="log", xlabel="compute, FLOPs", ylabel="OpenLM loss (open: predicted, 95 %)")
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def profile(frame: pd.DataFrame) -> Figure | None:
    """Scatter of the default fit over E held fixed, and what it predicts (ours); None when it was not run."""
    if frame.empty:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
    for training_set, rows in frame.groupby("training_set", sort=False):
        scatter = rows[rows["metric"] == "residual rms"]
        left.plot(scatter["E"], scatter["value"], color=COLOURS[training_set], label=training_set)
        largest = rows[(rows["metric"] == "predicted loss") & (rows["size"] == "1.4B") & (rows["M"] > 20)]
        right.plot(largest["E"], largest["value"], color=COLOURS[training_set])
    left.set(xlabel="E held at, nats", ylabel="residual rms of five runs", ylim=(0, None))
    right.set(xlabel="E held at, nats", ylabel="predicted loss of 1.4B at its largest M")
    left.legend(frameon=False, fontsize=8)
    return finish(figure)
