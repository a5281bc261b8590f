"""What the notebook shows besides the experiments: a toy with its fans and weights, and small tables."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import norm

from replicate.drawing import BLUE, COLOURS, RED, finish

from . import measures, propositions
from .aggregator import QuantileAggregator
from .scores import mean_pinball

_LEVELS = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
_MODELS = ("QRF", "LGBM", "LQR")


def toy(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a feature in (-1, 1), shape ``(n, 1)``, and y = sin(3x) + 0.2 + 0.5 |x|-scaled normal noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 1))
    return x, np.sin(3 * x[:, 0]) + (0.1 + 0.5 * np.abs(x[:, 0])) * rng.standard_normal(n)


def toy_quantiles(x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the toy's true quantiles, ``(n, m)``."""
    return np.sin(3 * x) + (0.1 + 0.5 * np.abs(x)) * norm.ppf(levels)


@cache
def toy_fit() -> QuantileAggregator:
    """Fit the aggregator to the toy as a user would."""
    x, y = toy(400)
    return QuantileAggregator(models=_MODELS, levels=_LEVELS, max_steps=400, lr=3e-3).fit(x, y)


def fans() -> Figure:
    """Quantile fans of base models and aggregator on the toy, truth dotted."""
    x, y = toy(400)
    line = np.linspace(-1, 1, 120)[:, None]
    fit = toy_fit()
    found = {**fit.predict_base(line), "local-fine (DQA)": fit.predict(line, _LEVELS)}
    figure, panels = plt.subplots(1, len(found), figsize=(3 * len(found), 3), sharey=True)
    for axes, (name, q) in zip(panels, found.items(), strict=True):
        axes.plot(x[:, 0], y, ".", color="0.85", markersize=3, zorder=0)
        axes.plot(line[:, 0], q, color=BLUE, linewidth=0.9)
        axes.plot(line[:, 0], toy_quantiles(line, _LEVELS), ":", color=RED, linewidth=0.8)
        axes.set(title=name, xlabel="x", ylim=(-2.2, 2.2))
    panels[0].set_ylabel("y")
    return finish(figure)


def weights() -> Figure:
    """Fine weights of the toy: by output and base level, averaged over x and models; and each model's share over x."""
    line = np.linspace(-1, 1, 80)[:, None]
    fit = toy_fit()
    w = fit.weights(line)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
    image = left.imshow(w.sum(2).mean(0), cmap="viridis", origin="lower", aspect="auto")
    ticks = [f"{t:g}" for t in _LEVELS]
    left.set_xticks(range(len(ticks)), ticks, fontsize=8)
    left.set_yticks(range(len(ticks)), ticks, fontsize=8)
    left.set(xlabel="base level", ylabel="output level", title="mean over x")
    figure.colorbar(image, ax=left, label="weight (each row sums to 1)")
    for name, share, colour in zip(fit.names_, w.sum(3).mean(1).T, COLOURS, strict=False):
        right.plot(line[:, 0], share, color=colour, label=name)
    right.set(xlabel="x", ylabel="share of the weight", ylim=(0, 1), title="models over x, mean over output levels")
    right.legend(frameon=False, fontsize=8)
    return finish(figure)


def two_averages() -> Figure:
    """Densities of the quantile average and of the linear pool of N(0, 1) and N(2, 4), weights 1/2."""
    v = np.linspace(-5, 9, 400)
    figure, axes = plt.subplots(figsize=(6, 3))
    for mean, sd in propositions.NORMALS:
        axes.plot(v, norm.pdf(v, mean, sd), color="0.7", linewidth=1)
    axes.plot(v, norm.pdf(v, 1, 1.5), color=BLUE, label="quantile average: N(1, 1.5²)")
    pool = np.mean([norm.pdf(v, mean, sd) for mean, sd in propositions.NORMALS], axis=0)
    axes.plot(v, pool, color=RED, label="probability average (pool)")
    axes.set(xlabel="y", ylabel="density")
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def toy_table() -> pd.DataFrame:
    """Return mean pinball losses on new rows of the toy, relative to the true quantiles'."""
    x, y = toy(4000, seed=1)
    fit = toy_fit()
    found = {**fit.predict_base(x), "Average": np.mean(list(fit.predict_base(x).values()), axis=0)}
    found |= {"DQA": fit.predict(x, _LEVELS)}
    best = mean_pinball(y, toy_quantiles(x, _LEVELS), _LEVELS)
    rows = {name: mean_pinball(y, q, _LEVELS) / best for name, q in found.items()}
    return pd.DataFrame({"loss / loss of the true quantiles": rows})


def summary(main: pd.DataFrame) -> pd.DataFrame:
    """Return mean relative WIS, wins and coverage of every method; empty if nothing was run."""
    if main.empty:
        return pd.DataFrame()
    table = measures.relative(main)
    by_set = table.groupby(level="dataset").mean()
    columns = {
        "WIS / DQA": measures.over_sets(table),
        "worst set": by_set.max(),
        "sets better than DQA": (by_set < 1).sum(),
        "coverage of 80 %": measures.coverages(main).mean(),
    }
    return pd.DataFrame(columns).sort_values("WIS / DQA").round(3)


def gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """Return losses and the relative excess of gradients over the linear program, by set and weights."""
    if frame.empty:
        return pd.DataFrame()
    return frame.pivot_table(index=["dataset", "weights"], columns="metric", values="value", sort=False)


def share_of_gate(main: pd.DataFrame, controls: pd.DataFrame) -> pd.DataFrame:
    """Return by control the share of DQA's gain over the Average that remains; empty if it was not run."""
    if controls.empty:
        return pd.DataFrame()
    rows = controls[controls["metric"] == "mean pinball"].set_index(["dataset", "seed"])
    base = measures.losses(main).reindex(rows.index)
    gain = (base["Average"] - rows["value"]) / (base["Average"] - base["local-fine"])
    table = rows.assign(gain=gain).groupby("method", sort=False)[["value", "gain"]].mean()
    return table.rename(columns={"value": "mean pinball", "gain": "share of DQA's gain over the Average"}).round(3)


def conditional_coverage(main: pd.DataFrame) -> pd.DataFrame:
    """Return the mean coverage over sets and splits of the shortest, middle and longest thirds of 80 % intervals."""
    rows = main[main["metric"] == "coverage by length"] if len(main) else main
    if rows.empty:
        return pd.DataFrame()
    rows = rows[np.isclose(rows["nominal"], 0.8)]
    table = rows.groupby(["dataset", "method", "third"])["value"].mean().groupby(["method", "third"]).mean()
    return table.unstack("third").set_axis(["shortest", "middle", "longest"], axis=1).round(3)


def intervals(conformal: pd.DataFrame) -> pd.DataFrame:
    """Return coverage and length of nominal 80 % intervals; empty if it was not run."""
    table = measures.intervals(conformal)
    return table.set_index(["dataset", "method"]).round(3) if len(table) else table
