"""Figures of redrawn toys, real data, known spectra and networks: tidy frames in, matplotlib figures out.

Bands and bars are 95 % t intervals of the mean over seeds, unless a title says otherwise.
"""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy import stats

from replicate.drawing import BLUE, COLOURS, RED, SKY, finish

from .figures import CONTROL

_PLASMA = plt.get_cmap("plasma")  # of the weight on the given labels; 1, where the teacher has no say, is grey
_COLOURS: dict[str, Any] = {f"{w:g}": _PLASMA(1.05 * w) for w in (0.0, 0.25, 0.35, 0.5, 0.75)} | {"1": "0.5"}
_CHOSEN = {"estimated": BLUE, "GCV": SKY}


def monte_carlo(frame: pd.DataFrame, controls: pd.DataFrame) -> Figure:
    """Mean loss over redrawn toys by step and weight with twice its standard error, tuned ridge, best common weight.

    ``frame``: rows of ``monte_carlo`` (columns weight, step, metric, value, draws); ``controls``: of
    ``monte_carlo_controls``.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for weight, rows in frame.groupby("weight"):
        wide = rows.pivot(index="step", columns="metric", values="value").dropna(subset="mean loss")
        style: dict[str, Any] = {
            "color": _COLOURS[f"{weight:g}"],
            "marker": "o",
            "markersize": 3,
            "capsize": 2,
            "linewidth": 1.2,
        }
        axes.errorbar(
            wide.index, wide["mean loss"], yerr=2 * wide["standard error"], **style, label=f"$\\alpha$ = {weight:g}"
        )
    values = controls.set_index("metric")["value"]
    axes.axhline(values["tuned ridge: loss"], **CONTROL, label="tuned ridge")
    axes.plot([2], [values["common weight: loss"]], "*", color=BLUE, markersize=11, label="best common weight")
    axes.plot(
        [2], [values["weight of each draw: loss"]], "*", color="0.2", markersize=11, label="best weight of each draw"
    )
    draws = int(frame["draws"].iloc[0])
    axes.set(xlabel="step $\\tau$", ylabel="mean loss", title=f"{draws:,} redrawn samples; bars: two standard errors")
    axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def by_step(frame: pd.DataFrame, metric: str, *, panel: str, row: str | None = None, ylabel: str) -> Figure | None:
    """A test score over steps by weight, a panel a value of ``panel`` (and ``row``), with tuned ridge; None if not run.

    ``frame``: rows of ``diabetes``, ``digits`` or ``tangent`` with columns seed, penalty, weight, step, metric, value.
    """
    if frame.empty:
        return None
    rows = frame[frame["metric"] == metric]
    chains = rows[rows["step"].notna()]
    across = sorted(chains[panel].unique())
    down = sorted(chains[row].unique()) if row else [None]
    size = (3.5 * len(across), 2.9 * len(down))
    figure, panels = plt.subplots(len(down), len(across), figsize=size, squeeze=False, sharey="col" if row else True)
    for line, below in zip(panels, down, strict=True):
        for axes, value in zip(line, across, strict=True):
            here, all_here = (_at(part, panel, value, row, below) for part in (chains, rows))
            _weights(axes, here)
            _control(axes, all_here)
            title = f"{_name(panel)} = {value:g}" + (f", {_name(row)} = {below:g}" if row else "")
            axes.set_title(title, fontsize=9)
            axes.set(xlabel="step $\\tau$", ylabel="" if axes is not line[0] and not row else ylabel)
    panels[0][-1].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def _at(rows: pd.DataFrame, panel: str, value, row: str | None, below) -> pd.DataFrame:
    """Return the rows of one panel; tuned ridge has its own penalty and belongs to every one."""
    for name, wanted in ((panel, value), (row, below)):
        if name:
            everywhere = rows["weight"].str.startswith("tuned") & (name == "penalty")
            rows = rows[(rows[name] == wanted) | everywhere]
    return rows


def _name(column: str) -> str:
    return {"penalty": "$\\lambda$", "noise": "label noise"}.get(column, column)


def _weights(axes: Axes, rows: pd.DataFrame) -> None:
    for weight, colour in {**_COLOURS, **_CHOSEN}.items():
        part = rows[rows["weight"] == weight]
        if part.empty:
            continue
        mean = part.groupby("step")["value"].mean()
        chosen = weight in _CHOSEN
        label = {"estimated": "$\\alpha$ estimated", "GCV": "$\\alpha$ by GCV, one step"}.get(
            weight, f"$\\alpha$ = {weight}"
        )
        style: dict[str, Any] = {
            "marker": "D" if chosen else "o",
            "linewidth": 1.8 if chosen else 1.1,
            "markersize": 4 if chosen else 3,
        }
        axes.plot(mean.index, mean, color=colour, **style, label=label)


def _control(axes: Axes, rows: pd.DataFrame) -> None:
    tuned = rows[rows["weight"] == "tuned ridge"].groupby("seed")["value"].first()
    low, high = _interval(tuned)
    axes.axhline(tuned.mean(), **CONTROL, label=f"tuned ridge, n = {len(tuned)}")
    if len(tuned) > 1:
        axes.axhspan(low, high, color=CONTROL["color"], alpha=0.08, linewidth=0)


def _interval(values: pd.Series) -> tuple[float, float]:
    mean = float(values.mean())
    if len(values) < 2:
        return mean, mean
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std() / len(values) ** 0.5)
    return mean - half, mean + half


def repeated(frame: pd.DataFrame) -> Figure:
    """Smallest risk of ridge, of one step and of r steps over r, signal on the top or bottom eigenvector.

    ``frame``: rows of ``repeated`` with columns r, direction, metric, value.
    """
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
    oracle = {"color": "0.2", "linestyle": ":", "zorder": 4}
    styles: dict[str, dict[str, Any]] = {
        "one step": {"color": RED},
        "ridge": CONTROL,
        "r steps": {"color": BLUE},
        "oracle": oracle,
    }
    for axes, direction in zip(panels, ("top", "bottom"), strict=True):
        rows = frame[frame["direction"] == direction]
        for metric, style in styles.items():
            line = rows[rows["metric"] == metric].sort_values("r")
            name = "tuned ridge" if metric == "ridge" else metric
            axes.plot(line["r"], line["value"], marker="o", markersize=3, **style, label=name)
        axes.set(xlabel="distinct eigenvalues r", title=f"signal on the {direction} eigenvector")
        axes.set_xticks(sorted(rows["r"].unique()))
    panels[0].set_ylabel("smallest risk")
    panels[0].legend(frameon=False, fontsize=8)
    return finish(figure)


def finite_width(frame: pd.DataFrame) -> Figure:
    """Distance of trained networks from tangent-kernel ridge over width, with a dotted slope of -1/2 to compare.

    ``frame``: rows of ``finite_width`` with columns width, seed, metric, value.
    """
    figure, axes = plt.subplots(figsize=(4.6, 3.2))
    mean = frame.groupby("width")["value"].mean()
    axes.plot(frame["width"], frame["value"], ".", color="0.6", label="one network")
    axes.plot(mean.index, mean, "o-", color=BLUE, label="mean")
    axes.plot(
        mean.index, mean.iloc[0] * (mean.index / mean.index[0]) ** -0.5, "k:", linewidth=1, label="width$^{-1/2}$"
    )
    axes.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="distance from tangent-kernel ridge")
    axes.set_xticks(list(mean.index), [f"{width:g}" for width in mean.index])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.legend(frameon=False, fontsize=8)
    return finish(figure)


def networks(frame: pd.DataFrame, tuned: pd.Series) -> Figure:
    """Test accuracy of small networks over steps by weight, a panel a weight decay, beside a network with tuned decay.

    ``frame``: rows of ``small_networks`` with columns decay, teacher, seed, alpha, step, metric, value, split;
    ``tuned``: accuracies of the control, one a seed.
    """
    rows = frame[(frame["metric"] == "accuracy") & (frame["split"] == "test") & (frame["teacher"] == "soft")]
    decays = sorted(rows["decay"].unique())
    figure, panels = plt.subplots(1, len(decays), figsize=(4.6 * len(decays), 3.4), sharey=True, squeeze=False)
    for axes, decay in zip(panels[0], decays, strict=True):
        here = rows[rows["decay"] == decay]
        for weight, colour in {**_COLOURS, **_CHOSEN}.items():
            part = here[here["alpha"].isin([weight, "first"])]
            if weight in set(part["alpha"]):
                _with_bars(axes, part, colour, weight)
        axes.axhline(tuned.mean(), **CONTROL, label="one network, tuned decay")
        axes.axhspan(*_interval(tuned), color=CONTROL["color"], alpha=0.08, linewidth=0)
        axes.set(xlabel="step $\\tau$", title=f"weight decay {decay:g}, n = {here['seed'].nunique()}")
        axes.set_xticks(sorted(here["step"].unique()))
    panels[0][0].set_ylabel("test accuracy (clean labels)")
    panels[0][-1].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)


def _with_bars(axes: Axes, part: pd.DataFrame, colour: Any, weight: str) -> None:
    groups = part.groupby("step")["value"]
    bounds = groups.apply(_interval)
    shift = 0.04 * (list({**_COLOURS, **_CHOSEN}).index(weight) - 3)
    label = "$\\alpha$ estimated" if weight == "estimated" else f"$\\alpha$ = {weight}"
    style: dict[str, Any] = {
        "color": colour,
        "linewidth": 1.8 if weight == "estimated" else 1.1,
        "marker": "o",
        "markersize": 3,
    }
    reach = [groups.mean() - bounds.str[0], bounds.str[1] - groups.mean()]
    axes.errorbar(
        groups.mean().index + shift, groups.mean(), yerr=reach, capsize=2, elinewidth=0.6, **style, label=label
    )


def images(frame: pd.DataFrame) -> Figure | None:
    """Test accuracy of ResNets on CIFAR-10 over steps by weight, one line a seed; None when not run.

    ``frame``: rows of ``images`` with columns weight, step, seed, metric, value.
    """
    if frame.empty:
        return None
    rows = frame[frame["metric"] == "accuracy"]
    figure, axes = plt.subplots(figsize=(6, 3.6))
    first = rows[rows["step"] == 1]
    students = rows[rows["step"] > 1]
    for (weight, part), colour in zip(students.groupby("weight"), COLOURS, strict=False):
        mean = pd.concat([first, part]).groupby("step")["value"].mean()
        axes.plot(mean.index, mean, "o-", color=colour, markersize=3, label=f"$\\alpha$ = {weight}")
        axes.plot(part["step"], part["value"], ".", color=colour, alpha=0.4)
    axes.axhline(first["value"].mean(), **CONTROL, label="first network")
    axes.set(
        xlabel="step $\\tau$",
        ylabel="test accuracy",
        title=f"{rows['dataset'].iloc[0]}, {rows['protocol'].iloc[0]} protocol",
    )
    axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(figure)
