"""The paper's own form: the three largest anomalies of each temperature, each with the covariates that go with it."""

from typing import Any

import numpy as np

from replicate.seeds import Seed

from .explain import Explainer, memory
from .forecast import peaks, standardised
from .missions import mission, model_two, residuals
from .network import TEMPERATURES
from .schedule import COVARIATES

TOP, CAUSES, EVERY = 3, 3, 40


def top_table(config: dict, seed: Seed, device: str = "cpu") -> list[dict[str, Any]]:
    """Return rows of the 33 anomalies, of what surrounds them, and of every covariate's mean |SHAP|.

    Metrics: ``score``, ``z``, ``observed``, ``forecast``, ``explained`` and ``in an event`` (1 if an event disturbs
    the temperature within an hour) of each anomaly; ``contribution`` of its three top covariates, with their values;
    ``mean |SHAP|`` of every covariate and temperature.
    """
    one = mission(config, seed)
    errors = residuals(config, seed, "raw", "crossfit", device)
    inputs = memory(one.covariates, one.step, config["features"])
    trees, hour, rows = model_two(config, seed, device), one.steps("1h"), []
    for i, name in enumerate(TEMPERATURES):
        score = np.abs(errors[:, i])
        explainer = Explainer.fit(score, inputs, COVARIATES, trees)
        z = standardised(score)
        for rank, at in enumerate(peaks(score, TOP, one.day), start=1):
            what = {"temperature": name, "rank": rank, "time": str(one.covariates.index[at]), "row": int(at)}
            near = slice(max(at - hour, 0), at + hour + 1)
            numbers = one.simulation.owner[near, i]
            kinds = one.simulation.events["kind"].iloc[np.unique(numbers[numbers >= 0])].tolist()
            phi, _ = explainer.raw([at])
            values = {
                "score": score[at],
                "z": z[at],
                "observed": one.values[at, i],
                "forecast": one.values[at, i] - errors[at, i],
                "explained": phi.sum() / score[at],
                "in an event": float(bool(kinds)),
            }
            rows += [{**what, "event": ", ".join(kinds), "metric": m, "value": float(v)} for m, v in values.items()]
            rows += [{**what, **part} for part in _causes(explainer, one, at)]
        found = explainer.mean_importance(EVERY)
        for covariate, value in zip(COVARIATES, found, strict=True):
            rows += [{"temperature": name, "covariate": covariate, "metric": "mean |SHAP|", "value": float(value)}]
    return rows


def _causes(explainer: Explainer, one, at: int) -> list[dict[str, Any]]:
    signed, importance = explainer.signed([at])[0], explainer.importance([at])[0]
    best = np.argsort(-importance, kind="stable")[:CAUSES]
    here = one.covariates.iloc[at]
    return [
        {
            "metric": "contribution",
            "cause": place,
            "covariate": COVARIATES[j],
            "covariate_value": float(here.iloc[j]),
            "value": float(signed[j]),
        }
        for place, j in enumerate(best, start=1)
    ]
