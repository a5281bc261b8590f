"""Figures of the notebook: tidy frames in, matplotlib figures out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from replicate.drawing import BLUE, COLOURS, GREEN, GREY, RED, finish

from .distribution import APGW


def hazards() -> Figure:
    """Hazards over time for several (gamma, kappa), and the map of their shapes."""
    figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.2), width_ratios=[1, 1, 1, 1.2])
    times = np.geomspace(0.02, 8, 300)
    for panel, gamma in zip(axes[:3], (0.5, 1.0, 2.0), strict=True):
        for kappa, colour in zip((-0.5, 0.0, 0.5, 1.0, 2.0, np.inf), COLOURS, strict=False):
            panel.plot(times, APGW(gamma=gamma, kappa=kappa).log_hazard(times), color=colour, label=f"{kappa:g}")
        panel.set(xscale="log", ylim=(-4, 4), xlabel="time", title=f"$\\gamma$ = {gamma:g}")
    axes[0].set_ylabel("log hazard")
    for panel in axes[1:3]:
        panel.tick_params(labelleft=False)  # the same range as the first
    axes[2].legend(frameon=False, fontsize=7, title="$\\kappa$", title_fontsize=8)
    _shape_map(axes[3])
    return finish(figure)


def _shape_map(axes) -> None:
    gammas, kappas = np.linspace(0.2, 2.5, 120), np.linspace(-0.95, 3, 120)
    names = ("decreasing", "up-then-down", "down-then-up", "increasing")
    shapes = APGW(gamma=gammas[:, None], kappa=kappas[None, :]).hazard_shape
    codes = np.select([shapes == name for name in names], range(len(names)), default=0)
    fills = [to_rgba(colour, 0.2) for colour in ("0.6", BLUE, RED, GREEN)]
    axes.contourf(gammas, kappas, codes.T, levels=np.arange(-0.5, 4), colors=fills)
    axes.axvline(1, **GREY)
    axes.plot(gammas, 1 / gammas, **GREY)
    for name, x, y in zip(names, (0.3, 1.5, 0.25, 1.6), (0.0, -0.3, 2.6, 2.0), strict=True):
        axes.text(x, y, name, fontsize=8)
    axes.axhline(0, color="0.6", linewidth=0.8, linestyle=":")
    axes.set(xlabel="$\\gamma$", ylabel="$\\kappa$", ylim=(-0.95, 3), title="shapes; below the dotted line: cure")
    axes.title.set_fontsize(9)


def coverage(frame: pd.DataFrame) -> Figure:
    """Coverage and bias over kappa by sample size and parameter, with simulation error (S1).

    ``frame``: rows of ``s1`` with columns kappa, n, parameter, metric, value, truth_value.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4))
    sizes = sorted(frame["n"].unique())
    for size, marker in zip(sizes, "so^dv", strict=False):
        for parameter, colour in zip(("lambda", "gamma", "kappa"), COLOURS, strict=False):
            rows = frame[(frame["n"] == size) & (frame["parameter"] == parameter)]
            covered = rows[rows["metric"] == "covered"].groupby("kappa")["value"].agg(["mean", "count"])
            label = f"log {parameter}, n = {size}" if parameter != "kappa" else f"log(kappa + 1), n = {size}"
            filled = {"color": colour, "marker": marker, "fillstyle": "full" if size == sizes[-1] else "none"}
            left.plot(covered.index, covered["mean"], linewidth=0.8, **filled, label=label)
            estimates = rows[rows["metric"] == "estimate"]
            error = (estimates["value"] - estimates["truth_value"]).groupby(estimates["kappa"])
            spread = 1.96 * error.std() / np.sqrt(error.count())
            right.errorbar(error.mean().index, error.mean(), yerr=spread, linewidth=0.8, **filled)
    half = 3 * np.sqrt(0.05 * 0.95 / covered["count"].min())
    left.axhspan(0.95 - half, 0.95 + half, color="0.92", zorder=0)
    left.axhline(0.95, **GREY)
    right.axhline(0, **GREY)
    left.set(xlabel="$\\kappa$", ylabel="coverage of 95 % intervals", title="band: 3 Monte-Carlo errors")
    right.set(xlabel="$\\kappa$", ylabel="bias", title="bars: 95 % intervals of the mean error")
    right.set_ylim(-0.15, 0.3)
    handles = left.get_legend_handles_labels()
    right.legend(*handles, frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def ridge(frame: pd.DataFrame) -> Figure | None:
    """Estimates of an AFT and a PH effect fitted together, one point a sample (S3); None when it was not run.

    ``frame``: rows of ``s3`` with columns kappa, truth, seed, parameter, term, metric, value.
    """
    if frame.empty:
        return None
    slopes = frame[(frame["metric"] == "estimate") & (frame["term"] == "x")]
    wide = slopes.pivot(index=["truth", "kappa", "seed"], columns="parameter", values="value").reset_index()
    kappas = sorted(wide["kappa"].unique())
    figure, panels = plt.subplots(1, len(kappas), figsize=(3.2 * len(kappas), 3.2), squeeze=False, sharey=True)
    for axes, kappa in zip(panels[0], kappas, strict=True):
        for truth, colour in (("lambda", BLUE), ("phi", RED)):
            rows = wide[(wide["kappa"] == kappa) & (wide["truth"] == truth)]
            axes.plot(rows["phi"], rows["lambda"], "o", color=colour, markersize=4, alpha=0.6, label=f"truth: {truth}")
        axes.plot(0, 0.7, "k+", markersize=10)
        axes.plot(0.5, 0, "kx", markersize=8)
        axes.set(xlabel="AFT effect (log phi)", title=f"$\\kappa$ = {kappa:g}", xlim=(-5, 5), ylim=(-9, 9))
    panels[0][0].set_ylabel("PH effect (log lambda)")
    panels[0][0].legend(frameon=False, fontsize=7)
    return finish(figure)


def profile(frame: pd.DataFrame) -> Figure | None:
    """Profile log-likelihood of kappa for several baselines, with the 95 % cut; None when it was not run.

    ``frame``: rows of ``kappa_profile`` with columns structure, kappa, metric, value.
    """
    curves = frame[frame["metric"] == "relative profile log-likelihood"] if len(frame) else frame
    if curves.empty:
        return None
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    for (structure, rows), colour in zip(curves.groupby("structure", sort=False), COLOURS, strict=False):
        axes.plot(rows["kappa"], rows["value"], color=colour, label=structure)
    axes.axhline(-1.9207, **GREY)
    for kappa, name in ((0, "Burr XII"), (1, "Weibull")):
        axes.axvline(kappa, color="0.6", linestyle=":", linewidth=1)
        axes.text(kappa, 0.15, name, fontsize=8, ha="center")
    axes.set(xlabel="$\\kappa$", ylabel="log-likelihood below its maximum", ylim=(-8, 0.6))
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def units(frame: pd.DataFrame) -> Figure | None:
    """Log-likelihood (in years) and kappa over the unit of time; None when it was not run.

    ``frame``: rows of ``time_units`` with columns structure, factor (units a year), metric, value.
    """
    if frame.empty:
        return None
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4))
    for axes, metric in zip(panels, ("log-likelihood in years", "kappa"), strict=True):
        rows = frame[frame["metric"] == metric]
        for (structure, part), colour in zip(rows.groupby("structure", sort=False), COLOURS, strict=False):
            part = part.sort_values("factor")
            axes.plot(part["factor"], part["value"], "o-", color=colour, markersize=4, label=structure)
        axes.set(xscale="log", xlabel="units in a year", ylabel=metric)
    panels[0].legend(frameon=False, fontsize=8)
    return finish(figure)
