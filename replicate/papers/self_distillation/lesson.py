"""What the notebook shows besides figures: small tables of what was measured, and one fit as a user would do it."""

import pandas as pd

from replicate.rows import where

from . import toy
from .estimator import SelfDistilledRidge


def toy_fit() -> pd.Series:
    """Fit the toy with the scikit-learn estimator, six steps at alpha = 0.25; return its loss after each."""
    model = SelfDistilledRidge(toy.PENALTY, weight=0.25, steps=6, gamma=toy.GAMMA)
    model.fit(toy.INPUTS[:, None], toy.TARGETS)
    stages = model.staged_predict(toy.GRID[:, None])
    losses = [float(((stage - toy.truth(toy.GRID)) ** 2).mean()) for stage in stages]
    return pd.Series(losses, index=pd.RangeIndex(1, 7, name="step"), name="loss")


def published_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return published losses beside ours at the labelled and at the true weight."""
    where_from = ["source_table", "labelled", "step"]
    rows = frame.assign(step=frame["step"].map("{:g}".format).replace("nan", "limit"))
    wide = rows.pivot_table(index=where_from, columns=["metric", "at_weight"], values="value", sort=False)
    columns = {
        "published": wide["published", "true"],
        "ours, at the heading's weight": wide["ours", "labelled"],
        "ours, at the true weight": wide["ours", "true"],
    }
    return pd.DataFrame(columns)


def figure_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return values read off the published plots beside ours at alpha = 0, 0.25 and 0.35."""
    index = ["quantity", "k", "labelled"]
    read = where(frame, metric="read off").groupby(index, sort=False)["value"].first().rename("read off")
    ours = where(frame, metric="ours").pivot_table(index=index, columns="weight", values="value", sort=False)
    return pd.concat([read, ours.sort_index(axis=1).add_prefix("ours, alpha = ")], axis=1)


def ratio_path(frame: pd.DataFrame, *, weight: float = 0.25) -> pd.DataFrame:
    """Return for each R_k its first value, its maximum, the step of the maximum, and its limit."""
    steps = where(frame, metric="ratio", weight=weight).pivot(index="k", columns="step", values="value")
    end = where(frame, metric="limit ratio", weight=weight).set_index("k")["value"]
    return pd.DataFrame(
        {"first": steps[1], "maximum": steps.max(axis=1), "at step": steps.idxmax(axis=1), "limit": end}
    )


def convergence_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rates and steps to convergence by weight."""
    rows = where(frame, metric=["predicted rate", "measured rate", "steps to 1e-3"])
    return rows.pivot(index="weight", columns="metric", values="value")


def weights_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return greedy weights and losses by step, unconstrained and clipped to [0, 1]."""
    rows = where(frame, metric=["weight", "loss", "denominator"])
    wide = rows.pivot(index="step", columns=["clipped", "metric"], values="value").sort_index(axis=1)
    return wide.rename(columns={False: "any weight", True: "0 to 1"}, level=0)


def values(frame: pd.DataFrame) -> pd.DataFrame:
    """Return metric and value as a table, with the step where there is one."""
    if frame.empty:
        return frame
    names = [
        f"{row.metric}, step {row.step:g}" if pd.notna(getattr(row, "step", None)) else row.metric
        for row in frame.itertuples()
    ]
    return pd.DataFrame({"value": frame["value"].to_numpy()}, index=pd.Index(names, name="measured"))


def by_step(frame: pd.DataFrame, metric: str, *index: str) -> pd.DataFrame:
    """Return means over seeds of a metric, one row a configuration, one column a step, tuned ridge included."""
    rows = where(frame, metric=metric)
    tuned = rows["weight"].str.startswith("tuned")
    chains = rows[~tuned].pivot_table(index=[*index, "penalty", "weight"], columns="step", values="value", sort=False)
    control = rows[tuned].assign(step=1.0, penalty="chosen")
    control = control.pivot_table(index=[*index, "penalty", "weight"], columns="step", values="value", sort=False)
    table = pd.concat([chains, control])
    return table.rename(columns=lambda step: f"step {step:g}")


def estimated_weights(frame: pd.DataFrame, *index: str) -> pd.DataFrame:
    """Return mean estimated weights and their denominators by step."""
    rows = where(frame, metric=["estimated weight", "denominator"])
    wide = rows.pivot_table(index=[*index, "penalty", "weight", "metric"], columns="step", values="value", sort=False)
    return wide.rename(columns=lambda step: f"step {step:g}")


def constrained_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return penalty and loss of each round of the constrained form by kernel."""
    rows = where(frame, metric=["penalty", "loss"])
    return rows.pivot(index="step", columns=["kernel", "metric"], values="value").rename_axis(index="round + 1")


def repeated_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the smallest risks and the largest weight needed, one row a spectrum."""
    order = ["ridge", "one step", "r steps", "oracle", "largest weight"]
    return frame.pivot(index=["direction", "r"], columns="metric", values="value")[order]


def network_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return test scores of the last student, means over seeds, by decay and weight."""
    last = frame[(frame["step"] == frame["step"].max()) | (frame["alpha"] == "first")]
    rows = where(last, metric=["accuracy", "squared error", "calibration error"], split="test")
    index = ["teacher", "decay", "alpha"]
    table = rows.pivot_table(index=index, columns="metric", values="value", sort=False)
    weights = where(last, metric="raw weight").groupby(index)["value"].mean().rename("estimated weight")
    return table.join(weights) if len(weights) else table
