"""How well flags find events: event-wise, range-based, delay, false alarms, and what point adjustment does.

Truth and flags are 0/1 vectors (n,); an event is a maximal run of ones. No function here adjusts flags but those that
say so.
"""

import numpy as np

from .runs import checked, runs


def f_score(precision: float, recall: float, beta: float = 1.0) -> float:
    """Return F_beta; 0 if precision and recall are 0."""
    weighted = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / weighted if weighted > 0 else 0.0


def event_wise(truth, flagged, *, beta: float = 0.5) -> dict[str, float]:
    """Return the corrected event-wise scores of ESA-ADB (after arXiv 2308.13068).

    An event is found if one of its points is flagged; flagged runs that touch no event are false. Precision is
    multiplied by the true negative rate of points, so that flagging everything scores 0.
    """
    truth, flagged = checked(truth, np.asarray(flagged).astype(bool), "flags")
    events, alarms = runs(truth), runs(flagged)
    found = sum(bool(flagged[a:b].any()) for a, b in events)
    touching = sum(bool(truth[a:b].any()) for a, b in alarms)
    false = len(alarms) - touching
    nominal = int((~truth).sum())
    tnr = 1 - float((flagged & ~truth).sum()) / nominal if nominal else 1.0
    precision = found / (found + false) * tnr if found + false else 0.0
    recall = found / len(events) if len(events) else 0.0
    hits = sum(_overlapping(events, alarm) for alarm in alarms)
    redundant = max(hits - found, 0)
    return {
        "TP": found,
        "FP": false,
        "FN": len(events) - found,
        "TNR": tnr,
        "precision": precision,
        "recall": recall,
        "F": f_score(precision, recall, beta),
        "alarming precision": found / (found + redundant) if found else 0.0,
    }


def range_based(truth, flagged, *, alpha: float = 0.2) -> dict[str, float]:
    """Return range-based precision, recall and F1 (Tatbul et al. 2018), flat bias, cardinality 1/x.

    ``alpha`` rewards the mere existence of an overlap in recall; precision has none.
    """
    truth, flagged = checked(truth, np.asarray(flagged).astype(bool), "flags")
    events, alarms = runs(truth), runs(flagged)
    recall, precision = _range_score(events, alarms, alpha), _range_score(alarms, events, 0.0)
    return {"precision": precision, "recall": recall, "F1": f_score(precision, recall)}


def _range_score(ranges: np.ndarray, others: np.ndarray, alpha: float) -> float:
    if not len(ranges):
        return 0.0
    scores = []
    for a, b in ranges:
        overlaps = np.maximum(np.minimum(others[:, 1], b) - np.maximum(others[:, 0], a), 0)
        touching = int((overlaps > 0).sum())
        scores.append(alpha * (touching > 0) + (1 - alpha) * overlaps.sum() / (b - a) / max(touching, 1))
    return float(np.mean(scores))


def _overlapping(events: np.ndarray, alarm: np.ndarray) -> int:
    return int(((events[:, 0] < alarm[1]) & (events[:, 1] > alarm[0])).sum())


def delays(truth, flagged) -> np.ndarray:
    """Return the steps from the onset of every event to its first flagged point, NaN where there is none, (events,)."""
    truth, flagged = checked(truth, np.asarray(flagged).astype(bool), "flags")
    return np.array([np.argmax(flagged[a:b]) if flagged[a:b].any() else np.nan for a, b in runs(truth)], dtype=float)


def false_alarms(truth, flagged, *, steps_per_day: float, days: float = 30) -> float:
    """Return flagged runs that touch no event, per ``days`` days."""
    scores = event_wise(truth, flagged)
    return scores["FP"] / len(np.asarray(truth)) * steps_per_day * days


def point_adjusted(truth, flagged, *, share: float = 0.0) -> np.ndarray:
    """Return flags in which every event of which more than ``share`` is flagged counts as wholly flagged (PA%K).

    A diagnostic, not a metric: it makes random flags look excellent (`random_adjusted_f1`).
    """
    truth, flagged = checked(truth, np.asarray(flagged).astype(bool), "flags")
    out = flagged.copy()
    for a, b in runs(truth):
        if flagged[a:b].any() and flagged[a:b].mean() > share:
            out[a:b] = True
    return out


def f1(truth, flagged) -> float:
    """Return the point-wise F1 of flags."""
    truth, flagged = checked(truth, np.asarray(flagged).astype(bool), "flags")
    positive, predicted = int(truth.sum()), int(flagged.sum())
    both = int((truth & flagged).sum())
    return 2 * both / (positive + predicted) if positive + predicted else 0.0


def random_adjusted_f1(lengths: np.ndarray, nominal: int, p: np.ndarray) -> np.ndarray:
    """Return the point-adjusted F1 of flags drawn with probability ``p``, from expected counts (Kim et al. 2022).

    ``E[TP] = sum_i L_i (1 - (1 - p)^L_i)``, ``E[FP] = p N_0``.

    Args:
        lengths: (k,) lengths of the events.
        nominal: number of nominal points.
        p: (m,) probabilities.
    """
    lengths, p = np.asarray(lengths, dtype=float), np.atleast_1d(np.asarray(p, dtype=float))
    found = (lengths * -np.expm1(lengths * np.log1p(-np.minimum(p, 1 - 1e-16))[:, None])).sum(axis=1)
    return 2 * found / (found + lengths.sum() + p * nominal)


def best_random(lengths: np.ndarray, nominal: int) -> tuple[float, float]:
    """Return the largest point-adjusted F1 a random score reaches, and the flag probability it needs."""
    from scipy.optimize import minimize_scalar

    lengths = np.asarray(lengths, dtype=float)
    negative = lambda log_p: -random_adjusted_f1(lengths, nominal, np.exp(log_p))[0]  # noqa: E731
    grid = np.linspace(np.log(1e-6), 0, 400)
    near = grid[np.argmax(random_adjusted_f1(lengths, nominal, np.exp(grid)))]
    found = minimize_scalar(negative, bounds=(near - 0.1, min(near + 0.1, 0)), method="bounded")
    return float(-found.fun), float(np.exp(found.x))
