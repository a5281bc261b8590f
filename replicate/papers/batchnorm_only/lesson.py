"""Small tables of the notebook: rounded for reading."""

import pandas as pd

from replicate.measurement import from_seeds

from .affine import SMALL
from .figures import LABELS
from .measures import Networks, where


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


def _accuracy_row(kind: tuple, group: pd.DataFrame, names: list[str]) -> dict[str, object]:
    found = from_seeds(100 * group["value"])
    interval = f"{found.ci_low:.1f} to {found.ci_high:.1f}" if found.n_seeds > 1 else "one seed"
    return {
        **dict(zip(names, kind, strict=True)),
        "accuracy %": f"{found.estimate:.1f}",
        "95 % interval": interval,
        "seeds": found.n_seeds,
    }


def matched(frame: pd.DataFrame) -> float:
    """Return the largest weight decay that was trained with: the matched one, where there is one."""
    return float(frame["decay"].max()) if len(frame) else float("nan")


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
