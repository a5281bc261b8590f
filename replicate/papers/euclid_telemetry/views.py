"""Series to draw: the whole mission at a glance, and the surroundings of its largest anomalies."""

from typing import Any

import numpy as np
import pandas as pd

from replicate.seeds import Seed

from .explain import Explainer, memory
from .forecast import peaks, standardised
from .missions import Mission, mission, model_two, residuals
from .network import TEMPERATURES
from .schedule import COVARIATES

EVERY_HOURS = 3
SHOWN = 3  # anomalies, each of another temperature


def overview(config: dict, seed: Seed, device: str = "cpu") -> list[dict[str, Any]]:
    """Return every temperature's largest and smallest value per three hours, the top-3 peaks, and the events."""
    one = mission(config, seed)
    scores = np.abs(residuals(config, seed, "raw", "crossfit", device))
    frame = pd.DataFrame(one.values, one.covariates.index, TEMPERATURES).resample(f"{EVERY_HOURS}h")
    rows = []
    for metric, table in (("highest", frame.max()), ("lowest", frame.min())):
        for name in TEMPERATURES:
            rows += [
                {"temperature": name, "metric": metric, "time": str(t), "value": float(v)}
                for t, v in table[name].items()
            ]
    for i, name in enumerate(TEMPERATURES):
        rows += [
            {"temperature": name, "metric": "peak", "time": str(one.covariates.index[at]), "value": one.values[at, i]}
            for at in peaks(scores[:, i], 3, one.day)
        ]
    for event in one.simulation.events.itertuples():
        what = {"temperature": event.temperature, "metric": "event", "kind": event.kind}
        rows.append({**what, "time": str(event.start), "end": str(event.end), "value": event.magnitude})
    return rows


def closeups(config: dict, seed: Seed, device: str = "cpu") -> list[dict[str, Any]]:
    """Return two days around the strangest anomaly of three temperatures: series, and contributions at its peak."""
    one = mission(config, seed)
    errors = residuals(config, seed, "raw", "crossfit", device)
    scores = np.abs(errors)
    found = []
    for i in range(len(TEMPERATURES)):
        strange = standardised(scores[:, i])
        found += [(float(strange[at]), i, int(at)) for at in peaks(scores[:, i], 1, one.day)]
    inputs = memory(one.covariates, one.step, config["features"])
    rows = []
    for number, (z, i, at) in enumerate(sorted(found, reverse=True)[:SHOWN]):
        explainer = Explainer.fit(scores[:, i], inputs, COVARIATES, model_two(config, seed, device))
        what = {"closeup": number, "temperature": TEMPERATURES[i], "peak": str(one.covariates.index[at]), "z": z}
        rows += [{**what, **row} for row in _closeup(one, errors[:, i], i, at, explainer)]
    return rows


def _closeup(one: Mission, errors: np.ndarray, i: int, at: int, explainer: Explainer) -> list[dict[str, Any]]:
    signed, importance = explainer.signed([at])[0], explainer.importance([at])[0]
    _, base = explainer.raw([at])
    order = np.argsort(-importance, kind="stable")
    span = slice(max(at - one.day, 0), at + one.day + 1)
    times = [str(t) for t in one.covariates.index[span]]
    series = {"observed": one.values[span, i], "forecast": (one.values[:, i] - errors)[span]}
    series["score"] = np.abs(errors[span])
    series |= {COVARIATES[j]: one.covariates.iloc[span, j].to_numpy(float) for j in order[:3]}
    rows = [
        {"metric": "series", "series": name, "time": t, "value": float(v)}
        for name, values in series.items()
        for t, v in zip(times, values, strict=True)
    ]
    rows += [{"metric": "contribution", "covariate": COVARIATES[j], "value": float(signed[j])} for j in order[:8]]
    rows += [{"metric": "contribution", "covariate": "all others", "value": float(signed[order[8:]].sum())}]
    rows += [{"metric": "base", "value": float(base[0])}, {"metric": "score at the peak", "value": abs(errors[at])}]
    return rows


def shap_sample(config: dict, seed: Seed, device: str = "cpu") -> list[dict[str, Any]]:
    """Return SHAP values of one temperature's score at many times, for summary and dependence plots.

    Every 60th bin and the hundred largest scores; the eight covariates of largest mean |SHAP| there.
    """
    one = mission(config, seed)
    i = TEMPERATURES.index(config["temperature"])
    score = np.abs(residuals(config, seed, "raw", "crossfit", device)[:, i])
    inputs = memory(one.covariates, one.step, config["features"])
    explainer = Explainer.fit(score, inputs, COVARIATES, model_two(config, seed, device))
    usable = np.flatnonzero(np.isfinite(score))
    rows = np.unique(np.concatenate([usable[::60], usable[np.argsort(-score[usable], kind="stable")[:100]]]))
    signed = explainer.signed(rows)
    best = np.argsort(-np.abs(signed).mean(axis=0), kind="stable")[:8]
    values = one.covariates.to_numpy(float)[rows]
    return [
        {
            "metric": "contribution",
            "covariate": COVARIATES[j],
            "row": int(r),
            "covariate_value": float(v),
            "value": float(p),
        }
        for j in best
        for r, v, p in zip(rows, values[:, j], signed[:, j], strict=True)
    ]
