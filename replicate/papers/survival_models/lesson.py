"""What the notebook shows besides the experiments: one fit as a user would do it, its pictures, small tables."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .cases import CASES
from .measures import selection_table
from .regression import MultiParameterRegression


def lung_fit() -> MultiParameterRegression:
    """Fit the NCCTG lung trial with sex on the hazard and on the power shape."""
    formulas = {"lambda": "female", "gamma": "female"}
    return MultiParameterRegression().fit(CASES["lung"].frame(), "time", event_col="event", formulas=formulas)


def survival_figure() -> Figure:
    """Fitted survival against Kaplan-Meier, and the hazard ratio over time, for the lung trial."""
    frame, model = CASES["lung"].frame(), lung_fit()
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    model.plot_survival(frame, by="female", ax=left)
    men, women = (pd.DataFrame({"female": [x]}) for x in (0, 1))
    model.plot_hazard_ratio(women, men, ax=right)
    left.set(xlabel="years", ylabel="survival")
    right.set(xlabel="years", title="hazard of women / men")
    figure.tight_layout()
    return figure


def differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the largest difference from the authors' code by model and quantity; empty if it was not run."""
    if frame.empty:
        return pd.DataFrame()
    rows = frame[frame["metric"].str.endswith("difference")]
    return rows.pivot_table(index="model", columns="metric", values="value", aggfunc="max")


def limits(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the estimate of kappa and its profile limits by structure; empty if it was not run."""
    if frame.empty:
        return pd.DataFrame()
    rows = frame[frame["metric"].isin(["lower limit", "estimate", "upper limit"])]
    wide = rows.pivot(index="structure", columns="metric", values="value")
    return wide[["lower limit", "estimate", "upper limit"]].round(3)


def best_of(selection: pd.DataFrame) -> pd.DataFrame:
    """Return the best structures of the first trial that was run."""
    return selection_table(selection, selection["case"].iloc[0]).round(3) if len(selection) else pd.DataFrame()


def chosen(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how often AIC chose each structure over the resamples; empty if there were none."""
    if frame.empty:
        return pd.DataFrame()
    share = frame.groupby("structure")["value"].mean().sort_values(ascending=False)
    return share[share > 0].to_frame("share of resamples")


def scores(validated: pd.DataFrame, transferred: pd.DataFrame) -> pd.DataFrame:
    """Return mean scores by model, a column a trial and score; empty if nothing was validated.

    ``fitted`` is the share of fits that converged; the other scores are means over those.
    """
    if validated.empty:
        return pd.DataFrame()
    carried = transferred.assign(case="rotterdam to gbsg") if len(transferred) else transferred
    rows = pd.concat([validated, carried])
    rows = rows[rows["metric"].isin(["fitted", "concordance", "integrated Brier score", "calibration error"])]
    return rows.pivot_table(index="model", columns=["metric", "case"], values="value", sort=False)


def effects_by_sample(frame: pd.DataFrame) -> pd.DataFrame:
    """Return from a simulation the effects of x, their correlation, tests and choices, without the baseline."""
    if frame.empty:
        return frame
    kept = ["likelihood ratio", "correlation", "regular", "AIC chooses AFT", "AIC chooses PH", "AIC chooses both"]
    rows = frame[(frame["metric"] == "estimate") & (frame["term"] == "x") | frame["metric"].isin(kept)]
    return rows.drop(columns=["paper", "status"])


def cured(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cured shares with their limits, a row a model, columns by group; empty if it was not run."""
    if frame.empty:
        return pd.DataFrame()
    order = ["estimate", "lower", "upper"]
    wide = frame.pivot_table(index="model", columns=["group", "metric"], values="value", sort=False)
    return wide[[(group, name) for group in frame["group"].unique() for name in order]].round(3)


def how_many(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return how many values of ``column`` each trial has."""
    return frame.groupby("case", sort=False)[column].nunique().to_frame(f"{column}s") if len(frame) else frame
