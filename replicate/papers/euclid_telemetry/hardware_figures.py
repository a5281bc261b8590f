"""Figures of the real telemetry: tidy frames in, matplotlib figures out; None where a study did not run."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replicate.drawing import BLUE, GREY, ORANGE, RED, finish


def point_adjustment(frame: pd.DataFrame) -> Figure | None:
    """Point-adjusted F1 of a random score over its flag probability; None when it was not run.

    ``frame``: rows of ``point_adjust`` with columns spacecraft, metric, p, value.
    """
    if frame.empty:
        return None
    figure, axes = plt.subplots(figsize=(6.2, 3.6))
    for (name, part), colour in zip(frame.groupby("spacecraft"), (BLUE, RED), strict=False):
        closed, drawn = (part[part["metric"] == m] for m in ("closed form", "simulated"))
        axes.plot(closed["p"], closed["value"], color=colour, label=f"{name}, closed form")
        axes.plot(drawn["p"], drawn["value"], "o", color=colour, markersize=3, label=f"{name}, one draw")
        everything = part.loc[part["metric"] == "F1 of flagging everything", "value"].iloc[0]
        axes.axhline(everything, color=colour, linestyle=":", linewidth=1)
    axes.set(
        xscale="log", xlabel="probability that a sample is flagged", ylabel="F1 after point adjustment", ylim=(0, 1)
    )
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def heating(series: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure | None:
    """Warming of a panel over a minute against its own current, a satellite; None without data.

    ``series``: title -> (current (n,) mA, warming (n,) K).
    """
    if not series:
        return None
    figure, panels = plt.subplots(1, len(series), figsize=(3.6 * len(series), 3), squeeze=False, sharey=True)
    for axes, (title, (current, warming)) in zip(panels[0], series.items(), strict=True):
        axes.plot(current, warming, ".", color=BLUE, markersize=2, alpha=0.4, rasterized=True)
        axes.axhline(0, **GREY)
        axes.set(xlabel="panel current, mA", title=title)
        axes.title.set_fontsize(9)
    panels[0][0].set_ylabel("warming in a minute, K")
    return finish(figure)


def cubesats(frame: pd.DataFrame) -> Figure | None:
    """Rank of a panel's own current among 12 covariates, panel by satellite; None when it was not run.

    ``frame``: rows of ``cubesat_panels`` with columns satellite, panel, failed, metric, covariate, value.
    """
    if frame.empty:
        return None
    ranks = frame[frame["metric"] == "rank of the own current"].pivot(
        index="panel", columns="satellite", values="value"
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=[1, 1.7])
    left.imshow(ranks, cmap="Reds", vmin=1, vmax=12, aspect="auto")
    for (i, j), value in np.ndenumerate(ranks.to_numpy()):
        left.text(j, i, f"{value:.0f}", ha="center", va="center", color="w" if value > 6 else "k")
    left.set_xticks(range(ranks.shape[1]), ranks.columns, fontsize=8)
    left.set_yticks(range(len(ranks)), ranks.index)
    left.set_title("rank of the panel's own current", fontsize=9)
    rows = frame[(frame["metric"] == "mean |SHAP|") & (frame["panel"] == "py")]
    table = rows.pivot(index="covariate", columns="satellite", values="value")
    (table / table.sum()).plot.bar(ax=right, color=[BLUE, RED, ORANGE], width=0.8, fontsize=8)
    right.set(xlabel="", ylabel="share of mean |SHAP|", title="+Y panel (failed on RAAVANA and UGUISU)")
    right.title.set_fontsize(9)
    right.legend(frameon=False, fontsize=8)
    return finish(figure)


def nasa(table: pd.DataFrame, published: tuple[float, float]) -> Figure | None:
    """Precision and recall of each forecaster under the same threshold; dotted: published for the LSTM.

    ``table``: `measures.nasa_table`. ``published``: precision and recall.
    """
    if table.empty:
        return None
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    places = np.arange(len(table))
    for column, shift, colour, value in zip(
        ("precision", "recall"), (-0.2, 0.2), (BLUE, ORANGE), published, strict=True
    ):
        axes.bar(places + shift, table[column], 0.38, color=colour, label=column)
        axes.axhline(value, color=colour, linestyle=":", linewidth=1.2)
    axes.set_xticks(places, table["forecaster"])
    axes.set(ylim=(0, 1), ylabel="share, over labelled sequences")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)
