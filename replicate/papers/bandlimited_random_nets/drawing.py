"""What the figures share: medians with quartiles, and clean axes."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replicate import drawing


def shades(count: int) -> list:
    """Return colours from dark to light for ordered values such as bandwidths."""
    return list(colormaps["viridis"](np.linspace(0, 0.9, max(count, 1))))


def median_line(axes: Axes, frame: pd.DataFrame, x: str, *, color, label: str = "", **style) -> None:
    """Draw the median of ``value`` over seeds against ``x``, with the quartiles as a band."""
    groups = frame.groupby(x)["value"]
    middle, low, high = groups.median(), groups.quantile(0.25), groups.quantile(0.75)
    axes.plot(middle.index, middle, marker="o", markersize=3, color=color, label=label, **style)
    axes.fill_between(middle.index, low, high, color=color, alpha=0.18, linewidth=0)


def legend(axes: Axes, **options) -> None:
    """Put a small legend without a frame on the axes."""
    axes.legend(**{"frameon": False, "fontsize": 7, "title_fontsize": 7, **options})


def finish(figure: Figure) -> Figure:
    """Finish a figure with small tick labels."""
    for axes in figure.axes:
        axes.tick_params(labelsize=8)
    return drawing.finish(figure)
