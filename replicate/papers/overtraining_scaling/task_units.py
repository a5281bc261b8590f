"""Units on downstream tasks: which tasks can be predicted, which were chosen, and what the choice does (E3)."""

import numpy as np

from replicate.seeds import Seed

from . import designs, intervals, records
from .fits import POINTS, fit_errors, fit_losses
from .rows import Rows

FITS = {"table 1": designs.ERROR_RUNS, "without 1.4B": designs.LOSS_RUNS}


def single_tasks(config: dict, seed: Seed) -> Rows:
    """Predict every task's error at 6.9B, with and without the 1.4B run; does its own interval hold the truth?"""
    bed = records.load(config["source"]).of(config["training_set"])
    predicted, target = _loss_at_target(bed)
    tasks = {task: bed.errors[task].to_numpy() for task in bed.errors}
    tasks |= averages_over_tasks(bed)
    rows = []
    for name, points in FITS.items():
        for task, errors in tasks.items():
            fitted = fit_errors(bed.runs, errors, points=points)
            centre, half = intervals.linear(fitted, predicted)
            off = 100 * abs(centre[0] / errors[target] - 1)
            what = {"fit": name, "task": task}
            rows += [{**what, "metric": "relative error, %", "value": float(off)}]
            inside = abs(centre[0] - errors[target]) <= half[0]
            rows += [{**what, "metric": "inside its own 90 % interval", "value": int(inside)}]
            rows += [{**what, "metric": "half-width, %", "value": float(100 * half[0] / errors[target])}]
    return rows


def task_rule(config: dict, seed: Seed) -> Rows:
    """Apply "10 points above chance at 0.154B" to all runs of that size; report the best margin of every task (A10)."""
    bed = records.load(config["source"])
    margin = margins(bed)
    return [
        {
            "task": task,
            "chosen by the authors": int(task in records.TASKS_17),
            "metric": "margin",
            "value": float(value),
        }
        for task, value in margin.items()
    ]


def thresholds(config: dict, seed: Seed) -> Rows:
    """Average over the tasks that clear each threshold; predict the average at 6.9B (figure 8)."""
    whole = records.load(config["source"])
    bed, margin = whole.of(config["training_set"]), margins(whole)
    predicted, target = _loss_at_target(bed)
    rows = []
    for threshold in config["thresholds"]:
        tasks = [task for task, value in margin.items() if value >= threshold / 100]
        errors = bed.average(tasks)
        fitted = fit_errors(bed.runs, errors)
        centre, half = intervals.linear(fitted, predicted)
        found = {
            "tasks": len(tasks),
            "relative error, %": 100 * abs(centre[0] / errors[target] - 1),
            "half-width, %": 100 * half[0] / errors[target],
        }
        rows += [{"threshold": threshold, "metric": name, "value": float(value)} for name, value in found.items()]
    return rows


def averages_over_tasks(bed: records.Testbed) -> dict[str, np.ndarray]:
    """Return the averages over 17 and 46 tasks, and that of 17 weighted by precision, one value a run.

    Weights are the inverse binomial variances n / (e (1 - e)) at the mean error of the fitted runs, so that a task of
    32 questions no longer makes two thirds of the noise.
    """
    chosen = bed.errors[list(records.TASKS_17)]
    at = chosen.iloc[designs.rows(bed.runs, designs.ERROR_RUNS)].mean()
    weights = bed.tasks["questions"].loc[chosen.columns] / (at * (1 - at))
    weighted = (chosen * weights).sum(axis=1) / weights.sum()
    named = {"17 tasks": bed.average(), "46 tasks": bed.average(bed.errors.columns)}
    return named | {"17 tasks, by precision": weighted.to_numpy()}


def margins(bed: records.Testbed) -> dict[str, float]:
    """Return by how much the best 0.154B run beats guessing on each task, in [-1, 1]."""
    best = 1 - bed.errors[(bed.runs["size"] == "0.154B").to_numpy()].min()
    return (best - (1 - bed.tasks["chance"].loc[best.index])).to_dict()


def _loss_at_target(bed: records.Testbed) -> tuple[np.ndarray, int]:
    """Return the loss predicted for the 6.9B run, as a point of the error law, and the run's position."""
    (target,) = designs.rows(bed.runs, (("6.9B", 20),))
    return fit_losses(bed.runs, designs.LOSS_RUNS).predict(bed.runs[POINTS].to_numpy()[[target]]), target
