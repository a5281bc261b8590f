"""Figures of the toy: tidy frames in, matplotlib figures out. Those of data and networks are in ``data_figures``."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replicate.drawing import BLUE, GREEN, GREY, PURPLE, RED, finish

from . import published, shrinkage, toy
from .ratios import neighbour_ratios

STEP_COLOURS = plt.get_cmap("viridis")(np.linspace(0.0, 0.9, 6))
WEIGHT_COLOURS = plt.get_cmap("plasma")(np.linspace(0.0, 0.85, 7))
# tuned ridge, the same in every figure
CONTROL: dict[str, Any] = {"color": GREEN, "linestyle": "--", "linewidth": 1.5}


def fits(frame: pd.DataFrame, tuned_penalty: float) -> Figure:
    """Fits f_1 ... f_6 and the limit (dashed), a panel a weight, with data, truth and tuned ridge.

    ``frame``: rows of ``toy_fits`` with columns weight, metric, step, x, value.
    """
    weights = sorted(frame["weight"].unique())
    figure, panels = plt.subplots(1, len(weights), figsize=(4.2 * len(weights), 3.4), sharey=True)
    tuned = toy.on_grid().ridge(tuned_penalty)[:, 0]
    for axes, weight in zip(panels, weights, strict=True):
        rows = frame[frame["weight"] == weight]
        for (step, curve), colour in zip(rows[rows["metric"] == "fit"].groupby("step"), STEP_COLOURS, strict=True):
            axes.plot(curve["x"], curve["value"], color=colour, linewidth=1.2, label=f"$f_{int(step)}$")
        end = rows[rows["metric"] == "limit fit"]
        axes.plot(end["x"], end["value"], color="0.2", linestyle="--", label="$f_\\infty$")
        axes.plot(toy.GRID, tuned, **CONTROL, label="tuned ridge")
        axes.plot(toy.GRID, toy.truth(toy.GRID), **GREY, label="sin $2\\pi x$")
        axes.plot(toy.INPUTS, toy.TARGETS, "kx", markersize=6)
        axes.set(xlabel="x", title=f"$\\alpha$ = {weight:g}", xlim=(0, 1), ylim=(-1.5, 1.5))
    panels[0].set_ylabel("f(x)")
    panels[-1].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def losses(frame: pd.DataFrame, controls: pd.DataFrame) -> Figure:
    """Loss over steps by weight: our lines, published dots, limits at the right, tuned ridge.

    ``frame``: rows of ``toy_losses`` (columns weight, step, metric, value); ``controls``: rows of ``toy_controls``.
    """
    figure, panels = plt.subplots(1, 2, figsize=(11, 3.8), width_ratios=[1, 1.2])
    tuned = float(controls.set_index("metric")["value"]["tuned ridge: loss"])
    last = int(frame["step"].max())
    for axes in panels:
        for (weight, rows), colour in zip(frame.groupby("weight"), WEIGHT_COLOURS, strict=False):
            curve, end = rows[rows["metric"] == "loss"], rows[rows["metric"] == "limit loss"]["value"]
            axes.plot(curve["step"], curve["value"], color=colour, linewidth=1.2, label=f"$\\alpha$ = {weight:g}")
            axes.plot([last + 1], end, "_", color=colour, markersize=12)
        axes.axhline(tuned, **CONTROL, label="tuned ridge")
        axes.set(xlabel="step $\\tau$  (bars at the right: limit)", ylabel="mean squared error against sin $2\\pi x$")
    _published_dots(panels[1])
    panels[0].set_title("all steps")
    panels[1].set(ylim=(0.1475, 0.1665), xlim=(0.7, 8.3), title="the first steps, magnified; markers: published")
    panels[1].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def _published_dots(axes: Axes) -> None:
    table = published.losses()
    for (source, weight), rows in table[np.isfinite(table["step"])].groupby(["table", "weight"]):
        marker = "s" if source == "README" else "o" if weight == 0 else "^"
        style: dict[str, Any] = {
            "linestyle": "none",
            "fillstyle": "none",
            "markersize": 6,
            "color": "0.2",
            "marker": marker,
        }
        axes.plot(rows["step"], rows["loss"], **style, label=f"{source}, headed {weight:g}")


def shrinkages(frame: pd.DataFrame, tuned_penalty: float, *, steps: int = 6) -> Figure:
    """Bars of B over the eigen-directions, a panel a weight: steps 1 ... 6 overlaid, the limit hatched, tuned ridge.

    ``frame``: rows of ``toy_spectra`` with columns weight, metric, step, k, value.
    """
    weights = [w for w in (0.0, 0.25, 0.35) if w in set(frame["weight"])]
    figure, panels = plt.subplots(1, len(weights), figsize=(4 * len(weights), 3.2), sharey=True)
    for axes, weight in zip(panels, weights, strict=True):
        rows = frame[frame["weight"] == weight]
        for step, colour in zip(range(1, steps + 1), STEP_COLOURS, strict=True):
            bars = rows[(rows["metric"] == "shrinkage") & (rows["step"] == step)]
            axes.bar(bars["k"], bars["value"], color=colour, label=f"$\\tau$ = {step}")
        end = rows[rows["metric"] == "limit shrinkage"]
        axes.bar(end["k"], end["value"], fill=False, hatch="///", edgecolor="w", linewidth=0, label="limit")
        tuned = shrinkage.ridge(toy.problem().spectrum.eigenvalues, tuned_penalty)
        axes.plot(
            np.arange(1, len(tuned) + 1),
            tuned,
            "_",
            color=RED,
            markersize=14,
            markeredgewidth=2,
            label="tuned ridge",
        )
        axes.set(xlabel="eigen-direction k", title=f"$\\alpha$ = {weight:g}", ylim=(0, 1.05))
    panels[0].set_ylabel("what is left, $B_k$")
    legend = panels[-1].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    legend.legend_handles[[text.get_text() for text in legend.texts].index("limit")].set_edgecolor("0.4")
    return finish(figure)


def ratios(frame: pd.DataFrame, tuned_penalty: float, *, steps: int = 6) -> Figure:
    """Ratios R_k after 1 ... 6 steps and in the limit, with values read off the published plots; and R_9 over steps.

    ``frame``: rows of ``toy_spectra`` with columns weight, metric, step, k, value.
    """
    figure, panels = plt.subplots(1, 3, figsize=(12.5, 3.4))
    tuned = neighbour_ratios(shrinkage.ridge(toy.problem().spectrum.eigenvalues, tuned_penalty))
    for axes, weight, top in ((panels[0], 0.0, 2.4), (panels[1], 0.25, 1.35)):
        rows = frame[(frame["weight"] == weight) & (frame["metric"] == "ratio")]
        for step, colour in zip(range(1, steps + 1), STEP_COLOURS, strict=True):
            line = rows[rows["step"] == step]
            axes.plot(
                line["k"], line["value"], "o-", color=colour, markersize=3, linewidth=1, label=f"$\\tau$ = {step}"
            )
        end = frame[(frame["weight"] == weight) & (frame["metric"] == "limit ratio")]
        if np.isfinite(end["value"]).all():
            axes.plot(end["k"], end["value"], "k--", linewidth=1, label="limit")
        axes.plot(np.arange(1, len(tuned) + 1), tuned, **CONTROL, label="tuned ridge")
        dots = published.figure_values()
        dots = dots[(dots["weight"] == weight) & (dots["quantity"] == "ratio")]
        axes.plot(dots["k"], dots["value"], "s", color="0.2", fillstyle="none", label="read off, $\\tau$ = 6")
        axes.set(xlabel="k", ylabel="$R_k = B_k / B_{k+1}$", title=f"$\\alpha$ = {weight:g}", ylim=(1, top))
    panels[1].legend(frameon=False, fontsize=7, ncols=2, loc="upper left")
    _overshoot(panels[2], frame, float(tuned[8]))
    return finish(figure)


def _overshoot(axes: Axes, frame: pd.DataFrame, tuned: float, k: int = 9) -> None:
    for weight, colour in ((0.25, BLUE), (0.35, RED)):
        rows = frame[(frame["weight"] == weight) & (frame["k"] == k)]
        line, end = rows[rows["metric"] == "ratio"], rows[rows["metric"] == "limit ratio"]["value"]
        axes.plot(
            line["step"], line["value"], "o-", color=colour, markersize=3, linewidth=1, label=f"$\\alpha$ = {weight:g}"
        )
        axes.axhline(float(end.iloc[0]), color=colour, linestyle="--", linewidth=0.8)
    axes.axhline(tuned, **CONTROL, label="tuned ridge")
    axes.set(xlabel="step $\\tau$  (dashed: limit)", ylabel=f"$R_{k}$", title="up, then down to the limit")
    axes.legend(frameon=False, fontsize=8)


def parabola(frame: pd.DataFrame, controls: pd.DataFrame) -> Figure:
    """Loss of the next student over its weight: grid points, closed-form minimum, tuned ridge.

    ``frame``: rows of ``parabola`` (columns step, teacher_weight, weight, metric, value); ``controls``: of
    ``toy_controls``.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    colours = iter((BLUE, RED, PURPLE))
    for (step, teacher), rows in frame.groupby(["step", "teacher_weight"]):
        values, colour = rows.set_index("metric")["value"], next(colours)
        curve = rows[rows["metric"] == "loss"]
        label = "step 2" if step == 2 else f"step 3 of a teacher with $\\alpha$ = {teacher:g}"
        axes.plot(curve["weight"], curve["value"], color=colour, linewidth=1.2, label=label)
        thin = curve.iloc[::25]
        axes.plot(thin["weight"], thin["value"], ".", color=colour)
        at = float(values["optimal weight"]), float(values["loss at the optimal weight"])
        axes.plot(*at, "*", color=colour, markersize=13)
    axes.axhline(float(controls.set_index("metric")["value"]["tuned ridge: loss"]), **CONTROL, label="tuned ridge")
    axes.axvspan(0, 1, color="0.94", zorder=0)
    axes.set(
        xlabel="weight $\\alpha$ of the next step  (grey: 0 to 1)", ylabel="loss", ylim=(0.147, 0.175), xlim=(-2, 2)
    )
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def population(frame: pd.DataFrame) -> Figure:
    """Population weight of step 2 over the teacher's penalty by noise; a line marks where the ridge risk is stationary.

    ``frame``: rows of ``population`` with columns noise, penalty, metric, value.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    for (noise, rows), colour in zip(frame.groupby("noise"), WEIGHT_COLOURS[::2], strict=False):
        weight, slope = rows[rows["metric"] == "weight"], rows[rows["metric"] == "risk slope"]
        axes.plot(weight["penalty"], weight["value"], color=colour, label=f"$\\sigma$ = {noise:g}")
        for at in _zeros(np.log(slope["penalty"].to_numpy()), slope["value"].to_numpy()):
            axes.axvline(float(np.exp(at)), color=colour, linestyle=":", linewidth=1)
    axes.axhline(1, **CONTROL, label="$\\alpha$ = 1: nothing to gain")
    axes.axhline(0, **GREY)
    axes.set(
        xscale="log", ylim=(-4, 4), xlabel="penalty $\\lambda$ of teacher and student", ylabel="best weight of step 2"
    )
    axes.set_title("dotted: where the ridge risk is stationary (tuned ridge)", fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return finish(figure)


def _zeros(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return where a curve crosses zero, by linear interpolation between its points."""
    i = np.flatnonzero(np.sign(y[:-1]) != np.sign(y[1:]))
    return x[i] + (x[i + 1] - x[i]) * y[i] / (y[i] - y[i + 1])
