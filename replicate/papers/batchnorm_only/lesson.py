"""Small tables of the notebook: rounded for reading."""

from typing import Any

import pandas as pd

from replicate.measurement import from_seeds

from .affine import SMALL
from .figures import LABELS
from .measures import Networks, last_accuracy, transfer_label, value_of_learning, where


def parameter_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return Table 1: totals, and the shares of BatchNorm, output and shortcuts in per cent."""
    wide = frame.pivot_table(index=["family", "depth", "width"], columns="metric", values="value", sort=False)
    table = wide[["total", "BatchNorm", "output", "shortcut"]].astype(int)
    for part in ("BatchNorm", "output", "shortcut"):
        table[f"{part} %"] = (100 * table[part] / table["total"]).round(2)
    return table


def accuracies(networks: Networks) -> pd.DataFrame:
    """Return test accuracies of the last epoch with 95 % intervals over seeds, a row a kind of training."""
    if networks.frame.empty:
        return pd.DataFrame()
    ends = where(networks.frame, metric="accuracy", split="test")
    ends = ends[ends["step"] == ends["epochs"]]
    kinds = ["family", "depth", "width", "condition", "norm_init", "norms", "disabled", "decay"]
    rows = [_accuracy_row(kind, group, kinds) for kind, group in ends.groupby(kinds, sort=False)]
    varying = [c for c in kinds if len({row[c] for row in rows}) > 1 or c == "condition"]
    return pd.DataFrame(rows)[[*varying, "accuracy %", "95 % interval", "seeds"]]


def _accuracy_row(kind: tuple, group: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    found = from_seeds(100 * group["value"])
    interval = f"{found.ci_low:.1f} to {found.ci_high:.1f}" if found.n_seeds > 1 else "one seed"
    return {
        **dict(zip(names, kind, strict=True)),
        "accuracy %": f"{found.estimate:.1f}",
        "95 % interval": interval,
        "seeds": found.n_seeds,
    }


def matched(frame: pd.DataFrame) -> float:
    """Return the largest of several weight decays, the matched one where it was trained with; NaN if there is one."""
    return float(frame["decay"].max()) if len(frame) and frame["decay"].nunique() > 1 else float("nan")


def nulls(frame: pd.DataFrame) -> pd.DataFrame:
    """Return kappa and the share of useless gammas below 0.01 for every schedule and decay."""
    index = ["schedule", "epochs", "steps_per_epoch", "rate", "decay"]
    wide = frame.pivot_table(index=index, columns="metric", values="value")
    return wide.map(lambda v: f"{v:.3g}").reset_index()


def small_gammas(networks: Networks) -> pd.DataFrame:
    """Return the share of gammas below 0.01 by condition and decay, with the accuracy beside."""
    rows = where(networks.frame, metric="small gammas", threshold=SMALL)
    if rows.empty:
        return pd.DataFrame()
    found = []
    for (depth, condition, decay), group in rows.groupby(["depth", "condition", "decay"]):
        accuracy = networks.accuracy(depth=depth, condition=condition, decay=decay).mean()
        share = 100 * group["value"].mean()
        found.append((depth, LABELS[condition], decay, f"{share:.1f}", f"{accuracy:.1f}", len(group)))
    return pd.DataFrame(found, columns=["depth", "trained", "decay", "|gamma| < 0.01 in %", "accuracy %", "seeds"])


def margins(networks: Networks) -> pd.DataFrame:
    """Return by how many points BatchNorm only is ahead of (or behind) every other condition, paired by seed."""
    found = []
    for condition in LABELS:
        margin = networks.margin({}, {"condition": condition}) if condition != "bn" else None
        if margin is not None:
            interval = f"{margin.ci_low:.1f} to {margin.ci_high:.1f}" if margin.n_seeds > 1 else "one seed"
            found.append((LABELS[condition], f"{margin.estimate:+.1f}", interval, margin.n_seeds))
    return pd.DataFrame(found, columns=["BatchNorm only minus", "points", "95 % interval", "seeds"])


def transfers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what learned features are worth: accuracies, their difference, and points a thousand trained numbers."""
    gain = value_of_learning(frame)
    if gain is None:
        return pd.DataFrame()
    size = where(frame, metric="trained parameters")["value"].iloc[0]
    source = where(frame, metric="source accuracy")["value"].mean()
    interval = f" ({gain.ci_low:+.1f} to {gain.ci_high:+.1f})" if gain.n_seeds > 1 else " (one seed)"
    rows = {
        "sets": transfer_label(frame),
        "accuracy on the source, everything trained": f"{100 * source:.1f} %",
        "BatchNorm only around random features": f"{last_accuracy(frame, 'random').mean():.1f} %",
        "BatchNorm only around learned features": f"{last_accuracy(frame, 'learned').mean():.1f} %",
        "learned minus random, in points": f"{gain.estimate:+.1f}{interval}",
        "points a thousand trained numbers": f"{1000 * gain.estimate / size:+.1f} ({size:,.0f} trained)",
        "seeds": str(gain.n_seeds),
    }
    return pd.DataFrame({"transfer": rows})


def imagenet(frame: pd.DataFrame) -> pd.DataFrame:
    """Return top-1 and top-5 accuracy by depth, with seeds and the honest name of the images, or why there is none."""
    if frame.empty:
        reason = "not run: imagenet_folder names no folder; ImageNet-1k needs a registration"
        return pd.DataFrame({"ImageNet": {"BatchNorm only": reason}})
    found = []
    for depth, rows in frame.groupby("depth"):
        top = [from_seeds(100 * where(rows, metric=f"top-{k} accuracy")["value"]) for k in (1, 5)]
        name = where(rows, metric="top-5 accuracy")["dataset"].iloc[0]
        found.append((depth, *(f"{m.estimate:.1f} %" for m in top), top[0].n_seeds, name))
    return pd.DataFrame(found, columns=["depth", "top-1", "top-5", "seeds", "images"])


def spread(lottery: pd.DataFrame) -> pd.DataFrame:
    """Return standard deviations in points due to start weights, to data order, and to what is left of the pair.

    Two-way layout without repetition: mean squares of rows and columns minus that of the rest, over the levels
    (Searle, Casella, McCulloch 1992, ch. 4); negative estimates are 0.
    """
    rows = where(lottery, metric="accuracy", split="test")
    if rows.empty:
        return pd.DataFrame()
    rows = rows[rows["step"] == rows["epochs"]]
    table = 100 * rows.pivot(index="init", columns="order", values="value")
    n, m = table.shape
    centred = table - table.to_numpy().mean()
    by_start, by_order = centred.mean(axis=1), centred.mean(axis=0)
    rest = centred.sub(by_start, axis=0).sub(by_order, axis=1)
    noise = (rest**2).to_numpy().sum() / ((n - 1) * (m - 1))
    parts = {
        "start weights": (m * (by_start**2).sum() / (n - 1) - noise) / m,
        "data order": (n * (by_order**2).sum() / (m - 1) - noise) / n,
        "the pair": noise,
    }
    return pd.DataFrame({"standard deviation in points": {k: f"{max(v, 0.0) ** 0.5:.2f}" for k, v in parts.items()}})
