"""Figures of the notebook: tidy frames in, matplotlib figures out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from replicate.drawing import COLOURS, GREY, finish, look

from . import measures
from .plan import DQA, VARIANTS


def relative_wis(main: pd.DataFrame) -> Figure | None:
    """Relative WIS (method / DQA) of every competitor over the sets, and its mean with a bootstrap interval.

    ``main``: rows of the main study with columns dataset, seed, method, metric, value. The paper's Figures 1 and 6.
    """
    if main.empty:
        return None
    points = measures.gains(main)
    methods = [m for m in (*measures.BASE, *measures.SIMPLE) if m in points]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4), width_ratios=[1.5, 1])
    for number, method in enumerate(methods):
        dashed = "--" if method in measures.SIMPLE else "-"
        style = {"linestyle": dashed, "markersize": 4, **look(number), "label": method}
        left.plot(points.index, points[method], **style)
    left.axhline(1, **GREY)
    left.set(ylabel="WIS / WIS of DQA (log axis)", yscale="log", title="sets in the order of PVE (low to high)")
    _plain_ticks(left, points[methods].to_numpy())
    left.tick_params(axis="x", rotation=30)
    left.legend(frameon=False, fontsize=7, ncols=2)
    table = measures.relative(main)
    _forest(right, table[methods])
    right.set(xlabel="mean over sets, 95 % bootstrap interval", title="paper: every method above 1")
    return finish(figure)


def variants(main: pd.DataFrame) -> Figure | None:
    """Relative WIS of the six variants over PVE (the paper's Figure 7), and their means."""
    points = measures.gains(main)
    found = [v for v in VARIANTS if v in points]
    if len(found) < 2:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), width_ratios=[1.3, 1])
    for number, variant in enumerate(found):
        left.plot(points["PVE"], points[variant], "o-", markersize=4, color=look(number)["color"], label=variant)
    left.axhline(1, **GREY)
    left.set(xlabel="PVE: share of the variance explained by DQA's median", ylabel="WIS / WIS of local-fine")
    left.legend(frameon=False, fontsize=8)
    _forest(right, measures.relative(main)[found])
    right.set(xlabel="mean over sets, 95 % bootstrap interval", title="paper: falls with flexibility")
    return finish(figure)


def isotonization(frame: pd.DataFrame) -> Figure | None:
    """Mean relative WIS of every penalty and isotonizer against neither (the paper's Figure 8)."""
    table = measures.isotonization(frame)
    if table.empty:
        return None
    figure, axes = plt.subplots(figsize=(7.5, 3))
    reach = max(0.02, float(np.abs(table.to_numpy() - 1).max()))
    image = axes.imshow(table.to_numpy(), cmap="RdBu_r", vmin=1 - reach, vmax=1 + reach, aspect="auto")
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        dark = abs(value - 1) > 0.7 * reach
        axes.text(j, i, f"{value:.3f}", ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axes.set_xticks(range(table.shape[1]), table.columns, rotation=20)
    axes.set_yticks(range(table.shape[0]), table.index)
    n = frame[["dataset", "seed"]].drop_duplicates()
    axes.set(
        ylabel="penalty",
        title=f"WIS / WIS of neither; {', '.join(n['dataset'].unique())}, {len(n)} splits; paper: 0.90 to 1.10",
    )
    axes.title.set_fontsize(10)
    figure.colorbar(image, ax=axes, label="WIS / WIS of neither")
    figure.tight_layout()
    return figure


def post_processing(main: pd.DataFrame) -> Figure | None:
    """Relative change of DQA's WIS by post-processing, one bar a set and isotonizer (the paper's Figure 9)."""
    if main.empty:
        return None
    table = 100 * measures.post_changes(main)
    figure, axes = plt.subplots(figsize=(8, 3.2))
    width = 0.8 / table.shape[1]
    for number, name in enumerate(table):
        axes.bar(
            np.arange(len(table)) + (number - 1) * width, table[name], width, color=look(number)["color"], label=name
        )
    axes.axhline(0, **GREY)
    axes.set_xticks(range(len(table)), table.index, rotation=20)
    axes.set(ylabel="change of WIS, %", title="sorting and PAVA can never be above 0 (Proposition 2)")
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def coverage(main: pd.DataFrame, conformal: pd.DataFrame) -> Figure | None:
    """Coverage of nominal 80 % intervals by set: aggregators (left), DQA before and after calibration (right).

    Bands: two binomial standard errors of the test rows. The paper's Figures 10 and 11.
    """
    table = measures.coverages(main)
    if table.empty:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 3.8))
    shown = [m for m in (*measures.SIMPLE, DQA) if m in table]
    counts = main[
        (main["metric"] == "coverage") & (main["method"] == DQA) & np.isclose(main["nominal"].fillna(-1), 0.8)
    ]
    _band(left, counts.groupby("dataset", sort=False)["n"].sum().reindex(table.index).to_numpy())
    for number, method in enumerate(shown):
        left.plot(
            range(len(table)), table[method], "o", color=look(number)["color"], label="DQA" if method == DQA else method
        )
    left.set_xticks(range(len(table)), table.index, rotation=20)
    left.set(ylabel="coverage", title="aggregators, nominal 80 %")
    left.legend(frameon=False, fontsize=8)
    _calibrated(right, measures.intervals(conformal))
    return finish(figure)


