"""From the rows of experiments to the measurements that claims are judged by. DataFrames in, numbers out.

A study that did not run gives an empty frame and None: its claim is *not run*. The seed is the unit; pairs stay paired.
"""

import numpy as np
import pandas as pd

from replicate.measurement import Measurement, from_exact, from_pairs, from_seeds, smallest_gap
from replicate.rows import where

LADDER = ("CE", "DRO", "TempNet", "DRO + TempNet")  # from the worst to the best in the paper's ablation
CONTRASTIVE = ("CLIP", "SogCLR", "iSogCLR", "TempNet")
OWN = {"CE": "1", "DRO": "exact", "TempNet": "TempNet", "DRO + TempNet": "TempNet"}  # the temperature trained with
_SETTINGS = [  # said by the manifest or paper.toml
    *("paper", "experiment", "status", "text", "text_hash", "unit", "vocabulary", "width", "depth", "heads", "context"),
    *(
        "batch",
        "steps",
        "checkpoint_every",
        "windows",
        "skip",
        "precision",
        "tau_min",
        "tau_max",
        "tempnet_rate",
        "frozen_steps",
    ),
    *("frozen_batch", "frozen_rate", "frozen_windows", "other_text", "other_hash", "fine_text", "fine_hash"),
    *("fine_steps", "fine_rate", "pairs", "pairs_hash", "side", "roll", "towers", "dim", "epochs", "gamma", "tuning"),
    *("rho_grid", "cases", "choices", "questions", "hits"),
    "queries",
]


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame for keeping: without columns the manifest says, and single anchors of the first seed only."""
    if "place" in frame and "direction" in frame:
        frame = frame[~frame["metric"].isin(["tau of an anchor", "group size"]) | (frame["seed"] == 0)]
    return frame.drop(columns=[name for name in _SETTINGS if name in frame])


def by_seed(frame: pd.DataFrame, metric: str, **columns: object) -> pd.Series:
    """Return one metric by seed."""
    return where(frame, metric=metric, **columns).set_index("seed")["value"].sort_index()


def largest(frame: pd.DataFrame, **columns: object) -> Measurement | None:
    """Return the largest error of some identities."""
    rows = where(frame, metric="error", **columns)
    return from_exact(float(rows["value"].max())) if len(rows) else None


def mean(frame: pd.DataFrame, metric: str, *, dataset: str = "", **columns: object) -> Measurement | None:
    """Return the mean of one metric over seeds."""
    values = by_seed(frame, metric, **columns) if len(frame) else []
    return from_seeds(values, dataset=dataset) if len(values) else None


def gain(frame: pd.DataFrame, a: dict, b: dict, metric: str = "NLL", dataset: str = "") -> Measurement | None:
    """Return the metric where ``a`` minus where ``b`` (columns and their values), paired by seed."""
    if frame.empty:
        return None
    first, second = by_seed(frame, metric, **a), by_seed(frame, metric, **b)
    both = first.index.intersection(second.index)
    return from_pairs(first[both], second[both], dataset=dataset) if len(both) else None


def at(method: str, evaluation: str) -> dict[str, str]:
    """Name a training and the temperature it is evaluated at: "1", "global", or "own", what it was trained with."""
    return {"method": method, "evaluation": OWN[method] if evaluation == "own" else evaluation}


def step_of_ladder(frame: pd.DataFrame, worse: str, better: str, evaluation: str) -> Measurement | None:
    """Return by how much the NLL falls from one rung of the ablation to the next."""
    return gain(frame, at(worse, evaluation), at(better, evaluation))


def ladder(frame: pd.DataFrame, evaluation: str) -> Measurement | None:
    """Return the smallest step of the ablation's ordering."""
    if frame.empty:
        return None
    return smallest_gap([by_seed(frame, "NLL", **at(m, evaluation)) for m in LADDER], paired=True)


def primary(
    frame: pd.DataFrame, target: float, *, method: str = "DRO + TempNet", equivariant: bool = False
) -> pd.DataFrame:
    """Return the rows of one kind of TempNet on the frozen model."""
    return where(frame, method=method, target=target, equivariant=equivariant)


def transfer(frame: pd.DataFrame) -> Measurement | None:
    """Return the rank correlation of tau with tau* on the other text over that on its own, by seed."""
    if frame.empty:
        return None
    named = {"metric": "Spearman(tau, tau*)", "evaluation": "TempNet"}
    own, other = (by_seed(frame, trained_on=on, **named) for on in ("own", "other"))
    return from_seeds(other / own)


def recall_gap(
    frame: pd.DataFrame, better: str, worse: str, dataset: str, metric: str = "mean R@1"
) -> Measurement | None:
    """Return by how much the recall of one method is above another's, paired by seed."""
    return gain(frame, {"method": better}, {"method": worse}, metric, dataset)


def recall_ladder(frame: pd.DataFrame, dataset: str, metric: str = "mean R@1") -> Measurement | None:
    """Return the smallest step of CLIP < SogCLR < iSogCLR < TempNet."""
    if frame.empty:
        return None
    groups = [by_seed(frame, metric, method=method) for method in reversed(CONTRASTIVE)]
    return smallest_gap(groups, paired=True, dataset=dataset)


def size_sign(frame: pd.DataFrame, dataset: str) -> Measurement | None:
    """Return Spearman(tau*, group size) at the smallest rho minus that at the largest, TempNet's towers, by seed."""
    rows = where(frame, method="TempNet", metric="Spearman(tau*, group size)")
    if rows.empty:
        return None
    wide = rows.pivot(index="seed", columns="at_rho", values="value")
    return from_pairs(wide[wide.columns.min()], wide[wide.columns.max()], dataset=dataset)


def bootstrap(frame: pd.DataFrame, better: str, worse: str, rng: np.random.Generator, draws: int = 2000) -> np.ndarray:
    """Return 2.5, 50 and 97.5 % of the difference in hits at 1 over resampled test concepts, seeds averaged.

    Both methods answer the same queries of the same concepts: the concept is what is resampled, and pairs stay paired.
    """
    hits = {}
    for method in (better, worse):
        strings = where(frame, metric="hits at 1", method=method).sort_values("seed")["hits"]
        hits[method] = np.mean([[int(digit) for digit in text] for text in strings], axis=0)
    difference = (hits[better] - hits[worse]) / where(frame, metric="hits at 1")["queries"].iloc[0]
    picked = rng.integers(len(difference), size=(draws, len(difference)))
    return np.quantile(difference[picked].mean(1), [0.025, 0.5, 0.975])


def over_cross_entropy(frame: pd.DataFrame, evaluation: str) -> Measurement | None:
    """Return NLL of the paper's method minus that of cross-entropy, each evaluated this way ("own": CE at tau = 1)."""
    return gain(frame, at("DRO + TempNet", evaluation), at("CE", evaluation))


def follows_gain(frame: pd.DataFrame, baseline: pd.DataFrame, **columns: object) -> Measurement | None:
    """Return Spearman(tau, tau*) of one kind of TempNet minus that of another, paired by seed."""
    if frame.empty or baseline.empty:
        return None
    return from_pairs(*(by_seed(rows, "Spearman(tau, tau*)", **columns) for rows in (frame, baseline)))
