"""Figures of the contrastive part: frames in, figures out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replicate.drawing import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, finish

from .figures import interval
from .measures import where
from .two_towers import METHODS, SCHEDULED

_ALL = (*METHODS, *SCHEDULED)
_COLOURS = dict(zip(_ALL, ("0.4", "0.65", GREEN, ORANGE, PURPLE, BLUE, "0.2", SKY), strict=True))


def retrieval(frame: pd.DataFrame) -> Figure | None:
    """Draw recall by method with 95 % intervals over seeds and a dot a seed."""
    if frame.empty:
        return None
    methods = [name for name in _ALL if name in set(frame["method"])]
    figure, panels = plt.subplots(1, 3, figsize=(11.5, 3.6))
    for axes, metric, title in zip(
        panels,
        ("TR@1", "IR@1", "TR@5"),
        ("image to text, at 1", "text to image, at 1", "image to text, at 5"),
        strict=True,
    ):
        for i, method in enumerate(methods):
            values = where(frame, metric=metric, method=method)["value"].to_numpy()
            if len(values):
                middle, low, high = interval(values)
                axes.plot([i, i], [low, high], color=_COLOURS[method], linewidth=3, alpha=0.5)
                axes.plot(np.full(len(values), i) + 0.15, values, ".", color=_COLOURS[method], markersize=4)
                axes.plot(i, middle, "o", color=_COLOURS[method])
        axes.set_xticks(range(len(methods)), methods, rotation=30, ha="right", fontsize=8)
        axes.set(title=title, ylabel="recall on new concepts")
    return finish(figure)


def temperatures(frame: pd.DataFrame) -> Figure | None:
    """Draw temperatures of training anchors: histograms of iSogCLR and TempNet, and tau over the subcategory's size."""
    if frame.empty:
        return None
    rows = where(frame, split="train", direction="image", metric=["tau of an anchor", "group size"])
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5))
    for method, colour in (("iSogCLR", ORANGE), ("TempNet", BLUE)):
        part = where(rows, method=method)
        if part.empty:
            continue
        wide = part.pivot_table(index=["seed", "place"], columns="metric", values="value")
        left.hist(wide["tau of an anchor"], 30, color=colour, alpha=0.55, label=method)
        first = wide.loc[wide.index.get_level_values("seed").min()]
        right.plot(first["group size"], first["tau of an anchor"], ".", color=colour, markersize=4, label=method)
    left.set(xlabel="temperature of an image", ylabel="anchors (a sample of every seed)")
    right.set(xscale="log", xlabel="concepts in its group", ylabel="temperature (one seed)")
    left.legend(frameon=False, fontsize=8)
    return finish(figure)


def sizes(frame: pd.DataFrame) -> Figure | None:
    """Draw the rank correlation of the exact tau* with the size of the anchor's group over rho; a line a seed."""
    rows = where(frame, method="TempNet", metric="Spearman(tau*, group size)") if len(frame) else frame
    if rows.empty:
        return None
    learnt = where(frame, method="TempNet", direction="image", metric="Spearman(tau, group size)")
    figure, axes = plt.subplots(figsize=(6, 3.5))
    for _, part in rows.groupby("seed"):
        axes.plot(part["at_rho"], part["value"], ".-", color=RED, alpha=0.6, linewidth=1)
    axes.plot(learnt["rho"], learnt["value"], "o", color=BLUE, label="TempNet at the rho it was trained with")
    axes.axhline(0, color="0.6", linewidth=1)
    axes.set(xlabel="rho (nats)", ylabel="rank correlation with group size")
    axes.plot([], [], ".-", color=RED, label="exact tau* on its embeddings")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    return finish(figure)


def extremes(frame: pd.DataFrame, images: np.ndarray) -> Figure | None:
    """Draw the test images with the smallest and the largest tau of the first seed.

    ``images``: ``(n, side, side, channels)`` uint8, the test set in its order.
    """
    rows = where(frame, method="TempNet", metric="tau of an image") if len(frame) else frame
    if rows.empty:
        return None
    rows = rows[rows["seed"] == rows["seed"].min()].sort_values("value")
    half = len(rows) // 2
    figure, panels = plt.subplots(2, half, figsize=(1.05 * half, 2.9))
    for axes, row in zip(panels.flat, rows.itertuples(), strict=True):
        axes.imshow(images[int(row.place)].squeeze(), cmap="gray")
        axes.set_title(f"{row.value:.3f}", fontsize=8)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    panels[0][0].set_ylabel("smallest", fontsize=8)
    panels[1][0].set_ylabel("largest", fontsize=8)
    return finish(figure)
