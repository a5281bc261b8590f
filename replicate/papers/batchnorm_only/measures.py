"""From the rows of experiments to the measurements that claims are judged by. DataFrames in, numbers out, in points.

A point is one per cent of the test images. Conditions are compared in pairs: the same seed has the same start weights
and the same images in the same order. What did not run gives None: its claim is *not run*.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from replicate.measurement import Measurement, from_exact, from_pairs, from_seeds, smallest_gap

from .affine import SMALL

Where = Mapping[str, Any]
_ORDINARY: dict[str, Any] = {
    "family": "resnet",
    "width": 1,
    "norm_init": "uniform",
    "norms": "batch",
    "disabled": 0.0,
}
_SAID_ELSEWHERE = ["paper", "experiment", "status", "unit", "threads", "probe", "draws", "probe_images"]


class Networks:
    """The trainings of a run.

    Args:
        frame: rows of the unit ``training``.
        depth: of the base network.
        decay: the preset's own weight decay.
        dataset: under which name results are reported.
    """

    def __init__(self, frame: pd.DataFrame, *, depth: int, decay: float, dataset: str):
        self.frame, self.depth, self.decay, self.dataset = frame, depth, decay, dataset

    def rows(self, metric: str, **wanted: object) -> pd.DataFrame:
        """Return the rows of a metric for one kind of training: BatchNorm only in the base network unless said."""
        kind = {**_ORDINARY, "depth": self.depth, "decay": self.decay, "condition": "bn", **wanted}
        return where(self.frame, metric=metric, **kind)

    def accuracy(self, **wanted: object) -> pd.Series:
        """Return the test accuracy after the last epoch in points, by seed; empty where that was not trained."""
        rows = self.rows("accuracy", split="test", **wanted)
        return (
            100 * rows[rows["step"] == rows["epochs"]].set_index("seed")["value"]
            if len(rows)
            else pd.Series(dtype=float)
        )

    def accuracies(self, **wanted: object) -> Measurement | None:
        """Return the mean accuracy of one kind of training."""
        return self._seeds(self.accuracy(**wanted))

    def margin(self, a: Where, b: Where) -> Measurement | None:
        """Return accuracy of ``a`` minus accuracy of ``b``, paired by seed."""
        first, second = self.accuracy(**a), self.accuracy(**b)
        return from_pairs(first, second, dataset=self.dataset) if len(first) and len(second) else None

    def smallest_margin(self, better: str, worse: str) -> Measurement | None:
        """Return the smallest margin between two conditions over all seeds and all networks that have both."""
        ends = self.frame[self.frame["step"] == self.frame["epochs"]] if len(self.frame) else self.frame
        ends = where(
            ends, metric="accuracy", split="test", norm_init="uniform", norms="batch", disabled=0.0, decay=self.decay
        )
        if ends.empty:
            return None
        wide = ends.pivot_table(index=["family", "depth", "width", "seed"], columns="condition", values="value")
        if not {better, worse} <= set(wide):
            return None
        gaps = 100 * (wide[better] - wide[worse]).dropna()
        return from_exact(float(gaps.min()), dataset=self.dataset) if len(gaps) else None

    def ordering(self, axis: str, values: Sequence[int], *, depth: int | None = None) -> Measurement | None:
        """Return the smallest gain in accuracy from one value of ``axis`` to the next larger one, BatchNorm only."""
        fixed = {} if depth is None else {"depth": depth}
        groups = [g for v in sorted(values, reverse=True) if len(g := self.accuracy(**{**fixed, axis: v}))]
        return smallest_gap(groups, paired=True, dataset=self.dataset) if len(groups) > 1 else None

    def gain(self, condition: str, small: Where, large: Where) -> pd.Series:
        """Return by how many points a condition gains from the small to the large network, by seed."""
        return self.accuracy(condition=condition, **large) - self.accuracy(condition=condition, **small)

    def gain_difference(self, a: str, b: str, small: Where, large: Where) -> Measurement | None:
        """Return how much more condition ``a`` gains from a larger network than condition ``b``."""
        first, second = self.gain(a, small, large), self.gain(b, small, large)
        return from_pairs(first, second, dataset=self.dataset) if len(first) and len(second) else None

    def small_share(self, **wanted: object) -> pd.Series:
        """Return the share of gammas below 0.01 in per cent, by seed."""
        rows = self.rows("small gammas", threshold=SMALL, **wanted)
        return 100 * rows.set_index("seed")["value"] if len(rows) else pd.Series(dtype=float)

    def small_shares(self, **wanted: object) -> Measurement | None:
        """Return the mean share of small gammas."""
        return self._seeds(self.small_share(**wanted))

    def share_margin(self, a: Where, b: Where, *, factor: float = 1.0) -> Measurement | None:
        """Return the share of small gammas of ``a`` minus ``factor`` times that of ``b``, paired by seed."""
        first, second = self.small_share(**a), factor * self.small_share(**b)
        return from_pairs(first, second, dataset=self.dataset) if len(first) and len(second) else None

    def cost_of_zeroing(self, kind: str, *, threshold: float = SMALL, **wanted: object) -> Measurement | None:
        """Return the points lost by zeroing: ``kind`` "small" gammas, or as many "random" ones (mean of the draws)."""
        before = self.rows("accuracy as trained", **wanted).set_index("seed")["value"] if len(self.frame) else []
        after = self.rows(f"accuracy, {kind} gammas zeroed", threshold=threshold, **wanted)
        if not len(before) or after.empty:
            return None
        return from_pairs(100 * before, 100 * after.groupby("seed")["value"].mean(), dataset=self.dataset)

    def _seeds(self, values: pd.Series) -> Measurement | None:
        return from_seeds(values, dataset=self.dataset) if len(values) else None


def where(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """Return the rows whose columns have the given values; floats, such as matched decays, need only be close."""
    for name, wanted in columns.items():
        if frame.empty:
            return frame
        frame = frame[np.isclose(frame[name], wanted)] if isinstance(wanted, float) else frame[frame[name] == wanted]
    return frame


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame for keeping, without what the manifest says and without columns of one value."""
    same = [c for c in frame if _distinct(frame[c]) <= 1 and c not in ("metric", "value", "dataset", "seed")]
    return frame.drop(columns=[c for c in {*same, *_SAID_ELSEWHERE} if c in frame])


