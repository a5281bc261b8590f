"""Figures of the notebook: tidy frames in, matplotlib figures out, published values overlaid."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import expit, logit

from replicate import drawing
from replicate.drawing import BLUE, GREEN, ORANGE, RED, SKY, finish
from replicate.paper import load

from .dimension import D90
from .toy import N_GROUPS, residual_law, targets

COLOURS = {"FC": BLUE, "LeNet": RED, "FC, shuffled": SKY, "LeNet, shuffled": ORANGE}
IDS = {"FC": "C2-dimension", "LeNet": "C3-dimension"}  # claims whose published d90 is drawn
_PUBLISHED: dict[str, Any] = {"color": "0.35", "linestyle": (0, (1, 1.5)), "linewidth": 1.2}


def toy(frame: pd.DataFrame) -> Figure:
    """Performance over d for every draw, and the residual's distribution against the Beta law at d = 5.

    ``frame``: rows of the experiment ``toy`` with columns dim, draw, value.
    """
    _need(frame, "dim", "value")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    left.plot(frame["dim"], frame["value"], ".", color="0.7", markersize=3, label="one draw of P", rasterized=True)
    medians = frame.groupby("dim")["value"].median()
    left.plot(medians.index, medians, "o-", color=COLOURS["FC"], markersize=4, label="median of draws")
    left.axvline(_published("C1-dimension"), **_PUBLISHED, label="published $d_{int90}$")
    left.set(xlabel="subspace dimension $d$", ylabel="performance", title="Toy problem, D = 1000")
    left.legend(frameon=False, fontsize=8)
    scale = np.mean(targets() ** 2)
    grid = np.linspace(0, 1, 200)
    for dim, colour in ((2, GREEN), (5, COLOURS["FC"]), (8, COLOURS["LeNet"])):
        seen = np.sort(-np.log(frame.loc[frame["dim"] == dim, "value"]) / scale)
        right.step(seen, np.linspace(0, 1, len(seen)), color=colour, where="post", label=f"d = {dim}")
        right.plot(grid, residual_law(dim).cdf(grid), "--", color=colour, linewidth=1)
    right.set(xlabel="squared error left / initial", ylabel="share of draws", title="dashed: Beta((10-d)/2, d/2)")
    right.legend(frameon=False, fontsize=8, title=f"of {N_GROUPS} constraints", title_fontsize=8)
    return finish(figure)


def accuracy(
    frames: Mapping[str, pd.DataFrame],
    fits: Mapping[str, D90],
    *,
    published: Mapping[str, str] | None = None,
    direct: pd.DataFrame | None = None,
) -> Figure:
    """Accuracy over d, a point a run, the fitted curve, d90 with its interval and the published value.

    Args:
        frames: rows with columns dim, metric, value, by problem name.
        fits: the fitted d90 of each.
        published: claim ids whose published d90 is drawn, by problem name.
        direct: rows of direct training, with the column network.
    """
    baselines = {} if direct is None else direct.groupby("network")["value"].mean()
    figure, axes = plt.subplots(figsize=(8.6, 4))
    for name, frame in frames.items():
        _need(frame, "dim", "metric", "value")
        colour, rows = COLOURS.get(name), frame[(frame["metric"] == "test accuracy") & (frame["dim"] > 0)]
        axes.plot(rows["dim"], rows["value"], "o", color=colour, markersize=4, alpha=0.75, label=f"{name}, one run")
        _draw_fit(axes, fits[name], rows["dim"], colour, name)
        if published and name in published:
            axes.axvline(_published(published[name]), **{**_PUBLISHED, "color": colour})
        if (network := name.lower()) in baselines:
            axes.axhline(baselines[network], color=colour, linewidth=0.8, linestyle="--")
    threshold = next(iter(fits.values())).threshold
    axes.axhline(threshold, color="0.5", linewidth=0.8)
    notes = ["grey line: threshold", "dotted: published $d_{int90}$"] if published else ["grey line: threshold"]
    notes += ["dashed: trained directly"] if len(baselines) else []
    axes.set(xscale="log", xlabel="subspace dimension $d$", ylabel="test accuracy", title="; ".join(notes))
    axes.title.set_fontsize(9)
    _plain_ticks(axes, (100, 200, 300, 500, 1000, 2000, 3000, 5000, 10000, 20000, 50000, 200000))
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def shuffled(searches) -> Figure | None:
    """The searches on original and shuffled pixels together; None when nothing was shuffled."""
    if len(searches.frames) == len(searches.original):
        return None
    return accuracy(searches.frames, searches.fits)


def _draw_fit(axes, fitted: D90, dims: pd.Series, colour, name: str) -> None:
    if not fitted.bracketed:
        return
    grid = np.geomspace(dims.min(), dims.max(), 100)
    curve = expit(logit(fitted.threshold) + fitted.slope * np.log(grid / fitted.estimate))
    axes.plot(grid, curve, color=colour, linewidth=1)
    axes.plot([fitted.low, fitted.high], [fitted.threshold] * 2, color=colour, linewidth=3, alpha=0.5)
    label = f"$d_{{90}}$ = {fitted.estimate:.0f} [{fitted.low:.0f}, {fitted.high:.0f}], n = {fitted.n_runs}"
    axes.plot([fitted.estimate], [fitted.threshold], "D", color=colour, markersize=6, label=label)


def projections(frame: pd.DataFrame, *, order: tuple[str, ...] = ("dense", "sparse", "fastfood", "one_hot")) -> Figure:
    """Accuracy of each kind of projection, one line a seed, one panel a dimension.

    ``frame``: rows of the experiment ``projections`` with columns projection, dim, seed, value.
    """
    _need(frame, "projection", "dim", "seed", "value")
    rows = frame[frame["metric"] == "test accuracy"]
    dims = sorted(rows["dim"].unique())
    figure, panels = plt.subplots(1, len(dims), figsize=(1 + 3 * len(dims), 3.4), squeeze=False)
    for axes, dim in zip(panels[0], dims, strict=True):
        table = rows[rows["dim"] == dim].pivot(index="projection", columns="seed", values="value").loc[list(order)]
        axes.plot(range(len(order)), table.to_numpy(), "o-", color="0.7", markersize=3, linewidth=0.8)
        axes.plot(range(len(order)), table.mean(axis=1), "D", color=COLOURS["FC"], markersize=6)
        axes.set_xticks(range(len(order)), [o.replace("_", "-") for o in order])
        axes.set(ylabel="test accuracy", title=f"d = {dim}: grey a seed, blue the mean (n = {table.shape[1]})")
        axes.title.set_fontsize(9)
    return finish(figure)


def grid(table: pd.DataFrame) -> Figure | None:
    """d90 over the number of parameters, colour the depth, size the width (paper's Figure 3).

    ``table``: one row a network with columns D, width, depth, d90, low, high.
    """
    if table.empty:
        return None
    _need(table, "D", "width", "depth", "d90", "low", "high")
    if (table := table[np.isfinite(table["d90"])]).empty:
        return None
    figure, axes = plt.subplots(figsize=(6.4, 4))
    axes.errorbar(table["D"], table["d90"], yerr=_bars(table), fmt="none", color="0.7", linewidth=1)
    shown = axes.scatter(
        table["D"], table["d90"], c=table["depth"], s=15 + table["width"] / 4, cmap="viridis", zorder=3
    )
    figure.colorbar(shown, label="hidden layers")
    axes.axhline(_published("C2-dimension"), **_PUBLISHED)
    axes.set(xscale="log", xlabel="parameters D", ylabel="$d_{int90}$", ylim=(0, None))
    axes.set_title("bars: 95 % intervals (none: unbounded); dotted: published for 200 x 2", fontsize=9)
    return finish(figure)


def random_labels(table: pd.DataFrame) -> Figure | None:
    """Dimensions per memorised label over the number of labels, with the published values.

    ``table``: columns labels, d90, low, high.
    """
    if table.empty:
        return None
    _need(table, "labels", "d90", "low", "high")
    if (table := table[np.isfinite(table["d90"])]).empty:
        return None
    figure, axes = plt.subplots(figsize=(5.4, 3.6))
    per_label, bars = table["d90"] / table["labels"], _bars(table) / table["labels"].to_numpy()
    axes.errorbar(table["labels"], per_label, yerr=bars, fmt="o-", color=COLOURS["FC"], label="ours, 95 %")
    text = load("intrinsic_dimension").claim("C6-floats").published_text
    axes.set(xscale="log", xlabel="labels memorised", ylabel="dimensions per label", ylim=(0, None))
    axes.set_title(f"published: {text}", fontsize=8)
    axes.legend(frameon=False)
    return finish(figure)


def small_nets(frame: pd.DataFrame, subspace: pd.DataFrame) -> Figure | None:
    """Accuracy over the number of trainable parameters: small nets trained directly against subspaces.

    ``frame``: rows of ``small_nets``; ``subspace``: rows of ``fc_search`` (dim is the number of parameters).
    """
    if frame.empty:
        return None
    wide = frame.pivot(index="seed", columns="metric", values="value")
    rows = subspace[subspace["metric"] == "test accuracy"]
    figure, axes = plt.subplots(figsize=(5.4, 3.6))
    axes.plot(wide["parameters"], wide["test accuracy"], ".", color="0.6", label="small nets, direct")
    axes.plot(rows["dim"], rows["value"], "o", color=COLOURS["FC"], label="large net, subspace")
    axes.set(xscale="log", xlabel="trainable parameters", ylabel="test accuracy")
    axes.legend(frameon=False)
    return finish(figure)


def burn_in(frame: pd.DataFrame) -> Figure:
    """Accuracy of subspaces through points reached by a few full-space steps.

    ``frame``: rows of ``burn_in`` with columns burn_in, dim, metric, value.
    """
    _need(frame, "burn_in", "dim", "metric", "value")
    figure, axes = plt.subplots(figsize=(5.4, 3.6))
    start = frame[frame["metric"] == "accuracy at start"].groupby("burn_in")["value"].mean()
    axes.plot(start.index, start, "s--", color="0.6", label="before any subspace step")
    dims = frame[frame["metric"] == "test accuracy"].groupby("dim")
    for (dim, rows), colour in zip(dims, drawing.COLOURS, strict=False):
        means = rows.groupby("burn_in")["value"].mean()
        axes.plot(means.index, means, "o-", color=colour, label=f"after training in d = {dim}")
    axes.set_xscale("symlog", base=2, linthresh=1)
    axes.set(xlabel="full-space Adam steps before projecting", ylabel="test accuracy")
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def cartpole(frame: pd.DataFrame) -> Figure:
    """Mean episode length over d, one point a seed, with the threshold of the authors.

    ``frame``: rows of ``cartpole`` with columns dim, seed, value.
    """
    rows = frame[frame["metric"] == "episode length"]
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    axes.plot(rows["dim"], rows["value"], "o", color=COLOURS["FC"], alpha=0.6, label="one seed")
    axes.plot(rows.groupby("dim")["value"].median(), "_", color="k", markersize=14, label="median")
    axes.axhline(0.9 * 195, color="0.5", linewidth=0.8)
    axes.axvline(_published("C13-cartpole"), **_PUBLISHED, label="published (DQN)")
    axes.set(xscale="log", xlabel="subspace dimension $d$", ylabel="mean episode length", ylim=(0, 205))
    _plain_ticks(axes, sorted(rows["dim"].unique()))
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def _bars(table: pd.DataFrame) -> np.ndarray:
    """Return the lengths of error bars, shape ``(2, n)``; an unbounded limit gets none."""
    bars = np.array([table["d90"] - table["low"], table["high"] - table["d90"]], dtype=float)
    bounded = np.isfinite(bars).all(axis=0) & (table["low"] > 0).to_numpy()
    return np.where(bounded, bars, np.nan)


def _plain_ticks(axes, at) -> None:
    """Label a logarithmic axis with plain numbers where they fall into view."""
    low, high = axes.get_xlim()
    axes.set_xticks([x for x in at if low <= x <= high], [f"{x:,}" for x in at if low <= x <= high])
    axes.minorticks_off()


def _published(claim: str) -> float:
    published = load("intrinsic_dimension").claim(claim).published
    if published is None:
        raise ValueError(f"claim {claim!r} has no published number to draw")
    return published


def _need(frame: pd.DataFrame, *columns: str) -> None:
    if missing := [c for c in columns if c not in frame.columns]:
        raise ValueError(f"the frame lacks columns {missing}; it has {list(frame.columns)}")
