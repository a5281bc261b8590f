"""Detectors side by side on one mission: scores in, the same metrics for all out."""

import numpy as np

from . import baselines
from .affiliation import affiliation
from .event_metrics import delays, event_wise, f1, false_alarms, range_based
from .forecast import peaks
from .missions import Mission, residuals
from .network import TEMPERATURES
from .volume import auc_pr, vus

FORECASTERS = {"raw in-sample": ("raw", "insample"), "raw cross-fit": ("raw", "crossfit")}
FORECASTERS |= {"delta cross-fit": ("delta", "crossfit"), "joint cross-fit": ("joint", "crossfit")}
FORECASTERS |= {"raw rolling": ("raw", "rolling")}
SIMPLE = ("persistence", "rolling z", "PCA", "isolation forest", "discord", "constant", "random")
DETECTORS = (*FORECASTERS, *SIMPLE)
QUANTILE = 0.995  # of the scores themselves, no label is looked at


def scores(detector: str, one: Mission, config: dict, seed, device: str = "cpu") -> np.ndarray:
    """Return a detector's scores (n, 11), NaN where it has none."""
    if detector in FORECASTERS:
        return np.abs(residuals(config, seed, *FORECASTERS[detector], device))
    lag = one.steps("15min")
    if detector == "persistence":
        return baselines.persistence(one.values, lag)
    if detector == "rolling z":
        return baselines.rolling_z(one.values, one.day)
    if detector == "PCA":
        return baselines.reconstruction(one.values)
    if detector == "isolation forest":
        return baselines.isolation(one.values, lag, seed.replicate)
    if detector == "discord":
        return baselines.discord(one.values, one.day)
    if detector == "constant":
        return np.zeros(one.values.shape)
    if detector == "random":
        return seed.rng("random score").uniform(size=one.values.shape)
    raise ValueError(f"unknown detector {detector!r}; there are {', '.join(DETECTORS)}")


def channel_metrics(truth: np.ndarray, score: np.ndarray, day: int) -> dict[str, float]:
    """Return every metric of one channel: of the score (AUC-PR, VUS-PR) and of flags above its 99.5 % quantile.

    ``best F1`` chooses its threshold with the labels: an oracle, for reference only.
    """
    usable = np.isfinite(score)
    truth, score = truth[usable], score[usable]
    flagged = score > np.quantile(score, QUANTILE)
    events = event_wise(truth, flagged)
    waiting = delays(truth, flagged)
    return {
        "AUC-PR": auc_pr(truth, score),
        "VUS-PR": vus(truth, score, longest=day // 6)["VUS-PR"],
        "event-wise F0.5": events["F"],
        "event-wise precision": events["precision"],
        "event-wise recall": events["recall"],
        "affiliation F1": affiliation(truth, flagged)["F1"],
        "range-based F1": range_based(truth, flagged)["F1"],
        "F1": f1(truth, flagged),
        "best F1 (oracle)": _best_f1(truth, score),
        "delay h": float(np.nanmean(waiting)) * 24 / day if np.isfinite(waiting).any() else np.nan,
        "false alarms per 30 d": false_alarms(truth, flagged, steps_per_day=day),
    }


def _best_f1(truth: np.ndarray, score: np.ndarray) -> float:
    order = np.argsort(-score, kind="stable")
    hits, ranked = np.cumsum(truth[order]), score[order]
    last = np.append(ranked[1:] < ranked[:-1], True)  # tied scores are flagged together
    return float((2 * hits / (np.arange(1, len(hits) + 1) + truth.sum()))[last].max()) if truth.any() else np.nan


def top_precision(one: Mission, score: np.ndarray, top: int = 3) -> tuple[int, int]:
    """Return how many of all temperatures' ``top`` peaks lie within an hour of a disturbed sample, and of how many."""
    hour, hits, total = one.steps("1h"), 0, 0
    for i in range(len(TEMPERATURES)):
        for at in peaks(score[:, i], top, one.day):
            hits += bool(one.labels[max(at - hour, 0) : at + hour + 1, i].any())
            total += 1
    return hits, total


def recalled(one: Mission, score: np.ndarray) -> list[tuple[str, int, bool]]:
    """Return kind, number and whether any sample of its window is flagged, for every event at its own temperature."""
    found = []
    for number, event in one.simulation.events.iterrows():
        column = score[:, TEMPERATURES.index(event["temperature"])]
        threshold = np.nanquantile(column, QUANTILE)
        found.append((event["kind"], int(number), bool((column[one.simulation.window(number)] > threshold).any())))
    return found
