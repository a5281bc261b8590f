"""What the authors' repository publishes about the toy, beside our numbers: two small tables with their sources."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from . import shrinkage, toy
from .ratios import neighbour_ratios

_HERE = Path(__file__).parent
_FIGURE_STEPS = 6


@cache
def losses() -> pd.DataFrame:
    """Return the published losses: table, weight (as labelled), actual_weight, step (inf: limit), loss, source."""
    return pd.read_csv(_HERE / "published_toy.csv", dtype={"step": float})


@cache
def figure_values() -> pd.DataFrame:
    """Return values read off the published plots: weight (0, or 0.25 for the legend's "GT"), quantity, k, value."""
    return pd.read_csv(_HERE / "published_figures.csv")


def our_loss(weight: float, step: float) -> float:
    """Return our loss of the toy after a number of steps; infinity is the limit."""
    seen = toy.on_grid()
    if np.isinf(step):
        return float(toy.toy_losses(seen.limit(toy.PENALTY, weight)))
    return float(toy.toy_losses(seen.path(toy.PENALTY, [weight] * (int(step) - 1)))[-1])


def our_figure_value(weight: float, quantity: str, k: int) -> float:
    """Return our value of B_k or R_k after six steps; k counts from 1, the largest eigenvalue."""
    shrunk = shrinkage.after(toy.problem().spectrum.eigenvalues, toy.PENALTY, weight, _FIGURE_STEPS)
    return float({"shrinkage": shrunk, "ratio": neighbour_ratios(shrunk)}[quantity][k - 1])