def _distinct(column: pd.Series) -> int:
    """Return how many different values a column has; lists, such as the epochs of a schedule, count by their text."""
    return (column.map(str) if column.dtype == object else column).nunique(dropna=False)


def against(networks: Networks, controls: pd.DataFrame) -> Measurement | None:
    """Return accuracy of BatchNorm only minus that of a random subspace of as many dimensions, paired by seed."""
    bn = networks.accuracy()
    other = where(controls, metric="accuracy")
    if other.empty or bn.empty:
        return None
    return from_pairs(bn.loc[other["seed"]], 100 * other.set_index("seed")["value"], dataset=networks.dataset)


def imagenet_top5(frame: pd.DataFrame, depth: int = 200) -> Measurement | None:
    """Return the top-5 accuracy of a depth on ImageNet in points, over seeds; None where it was not trained."""
    rows = where(frame, metric="top-5 accuracy", depth=depth)
    if rows.empty:
        return None
    return from_seeds(100 * rows.set_index("seed")["value"], dataset=rows["dataset"].iloc[0])


def value_of_learning(transfers: pd.DataFrame) -> Measurement | None:
    """Return accuracy around learned features minus that around random ones, in points, paired by seed."""
    learned, random = (last_accuracy(transfers, name) for name in ("learned", "random"))
    if learned.empty or random.empty:
        return None
    return from_pairs(learned, random, dataset=transfer_label(transfers))


def last_accuracy(transfers: pd.DataFrame, features: str) -> pd.Series:
    """Return the accuracy on the target set after the last epoch in points, by seed; empty where there is none."""
    rows = where(transfers, features=features, metric="accuracy")
    if rows.empty:
        return pd.Series(dtype=float)
    return 100 * rows[rows["step"] == rows["epochs"]].set_index("seed")["value"]


def transfer_label(transfers: pd.DataFrame) -> str:
    """Return from which set to which, as in "MNIST -> CIFAR-10, grey"."""
    return f"{transfers['source'].iloc[0]} -> {transfers['target'].iloc[0]}, grey"


def shrink(nulls: pd.DataFrame, metric: str, **columns: object) -> Measurement:
    """Return the null model's number for one schedule."""
    return from_exact(float(where(nulls, metric=metric, **columns)["value"].iloc[0]))


def reconstruction(frame: pd.DataFrame, *, enough: bool) -> Measurement:
    """Return the largest error with ``c0 c2`` features or more, or the smallest with one fewer."""
    rows = frame[frame["metric"] == "error"]
    needed = rows["inputs"] * rows["outputs"]
    if enough:
        return from_exact(float(rows.loc[rows["features"] >= needed, "value"].max()))
    return from_exact(float(rows.loc[rows["features"] == needed - 1, "value"].min()))


def largest_miscount(frame: pd.DataFrame, table: pd.DataFrame) -> Measurement:
    """Return the largest difference between our counts and Table 1, in units of the last digit printed there.

    ``frame``: rows of the unit ``parameters``; ``table``: totals such as "1.73M", shares in per cent such as "0.48".
    """
    wide = frame.pivot_table(index=["family", "depth", "width"], columns="metric", values="value")
    found = []
    for row in table.itertuples(index=False):
        ours = wide.loc[(row.family, row.depth, row.width)]
        shares = 100 * ours[["BatchNorm", "output", "shortcut"]] / ours["total"]
        texts = (row.total, row.bn_percent, row.output_percent, row.shortcut_percent)
        found += [_last_digits(value, text) for value, text in zip((ours["total"], *shares), texts, strict=True)]
    return from_exact(max(found))


def _last_digits(value: float, text: str) -> float:
    """Return the distance of a value from a printed number, in units of its last digit."""
    scale = {"K": 1e3, "M": 1e6}.get(text[-1], 1.0)
    digits = text.rstrip("KM")
    unit = scale * 10.0 ** -len(digits.partition(".")[2])
    return abs(value - float(digits) * scale) / unit


def kappa(nulls: pd.DataFrame, *, matched: bool) -> float | None:
    """Return the null model's factor at the largest decay of a run (``matched``), or at the paper's schedule."""
    rows = nulls[nulls["metric"] == "kappa"]
    if not matched:
        return float(where(rows, epochs=160, rate=0.1, decay=1e-4)["value"].iloc[0])
    largest = rows.loc[rows["decay"].idxmax()]
    return float(largest["value"]) if largest["decay"] > rows["decay"].min() else None


def gain_over(networks: Networks, a: str, b: str, axis: str, settings: Any) -> Measurement | None:
    """Return how much more condition ``a`` gains than ``b`` from the smallest to the largest "depth" or "width"."""
    values = sorted(settings.depths if axis == "depth" else settings.widths)
    fixed = {} if axis == "depth" else {"depth": settings.width_depth}
    if len(values) < 2:
        return None
    return networks.gain_difference(a, b, {**fixed, axis: values[0]}, {**fixed, axis: values[-1]})
