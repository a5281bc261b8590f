"""What the notebook shows besides the experiments: one fit as a user would do it, small tables."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from replicate.drawing import BLUE, RED

from .measures import OFF, errors, large_errors
from .published import laws

AVERAGES = ("17 tasks", "46 tasks", "17 tasks, by precision")


def parallel_lines() -> Figure:
    """Draw the law with RedPajama's printed coefficients: lines of one slope, their height over M."""
    law, _ = laws()["RedPajama"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
    compute, multipliers = np.geomspace(1e16, 1e22, 50), np.geomspace(1, 1000, 200)
    norm, colours = LogNorm(1, 640), plt.get_cmap("viridis")
    for m in (1, law.best_multiplier, 20, 80, 320, 640):
        left.plot(compute, law.at(compute, m) - law.E, color=colours(norm(m)), label=f"M = {m:.3g}")
    right.plot(multipliers, law.prefactor(multipliers), color=BLUE)
    right.plot(law.best_multiplier, law.prefactor(law.best_multiplier), "o", color=RED)
    left.set(xscale="log", yscale="log", xlabel="compute, FLOPs", ylabel="loss - E")
    right.set(xscale="log", xlabel="M, tokens a parameter", ylabel="$\\lambda(M) = aM^\\eta + bM^{-\\eta}$")
    left.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def headline(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return what was predicted and measured for the large runs: loss and 17-task error."""
    rows = predictions[predictions["target"].isin(["loss", "error17"]) & predictions["size"].isin(["1.4B", "6.9B"])]
    rows = rows[rows["metric"].isin(["predicted", "measured", OFF])]
    return rows.pivot(index=["training_set", "size", "M"], columns=["target", "metric"], values="value").sort_index(
        axis=1
    )


def interval_table(ladder: pd.DataFrame) -> pd.DataFrame:
    """Return half-widths in per cent of the truth, a row a kind of interval."""
    rows = ladder[(ladder["metric"] == "half-width, %") & (ladder["evaluation"] == "c4_val")]
    columns = ["training_set", "size", "M"]
    return rows.pivot(index=["interval", "pool"], columns=columns, values="value").astype(float)


def coverage(ladder: pd.DataFrame) -> pd.DataFrame:
    """Return the share of large runs inside their interval, over all evaluations of the preset."""
    rows = ladder[ladder["metric"] == "covered"]
    return rows.groupby(["interval", "pool"])["value"].agg(["mean", "count"])


def error_budget(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the 17-task error's parts at the large runs: chained, at the measured loss, and the binomial noise."""
    parts = {
        "chained": errors(predictions, "error17"),
        "at the measured loss": errors(predictions, "error17 at the measured loss"),
        "loss alone": errors(predictions),
    }
    noise = predictions[(predictions["metric"] == "binomial error, %") & (predictions["target"] == "error17")]
    keys = ["training_set", "size", "M"]
    found = {name: rows.set_index(keys)["value"] for name, rows in {**parts, "binomial noise": noise}.items()}
    return pd.DataFrame(found).query("size in ['1.4B', '6.9B']")


def predictable_tasks(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return how many single tasks are within 5 % at 6.9B, and within their own interval; empty if not run."""
    if tasks.empty:
        return pd.DataFrame()
    single = tasks[~tasks["task"].isin(AVERAGES)]
    inside = single[single["metric"] == "inside its own 90 % interval"].groupby(["fit", "training_set"])["value"].sum()
    near = single[single["metric"] == OFF].groupby(["fit", "training_set"])["value"].agg(lambda v: (v < 5).sum())
    return pd.DataFrame({"within 5 %": near, "inside own interval": inside}).astype(int)


def averages(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return the error of every kind of average at 6.9B, per cent, and its half-width; empty if it was not run."""
    if tasks.empty:
        return pd.DataFrame()
    rows = tasks[
        tasks["task"].isin(AVERAGES) & (tasks["fit"] == "table 1") & tasks["metric"].isin([OFF, "half-width, %"])
    ]
    return rows.pivot(index="task", columns=["metric", "training_set"], values="value")


def ranking(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the large runs in the order of their measured 17-task error."""
    return large_errors(predictions).sort_values("measured").reset_index(drop=True)


def design_table(designs: pd.DataFrame) -> pd.DataFrame:
    """Return table 1's design beside the best one within its compute; empty if it was not run."""
    if designs.empty:
        return pd.DataFrame()
    rows = designs[designs["metric"] != "designs within budget"]
    rows = rows.assign(
        what=rows["metric"].where(rows["size"].isna(), rows["size"] + ", M = " + rows["M"].astype("Int64").astype(str))
    )
    return rows.pivot(index=["training_set", "least", "design", "which"], columns="what", values="value")
