"""Figures of the language-model part: frames in, figures out. Methods and evaluations keep their colours everywhere."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from replicate.drawing import BLUE, GREEN, ORANGE, RED, finish
from replicate.measurement import from_seeds

from .dro import dual, temper
from .measures import LADDER, where
from .temperature_solver import exact_temperature

GREY = "0.6"
EVALUATIONS = {"1": GREY, "global": ORANGE, "TempNet": BLUE, "exact": RED}
_PLACES = 48  # of a passage
_LABELS = {"1": "tau = 1", "global": "best global tau", "TempNet": "TempNet's tau", "exact": "exact tau*"}


def duals(h: tuple[float, ...] = (-1.0, -0.5, -0.25, 0.0), rhos: tuple[float, ...] = (0.1, 0.5, 1.0, 1.3)) -> Figure:
    """Draw f(tau) of one anchor for several rho with its minimum, and KL(p_tau | uniform) with the lines rho."""
    row = torch.tensor(h, dtype=torch.float64)
    taus = torch.logspace(-1.6, 0.5, 300, dtype=torch.float64)
    rows = row.expand(len(taus), -1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.5))
    right.plot(taus, temper(rows, taus).divergence, color="k")
    for rho, colour in zip(rhos, (BLUE, GREEN, ORANGE, RED), strict=True):
        best = float(exact_temperature(row, rho))
        left.plot(taus, dual(rows, taus, rho), color=colour, label=f"$\\rho$ = {rho:g}")
        left.plot(best, float(dual(row, torch.tensor(best, dtype=torch.float64), rho)), "o", color=colour)
        right.axhline(rho, color=colour, linewidth=1)
        right.plot(best, rho, "o", color=colour)
    right.axhline(np.log(len(h)), color="k", linestyle=":", linewidth=1)
    left.set(xscale="log", xlabel="temperature $\\tau$", ylabel="dual $f(\\tau)$", ylim=(-0.6, 1.0))
    right.set(xscale="log", xlabel="temperature $\\tau$", ylabel="KL($p_\\tau$ | uniform), nats")
    left.legend(frameon=False, fontsize=8)
    return finish(figure)


def ablation(frame: pd.DataFrame, title: str = "") -> Figure | None:
    """Draw validation NLL by training method and evaluation: a dot a seed, a bar the mean; None when nothing ran."""
    if frame.empty:
        return None
    methods = [m for m in LADDER if m in set(frame["method"])]
    figure, axes = plt.subplots(figsize=(8.5, 3.6))
    rows = where(frame, metric="NLL")
    for j, (evaluation, colour) in enumerate(EVALUATIONS.items()):
        for i, method in enumerate(methods):
            values = where(rows, method=method, evaluation=evaluation)["value"].to_numpy()
            if not len(values):
                continue
            x = i + 0.19 * (j - 1.5)
            axes.bar(
                x,
                values.mean(),
                0.17,
                color=colour,
                alpha=0.45,
                label=_LABELS[evaluation] if i == len(methods) - 1 else None,
            )
            axes.plot(np.full(len(values), x), values, "o", color=colour, markersize=3)
    low, high = rows["value"].min(), rows["value"].max()
    margin = max(0.15 * (high - low), 1e-3)
    axes.set(ylim=(low - margin, high + margin), ylabel="validation NLL (nats per token)", title=title)
    axes.set_xticks(range(len(methods)), methods)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    return finish(figure)


def scatter(frame: pd.DataFrame, target: float) -> Figure | None:
    """Draw tau over the entropy at tau = 1 for held-out tokens, TempNet's and exact, and entropies before and after."""
    if frame.empty:
        return None
    wide = where(frame, part="points").pivot(index="place", columns="metric", values="value")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.7))
    left.plot(wide["entropy"], wide["tau*"], ".", color=RED, markersize=4, label="exact tau*")
    left.plot(wide["entropy"], wide["tau"], ".", color=BLUE, markersize=4, label="TempNet")
    left.axhline(1, color=GREY, linewidth=1)
    left.set(xlabel="entropy at tau = 1 (nats)", ylabel="temperature")
    left.legend(frameon=False, fontsize=8)
    bins = np.linspace(0, wide["entropy"].max(), 30)
    right.hist(wide["entropy"], bins, color=GREY, alpha=0.6, label="tau = 1")
    right.hist(wide["entropy at tau"], bins, color=BLUE, alpha=0.6, label="TempNet's tau")
    right.axvline(target, color="k", linestyle="--", linewidth=1, label="target: log V - rho")
    right.set(xlabel="entropy (nats)", ylabel="tokens")
    right.legend(frameon=False, fontsize=8)
    return finish(figure)


