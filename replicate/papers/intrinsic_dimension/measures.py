"""From the rows of experiments to the measurements that claims are judged by. DataFrames in, numbers out."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from replicate.measurement import (
    Measurement,
    from_exact,
    from_interval,
    from_pairs,
    from_proportion,
    from_seeds,
    slope,
)
from replicate.rows import where

from .crossing import first_crossing, median_crossing
from .dimension import D90, Interval, bootstrap, fit_threshold, ratio
from .variance import components

EXCEEDED = 0.9 * 195  # CartPole: 0.9 of the reward that counts as solved


def stacked(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the runs of several searches as one table with a column ``problem``; empty for no search."""
    if not frames:
        return pd.DataFrame()
    return pd.concat([frame.assign(problem=name) for name, frame in frames.items()], ignore_index=True)


def success(frame: pd.DataFrame) -> pd.DataFrame:
    """Return by dimension how many CartPole searches reached the threshold, out of how many."""
    rows = frame[frame["metric"] == "episode length"]
    return (rows["value"] >= EXCEEDED).groupby(rows["dim"]).agg(["sum", "count"]).set_axis(["solved", "of"], axis=1)


def variance_components(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the variance of accuracy by factor of the crossed design; empty when it was not run."""
    if frame.empty:
        return pd.DataFrame()
    levels = ["theta0_level", "P_level", "order_level"]
    ordered = frame.sort_values(levels)
    cube = ordered["value"].to_numpy().reshape([frame[name].nunique() for name in levels])
    found = components(cube, factors=("theta0", "P", "order"))
    return pd.DataFrame([{"factor": c.name, "metric": "variance", "value": c.variance} for c in found])


def values(frame: pd.DataFrame, metric: str, **columns: object) -> np.ndarray:
    """Return the values of one metric where the given columns have the given values, ordered by seed."""
    return where(frame, metric=metric, **columns).sort_values("seed")["value"].to_numpy(dtype=float)


def fit(frame: pd.DataFrame, *, threshold: float, metric: str = "test accuracy") -> D90:
    """Fit d90 to the subspace runs of a frame (one network, one data set)."""
    rows = frame[(frame["metric"] == metric) & (frame["dim"] > 0)]
    if rows.empty:
        raise ValueError(f"no rows with metric {metric!r} and dim > 0: nothing to fit d90 to")
    n_test = int(rows["n"].iloc[0])
    return fit_threshold(rows["dim"].to_numpy(), rows["value"].to_numpy(), threshold=threshold, n_test=n_test)


def dimension(fitted: D90 | None, *, dataset: str) -> Measurement | None:
    """Return d90 as a measurement; a threshold that was never straddled gives a one-sided bound.

    None, a search that did not run, stays None: the claim is *not run*.
    """
    return None if fitted is None else _measured(fitted, dataset=dataset)


def _measured(fitted: D90, *, dataset: str) -> Measurement:
    if fitted.bracketed:
        bounds = (fitted.low, fitted.high)
        return from_interval(
            fitted.estimate,
            bounds,
            n_seeds=fitted.n_runs,
            ci_method="logit regression, Fieller",
            dataset=dataset,
        )
    low, high = (fitted.high_dim, inf) if fitted.status == "below" else (0.0, fitted.low_dim)
    if fitted.status not in ("below", "above"):
        low, high = 0.0, inf
    return from_interval(
        low or high,
        (low, high),
        n_seeds=fitted.n_runs,
        ci_method=f"not bracketed ({fitted.status})",
        dataset=dataset,
    )


def dimension_ratio(top: D90 | None, bottom: D90 | None, *, dataset: str) -> Measurement | None:
    """Return d90/d90 of two problems scored on the same test examples; None if one was not searched.

    An easy or hard sample of examples moves both in the same direction, so the intervals are those from
    the noise between runs alone.
    """
    if top is None or bottom is None:
        return None
    found = ratio(_run_noise_only(top), _run_noise_only(bottom))
    return _from(found, n=min(top.n_runs, bottom.n_runs), dataset=dataset)


def parameters_per_dimension(fitted: D90, n_parameters: int, *, dataset: str) -> Measurement:
    """Return D/d90, the compression the intrinsic dimension promises."""
    d90 = _measured(fitted, dataset=dataset)
    low = n_parameters / d90.ci_high if d90.ci_high < inf else 0.0
    high = n_parameters / d90.ci_low if d90.ci_low > 0 else inf
    return replace(d90, estimate=n_parameters / d90.estimate, ci_low=low, ci_high=high)


def every(frame: pd.DataFrame, metric: str, *, dataset: str = "", **columns: object) -> Measurement:
    """Return the mean with the full range as its interval: for claims about every single draw."""
    seen = values(frame, metric, **columns)
    bounds = (float(seen.min()), float(seen.max()))
    return from_interval(float(seen.mean()), bounds, n_seeds=len(seen), ci_method="range of all draws", dataset=dataset)


def law(frame: pd.DataFrame) -> Measurement:
    """Return the smallest p-value over dimensions, Bonferroni-corrected for their number."""
    p_values = values(frame, "p-value")
    worst = min(1.0, float(p_values.min()) * len(p_values))
    draws = int(frame["n"].iloc[0])
    return from_interval(worst, (worst, worst), n_seeds=draws, ci_method="Kolmogorov-Smirnov, Bonferroni")


def toy_dimension(frame: pd.DataFrame) -> Measurement:
    """Return the smallest d whose median performance exceeds 0.9, over blocks of draws."""
    medians = frame.groupby(["seed", "dim"])["value"].median()
    solved = medians[medians > 0.9].reset_index().groupby("seed")["dim"].min()
    return from_seeds(solved.to_numpy())


def memory_growth(frame: pd.DataFrame, kind: str) -> Measurement:
    """Return d ln(bytes) / d ln(d) between the two dimensions counted."""
    rows = frame[frame["projection"] == kind].sort_values("dim")
    grown = np.diff(np.log(rows["value"])) / np.diff(np.log(rows["dim"]))
    return from_exact(float(grown[0]))


def grid_range(searches, *, dataset: str) -> Measurement | None:
    """Return largest/smallest d90 of a grid of networks, as the ratio of the two extreme fits.

    A network without a number counts as largest, or as smallest if all its runs exceeded the threshold.
    """
    fits = sorted(searches.fits.values(), key=_rank)
    return dimension_ratio(fits[-1], fits[0], dataset=dataset) if len(fits) > 1 else None


def grid_elasticity(table: pd.DataFrame, *, dataset: str) -> Measurement | None:
    """Return d ln(d90) / d ln(D) over the networks of a grid; None below three networks."""
    if len(table) < 3:
        return None
    return slope(np.log(table["D"]), np.log(table["d90"]), dataset=dataset)


def memory_elasticity(table: pd.DataFrame, *, dataset: str) -> Measurement | None:
    """Return d ln(d90 per label) / d ln(labels); None below three sizes."""
    if len(table) < 3:
        return None
    return slope(np.log(table["labels"]), np.log(table["d90"] / table["labels"]), dataset=dataset)


def best_small(frame: pd.DataFrame, *, most: int = 2000, dataset: str) -> Measurement | None:
    """Return the best accuracy of the nets with at most ``most`` parameters; None if none was trained.

    A claim about the best of many: its interval is the binomial one of that net's test accuracy.
    """
    if frame.empty:
        return None
    wide = frame.pivot(index="seed", columns="metric", values="value")
    small = wide[wide["parameters"] <= most]
    best, n = float(small["test accuracy"].max()), int(frame["n"].max())
    counted = from_proportion(round(best * n), n)
    bounds = (counted.ci_low, counted.ci_high)
    return from_interval(best, bounds, n_seeds=len(small), ci_method="Clopper-Pearson, best net", dataset=dataset)


def accuracy_at(frame: pd.DataFrame, dim: int, *, within: float = 0.02, dataset: str) -> Measurement | None:
    """Return the mean accuracy of runs whose d is within a relative distance of ``dim``; None if there are none."""
    rows = frame[(frame["metric"] == "test accuracy") & ((frame["dim"] / dim - 1).abs() <= within)]
    return from_seeds(rows["value"].to_numpy(), dataset=dataset) if len(rows) else None


def best_gain(frame: pd.DataFrame) -> Measurement | None:
    """Return the largest mean gain of a subspace over direct training (dim 0), Bonferroni-corrected."""
    if frame.empty:
        return None
    table = frame.pivot(index="seed", columns="dim", values="value")
    dims = [d for d in table.columns if d]
    confidence = 1 - 0.05 / len(dims)
    dataset = str(frame["dataset"].iloc[0])
    gains = [from_pairs(table[d], table[0], confidence=confidence, dataset=dataset) for d in dims]
    return max(gains, key=lambda m: m.estimate)


def paired_difference(frame: pd.DataFrame, kind: str, *, against: str, dataset: str) -> Measurement:
    """Return the accuracy difference of two projections, averaged over d within each seed."""
    accuracy = frame[frame["metric"] == "test accuracy"]
    by_seed = accuracy.groupby(["projection", "seed"])["value"].mean().unstack("seed")
    return from_pairs(by_seed.loc[kind].to_numpy(), by_seed.loc[against].to_numpy(), dataset=dataset)


def cartpole_dimension(frame: pd.DataFrame) -> Measurement:
    """Return the d from which a search succeeds more often than not, with an exact interval.

    Success is a mean episode length of at least 175.5. The interval inverts a sign test at each d
    (success probability 1/2), Bonferroni-corrected over the dimensions run; it assumes that success does
    not become rarer as d grows. d_int90 is at least 1 by definition.
    """
    rows = frame[frame["metric"] == "episode length"]
    by_dim = (rows["value"] >= EXCEEDED).groupby(rows["dim"]).agg(["sum", "count"])
    tail = 0.025 / len(by_dim)
    fails = [d for d, r in by_dim.iterrows() if binom.cdf(r["sum"], r["count"], 0.5) <= tail]
    works = [d for d, r in by_dim.iterrows() if binom.sf(r["sum"] - 1, r["count"], 0.5) <= tail]
    bounds = (float(max(fails, default=1)), float(min(works, default=inf)))
    crossed = median_crossing(rows["dim"].to_numpy(), rows["value"].to_numpy() / 200, threshold=EXCEEDED / 200 - 1e-9)
    estimate = crossed if crossed is not None else bounds[0]
    n = int(by_dim["count"].min())
    return from_interval(estimate, bounds, n_seeds=n, ci_method="sign test at each d", dataset="CartPole")


def crossings(frames: Mapping[str, pd.DataFrame], fits: Mapping[str, D90], rng: np.random.Generator) -> pd.DataFrame:
    """Return d90 by regression (Fieller and bootstrap intervals) beside two crossings without a model.

    ``first crossing`` is the authors' estimate, ``median crossing`` that of Larsen et al. (2021), all on the same
    runs.
    """
    return pd.DataFrame([_crossing(name, frames[name], fitted, rng) for name, fitted in fits.items()])


def _crossing(name: str, frame: pd.DataFrame, fitted: D90, rng: np.random.Generator) -> dict[str, Any]:
    runs = frame[(frame["metric"] == "test accuracy") & (frame["dim"] > 0)]
    points, level = (runs["dim"].to_numpy(), runs["value"].to_numpy()), fitted.threshold
    resampled = bootstrap(*points, threshold=level, n_test=int(runs["n"].iloc[0]), rng=rng)
    return {
        "problem": name,
        "threshold": round(fitted.threshold, 4),
        "regression (Fieller)": str(fitted),
        "bootstrap": f"{resampled.low:.4g} to {resampled.high:.4g}",
        "first crossing": first_crossing(*points, threshold=level),
        "median crossing": median_crossing(*points, threshold=level),
    }


def summary(fits: dict[str, D90]) -> pd.DataFrame:
    """Return a tidy table of fitted dimensions, one metric a row."""
    rows = []
    for name, found in fits.items():
        numbers = {"d90": found.estimate, "ci_low": found.low, "ci_high": found.high}
        numbers |= {"run_low": found.run_low, "run_high": found.run_high, "sigma_run": found.sigma_run}
        problem = {"problem": name, "threshold": found.threshold, "status": found.status}
        rows += [{**problem, "metric": k, "value": v, "n": found.n_runs} for k, v in numbers.items()]
    return pd.DataFrame(rows)


def _rank(fitted: D90) -> float:
    return fitted.estimate if fitted.bracketed else 0.0 if fitted.status == "above" else inf


def _run_noise_only(fitted: D90) -> D90:
    return replace(fitted, low=fitted.run_low, high=fitted.run_high)


def _from(found: Interval, *, n: int, dataset: str) -> Measurement:
    estimate = found.estimate
    if np.isnan(estimate):  # one side censored: only bounds are known
        estimate = found.low if found.low > 0 else found.high
    return from_interval(
        estimate, (found.low, found.high), n_seeds=n, ci_method="ratio of fits (MOVER)", dataset=dataset
    )
