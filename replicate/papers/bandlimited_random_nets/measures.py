"""From the rows of experiments to the measurements that claims are judged by. DataFrames in, numbers out.

A study that did not run, or not at the scale a claim speaks of, gives None: the claim is *not run*.
"""

import numpy as np
import pandas as pd

from replicate.measurement import Measurement, from_exact, from_median, from_seeds
from replicate.rows import where

BELOW = 0.1  # relative error that counts as "approximated"
MAIN = {"activation": "sigmoid", "width": 300, "penalty": 0.0}  # of the critical bandwidth


def error_ratio(frame: pd.DataFrame, over: dict, under: dict, *, dataset: str = "") -> Measurement | None:
    """Return the median over seeds of test RMSE in the cell ``over`` divided by that in the cell ``under``."""
    a, b = (_by_seed(frame, "test rmse", cell) for cell in (over, under))
    both = a.index.intersection(b.index)
    return from_median((a[both] / b[both]).to_numpy(), dataset=dataset) if len(both) else None


def error(frame: pd.DataFrame, metric: str = "test rmse", **cell: object) -> Measurement | None:
    """Return the median over seeds of an error in one cell."""
    values = _by_seed(frame, metric, cell)
    return from_median(values.to_numpy()) if len(values) else None


def outside(frame: pd.DataFrame, **cell: object) -> Measurement | None:
    """Return the share of ridgelet energy outside a box: a closed form, the same in every draw."""
    values = _by_seed(frame, "share outside", cell)
    return from_exact(float(values.iloc[0])) if len(values) else None


def critical_bandwidths(frame: pd.DataFrame, **cell: object) -> pd.DataFrame:
    """Return for every seed (rows) and target (columns) the least bandwidth with a relative error below 10 %.

    Infinite where no bandwidth of the grid reaches it.
    """
    if not len(rows := where(frame, **{"metric": "relative error", **MAIN, **cell})):
        return pd.DataFrame()
    reached = rows["bandwidth"].where(rows["value"] < BELOW, np.inf)
    return reached.groupby([rows["seed"], rows["target"]]).min().unstack("target")


def best_bandwidths(frame: pd.DataFrame, **cell: object) -> pd.DataFrame:
    """Return for every seed (rows) and target (columns) the bandwidth with the smallest error."""
    if not len(rows := where(frame, **{"metric": "relative error", **MAIN, **cell})):
        return pd.DataFrame()
    best = rows.loc[rows.groupby(["seed", "target"])["value"].idxmin()]
    return best.pivot(index="seed", columns="target", values="bandwidth")


def complexity_order(frame: pd.DataFrame) -> Measurement | None:
    """Return the smallest ratio of successive critical bandwidths, 1, 2, 4, 8, 16 periods: below 1 is a step down."""
    table, names = critical_bandwidths(frame), [f"sin{k}" for k in (1, 2, 4, 8, 16)]
    if not set(names) <= set(table.columns):
        return None
    values = table[names].to_numpy()
    with np.errstate(invalid="ignore"):
        steps = np.nan_to_num(values[:, 1:] / values[:, :-1], nan=1.0, posinf=np.inf)  # inf / inf: both out of reach
    return from_median(steps.min(axis=1))


def complexity_factor(frame: pd.DataFrame) -> Measurement | None:
    """Return the critical bandwidth of 16 periods over that of one (a lower bound where one is at the grid's edge)."""
    table = critical_bandwidths(frame)
    return from_median((table["sin16"] / table["sin1"]).to_numpy()) if {"sin1", "sin16"} <= set(table.columns) else None


def best_gap(frame: pd.DataFrame) -> Measurement | None:
    """Return the best bandwidth of the sharp target over that of one sine period."""
    table = best_bandwidths(frame)
    return from_median((table["LW"] / table["sin1"]).to_numpy()) if {"sin1", "LW"} <= set(table.columns) else None


