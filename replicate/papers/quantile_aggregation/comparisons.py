"""Ranks of methods over sets, and what goes with a gain: DataFrames in, small tables out."""

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, spearmanr, studentized_range

from . import measures
from .plan import DQA

_TRAITS = ("rows", "features", "PVE", "error correlation")


def ranks(main: pd.DataFrame) -> tuple[pd.Series, float, float]:
    """Return mean ranks over sets (1 is best), Friedman's p-value and Nemenyi's critical difference at 5 %.

    Two methods whose mean ranks differ by less than the critical difference cannot be told apart by the sets
    (Demsar 2006, J. Mach. Learn. Res. 7). Losses are means over splits; variants other than DQA are left out.
    """
    table = measures.losses(main).groupby(level="dataset").mean()
    table = table[[m for m in (*measures.BASE, *measures.SIMPLE, DQA) if m in table]]
    sets, methods = table.shape
    p_value = float(friedmanchisquare(*table.to_numpy().T).pvalue) if sets > 1 and methods > 2 else float("nan")
    critical = float(studentized_range.ppf(0.95, methods, np.inf)) / np.sqrt(2)
    difference = critical * np.sqrt(methods * (methods + 1) / (6 * sets))
    return table.rank(axis=1).mean().sort_values(), p_value, float(difference)


def rank_table(main: pd.DataFrame) -> pd.DataFrame:
    """Return mean ranks and their distance from DQA in critical differences; empty if nothing was run."""
    if main.empty:
        return pd.DataFrame()
    mean, p_value, difference = ranks(main)
    table = pd.DataFrame({"mean rank": mean, "critical differences from DQA": (mean - mean[DQA]) / difference})
    table.index.name = f"Friedman p = {p_value:.1g}, critical difference {difference:.2f}"
    return table.round(2)


def traits(main: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's correlation over sets between traits of a set and DQA's gain over the Average.

    Empty below four sets. With so few sets only correlations near 1 mean anything.
    """
    if main.empty:
        return pd.DataFrame()
    gain = measures.relative(main).groupby(level="dataset").mean()["Average"]
    if len(gain) < 4:
        return pd.DataFrame()
    found = {}
    for name in _TRAITS:
        values = main[main["metric"] == name].groupby("dataset")["value"].mean().reindex(gain.index)
        test = spearmanr(values, gain)
        found[name] = {"correlation with the gain": test.statistic, "p": test.pvalue}
    return pd.DataFrame(found).T.round(2)
