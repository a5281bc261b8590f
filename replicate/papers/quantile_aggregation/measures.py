"""From the rows of trials to the measurements that claims are judged by. DataFrames in, numbers out.

A study that did not run gives an empty frame and None: its claim is *not run*.
"""

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, spearmanr

from replicate.measurement import Measurement, from_exact, from_interval, from_median, from_seeds
from replicate.rows import where

from .plan import DQA, VARIANTS

SIMPLE = ("Average", "Median", "Pool", "QRA", "FQRA")
BASE = ("CGN", "SQR", "DQR", "QRF", "QXT", "LGBM", "XGB", "LQR")
DRAWS = 10_000
_CLOSE = (2.5, 97.5)


def value(frame: pd.DataFrame, metric: str, **columns: object) -> Measurement | None:
    """Return the largest value of an exact metric where columns have the given values."""
    rows = where(frame, metric=metric, **columns)
    return from_exact(float(rows["value"].max())) if len(rows) else None


def losses(main: pd.DataFrame) -> pd.DataFrame:
    """Return mean pinball losses: a row a set and split, a column a method."""
    rows = main[main["metric"] == "mean pinball"]
    return rows.pivot(index=["dataset", "seed"], columns="method", values="value")


def relative(main: pd.DataFrame) -> pd.DataFrame:
    """Return losses (or WIS: the ratio is the same) divided by DQA's, a row a set and split."""
    table = losses(main)
    return table.div(table[DQA], axis=0)


def resamples(table: pd.DataFrame, rng: np.random.Generator, *, draws: int = DRAWS) -> np.ndarray:
    """Return means over sets of means over splits, resampled on two levels: ``(draws, columns)``.

    Args:
        table: values indexed by (dataset, seed).
        rng: draws sets with replacement, then splits within each.
    """
    sets = [group.to_numpy() for _, group in table.groupby(level="dataset", sort=False)]
    chosen = rng.integers(len(sets), size=(draws, len(sets)))
    total = np.zeros((draws, table.shape[1]))
    for place in range(len(sets)):
        for number, values in enumerate(sets):
            mine = np.flatnonzero(chosen[:, place] == number)
            splits = rng.integers(len(values), size=(len(mine), len(values)))
            total[mine] += values[splits].mean(1)
    return total / len(sets)


def over_sets(table: pd.DataFrame) -> pd.Series:
    """Return the mean over sets of the means over splits, one number a column."""
    return table.groupby(level="dataset").mean().mean()


def relative_wis(main: pd.DataFrame, method: str, rng: np.random.Generator) -> Measurement | None:
    """Return a method's mean relative WIS with its two-level bootstrap interval."""
    if main.empty or method not in (table := relative(main)):
        return None
    return _bootstrapped(table[[method]], lambda means: means[:, 0], rng)


def best_base(main: pd.DataFrame, rng: np.random.Generator) -> Measurement | None:
    """Return the mean relative WIS of the base model with the smallest one."""
    if main.empty:
        return None
    names = [name for name in BASE if name in relative(main)]
    return relative_wis(main, over_sets(relative(main)[names]).idxmin(), rng)


def beaten(main: pd.DataFrame) -> Measurement | None:
    """Return the share of sets on which a competitor (base or simple) has a smaller mean loss than DQA."""
    if main.empty:
        return None
    table = relative(main).groupby(level="dataset").mean()
    rivals = table[[m for m in (*BASE, *SIMPLE) if m in table]]
    return from_exact(float((rivals < 1).any(axis=1).mean()), dataset=f"{len(table)} sets")


def order_of_variants(main: pd.DataFrame, rng: np.random.Generator) -> Measurement | None:
    """Return Kendall's tau between flexibility and the order of the six variants' mean relative WIS."""
    table = relative(main) if len(main) else pd.DataFrame()
    if not set(VARIANTS) <= set(table):
        return None
    return _bootstrapped(table[list(VARIANTS)], lambda means: np.array([_tau(row) for row in means]), rng, draws=2000)


def gain_and_pve(main: pd.DataFrame, rng: np.random.Generator) -> Measurement | None:
    """Return Spearman's correlation over sets of PVE and WIS(global-coarse) / WIS(local-fine)."""
    points = gains(main)
    if len(points) < 4 or "gain" not in points:
        return None
    values = points[["PVE", "gain"]].to_numpy()
    drawn = [_spearman(values[rng.integers(len(values), size=len(values))]) for _ in range(2000)]
    bounds = np.nanpercentile(drawn, _CLOSE)
    return from_interval(_spearman(values), tuple(bounds), n_seeds=len(values), ci_method="bootstrap over sets")


def gains(main: pd.DataFrame) -> pd.DataFrame:
    """Return PVE and relative WIS of every method (means over splits), sets in the order of PVE."""
    if main.empty:
        return pd.DataFrame()
    table = relative(main).groupby(level="dataset").mean()
    table["PVE"] = main[main["metric"] == "PVE"].groupby("dataset")["value"].mean()
    if "global-coarse" in table:
        table["gain"] = table["global-coarse"]
    return table.sort_values("PVE")