def controls(main: pd.DataFrame, frame: pd.DataFrame) -> Figure | None:
    """Loss of DQA with base quantiles that know nothing, beside DQA, Average and the best base model."""
    if frame.empty:
        return None
    rows = frame[frame["metric"] == "mean pinball"]
    base = measures.losses(main)
    keys = rows.set_index(["dataset", "seed"]).index.unique()
    known = base.loc[keys, [m for m in ("DQR", "Average", DQA) if m in base]]
    table = pd.concat([known, rows.pivot(index=["dataset", "seed"], columns="method", values="value")], axis=1)
    order = [*known, *[c for c in rows["method"].unique() if c not in known]]
    figure, axes = plt.subplots(figsize=(8, 3.4))
    for number, ((dataset, seed), row) in enumerate(table[order].iterrows()):
        style = {"linestyle": "", **look(number), "label": f"{dataset}, split {seed}"}
        axes.plot(row.to_numpy(), range(len(order)), **style)
    axes.set_yticks(range(len(order)), order)
    axes.set(
        xlabel="mean pinball loss (y standardised)",
        title="what the gate does alone: 'grid' and 'marginal' know nothing of x",
    )
    axes.title.set_fontsize(10)
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def level_axis(main: pd.DataFrame) -> Figure | None:
    """Loss of DQA relative to the Average by level, and reliability of both."""
    rows = main[main["metric"].isin(["pinball", "share below"])] if len(main) else main
    if rows.empty or DQA not in set(rows["method"]):
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    loss = rows[rows["metric"] == "pinball"].pivot_table(index=["dataset", "level"], columns="method", values="value")
    ratio = (loss[DQA] / loss["Average"]).unstack("dataset")
    left.plot(ratio.index, ratio, color="0.75", linewidth=0.8)
    left.plot(ratio.index, ratio.mean(axis=1), color=COLOURS[0], linewidth=2)
    left.axhline(1, **GREY)
    left.set(xlabel="level", ylabel="pinball DQA / Average", title="grey: sets; blue: mean")
    share = rows[rows["metric"] == "share below"].groupby(["method", "level"])["value"].mean().unstack("method")
    for number, method in enumerate((DQA, "Average")):
        right.plot(
            share.index, share[method] - share.index, "o-", markersize=3, color=look(number)["color"], label=method
        )
    right.axhline(0, **GREY)
    right.set(xlabel="level", ylabel="share below minus level", title="reliability, mean over sets")
    right.legend(frameon=False, fontsize=8)
    return finish(figure)


def _calibrated(axes, table: pd.DataFrame) -> None:
    if table.empty:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no conformal study at this preset", ha="center", transform=axes.transAxes)
        return
    sets = list(dict.fromkeys(table["dataset"]))
    _band(axes, table[table["method"] == "raw"]["n"].to_numpy())
    for number, (method, rows) in enumerate(table.groupby("method", sort=False)):
        places = [sets.index(d) + 0.12 * (number - 1) for d in rows["dataset"]]
        axes.plot(places, rows["coverage"], "o", color=look(number)["color"], label=method)
        for x, y, length in zip(places, rows["coverage"], rows["length"], strict=True):
            axes.annotate(f"{length:.2f}", (x, y), fontsize=7, xytext=(4, 3), textcoords="offset points")
    axes.set_xticks(range(len(sets)), sets)
    axes.set(
        xlim=(-0.5, len(sets) - 0.3), ylabel="coverage", title="DQA before and after calibration (numbers: mean length)"
    )
    axes.title.set_fontsize(10)
    axes.legend(frameon=False, fontsize=8)


def _band(axes, counts: np.ndarray) -> None:
    half = 2 * np.sqrt(0.16 / counts)
    for place, reach in enumerate(half):
        axes.fill_between([place - 0.4, place + 0.4], 0.8 - reach, 0.8 + reach, color="0.9", zorder=0)
    axes.axhline(0.8, **GREY)


def _forest(axes, table: pd.DataFrame) -> None:
    """Draw means over sets with two-level bootstrap intervals, one row a column of ``table``."""
    means = measures.over_sets(table)
    low, high = np.percentile(measures.resamples(table, np.random.default_rng(0), draws=2000), (2.5, 97.5), axis=0)
    for place, mean in enumerate(means):
        axes.plot([low[place], high[place]], [place, place], color=COLOURS[place % len(COLOURS)], linewidth=1.5)
        axes.plot(mean, place, markersize=5, **look(place))
    axes.axvline(1, **GREY)
    axes.set_yticks(range(len(means)), means.index)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _plain_ticks(axes, values: np.ndarray) -> None:
    """Put plain numbers on a logarithmic axis."""
    ticks = [
        t
        for t in (0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 4, 6, 8)
        if values.min() * 0.98 <= t <= values.max() * 1.02
    ]
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
