"""Figures about bounds, precision and the ridgelet transform: tidy frames in, matplotlib figures out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from replicate.drawing import COLOURS, GREY, RED

from .drawing import finish, legend, median_line, shades


def precision(frame: pd.DataFrame) -> Figure:
    """Draw the error and the coefficients' norm over the width, a line a precision (sine of four periods).

    ``frame``: rows of ``precision`` with columns bandwidth, width, precision, target, metric, value.
    """
    rows = frame[(frame["target"] == "sin4") & (frame["bandwidth"] == frame["bandwidth"].median())]
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.6))
    names = list(dict.fromkeys(frame["precision"]))
    for axes, metric in zip(panels, ("test rmse", "coefficient norm"), strict=True):
        for name, colour in zip(names, COLOURS, strict=False):
            part = rows[(rows["precision"] == name) & (rows["metric"] == metric)].dropna(subset="value")
            median_line(axes, part, "width", color=colour, label=name)
        axes.set(yscale="log", xlabel="nodes $d$", ylabel=metric.replace("rmse", "RMSE"))
    legend(panels[0])
    return finish(figure)


def certificate(frame: pd.DataFrame) -> Figure:
    """Draw the relative error and its certified bound over bandwidth times target width, a colour a penalty.

    ``frame``: rows of ``certificates`` with columns bandwidth, target_width, width, penalty, metric, value.
    """
    rows = frame[frame["width"] == frame["width"].max()]
    rows = rows.assign(product=rows["bandwidth"] * rows["target_width"])
    figure, axes = plt.subplots(figsize=(7, 4))
    for penalty, colour in zip(sorted(rows["penalty"].unique()), COLOURS, strict=False):
        part = rows[rows["penalty"] == penalty]
        errors = part[part["metric"] == "relative error"]
        bounds = part[(part["metric"] == "bound") & (part["value"] > 1e-16)]
        median_line(axes, errors, "product", color=colour, label=f"penalty {penalty:g}")
        low = bounds.groupby("product")["value"].median()
        axes.plot(low.index, low, color=colour, linestyle="--", linewidth=0.9)
    axes.axvline(1, **GREY)
    axes.text(1.02, 2e-15, "critical", fontsize=8, color="0.4")
    axes.set(yscale="log", ylim=(1e-16, 2), xlabel="bandwidth x target width", ylabel="relative error (dashed: bound)")
    legend(axes, loc="lower left")
    return finish(figure)


def ridgelet(maps: dict[str, np.ndarray], extent: float, nodes: np.ndarray) -> Figure:
    """Draw |R[f](a, b)| of several targets with the boxes of bandwidth 1, 10, 30, 100 and a draw from the 30.

    Args:
        maps: by target, ``(p, q)`` over slopes and biases in ``[-extent, extent]``.
        extent: half side of the map.
        nodes: ``(2, d)``, slopes and biases of a random layer.
    """
    figure, panels = plt.subplots(1, len(maps), figsize=(3.9 * len(maps), 3.5), squeeze=False, sharey=True)
    for axes, (name, values) in zip(panels[0], maps.items(), strict=True):
        size = np.abs(values).T / np.abs(values).max()
        sides = (-extent, extent, -extent, extent)
        options = {"norm": LogNorm(1e-3, 1), "cmap": "Blues", "origin": "lower", "aspect": "auto", "rasterized": True}
        image = axes.imshow(np.maximum(size, 1e-3), extent=sides, **options)
        for bandwidth, colour in zip((1, 10, 30, 100), shades(4), strict=True):
            corner = (-bandwidth, -bandwidth)
            axes.add_patch(Rectangle(corner, 2 * bandwidth, 2 * bandwidth, fill=False, edgecolor=colour, linewidth=1.2))
        axes.plot(*nodes, ".", color=RED, markersize=1.5)
        axes.set(title=name, xlabel="slope $a$")
    panels[0][0].set_ylabel("bias $b$")
    finished = finish(figure)
    finished.colorbar(image, ax=list(panels[0]), label="|R[f](a, b)| / largest", shrink=0.9, pad=0.01)
    return finished


def critical(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw the critical bandwidth over the number of periods: median and quartiles over draws, by net and solver.

    ``tables``: label -> frame with a row a seed and columns ``sin1``, ``sin2``, ...
    """
    figure, axes = plt.subplots(figsize=(6.2, 4))
    for (label, table), colour in zip(tables.items(), COLOURS, strict=False):
        sines = sorted((c for c in table.columns if c.startswith("sin")), key=lambda name: int(name[3:]))
        long = table[sines].rename(columns=lambda name: int(name[3:])).melt(var_name="periods")
        long = long[np.isfinite(long["value"])]
        median_line(axes, long, "periods", color=colour, label=label)
    periods = np.array([1, 32])
    axes.plot(periods, 2 * np.pi * periods, linestyle=":", color="0.4", label="$2 \\pi k$")
    axes.set(xscale="log", yscale="log", xlabel="periods $k$", ylabel="least bandwidth with an error below 10 %")
    legend(axes)
    return finish(figure)
