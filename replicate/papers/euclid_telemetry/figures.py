"""Figures of the notebook: tidy frames in, matplotlib figures out; None where a study did not run."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure

from replicate.drawing import BLUE, COLOURS, GREEN, GREY, ORANGE, PURPLE, RED, finish, look

from .attribution import hit_curve
from .network import TEMPERATURES
from .schedule import COVARIATES


def overview(frame: pd.DataFrame) -> Figure | None:
    """Every temperature over the mission, events shaded, top-3 peaks marked.

    ``frame``: rows of ``overview`` with columns temperature, metric, time, end, kind, value.
    """
    if frame.empty:
        return None
    figure, panels = plt.subplots(len(TEMPERATURES), 1, figsize=(11, 12), sharex=True)
    times = pd.to_datetime(frame["time"], utc=True)
    for axes, name in zip(panels, TEMPERATURES, strict=True):
        here = frame["temperature"] == name
        for event in frame[here & (frame["metric"] == "event")].itertuples():
            fault = event.kind.startswith("s_")
            start, end = pd.Timestamp(event.time), pd.Timestamp(event.end) + pd.Timedelta("6h")  # wide enough to see
            axes.axvspan(start, end, color=ORANGE if fault else GREEN, alpha=0.5, linewidth=0)
        high, low, peak = (here & (frame["metric"] == m) for m in ("highest", "lowest", "peak"))
        axes.fill_between(
            times[high], frame.loc[low, "value"], frame.loc[high, "value"], color=BLUE, linewidth=0.4, rasterized=True
        )
        axes.plot(times[peak], frame.loc[peak, "value"], "v", color=RED, markersize=6)
        axes.set_ylabel(f"{name}, K", fontsize=7, rotation=0, ha="right", va="center")
        axes.tick_params(labelsize=7)
    panels[-1].set_xlabel("date (UTC)", fontsize=8)
    panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(panels[-1].xaxis.get_major_locator()))
    panels[0].set_title("green: event with a cause   orange: sensor fault   red: top three residuals", fontsize=9)
    return finish(figure)


def closeups(frame: pd.DataFrame) -> Figure | None:
    """Anomalies in detail: temperature and forecast, score, the three top covariates, contributions at the peak.

    ``frame``: rows of ``closeups`` with columns closeup, temperature, peak, metric, series, covariate, time, value.
    """
    if frame.empty:
        return None
    groups = list(frame.groupby("closeup"))
    figure, panels = plt.subplots(3, len(groups), figsize=(4.6 * len(groups), 8), squeeze=False)
    for column, (_, part) in zip(panels.T, groups, strict=True):
        peak = pd.Timestamp(part["peak"].iloc[0])
        series = part[part["metric"] == "series"].pivot(index="time", columns="series", values="value")
        hours = (pd.to_datetime(series.index, utc=True) - peak).total_seconds() / 3600
        column[0].plot(hours, series["observed"], color=BLUE, label="observed")
        column[0].plot(hours, series["forecast"], color=RED, linewidth=0.9, label="forecast")
        column[0].set(title=f"{part['temperature'].iloc[0]}, {peak:%Y-%m-%d %H:%M}", ylabel="temperature, K")
        column[0].set_xlabel("hours from the peak")
        column[0].legend(frameon=False, fontsize=7)
        for name, colour in zip(_causes(part)[:3], (GREEN, ORANGE, PURPLE), strict=False):
            values = series[name]
            column[1].plot(hours, (values - values.min()) / (np.ptp(values) or 1), color=colour, label=name)
        column[1].plot(hours, series["score"] / series["score"].max(), color="0.3", linewidth=0.9, label="score")
        column[1].set(xlabel="hours from the peak", ylabel="scaled to 0-1")
        column[1].legend(frameon=False, fontsize=6)
        _waterfall(column[2], part)
    return finish(figure)


def _causes(part: pd.DataFrame) -> list[str]:
    return part.loc[part["metric"] == "contribution", "covariate"].tolist()


def _waterfall(axes, part: pd.DataFrame) -> None:
    steps = part[part["metric"] == "contribution"]
    base = part.loc[part["metric"] == "base", "value"].iloc[0]
    ends = base + steps["value"].cumsum().to_numpy()
    starts = np.concatenate([[base], ends[:-1]])
    colours = [RED if v > 0 else BLUE for v in steps["value"]]
    places = np.arange(len(steps))
    axes.barh(places, steps["value"], left=starts, color=colours)
    axes.axvline(part.loc[part["metric"] == "score at the peak", "value"].iloc[0], **GREY)
    axes.set_yticks(places, steps["covariate"], fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel="score, K (from the mean up; grey: the score)")


def importance(frame: pd.DataFrame) -> Figure | None:
    """Mean |SHAP| of every covariate for every temperature's score, as a share of its column.

    ``frame``: rows of ``top_anomalies`` with columns temperature, covariate, metric, value.
    """
    rows = frame[frame["metric"] == "mean |SHAP|"] if len(frame) else frame
    if rows.empty:
        return None
    table = rows.pivot(index="covariate", columns="temperature", values="value").loc[
        list(COVARIATES), list(TEMPERATURES)
    ]
    figure, axes = plt.subplots(figsize=(6.5, 8))
    shown = axes.imshow(table / table.sum(), cmap="Blues", aspect="auto", vmin=0)
    axes.set_xticks(range(len(TEMPERATURES)), TEMPERATURES, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(len(COVARIATES)), COVARIATES, fontsize=7)
    figure.colorbar(shown, label="share of mean |SHAP|")
    return finish(figure)


def shap_summary(frame: pd.DataFrame) -> Figure | None:
    """SHAP summary and dependence of one temperature's score.

    ``frame``: rows of ``shap_sample`` with columns covariate, row, covariate_value, value, in order of importance.
    """
    if frame.empty:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[1.3, 1])
    names = list(frame["covariate"].unique())
    rng = np.random.default_rng(0)
    for place, name in enumerate(names):
        part = frame[frame["covariate"] == name]
        shade = part["covariate_value"].rank(pct=True)
        jitter = place + rng.uniform(-0.3, 0.3, len(part))
        shown = left.scatter(
            part["value"], jitter, c=shade, cmap="coolwarm", s=6, vmin=0, vmax=1, linewidths=0, rasterized=True
        )
    left.axvline(0, **GREY)
    left.set_yticks(range(len(names)), names, fontsize=8)
    left.invert_yaxis()
    left.set(xlabel="contribution to the score, K", title=f"score of {frame['temperature'].iloc[0]}")
    figure.colorbar(shown, ax=left, label="covariate: low to high (rank)")
    wide = frame.pivot(index="row", columns="covariate", values=["covariate_value", "value"])
    colour = wide["covariate_value"][names[1]]
    dots = right.scatter(
        wide["covariate_value"][names[0]], wide["value"][names[0]], c=colour, cmap="viridis", s=8, rasterized=True
    )
    right.axhline(0, **GREY)
    right.set(xlabel=names[0], ylabel=f"contribution of {names[0]}, K")
    figure.colorbar(dots, ax=right, label=names[1])
    return finish(figure)


def hits(frame: pd.DataFrame) -> Figure | None:
    """Share of events whose cause is among the first k, by explainer, with the 95 % bootstrap band over events.

    ``frame``: rows of ``attribution`` with columns explainer, metric, value (a rank).
    """
    rows = frame[frame["metric"] == "rank"] if len(frame) else frame
    if rows.empty:
        return None
    figure, axes = plt.subplots(figsize=(7.4, 4.2))
    rng = np.random.default_rng(0)
    groups = sorted(rows.groupby("explainer"), key=lambda pair: -(pair[1]["value"] <= 3).mean())
    for number, (name, part) in enumerate(groups):
        ranks = part["value"].reset_index(drop=True)
        curve = hit_curve(ranks)
        drawn = ranks.to_numpy()[rng.integers(len(ranks), size=(1000, len(ranks)))]
        band = np.quantile(np.stack([(drawn <= k).mean(axis=1) for k in curve.index]), [0.025, 0.975], axis=1)
        axes.plot(curve.index, curve, markersize=3, label=name, **look(number))
        if name.startswith("SHAP") and "," not in name:
            axes.fill_between(curve.index, *band, color=look(number)["color"], alpha=0.15, linewidth=0)
    axes.plot([1, 10], [1 / len(COVARIATES), 10 / len(COVARIATES)], "k:", label="chance")
    axes.set(xlabel="k", ylabel="share of events with the cause among the first k", ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def recall(table: pd.DataFrame) -> Figure | None:
    """Share of events found, kind by detector: flags above the 99.5 % quantile. ``table``: `measures.recall_table`."""
    if table.empty:
        return None
    figure, axes = plt.subplots(figsize=(0.65 * table.shape[1] + 2.5, 0.34 * len(table) + 1.6))
    shown = axes.imshow(table, cmap="Greens", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(table.shape[1]), table.columns, rotation=50, ha="right", fontsize=8)
    axes.set_yticks(range(len(table)), table.index, fontsize=8)
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        axes.text(j, i, f"{value:.2g}", ha="center", va="center", fontsize=7, color="w" if value > 0.6 else "k")
    figure.colorbar(shown, label="share found")
    return finish(figure)


def null_test(frame: pd.DataFrame) -> Figure | None:
    """How much of the score Model 2 explains: events with a cause against sensor faults. ``frame``: ``attribution``."""
    rows = frame[frame["metric"] == "explained"] if len(frame) else frame
    if rows.empty or not rows["kind"].str.startswith("s_").any():
        return None
    figure, axes = plt.subplots(figsize=(7.4, 3.6))
    kinds = sorted(rows["kind"].unique(), key=lambda k: (k.startswith("s_"), k))
    for (name, part), colour, shift in zip(rows.groupby("explainer"), (BLUE, RED), (-0.15, 0.15), strict=False):
        places = part["kind"].map(kinds.index) + shift
        axes.plot(places, part["value"], "o", color=colour, markersize=4, alpha=0.6, label=name)
    axes.axvline(sum(not k.startswith("s_") for k in kinds) - 0.5, **GREY)
    axes.axhline(0, **GREY)
    axes.set_xticks(range(len(kinds)), kinds, rotation=45, ha="right", fontsize=8)
    axes.set(ylabel="explained share of the score")
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def forecast_ratio(table: pd.DataFrame) -> Figure | None:
    """RMSE over that of persistence, a temperature and variant. ``table``: `measures.ratio_table`."""
    if table.empty:
        return None
    figure, axes = plt.subplots(figsize=(8.4, 3.4))
    width = 0.8 / table.shape[1]
    for j, name in enumerate(table.columns):
        places = np.arange(len(table)) + (j - (table.shape[1] - 1) / 2) * width
        style = {"color": look(j)["color"], "hatch": "///" if j >= len(COLOURS) else None, "label": name}
        axes.bar(places, table[name], width, **style)
    axes.axhline(1, color="0.2", linewidth=1)
    axes.set_xticks(range(len(table)), table.index, rotation=40, ha="right", fontsize=8)
    axes.set(ylabel="RMSE / RMSE of persistence")
    axes.legend(frameon=False, fontsize=7)
    return finish(figure)