def complexity_slopes(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the slope of log critical bandwidth on log periods, with a bootstrap interval over seeds.

    One row an activation and solver; bandwidths at the lower edge of the grid or beyond the upper one are left out.
    """
    rows = []
    for (activation, width, penalty), part in frame.groupby(["activation", "width", "penalty"]) if len(frame) else ():
        table = critical_bandwidths(part, activation=activation, width=width, penalty=penalty)
        sines = sorted((c for c in table.columns if c.startswith("sin")), key=lambda name: int(name[3:]))
        slopes = np.array([_slope(table.loc[seed, sines], frame["bandwidth"].min()) for seed in table.index])
        slopes = slopes[np.isfinite(slopes)]
        if len(slopes) < 2:
            continue
        found = from_seeds(slopes, method="bootstrap", rng=rng)
        solver = "truncated" if penalty == 0 else f"ridge {penalty:g}"
        values = {"slope": found.estimate, "low": found.ci_low, "high": found.ci_high, "seeds": len(slopes)}
        rows.append({"activation": activation, "solver": solver, "width": width, **values})
    return pd.DataFrame(rows)


def violations(frame: pd.DataFrame) -> Measurement | None:
    """Return the number of fits whose error is below its certified bound."""
    wide = _certified(frame)
    return from_exact(int((wide["relative error"] < wide["bound"]).sum())) if len(wide) else None


def positive_share(frame: pd.DataFrame) -> Measurement | None:
    """Return the share of fits at bandwidth times target width up to 0.5 that have a bound above zero, over seeds."""
    wide = _certified(frame)
    if not len(wide):
        return None
    narrow = wide[wide["bandwidth"] * wide["target_width"] <= 0.5]
    return from_seeds((narrow["bound"] > 0).groupby(narrow["seed"]).mean().to_numpy()) if len(narrow) else None


def floor_deviation(widths: pd.DataFrame, operator: pd.DataFrame, *, width: int = 500) -> Measurement | None:
    """Return |plateau / floor - 1| where it is largest among the bandwidths 0.5, 1, 5, 10: median over seeds."""
    if not (len(widths) and len(operator)):
        return None
    floors = where(operator, metric="floor", target="LW").set_index("bandwidth")["value"]
    cells = {
        b: _by_seed(widths, "test rmse", {"bandwidth": b, "target": "LW", "width": width}) for b in (0.5, 1, 5, 10)
    }
    if any(b not in floors.index or not len(values) for b, values in cells.items()):
        return None
    table = pd.DataFrame({b: (values / floors[b] - 1).abs() for b, values in cells.items()})
    return from_median(table.max(axis=1).to_numpy())


def series_plateau(frame: pd.DataFrame) -> Measurement | None:
    """Return the largest over the smallest test RMSE on CO2 among bandwidths up to 30 and all widths, by seed."""
    rows = where(frame, metric="test rmse", series="co2")
    rows = rows[rows["bandwidth"] <= 30] if len(rows) else rows
    if not len(rows) or rows["bandwidth"].nunique() < 2:
        return None
    by_seed = rows.groupby("seed")["value"]
    return from_median((by_seed.max() / by_seed.min()).to_numpy(), dataset="co2")


def best_series_bandwidth(frame: pd.DataFrame, *, width: int = 800) -> Measurement | None:
    """Return the bandwidth with the smallest test RMSE on CO2 at a width: median over seeds."""
    rows = where(frame, metric="test rmse", series="co2", width=width)
    if not len(rows) or rows["bandwidth"].nunique() < 5:
        return None
    best = rows.loc[rows.groupby("seed")["value"].idxmin()]
    return from_median(best["bandwidth"].to_numpy(float), dataset="co2")


def _certified(frame: pd.DataFrame) -> pd.DataFrame:
    if not len(frame):
        return frame
    keys = ["bandwidth", "target_width", "seed", "width", "penalty"]
    return frame.pivot(index=keys, columns="metric", values="value").reset_index()


def _slope(row: pd.Series, edge: float) -> float:
    periods = np.array([int(name[3:]) for name in row.index], float)
    values = row.to_numpy(float)
    usable = np.isfinite(values) & (values > edge)
    if usable.sum() < 3:
        return np.nan
    return float(np.polyfit(np.log(periods[usable]), np.log(values[usable]), 1)[0])


def _by_seed(frame: pd.DataFrame, metric: str, cell: dict) -> pd.Series:
    rows = where(frame, **{"metric": metric, **cell})
    return rows.set_index("seed")["value"].astype(float) if len(rows) else pd.Series(dtype=float)
