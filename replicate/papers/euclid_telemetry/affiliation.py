"""Affiliation precision and recall (Huet, Navarro and Rossi, KDD 2022): are flags nearer to events than chance?"""

import numpy as np

from .event_metrics import f_score
from .runs import checked, runs


def affiliation(truth, flagged) -> dict[str, float]:
    """Return affiliation precision, recall and F1 of 0/1 vectors (n,).

    The series is cut into one zone an event, half-way between neighbours. A flagged point scores the share of its zone
    at least as far from the event; a point of the event the share of its zone farther than the nearest flag.
    Random flags score 0.6 to 0.7: always look at the random row beside it. Events without flags in their zone
    are left out of precision and score 0 in recall. Without events everything is NaN.
    """
    truth, flagged = checked(truth, np.asarray(flagged).astype(bool), "flags")
    events = runs(truth)
    if not len(events):
        return {"precision": np.nan, "recall": np.nan, "F1": np.nan}
    middles = (events[1:, 0] + events[:-1, 1]) / 2
    edges = np.concatenate([[0.0], middles, [float(len(truth))]])
    precisions, recalls = [], []
    for (a, b), low, high in zip(events, edges[:-1], edges[1:], strict=True):
        pieces = _pieces(runs(flagged), low, high)
        recalls.append(_recall(a, b, low, high, pieces))
        if len(pieces):
            precisions.append(_precision(a, b, low, high, pieces))
    precision = float(np.mean(precisions)) if precisions else np.nan
    recall = float(np.mean(recalls))
    return {"precision": precision, "recall": recall, "F1": f_score(np.nan_to_num(precision), recall)}


def _pieces(alarms: np.ndarray, low: float, high: float) -> np.ndarray:
    """Cut flagged runs to a zone; time is continuous, point i covers [i, i + 1)."""
    cut = np.column_stack([np.maximum(alarms[:, 0], low), np.minimum(alarms[:, 1], high)])
    return cut[cut[:, 0] < cut[:, 1]]


def _precision(a: float, b: float, low: float, high: float, pieces: np.ndarray) -> float:
    """Average over flagged time of P(a random point of the zone is at least as far from the event [a, b))."""
    zone = high - low

    def below(distance: np.ndarray) -> np.ndarray:  # the integral of that probability from the event outwards
        room = _area(distance, a - low) + _area(distance, high - b)
        return distance * (1 - (b - a) / zone) - room / zone

    start, stop = pieces.T
    inside = np.maximum(np.minimum(stop, b) - np.maximum(start, a), 0)
    right = below(np.maximum(stop - b, 0)) - below(np.maximum(start - b, 0))
    left = below(np.maximum(a - start, 0)) - below(np.maximum(a - stop, 0))
    return float((inside + right + left).sum() / (stop - start).sum())


def _area(distance: np.ndarray, room: float) -> np.ndarray:
    """Return the integral of min(d, room) for d from 0 to ``distance``."""
    near = np.minimum(distance, room)
    return near**2 / 2 + room * np.maximum(distance - room, 0)


def _recall(a: float, b: float, low: float, high: float, pieces: np.ndarray) -> float:
    """Average over the event of P(a random point of the zone is at least as far away as the nearest flag)."""
    if not len(pieces):
        return 0.0
    edges = pieces.ravel()
    gaps = (pieces[1:, 0] + pieces[:-1, 1]) / 2
    turns = np.concatenate([edges, gaps, (edges + low) / 2, (edges + high) / 2, [a, b]])
    y = np.unique(turns[(turns >= a) & (turns <= b)])  # between them the integrand is linear: trapezia are exact
    outside = np.maximum(np.maximum(pieces[:, 0] - y[:, None], y[:, None] - pieces[:, 1]), 0)
    distance = outside.min(axis=1)
    nearer = np.minimum(distance, y - low) + np.minimum(distance, high - y)
    return float(np.trapezoid(1 - nearer / (high - low), y) / (b - a))
