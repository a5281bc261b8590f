"""Temperatures to look at: along a passage token by token, and as points over the entropy."""

from typing import Any

import torch
from torch import nn

from .corpora import consecutive_windows
from .language import LanguageTrial, predicted, shown
from .lm_evaluation import entropy
from .temperature_solver import exact_temperature

Rows = list[dict[str, Any]]
_POINTS = 300


@torch.no_grad()
def passage_rows(trial: LanguageTrial, model: nn.Module, tempnet: nn.Module) -> Rows:
    """Return for one held-out window: the token read, the one being predicted, tau, tau* and the entropy at tau = 1."""
    window = consecutive_windows(trial.corpus.validation, trial.config["context"] + 1, 9)[4]
    logits = model.eval()(window[None, :-1].to(trial.device))[0].float()
    o = trial.objective
    values = {
        "tau": predicted(tempnet, logits),
        "tau*": exact_temperature(logits, o.rho, tau_min=o.tau_min, tau_max=o.tau_max),
        "entropy": entropy(logits),
    }
    names = trial.vocabulary.decode(window)
    return [
        {
            "part": "passage",
            "place": i,
            "read": names[i],
            "predicted": names[i + 1],
            "metric": metric,
            "value": float(v),
        }
        for metric, row in values.items()
        for i, v in enumerate(row)
    ]


@torch.no_grad()
def point_rows(trial: LanguageTrial, model: nn.Module, tempnet: nn.Module) -> Rows:
    """Return entropy at tau = 1, tau, tau* and the entropy at tau of rows spread over the held-out text."""
    logits, _ = trial.logits(model, trial.corpus.validation)
    o = trial.objective
    tau = predicted(tempnet, logits)
    best = exact_temperature(logits, o.rho, tau_min=o.tau_min, tau_max=o.tau_max)
    values = {"entropy": entropy(logits), "tau": tau, "tau*": best, "entropy at tau": entropy(logits, tau)}
    return [
        {"part": "points", "place": i, "metric": metric, "value": float(v)}
        for metric, row in values.items()
        for i, v in enumerate(shown(row, _POINTS))
    ]
