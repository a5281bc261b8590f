"""From the rows of experiments to the measurements that claims are judged by. DataFrames in, numbers out.

A study that did not run gives an empty frame and None: its claim is *not run*.
"""

import numpy as np
import pandas as pd

from replicate.measurement import Measurement, from_exact, from_pairs
from replicate.rows import where

from .networks import ESTIMATED

_SAID_ELSEWHERE = ["paper", "experiment", "status", "batch", "rate", "epochs", "steps", "width"]  # in the manifest


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame for keeping, without columns of one value that the manifest or paper.toml says."""
    return frame.drop(columns=[c for c in _SAID_ELSEWHERE if c in frame and frame[c].nunique(dropna=False) <= 1])


def largest(frame: pd.DataFrame, metric: str, **columns: object) -> Measurement | None:
    """Return the largest value of a metric where columns have the given values."""
    values = where(frame, metric=metric, **columns)["value"] if len(frame) else []
    return from_exact(float(max(values))) if len(values) else None


def smallest(frame: pd.DataFrame, metric: str, **columns: object) -> Measurement | None:
    """Return the smallest value of a metric where columns have the given values."""
    values = where(frame, metric=metric, **columns)["value"] if len(frame) else []
    return from_exact(float(min(values))) if len(values) else None


def best_step(losses: pd.DataFrame, *, weight: float, steps: int) -> Measurement:
    """Return the step with the smallest loss among the first ``steps`` at one weight."""
    rows = where(losses, metric="loss", weight=weight)
    rows = rows[rows["step"] <= steps]
    return from_exact(float(rows.set_index("step")["value"].idxmin()))


def rate_error(convergence: pd.DataFrame, *, weights: list[float]) -> Measurement:
    """Return the largest relative difference between measured and predicted rate of convergence."""
    rows = where(convergence, weight=weights, metric=["measured rate", "predicted rate"])
    wide = rows.pivot(index="weight", columns="metric", values="value")
    return from_exact(float((wide["measured rate"] / wide["predicted rate"] - 1).abs().max()))


def smallest_growth(spectra: pd.DataFrame, *, weight: float) -> Measurement:
    """Return the smallest factor by which any ratio R_k grows in any step."""
    growth = ratios_by_step(spectra, weight).pct_change().dropna()
    return from_exact(float(growth.to_numpy().min()))


def damping(spectra: pd.DataFrame, *, weight: float, step: int) -> Measurement:
    """Return the largest R_k at one weight over R_k at alpha = 0, after one number of steps."""
    ratio = ratios_by_step(spectra, weight).loc[step] / ratios_by_step(spectra, 0.0).loc[step]
    return from_exact(float(ratio.max()))


def largest_fall(spectra: pd.DataFrame, *, weight: float) -> Measurement:
    """Return by how much a ratio R_k falls from its maximum over the steps to its limit, the largest over k."""
    end = where(spectra, metric="limit ratio", weight=weight).set_index("k")["value"]
    return from_exact(float((ratios_by_step(spectra, weight).max() - end).max()))


def grid_distance(parabolas: pd.DataFrame) -> Measurement:
    """Return the largest distance between closed-form weight and best grid weight, in grid spacings, over all cases."""
    found = []
    for _, rows in parabolas.groupby(["step", "teacher_weight"]):
        curve = rows[rows["metric"] == "loss"].set_index("weight")["value"]
        best = float(rows.loc[rows["metric"] == "optimal weight", "value"].iloc[0])
        spacing = float(np.diff(curve.index).mean())
        found.append(abs(best - float(curve.idxmin())) / spacing)
    return from_exact(max(found))


def grid_excess(parabolas: pd.DataFrame) -> Measurement:
    """Return the largest excess of the loss at the closed-form weight over the smallest grid loss."""
    found = []
    for _, rows in parabolas.groupby(["step", "teacher_weight"]):
        at_best = float(rows.loc[rows["metric"] == "loss at the optimal weight", "value"].iloc[0])
        found.append(at_best - float(rows.loc[rows["metric"] == "loss", "value"].min()))
    return from_exact(max(found))


def estimated_against_grid(networks: pd.DataFrame) -> Measurement | None:
    """Return test accuracy of the last student, estimated weights minus the mean over fixed ones, paired by seed.

    Weight decays are averaged within a seed: the seed is the unit.
    """
    rows = where(networks, metric="accuracy", split="test")
    if rows.empty:
        return None
    rows = rows[(rows["step"] == rows["step"].max()) & (rows["teacher"] == "soft")]
    wide = rows.pivot_table(index="seed", columns="alpha", values="value", aggfunc="mean")
    return from_pairs(wide[ESTIMATED], wide.drop(columns=ESTIMATED).mean(axis=1), dataset="digits")


def tuned_accuracies(frame: pd.DataFrame) -> pd.DataFrame:
    """Return for each seed the decay with the smallest squared error on validation data, and its test accuracy."""
    validation = where(frame, metric="squared error", split="validation")
    best = validation.loc[validation.groupby("seed")["value"].idxmin(), ["seed", "decay"]]
    test = where(frame, metric="accuracy", split="test")[["seed", "decay", "value"]]
    return best.merge(test, on=["seed", "decay"]).rename(columns={"value": "accuracy"}).set_index("seed")


def trainings_saved(networks: pd.DataFrame) -> Measurement | None:
    """Return the trainings a step with an estimated weight takes, as a share of those of the grid of fixed weights."""
    rows = where(networks, metric="trainings")
    if rows.empty:
        return None
    by_weight = rows.groupby("alpha")["value"].max()
    return from_exact(float(by_weight[ESTIMATED] / by_weight.drop(ESTIMATED).sum()), dataset="digits")


def between_weights(images: pd.DataFrame, a: str, b: str) -> Measurement | None:
    """Return the accuracy of the last ResNet at weight ``a`` minus that at ``b``, paired by seed."""
    rows = where(images, metric="accuracy")
    if rows.empty:
        return None
    wide = rows[rows["step"] == rows["step"].max()].pivot(index="seed", columns="weight", values="value")
    return from_pairs(wide[a], wide[b], dataset=rows["dataset"].iloc[0]) if {a, b} <= set(wide) else None


def optimism(images: pd.DataFrame) -> Measurement | None:
    """Return the test accuracy of the epoch chosen on the test set minus that chosen on held-out images, by seed."""
    rows = where(images, metric=["accuracy", "accuracy, epoch selected on test"])
    if rows.empty or (rows["protocol"] == "script").any():
        return None
    wide = rows.pivot_table(index="seed", columns="metric", values="value", aggfunc="mean")
    return from_pairs(wide["accuracy, epoch selected on test"], wide["accuracy"], dataset=rows["dataset"].iloc[0])


def ratios_by_step(spectra: pd.DataFrame, weight: float) -> pd.DataFrame:
    """Return R_k, one row a step, one column a k."""
    return where(spectra, metric="ratio", weight=weight).pivot(index="step", columns="k", values="value")
