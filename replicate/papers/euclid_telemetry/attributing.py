"""Scored attribution: at the peak of every event, how high does each explainer rank the true cause?"""

from typing import Any

import numpy as np
import pandas as pd

from replicate.seeds import Seed

from .attribution import concentration, correlation, rank_of, recent_z
from .explain import Explainer, memory
from .missions import Mission, mission, model_two, residuals
from .network import TEMPERATURES
from .schedule import COVARIATES

BACKGROUND = 200  # nominal rows of interventional SHAP


def attributions(config: dict, seed: Seed, device: str = "cpu") -> list[dict[str, Any]]:
    """Return one row an event and explainer (rank of the cause), and of what SHAP says about every event.

    ``config["features"]``: what Model 2 sees; with ``inst`` the simple explainers are ranked as well.
    """
    one = mission(config, seed)
    scores = np.abs(residuals(config, seed, "raw", "crossfit", device))
    events = one.simulation.events
    inputs = memory(one.covariates, one.step, config["features"])
    trees, rows = model_two(config, seed, device), []
    for name in sorted(events["temperature"].unique()):
        column = scores[:, TEMPERATURES.index(name)]
        explainer = Explainer.fit(column, inputs, COVARIATES, trees)
        for number in events.index[events["temperature"] == name]:
            at = _peak(column, one.simulation.window(number))
            if at is None:
                continue
            what = {"event": int(number), "kind": events.loc[number, "kind"], "temperature": name}
            rows += [{**what, **row} for row in _attributed(explainer, config["features"], column[at], at)]
            if events.loc[number, "cause"]:
                found = _importances(config, one, explainer, column, at, seed, int(number))
                for label, importance in found.items():
                    rows += [{**what, "explainer": label, **row} for row in _ranks(one, int(number), importance)]
                if config["leave_out"]:
                    left = one.simulation.owner[:, TEMPERATURES.index(name)] == number
                    blind = Explainer.fit(column, inputs, COVARIATES, trees, leave_out=left).importance([at])[0]
                    label = f"SHAP {config['features']}, event left out"
                    rows += [{**what, "explainer": label, **row} for row in _ranks(one, int(number), blind)]
    return rows


def _peak(score: np.ndarray, window: np.ndarray) -> int | None:
    """Return the row of the largest score in a window; None where none has a score."""
    inside = score[window]
    return int(window[np.nanargmax(inside)]) if np.isfinite(inside).any() else None


def _attributed(explainer: Explainer, features: str, score: float, at: int) -> list[dict[str, Any]]:
    """Return how concentrated SHAP's credit is, and the share of the score it accounts for."""
    phi, _ = explainer.raw([at])
    label = {"explainer": f"SHAP {features}"}
    share = concentration(explainer.importance([at])[0])
    return [
        {**label, "metric": "largest share", "value": share},
        {**label, "metric": "explained", "value": float(phi.sum() / score) if score > 0 else 0.0},
    ]


def _importances(config, one: Mission, explainer: Explainer, score, at: int, seed: Seed, number: int) -> dict:
    features = config["features"]
    found = {f"SHAP {features}": explainer.importance([at])[0]}
    if config["interventional"]:
        found[f"SHAP {features}, interventional"] = _interventional(one, explainer, at, seed)
    if features == "inst":
        covariates = one.covariates.to_numpy(float)
        six, fortnight = one.steps("6h"), 14 * one.day
        found["gain"] = explainer.gain()
        found["correlation"] = correlation(score, covariates, at, one.steps("12h"))
        found["z-score"] = recent_z(covariates, at, skip=six, history=fortnight)
        found["random"] = seed.rng("random order", number).permutation(len(COVARIATES)).astype(float)
    return found


def _interventional(one: Mission, explainer: Explainer, at: int, seed: Seed) -> np.ndarray:
    import shap  # lazy: slow to import

    nominal = np.flatnonzero((one.labels == 0).all(axis=1) & np.isfinite(explainer.scores))
    rows = seed.rng("background").choice(nominal, min(BACKGROUND, len(nominal)), replace=False)
    background = pd.DataFrame(explainer.inputs[np.sort(rows)]).fillna(0).to_numpy()
    judge = shap.TreeExplainer(explainer.model, background, feature_perturbation="interventional")
    phi = judge.shap_values(explainer.inputs[[at]], check_additivity=False)
    return np.abs(phi).reshape(-1, len(COVARIATES)).sum(axis=0)


def _ranks(one: Mission, number: int, importance: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"metric": "rank", "value": rank_of(importance, one.causes(number))},
        {"metric": "rank, proxies count", "value": rank_of(importance, one.causes(number, proxies=True))},
    ]
