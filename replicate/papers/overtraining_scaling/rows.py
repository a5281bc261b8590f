"""From predictions to result rows: what was predicted for which run, what was measured, how far off it is."""

import numpy as np
import pandas as pd

from . import designs
from .laws import LossLaw
from .records import Testbed

Rows = list[dict]


def coefficients(law) -> Rows:
    """Return the coefficients of a law, one a row; of a loss law M* as well."""
    rows = [{"coefficient": name, "metric": "coefficient", "value": value} for name, value in vars(law).items()]
    if isinstance(law, LossLaw):
        rows.append({"coefficient": "M*", "metric": "coefficient", "value": float(law.best_multiplier)})
    return [{"target": "loss", **row} for row in rows] if isinstance(law, LossLaw) else rows


def place(runs: pd.DataFrame, i: int) -> dict:
    """Return the columns that name a run."""
    return {"size": runs["size"].iloc[i], "M": int(runs["M"].iloc[i])}


def run_rows(runs: pd.DataFrame, target: str, predicted, truth, points) -> Rows:
    """Return, for every run, what was predicted, what was measured and the relative error."""
    fitted = set(designs.rows(runs, points))
    rows = []
    for i in range(len(runs)):
        what = {"target": target, **place(runs, i), "fitted": int(i in fitted), "C": float(runs["C"].iloc[i])}
        found = {
            "predicted": predicted[i],
            "measured": truth[i],
            "relative error, %": 100 * (predicted[i] / truth[i] - 1),
        }
        rows += [{**what, "metric": name, "value": float(value)} for name, value in found.items()]
    return rows


def binomial_rows(bed: Testbed, target: str, truth: np.ndarray, tasks) -> Rows:
    """Return the binomial standard error of every run's average error, per cent of that average."""
    relative = 100 * bed.noise(tasks) / truth
    runs = ({"target": target, **place(bed.runs, i)} for i in range(len(truth)))
    return [row | {"metric": "binomial error, %", "value": float(v)} for row, v in zip(runs, relative, strict=True)]


def large_rows(runs: pd.DataFrame, predicted, truth) -> Rows:
    """Return the relative errors of the three large runs; ``truth`` is a column's name or its values."""
    truth = runs[truth].to_numpy() if isinstance(truth, str) else truth
    off = 100 * (np.asarray(predicted) / truth - 1)
    return [place(runs, i) | {"metric": "relative error, %", "value": float(off[i])} for i in designs.large(runs)]


def interval_rows(runs, large, what: dict, centre, limits, truth) -> Rows:
    """Return prediction, truth, bounds, half-width and whether the truth is inside, for runs ``large``."""
    rows = []
    for j, i in enumerate(large):
        low, high = limits[0][j], limits[1][j]
        found = {
            "predicted": centre[j],
            "measured": truth[j],
            "low": low,
            "high": high,
            "half-width, %": 50 * (high - low) / truth[j],
            "covered": float(low <= truth[j] <= high),
        }
        rows += [what | place(runs, i) | {"metric": k, "value": float(v)} for k, v in found.items()]
    return rows
