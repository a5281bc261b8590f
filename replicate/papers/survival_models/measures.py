"""From the rows of experiments to the measurements that claims are judged by. DataFrames in, numbers out.

A study that did not run gives an empty frame and None: its claim is *not run*.
"""

import numpy as np
import pandas as pd
from scipy.stats import chi2

from replicate.measurement import Measurement, from_exact, from_median, from_proportion, from_seeds
from replicate.rows import where

_NEAR = 2.0  # log-likelihood units within which a special case counts as near the free fit
_CRITICAL = chi2.ppf(0.95, 1)


def largest(frame: pd.DataFrame, metric: str, *, dataset: str = "", **columns: object) -> Measurement | None:
    """Return the largest value of a metric where columns have the given values (one or several)."""
    values = _values(frame, metric, **columns)
    return from_exact(float(values.max()), dataset=dataset) if len(values) else None


def smallest(frame: pd.DataFrame, metric: str, *, dataset: str = "", **columns: object) -> Measurement | None:
    """Return the smallest value of a metric."""
    values = _values(frame, metric, **columns)
    return from_exact(float(values.min()), dataset=dataset) if len(values) else None


def spread(frame: pd.DataFrame, metric: str, *, dataset: str = "", **columns: object) -> Measurement | None:
    """Return the range (largest - smallest) of a metric."""
    values = _values(frame, metric, **columns)
    return from_exact(float(np.ptp(values)), dataset=dataset) if len(values) else None


def coverage(frame: pd.DataFrame, parameter: str, *, n: int = 1000) -> Measurement | None:
    """Return the coverage of a parameter's Wald intervals over all kappa, with an exact binomial interval."""
    covered = _values(frame, "covered", parameter=parameter, n=n)
    return from_proportion(int(covered.sum()), len(covered)) if len(covered) else None


def coverage_cells(frame: pd.DataFrame, *, n: int = 1000) -> Measurement | None:
    """Return the largest |coverage - 0.95| over kappa and parameters, in its Monte-Carlo standard errors."""
    if frame.empty or (rows := frame[(frame["metric"] == "covered") & (frame["n"] == n)]).empty:
        return None
    cells = rows.groupby(["kappa", "parameter"])["value"].agg(["mean", "count"])
    errors = (cells["mean"] - 0.95).abs() / np.sqrt(0.95 * 0.05 / cells["count"])
    return from_exact(float(errors.max()))


def bias(frame: pd.DataFrame, parameter: str, *, n: int = 1000) -> Measurement | None:
    """Return the bias of a parameter's estimate at the kappa where it is largest, with its t interval."""
    if frame.empty:
        return None
    rows = frame[(frame["metric"] == "estimate") & (frame["parameter"] == parameter) & (frame["n"] == n)]
    if rows.empty:
        return None
    errors = (rows["value"] - rows["truth_value"]).groupby(rows["kappa"])
    found = [from_seeds(error.to_numpy()) for _, error in errors]
    return max(found, key=lambda m: abs(m.estimate))


def power(frame: pd.DataFrame) -> Measurement | None:
    """Return the share of samples in which the likelihood-ratio test rejects at 5 %, over all kappa."""
    statistics = _values(frame, "likelihood ratio")
    return from_proportion(int((statistics > _CRITICAL).sum()), len(statistics)) if len(statistics) else None


def correlation(frame: pd.DataFrame) -> Measurement | None:
    """Return the median correlation of the two effects in the cell where it is weakest.

    Samples with a singular information matrix have no correlation and are left out; the table keeps them as NaN.
    """
    rows = frame[frame["metric"] == "correlation"] if len(frame) else frame
    if rows.empty:
        return None
    found = [from_median(cell["value"].dropna().to_numpy()) for _, cell in rows.groupby(["truth", "kappa"])]
    return max(found, key=lambda m: m.estimate)


def share(frame: pd.DataFrame, metric: str) -> Measurement | None:
    """Return the share of samples with an indicator metric, with an exact binomial interval."""
    values = _values(frame, metric)
    return from_proportion(int(values.sum()), len(values)) if len(values) else None


def ranks(frame: pd.DataFrame) -> Measurement | None:
    """Return the share of trials whose AIC follows the rule of C8, named by the trials it was judged on."""
    if frame.empty:
        return None
    follows = [_follows(rows) for _, rows in frame.groupby("case")]
    names = [name for name in ("e1684", "lung", "veteran", "bc") if name in set(frame["case"])]
    return from_exact(float(np.mean(follows)), dataset=", ".join(names))


def _follows(rows: pd.DataFrame) -> bool:
    table = rows.pivot(index="model", columns="metric", values="value")
    special = table.drop(index="free kappa")
    near = special["log-likelihood"] >= table.loc["free kappa", "log-likelihood"] - _NEAR
    if near.any():
        return bool(near[special["AIC"].idxmin()])
    return bool(table.loc["free kappa", "AIC"] < special["AIC"].min())


def selection_table(frame: pd.DataFrame, case: str, *, best: int = 8) -> pd.DataFrame:
    """Return the ``best`` structures of a trial by AIC, one row each; empty if it was not run."""
    if frame.empty:
        return pd.DataFrame()
    rows = frame[(frame["case"] == case) & ~frame["metric"].isin(["estimate", "standard error"])]
    return rows.pivot(index="structure", columns="metric", values="value").sort_values("AIC").head(best)


def best_structures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return for every trial the regular structure with the smallest AIC beside the recommended ones."""
    if frame.empty:
        return pd.DataFrame()
    wide = frame[frame["metric"].isin(["AIC", "regular"])].pivot(
        index=["case", "structure"], columns="metric", values="value"
    )
    regular = wide[wide["regular"] == 1]["AIC"].unstack("structure")
    columns = [c for c in ("b/lam", "t/phi", "ba/lam", "ta/phi") if c in regular]
    return regular[columns].assign(best=regular.idxmin(axis=1), AIC=regular.min(axis=1))


def summary_of_simulation(frame: pd.DataFrame) -> pd.DataFrame:
    """Return bias, spread and coverage by kappa, sample size and parameter, one row each; see `tidy`."""
    if frame.empty:
        return pd.DataFrame()
    rows = frame[frame["metric"].isin(["estimate", "covered"])]
    wide = rows.pivot(index=["kappa", "n", "parameter", "truth_value", "seed"], columns="metric", values="value")
    wide = wide.reset_index()
    wide["error"] = wide["estimate"] - wide["truth_value"]
    groups = wide.groupby(["kappa", "n", "parameter"])
    table = {"bias": groups["error"].mean(), "spread": groups["error"].std(), "coverage": groups["covered"].mean()}
    return pd.DataFrame(table | {"samples": groups.size()}).reset_index()


def tidy(table: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Return a table with one row a ``metric``; ``keys`` are the columns that name what was measured."""
    return table.melt(list(keys), var_name="metric", value_name="value") if len(table) else table


def _values(frame: pd.DataFrame, metric: str, **columns: object) -> np.ndarray:
    rows = where(frame, metric=metric, **columns)
    return rows["value"].to_numpy(dtype=float) if len(rows) else np.array([])
