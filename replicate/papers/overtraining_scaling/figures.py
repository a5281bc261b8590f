"""Figures on predictions: tidy frames in, matplotlib figures out, the paper's values beside ours."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm, TwoSlopeNorm
from matplotlib.figure import Figure

from replicate.drawing import BLUE, GREEN, GREY, RED, finish, look

from . import designs
from .laws import ErrorLaw, LossLaw
from .measures import OFF, errors, large_errors
from .published import table

COLOURS = {"C4": BLUE, "RedPajama": RED, "RefinedWeb": GREEN}
MARKERS = dict(zip((*designs.SMALL, "1.4B", "6.9B"), "osD^Pv", strict=True))


def _law(frame: pd.DataFrame, cls, target: str):
    rows = frame[(frame["target"] == target) & frame["coefficient"].notna()]
    found = rows.set_index("coefficient")["value"]
    return cls(**{name: found[name] for name in cls.__dataclass_fields__})


def figure_one(predictions: pd.DataFrame, ladder: pd.DataFrame, training_set: str = "RedPajama") -> Figure | None:
    """Reducible loss over compute and 17-task error over loss (figure 1), predictions with I3 and I4 bars.

    ``predictions``: rows of ``default_fits``; ``ladder``: rows of ``interval_ladder`` (bars are left out without I3).
    """
    frame = predictions[predictions["training_set"] == training_set]
    if frame.empty:
        return None
    law, error_law = _law(frame, LossLaw, "loss"), _law(frame, ErrorLaw, "error17")
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6))
    _loss_panel(left, frame, law, _bars(ladder, training_set, "I3"))
    _error_panel(right, frame, error_law, _bars(ladder, training_set, "I4"))
    return finish(figure)


def _bars(ladder: pd.DataFrame, training_set: str, interval: str) -> pd.DataFrame:
    rows = ladder[(ladder["training_set"] == training_set) & (ladder["evaluation"] == "c4_val")]
    rows = rows[(rows["interval"] == interval) & rows["metric"].isin(["predicted", "low", "high"])]
    return rows.pivot(index=["size", "M"], columns="metric", values="value") if len(rows) else pd.DataFrame()


def _wide(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    rows = frame[(frame["target"] == target) & frame["metric"].isin(["predicted", "measured"])]
    return rows.pivot(index=["size", "M", "C", "fitted"], columns="metric", values="value").reset_index()


def _loss_panel(axes, frame: pd.DataFrame, law: LossLaw, bars: pd.DataFrame) -> None:
    wide, norm, colours = _wide(frame, "loss"), LogNorm(5, 640), plt.get_cmap("viridis")
    fitted = wide["C"][wide["fitted"] == 1].max()
    for m, rows in wide.groupby("M"):
        low, high = rows["C"].min(), rows["C"].max()
        for grid, style in ((np.geomspace(low, min(high, fitted)), "-"), (np.geomspace(min(high, fitted), high), "--")):
            axes.plot(grid, law.at(grid, m) - law.E, style, color=colours(norm(m)), linewidth=0.8)
    for size, rows in wide.groupby("size"):
        shade = {"c": rows["M"], "cmap": colours, "norm": norm, "marker": MARKERS[size], "s": 28}
        axes.scatter(rows["C"], rows["measured"] - law.E, **shade)
        axes.plot([], [], MARKERS[size], color="0.4", label=size)
    for (size, m), bar in bars.iterrows():
        c = wide["C"][(wide["size"] == size) & (wide["M"] == m)].item()
        low, middle, high = bar["low"] - law.E, bar["predicted"] - law.E, bar["high"] - law.E
        error = [[middle - max(low, 1e-3)], [high - middle]]
        axes.errorbar(c, middle, yerr=error, fmt=MARKERS[size], mfc="none", color=RED, capsize=3, markersize=9)
    axes.set(xscale="log", yscale="log", xlabel="compute C = 6ND, FLOPs", ylabel=f"C4 loss - E (E = {law.E:.2f})")
    axes.legend(frameon=False, fontsize=8, title="measured; open: predicted", title_fontsize=8)
    scale = plt.cm.ScalarMappable(norm=norm, cmap=colours)
    axes.figure.colorbar(scale, ax=axes, label="M, tokens a parameter", ticks=[5, 20, 80, 320], format="%d")


def _error_panel(axes, frame: pd.DataFrame, law: ErrorLaw, bars: pd.DataFrame) -> None:
    error, loss = _wide(frame, "error17"), _wide(frame, "loss").set_index(["size", "M"])
    at = error.set_index(["size", "M"]).index
    noise = frame[(frame["metric"] == "binomial error, %") & (frame["target"] == "error17")]
    half = 1.645 * noise.set_index(["size", "M"])["value"].reindex(at).to_numpy() / 100 * error["measured"].to_numpy()
    x = loss["measured"].reindex(at).to_numpy()
    axes.errorbar(x, error["measured"], yerr=half, fmt=".", color="0.5", linewidth=0.8, label="measured, binomial 90 %")
    chosen = (error["fitted"] == 1).to_numpy()
    axes.plot(x[chosen], error["measured"][chosen], "o", color=BLUE, label="fitted")
    grid = np.linspace(x.min() - 0.1, x.max(), 200)
    axes.plot(grid, law.at(grid), color=BLUE, linewidth=0.8)
    for (size, m), bar in bars.iterrows():
        middle = bar["predicted"]
        yerr = [[middle - bar["low"]], [bar["high"] - middle]]
        place = loss["predicted"][size, m]
        axes.errorbar(place, middle, yerr=yerr, fmt=MARKERS[size], mfc="none", color=RED, capsize=3, markersize=9)
    axes.invert_xaxis()
    axes.set(xlabel="C4 loss, nats a token", ylabel="top-1 error, average of 17 tasks")
    axes.legend(frameon=False, fontsize=8)


def error_grid(predictions: pd.DataFrame, *, signed: bool = False) -> Figure:
    """Relative errors of loss over N and M (figure 5), fitted cells outlined; ``signed`` shows too high and too low."""
    sets = list(dict.fromkeys(predictions["training_set"]))
    figure, panels = plt.subplots(1, len(sets), figsize=(1.5 + 4.1 * len(sets), 3.6), squeeze=False)
    norm = TwoSlopeNorm(0, -5, 5) if signed else plt.Normalize(0, 5)
    for axes, training_set in zip(panels[0], sets, strict=True):
        rows = errors(predictions)
        rows = rows[rows["training_set"] == training_set]
        wide = rows.pivot(index="size", columns="M", values="value").reindex(list(MARKERS))
        shown = wide if signed else wide.abs()
        axes.imshow(shown, cmap="RdBu_r" if signed else "Reds", norm=norm, aspect="auto")
        for i, j in np.argwhere(wide.notna().to_numpy()):
            dark = abs(wide.iloc[i, j]) > 3
            text = f"{shown.iloc[i, j]:+.1f}" if signed else f"{shown.iloc[i, j]:.1f}"
            axes.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
        for size, m in designs.LOSS_RUNS:
            corner = (list(wide.columns).index(m) - 0.5, list(wide.index).index(size) - 0.5)
            axes.add_patch(plt.Rectangle(corner, 1, 1, fill=False, edgecolor="black", linewidth=1.6))
        axes.set_xticks(range(wide.shape[1]), [f"{m:g}" for m in wide.columns])
        axes.set_yticks(range(wide.shape[0]), wide.index)
        axes.set(xlabel="M, tokens a parameter", title=f"{training_set}: relative error of loss, %")
    return finish(figure)


def others(frame: pd.DataFrame) -> Figure | None:
    """Printed against own errors on other evaluation sets (figures 7 and 10); None when it was not run."""
    if frame.empty:
        return None
    both = table("others").merge(errors(frame), on=["training_set", "evaluation", "size", "M"])
    figure, axes = plt.subplots(figsize=(7.4, 3.8))
    for k, (name, rows) in enumerate(both.groupby(["training_set", "evaluation"], sort=False)):
        printed = rows["printed"].astype(float)
        style: dict[str, Any] = {"linestyle": "none", "fillstyle": "none", "label": f"{name[0]} on {name[1]}"}
        axes.plot(printed, rows["value"].abs(), **look(k), **style)
    axes.plot([0.3, 30], [0.3, 30], **GREY)
    axes.set(xscale="log", yscale="log", xlabel="printed relative error, %", ylabel="ours, %")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def ranks(predictions: pd.DataFrame) -> Figure:
    """Predicted against measured 17-task error of the large runs (appendix F), beside compute."""
    wide = large_errors(predictions)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for training_set, rows in wide.groupby("training_set"):
        left.plot(rows["predicted"], rows["measured"], "o", color=COLOURS[training_set], label=training_set)
        right.plot(rows["C"], rows["measured"], "o", color=COLOURS[training_set])
    span = [wide["measured"].min() - 0.01, wide["measured"].max() + 0.01]
    left.plot(span, span, **GREY)
    left.set(xlabel="predicted 17-task error", ylabel="measured 17-task error")
    right.set(xscale="log", xlabel="compute, FLOPs")
    right.set_xticks([3e20, 1e21, 3e21, 8e21], ["3e20", "1e21", "3e21", "8e21"], minor=False)
    right.set_xticks([], minor=True)
    left.legend(frameon=False, fontsize=8)
    return finish(figure)


def exponents(frame: pd.DataFrame) -> Figure | None:
    """Exponents over M with shared and with free E (figures 2 and 17); None when it was not run."""
    if frame.empty:
        return None
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    for axes, kind in zip(panels, ("shared", "free"), strict=True):
        axes.axhspan(0.11, 0.15, color="0.92", zorder=0, label="figures 2, 17: all points")
        for training_set, rows in frame[frame["E"] == kind].groupby("training_set", sort=False):
            axes.plot(rows["M"], rows["value"], "o-", color=COLOURS[training_set], markersize=4, label=training_set)
        title = "E of the default fit" if kind == "shared" else "E free: three numbers from four points"
        axes.set(xscale="log", xlabel="M, tokens a parameter", title=title)
        axes.title.set_fontsize(9)
    panels[0].set(ylabel="exponent $\\eta$", ylim=(0, 0.2))
    panels[0].legend(frameon=False, fontsize=8)
    return finish(figure)


def thresholds(frame: pd.DataFrame) -> Figure | None:
    """Error of the averaged task error over the threshold (figure 8), with 90 % intervals; None when it was not run."""
    if frame.empty:
        return None
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for k, (training_set, rows) in enumerate(frame.groupby("training_set", sort=False)):
        wide = rows.pivot(index="threshold", columns="metric", values="value")
        style: dict[str, Any] = {"color": COLOURS[training_set], "markersize": 4, "linewidth": 0.9, "elinewidth": 0.6}
        place = wide.index + k - 1
        axes.errorbar(place, wide[OFF], yerr=wide["half-width, %"], fmt="o-", label=training_set, **style)
    for threshold, count in wide["tasks"].items():
        axes.text(threshold, 62, f"{count:.0f}", ha="center", fontsize=8, color="0.4")
    axes.axvline(10, **GREY)
    axes.axhline(10, color="0.6", linestyle=":", label="the text: below 10 % up to 35")
    axes.set(xlabel="threshold, points above chance (above: tasks left)", ylabel=OFF + " at 6.9B", ylim=(0, 66))
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)
