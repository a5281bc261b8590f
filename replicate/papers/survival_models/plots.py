"""Drawings of a fitted multi-parameter regression: axes in, axes out."""

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from matplotlib.axes import Axes

from replicate.drawing import COLOURS
from replicate.papers.survival_models.table_checks import check_columns, observed

if TYPE_CHECKING:
    from replicate.papers.survival_models.prediction import Times
    from replicate.papers.survival_models.regression import MultiParameterRegression

_BAND: dict[str, Any] = {"alpha": 0.2, "linewidth": 0}
_POINTS = 200  # times on a fitted curve


def plot_coefficients(model: "MultiParameterRegression", ax: Axes | None = None) -> Axes:
    """Draw the coefficients with Wald intervals, link scale, grouped by parameter; return the axes."""
    ax = ax or plt.gca()
    estimates, limits = model.params_, model.confidence_intervals_.to_numpy()
    places = -np.arange(len(estimates))
    for number, name in enumerate(estimates.index.unique("parameter")):
        rows = estimates.index.get_level_values("parameter") == name
        reach = np.abs(limits[rows] - estimates.to_numpy()[rows, None]).T
        ax.errorbar(
            estimates[rows],
            places[rows],
            xerr=reach,
            fmt="o",
            color=COLOURS[number % len(COLOURS)],
            capsize=2,
            label=name,
        )
    ax.axvline(0, color="0.6", linewidth=0.8, linestyle="--")
    ax.set_yticks(places, [f"{name}: {covariate}" for name, covariate in estimates.index])
    ax.set_xlabel(f"coefficient on the log scale ({100 * (1 - model.alpha):g}% interval)")
    return ax


def plot_survival(
    model: "MultiParameterRegression", df: pd.DataFrame, by: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw Kaplan-Meier steps and the fitted survival with its band, by the levels of column ``by``.

    ``df`` holds the columns the model was fitted to. With further covariates the fitted curve is the mean
    over the rows of the group. Times in the unit of the fit. Raises ValueError for a missing column ``by``.
    """
    ax = ax or plt.gca()
    if by is not None:
        check_columns(df, [by], "by")
    groups = [("all", df)] if by is None else list(df.groupby(by, observed=True))
    for number, (level, rows) in enumerate(groups):
        colour, name = COLOURS[number % len(COLOURS)], "all" if by is None else f"{by} = {level}"
        _kaplan_meier(model, rows, ax, colour)
        end = rows[model.duration_col].max()
        fitted = model.predict_mean_survival(rows, np.linspace(0, end, _POINTS), ci=True)
        ax.plot(fitted.index, fitted["estimate"], color=colour, label=name)
        ax.fill_between(fitted.index, fitted["lower"], fitted["upper"], color=colour, **_BAND)
    ax.set(xlabel=str(model.duration_col), ylabel="survival", ylim=(0, 1.02), xlim=(0, None))
    ax.legend(frameon=False)
    return ax


def plot_hazard_ratio(
    model: "MultiParameterRegression",
    df_a: pd.DataFrame,
    df_b: pd.DataFrame,
    times: "Times | None" = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the hazard of the rows ``df_a`` over that of ``df_b`` with its band, on a log axis; return the axes.

    By default over the middle 95% of the event times the model was fitted to.
    """
    ax = ax or plt.gca()
    if times is None:
        seen = model.data_.time[model.data_.event == 1]
        low, high = np.quantile(seen, (0.025, 0.975))
        times = np.linspace(low, high, _POINTS)
    ratio = model.hazard_ratio(df_a, df_b, times, ci=True)
    for number, row in enumerate(ratio.columns.unique(0)):
        ax.plot(ratio.index, ratio[row]["estimate"], color=COLOURS[number % len(COLOURS)], label=f"row {row}")
        ax.fill_between(
            ratio.index, ratio[row]["lower"], ratio[row]["upper"], color=COLOURS[number % len(COLOURS)], **_BAND
        )
    ax.axhline(1, color="0.6", linewidth=0.8, linestyle="--")
    ax.set(xlabel=str(model.duration_col), ylabel="hazard ratio", yscale="log")
    if len(ratio.columns.unique(0)) > 1:
        ax.legend(frameon=False)
    return ax


def _kaplan_meier(model: "MultiParameterRegression", rows: pd.DataFrame, ax: Axes, colour: str) -> None:
    data = observed(rows, model.duration_col, model.event_col, model.entry_col)
    steps = KaplanMeierFitter().fit(data.time, data.event, entry=data.entry).survival_function_
    ax.step(steps.index, steps.iloc[:, 0], where="post", color=colour, linewidth=0.8, alpha=0.7)
