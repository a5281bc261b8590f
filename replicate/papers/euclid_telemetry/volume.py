"""Area and volume under precision-recall curves: AUC-PR, and VUS-PR with soft edges (Paparrizos et al., VLDB 2022)."""

import numpy as np
from sklearn.metrics import average_precision_score

from .runs import checked, runs

THRESHOLDS = 250


def auc_pr(truth, scores) -> float:
    """Return average precision (the step-wise area under precision over recall); NaN without positives."""
    truth, scores = checked(truth, scores, "scores")
    return float(average_precision_score(truth, scores)) if truth.any() else np.nan


def vus(truth, scores, *, longest: int, thresholds: int = THRESHOLDS) -> dict[str, float]:
    """Return VUS-PR and VUS-ROC: the mean area over widths 0 ... ``longest`` of the soft edges around events.

    At width w the label falls as sqrt(1 - d / w) at distance d = 1 ... floor(w/2) outside an event; recall is
    multiplied by the share of widened events with a flagged point. Thresholds lie at equal steps of the rank.
    Equal to TSB-AD's "opt" variant (its goldens are in the tests); all thresholds at once by cumulative sums,
    O(n) a width after one sort.

    Args:
        truth: (n,) 0/1. scores: (n,), larger = more anomalous.
        longest: largest width L, steps, >= 0.
        thresholds: at how many ranks the curve is evaluated.
    """
    truth, scores = checked(truth, scores, "scores")
    if not truth.any() or truth.all():
        return {"VUS-PR": np.nan, "VUS-ROC": np.nan}
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    levels = ranked[np.linspace(0, len(ranked) - 1, thresholds).astype(int)]
    counts = np.searchsorted(-ranked, -levels, side="right")  # points with score >= level
    found = [_areas(truth, scores, order, levels, counts, width) for width in range(longest + 1)]
    precision_recall, operating = np.mean(found, axis=0)
    return {"VUS-PR": float(precision_recall), "VUS-ROC": float(operating)}


def soft_labels(truth: np.ndarray, width: int) -> np.ndarray:
    """Return labels (n,) that fall off as sqrt(1 - d / width) outside events, summed over neighbours, at most 1."""
    label = truth.astype(float)
    for start, stop in runs(truth):
        for distance in range(1, width // 2 + 1):
            part = np.sqrt(1 - distance / width)
            if stop - 1 + distance < len(label):
                label[stop - 1 + distance] += part
            if start - distance >= 0:
                label[start - distance] += part
    return np.minimum(label, 1.0)


def _areas(truth, scores, order, levels, counts, width: int) -> tuple[float, float]:
    label = soft_labels(truth, width)
    segments = runs(label > 0)
    highest = np.sort([scores[a:b].max() for a, b in segments])
    existence = 1 - np.searchsorted(highest, levels, side="left") / len(highest)
    soft = np.where(truth, 0.0, label)[order]
    hits = _upto(truth[order].astype(float), counts)
    near = _upto(soft, counts)
    positives = float(truth.sum())
    true = hits + near
    wanted = (positives + positives + near) / 2
    recall = np.minimum(true / wanted, 1) * existence
    precision = true / counts
    area = float(np.sum(np.diff(recall, prepend=0) * precision))
    rest = len(truth) - wanted
    false = np.concatenate([[0], (counts - true) / rest, [1]])
    sensitivity = np.concatenate([[0], recall, [1]])
    return area, float(np.trapezoid(sensitivity, false))


def _upto(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(values)])[counts]