def isotonization(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean relative WIS against "no penalty, no isotonizer": a row a penalty, a column an isotonizer."""
    if frame.empty:
        return pd.DataFrame()
    rows = frame[frame["metric"] == "mean pinball"]
    base = rows[(rows["penalty"] == "none") & (rows["isotonizer"] == "none")].set_index(["dataset", "seed"])["value"]
    keyed = rows.set_index(["dataset", "seed"])
    scaled = keyed.assign(value=keyed["value"] / base.reindex(keyed.index))
    return scaled.pivot_table(index="penalty", columns="isotonizer", values="value", sort=False)


def isotonization_end(frame: pd.DataFrame, end: str) -> Measurement | None:
    """Return the "smallest" or "largest" mean relative WIS of all combinations but the reference itself."""
    table = isotonization(frame)
    if table.empty:
        return None
    values = table.stack().drop(("none", "none"))
    found = float(values.min() if end == "smallest" else values.max())
    return from_exact(found, dataset=", ".join(sorted(frame["dataset"].unique())))


def hurt_sets(main: pd.DataFrame, isotonizer: str) -> Measurement | None:
    """Return the number of sets on which post-processing raises DQA's mean loss by more than rounding."""
    if main.empty:
        return None
    return from_exact(float((post_changes(main)[isotonizer] > 1e-12).sum()))


def post_changes(main: pd.DataFrame) -> pd.DataFrame:
    """Return relative changes of DQA's loss by post-processing: a row a set, a column an isotonizer."""
    rows = main[main["metric"] == "post-processed pinball"]
    table = rows.pivot_table(index="dataset", columns="isotonizer", values="value", sort=False)
    return table.drop(columns="none").div(table["none"], axis=0) - 1


def mean_coverage(main: pd.DataFrame, method: str, *, nominal: float = 0.8) -> Measurement | None:
    """Return a method's coverage minus nominal: mean over sets, with Student's interval over sets."""
    table = coverages(main, nominal=nominal)
    return from_seeds(table[method].to_numpy() - nominal) if method in table else None


def coverages(main: pd.DataFrame, *, nominal: float = 0.8) -> pd.DataFrame:
    """Return mean coverage over splits: a row a set, a column a method."""
    if main.empty:
        return pd.DataFrame()
    rows = main[(main["metric"] == "coverage") & np.isclose(main["nominal"].fillna(-1), nominal)]
    return rows.pivot_table(index="dataset", columns="method", values="value", sort=False)


def undercovered(main: pd.DataFrame, methods: tuple[str, ...], *, nominal: float = 0.8) -> Measurement | None:
    """Return the number of sets on which one of the methods covers less than nominal."""
    table = coverages(main, nominal=nominal)
    return from_exact(float((table[list(methods)] < nominal).any(axis=1).sum())) if set(methods) <= set(table) else None


def intervals(conformal: pd.DataFrame, *, nominal: float = 0.8) -> pd.DataFrame:
    """Return coverage and length by set and method, means over splits, and the test rows behind them."""
    if conformal.empty:
        return pd.DataFrame()
    rows = conformal[
        conformal["metric"].isin(["coverage", "length"]) & np.isclose(conformal["nominal"].fillna(-1), nominal)
    ]
    table = rows.pivot_table(index=["dataset", "method"], columns="metric", values="value", sort=False)
    counts = rows[rows["metric"] == "coverage"].groupby(["dataset", "method"])["n"].sum()
    return table.assign(n=counts).reset_index()


def coverage_slack(conformal: pd.DataFrame, *, nominal: float = 0.8) -> Measurement | None:
    """Return the smallest (coverage - nominal) over sets of nested CV+, in binomial standard errors."""
    table = intervals(conformal, nominal=nominal)
    if table.empty:
        return None
    rows = table[table["method"] == "nested CV+"]
    errors = (rows["coverage"] - nominal) / np.sqrt(nominal * (1 - nominal) / rows["n"])
    return from_exact(float(errors.min()), dataset=f"{len(rows)} sets")


def length_ratios(conformal: pd.DataFrame, *, nominal: float = 0.8) -> pd.Series:
    """Return the length of nested CV+ intervals over raw ones by set; empty if it was not run."""
    table = intervals(conformal, nominal=nominal)
    if table.empty:
        return pd.Series(dtype=float)
    wide = table.pivot(index="dataset", columns="method", values="length")
    return wide["nested CV+"] / wide["raw"]


def largest_length_ratio(conformal: pd.DataFrame) -> Measurement | None:
    """Return the largest length ratio over the sets that were run."""
    ratios = length_ratios(conformal)
    return from_exact(float(ratios.max()), dataset=f"{len(ratios)} sets") if len(ratios) else None


def typical_length_ratio(conformal: pd.DataFrame) -> Measurement | None:
    """Return the median length ratio over sets with its distribution-free interval (unbounded below six sets)."""
    ratios = length_ratios(conformal)
    return from_median(ratios.to_numpy(), dataset=f"{len(ratios)} sets") if len(ratios) else None


def _bootstrapped(table: pd.DataFrame, statistic, rng: np.random.Generator, *, draws: int = DRAWS) -> Measurement:
    estimate = statistic(over_sets(table).to_numpy()[None])[0]
    drawn = statistic(resamples(table, rng, draws=draws))
    bounds = tuple(np.percentile(drawn, _CLOSE))
    sets = table.index.get_level_values("dataset").nunique()
    label = f"{sets} sets x {len(table) // sets} splits"
    method = "two-level bootstrap over sets and splits"
    return from_interval(float(estimate), bounds, n_seeds=sets, ci_method=method, dataset=label)


def _tau(values: np.ndarray) -> float:
    return float(kendalltau(np.arange(len(values)), values).statistic)


def _spearman(points: np.ndarray) -> float:
    if np.ptp(points, axis=0).min() == 0:
        return float("nan")
    return float(spearmanr(points[:, 0], points[:, 1]).statistic)


def largest_of(frame: pd.DataFrame, metrics: list[str]) -> Measurement | None:
    """Return the largest value over several exact metrics."""
    rows = frame[frame["metric"].isin(metrics)] if len(frame) else frame
    return from_exact(float(rows["value"].max())) if len(rows) else None
