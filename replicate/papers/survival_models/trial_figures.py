"""Figures of public trials: fitted curves beside the data, residuals, hazard ratios, calibration."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from replicate.drawing import BLUE, COLOURS, GREEN, ORANGE, PURPLE, RED, finish

from .cases import CASES

STYLES = {"b/lam": ":", "t/phi": "-.", "ba/lam": "-", "ta/phi": "--"}
RATIOS = {"ba/lam": BLUE, "ta/phi": RED, "Cox": ORANGE, "Schoenfeld, smoothed": "0.3"}
SHOWN = {"APGW ba/lam": BLUE, "APGW ta/phi": RED, "Weibull AFT": GREEN, "Cox": ORANGE, "random survival forest": PURPLE}


def survival_curves(frame: pd.DataFrame) -> Figure | None:
    """Kaplan-Meier steps with 95 % bands and four fitted structures, a panel a trial; None when it was not run.

    ``frame``: rows of ``survival_curves`` with columns case, group, model, time, metric, value.
    """
    if frame.empty:
        return None
    figure, panels = _panels(frame["case"].unique())
    for case, axes in panels.items():
        rows = frame[frame["case"] == case]
        for (group, part), colour in zip(rows.groupby("group", sort=False), COLOURS, strict=False):
            wide = part.pivot(index=["model", "time"], columns="metric", values="value")
            steps = wide.loc["Kaplan-Meier"]
            axes.fill_between(steps.index, steps["lower"], steps["upper"], step="post", color=colour, alpha=0.15, lw=0)
            axes.step(steps.index, steps["estimate"], where="post", color=colour, lw=0.7, label=group)
            for model, style in STYLES.items():
                axes.plot(wide.loc[model].index, wide.loc[model]["estimate"], style, color=colour, lw=1.2)
        axes.set(ylim=(0, 1.02), xlim=(0, None), ylabel="survival")
        axes.legend(frameon=False, fontsize=7)
    handles = [plt.Line2D([], [], color="0.2", ls=style, label=model) for model, style in STYLES.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return finish(figure)


def hazard_ratio(frame: pd.DataFrame) -> Figure | None:
    """Hazard ratio over time: two structures and Cox with 95 % bands, smoothed Schoenfeld residuals; a panel a trial.

    ``frame``: rows of ``hazard_ratio`` with columns case, model, time, metric, value. None when it was not run.
    """
    if frame.empty:
        return None
    figure, panels = _panels(frame["case"].unique())
    for case, axes in panels.items():
        wide = frame[frame["case"] == case].pivot(index=["model", "time"], columns="metric", values="value")
        for model, colour in RATIOS.items():
            curve = wide.loc[model]
            axes.plot(curve.index, curve["estimate"], color=colour, label=model, lw=1.4)
            if curve["lower"].notna().all():
                axes.fill_between(curve.index, curve["lower"], curve["upper"], color=colour, alpha=0.12, lw=0)
        axes.axhline(1, color="0.6", lw=0.8, linestyle=":")
        axes.set(yscale="log", ylabel="hazard ratio")
        axes.yaxis.set_major_locator(FixedLocator([0.1, 0.2, 0.5, 1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    next(iter(panels.values())).legend(frameon=False, fontsize=7)
    return finish(figure)


def cox_snell(frame: pd.DataFrame) -> Figure | None:
    """Nelson-Aalen estimate of the Cox-Snell residuals: the diagonal, where the model is true; a panel a trial.

    ``frame``: rows of ``cox_snell`` with columns case, model, point, metric, value. None when it was not run.
    """
    if frame.empty:
        return None
    figure, panels = _panels(frame["case"].unique())
    for case, axes in panels.items():
        rows = frame[frame["case"] == case]
        for model, part in rows.groupby("model", sort=False):
            curve = part.pivot(index="point", columns="metric", values="value")
            line = {"where": "post", "color": "0.15", "lw": 1, "label": model}
            axes.step(curve["residual"], curve["cumulative hazard"], STYLES[model], **line)
        end = rows["value"].max()
        axes.plot([0, end], [0, end], color=ORANGE, lw=1)
        axes.set(xlabel="Cox-Snell residual", ylabel="cumulative hazard")
    next(iter(panels.values())).legend(frameon=False, fontsize=7)
    return finish(figure)


def transfer(frame: pd.DataFrame) -> Figure | None:
    """Calibration and Brier score over time of models carried to another trial; None when it was not run.

    ``frame``: rows of ``transfer`` with columns model, time, group, metric, value.
    """
    if frame.empty:
        return None
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 3.8))
    for model, colour in SHOWN.items():
        rows = frame[frame["model"] == model]
        groups = rows[rows["metric"].str.endswith(" survival")]
        wide = groups.pivot(index="group", columns="metric", values="value")
        reach = [wide["observed survival"] - wide["lower survival"], wide["upper survival"] - wide["observed survival"]]
        left.errorbar(
            wide["predicted survival"], wide["observed survival"], yerr=reach, fmt="o-", ms=4, lw=0.8, color=colour
        )
        for axes, metric in ((middle, "Brier score at time"), (right, "concordance up to time")):
            part = rows[rows["metric"] == metric]
            axes.plot(part["time"], part["value"], color=colour, label=model)
    left.axline((0.5, 0.5), slope=1, color="0.6", lw=0.8)
    left.set(xlabel="predicted survival", ylabel="observed (Kaplan-Meier, 95 %)", title="calibration by tenths of risk")
    middle.set(xlabel="years", ylabel="Brier score", title="smaller is better")
    right.set(xlabel="years", ylabel="concordance up to then", title="larger is better")
    right.legend(frameon=False, fontsize=7)
    return finish(figure)


def _panels(names) -> tuple[Figure, dict[str, Axes]]:
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    size = (4.2 * columns, 3.1 * rows + 0.3)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for unused in axes.flat[len(names) :]:
        unused.remove()
    panels = dict(zip(names, axes.flat, strict=False))
    for name, panel in panels.items():
        title, _, unit = CASES[name].title.rpartition(", ")
        panel.set_title(title, fontsize=9)
        panel.set_xlabel(unit)
    return figure, panels