def passage(frame: pd.DataFrame) -> Figure | None:
    """Draw a passage as coloured tokens (by the tau of the one being predicted) over bars of tau, tau* and entropy.

    Its first 48 places; tokens of several characters stand upright.
    """
    if frame.empty:
        return None
    rows = where(frame, part="passage")
    rows = rows[rows["place"] < _PLACES]
    wide = rows.pivot(index="place", columns="metric", values="value")
    names = rows.drop_duplicates("place").set_index("place").sort_index()[["read", "predicted"]].map(_visible)
    upright = bool((names.map(len) > 1).any(axis=None))
    size, ratios = ((12, 6.2), (2, 2.2)) if upright else ((12, 4.2), (1, 2.2))
    figure, (top, bottom) = plt.subplots(2, 1, figsize=size, sharex=True, height_ratios=ratios)
    read, predicted = (0.75, 0.25) if upright else (0.68, 0.3)
    written = {"ha": "center", "va": "center", "family": "monospace", "rotation": 90 if upright else 0}
    colours = plt.get_cmap("coolwarm")(plt.Normalize(wide["tau"].min(), wide["tau"].max())(wide["tau"]))
    for place, colour in zip(wide.index, colours, strict=True):
        top.axvspan(place - 0.5, place + 0.5, 0, 1, color=colour, alpha=0.5, linewidth=0)
        top.text(place, read, names.loc[place, "read"], fontsize=8, color="0.25", **written)
        top.text(place, predicted, names.loc[place, "predicted"], fontsize=9 if upright else 11, **written)
    top.set(ylim=(0, 1), yticks=[predicted, read], yticklabels=["predicted next", "just read"])
    bottom.bar(wide.index, wide["tau"], 0.8, color=BLUE, alpha=0.6, label="TempNet's tau")
    bottom.plot(wide.index, wide["tau*"], "_", color=RED, markersize=8, label="exact tau*")
    bottom.plot(
        wide.index, wide["entropy"], ".-", color="k", linewidth=0.8, markersize=4, label="entropy at tau = 1 (nats)"
    )
    bottom.set(xlabel="place in the passage", ylabel="temperature, or entropy in nats", xlim=(-0.5, len(wide) - 0.5))
    bottom.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return finish(figure)


def _visible(token: str) -> str:
    return token.replace(" ", "␣").replace("\n", "¶")


def tradeoff(frame: pd.DataFrame) -> Figure | None:
    """Draw what TempNet changes on the frozen model over the target entropy: all tokens, those right, those wrong."""
    if frame.empty:
        return None
    rows = where(frame, trained_on="own", method="DRO + TempNet", equivariant=False)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5))
    for evaluation, style in (("TempNet", "o-"), ("exact", "s--")):
        part = where(rows, evaluation=evaluation)
        plain = where(rows, evaluation="1", metric="NLL").set_index(["target", "seed"])["value"]
        change = where(part, metric="NLL").set_index(["target", "seed"])["value"] - plain
        lines = {"all tokens": (change, "k")}
        for name, colour in (("right", GREEN), ("wrong", RED)):
            lines[f"model {name}"] = (
                where(part, metric=f"NLL change where {name}").set_index(["target", "seed"])["value"],
                colour,
            )
        for name, (values, colour) in lines.items():
            means = values.groupby("target").mean()
            label = f"{name}, {_LABELS[evaluation]}"
            left.plot(means.index, means, style, color=colour, markersize=4, label=label)
        share = where(part, metric="share at a bound").groupby("target")["value"].mean()
        right.plot(share.index, share, style, color=EVALUATIONS[evaluation], label=_LABELS[evaluation])
    left.axhline(0, color=GREY, linewidth=1)
    left.set(xlabel="target entropy log V - rho (nats)", ylabel="NLL change against tau = 1 (nats)")
    right.set(xlabel="target entropy log V - rho (nats)", ylabel="share of tokens at a bound")
    right.set_ylim(-0.002, max(0.02, 1.05 * right.get_ylim()[1]))
    left.legend(frameon=False, fontsize=7)
    right.legend(frameon=False, fontsize=8)
    return finish(figure)


def curves(frame: pd.DataFrame) -> Figure | None:
    """Draw mean tau and mean distance of KL from rho over the steps: a line a method, a band the seeds' range."""
    if frame.empty:
        return None
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.4))
    for axes, metric in zip(panels, ("mean tau", "mean |KL - rho|"), strict=True):
        rows = frame[frame["step"].notna() & (frame["metric"] == metric)]
        for method, colour in zip(LADDER, (GREY, RED, ORANGE, BLUE), strict=True):
            part = rows[rows["method"] == method].groupby("step")["value"]
            if part.ngroups:
                axes.plot(part.mean().index, part.mean(), color=colour, label=method)
                axes.fill_between(part.mean().index, part.min(), part.max(), color=colour, alpha=0.2, linewidth=0)
        axes.set(xlabel="training step", ylabel=metric + ", nats" * metric.startswith("mean |KL"))
    panels[0].legend(frameon=False, fontsize=8)
    return finish(figure)


def interval(values) -> tuple[float, float, float]:
    """Return mean and 95 % t interval over seeds; equal bounds for a single one."""
    found = from_seeds(np.asarray(values, float))
    unbounded = not np.isfinite(found.ci_low)
    return found.estimate, found.estimate if unbounded else found.ci_low, found.estimate if unbounded else found.ci_high
