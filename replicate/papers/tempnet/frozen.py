"""What TempNet does to a model it did not train with: scores, transfer to another text, ranking of answers."""

from typing import Any

import torch
from torch import Tensor, nn

from .corpora import Corpus, consecutive_windows
from .language import LanguageTrial, evaluation_rows, predicted
from .lm_evaluation import best_global_temperature, negative_log_likelihood
from .tempnet import TempNet

Rows = list[dict[str, Any]]


def frozen_rows(trial: LanguageTrial, model: nn.Module, tempnet: TempNet, corpus: Corpus) -> Rows:
    """Return the scores on the model's own text, split by whether the model is right; the share of tau at a bound."""
    tuned = best_global_temperature(*trial.logits(model, corpus.calibration, windows=trial.config["windows"] // 2))
    logits, targets = trial.logits(model, corpus.validation)
    temperatures = trial.temperatures(logits, tempnet, tuned)
    rows = evaluation_rows(logits, targets, temperatures, trial.vocabulary.lengths)
    plain = negative_log_likelihood(logits, targets, 1.0)
    right = logits.argmax(1) == targets
    for name in ("TempNet", "exact"):
        tau = torch.as_tensor(temperatures[name])
        change = negative_log_likelihood(logits, targets, tau) - plain
        named = {"NLL change where right": change[right], "NLL change where wrong": change[~right]}
        named["share at a bound"] = _at_bound(tau, trial.config).double()
        rows += [
            {
                "evaluation": name,
                "split": "validation",
                "metric": metric,
                "value": float(v.double().mean()),
                "n": len(v),
            }
            for metric, v in named.items()
            if len(v)  # a model may be right nowhere
        ]
    return [{"trained_on": "own", **row} for row in rows]


def transfer_rows(trial: LanguageTrial, model: nn.Module, tempnet: TempNet, other: Corpus) -> Rows:
    """Return the scores of the same model and TempNet on another text."""
    return [{"trained_on": "other", **row} for row in trial.evaluate(model, tempnet, other)]


def _at_bound(tau: Tensor, config) -> Tensor:
    return (tau <= 1.001 * config["tau_min"]) | (tau >= 0.999 * config["tau_max"])


@torch.no_grad()
def answer_ranks(trial: LanguageTrial, model: nn.Module, tempnet: TempNet, *, choices: int, questions: int) -> Rows:
    """Return how often the true second half of a window beats others' second halves, by summed log-likelihood.

    The sum is over the second half's tokens; a temperature of its own at every position can change the order of whole
    sequences, though never that of single tokens. Windows are held-out text; wrong answers come from other windows.
    """
    length = trial.config["context"]
    windows = consecutive_windows(trial.corpus.validation, length, questions)
    rng = trial.seed.rng("wrong answers")
    half, n = length // 2, len(windows)
    shifts = torch.from_numpy(rng.integers(1, n, size=(n, choices - 1)))
    others = (torch.arange(n)[:, None] + shifts) % n
    picked = torch.cat([torch.arange(n)[:, None], others], 1)
    totals: dict[str, list[Tensor]] = {"1": [], "TempNet": []}
    for start in range(0, n, 32):
        first = windows[start : start + 32, :half]
        second = windows[picked[start : start + 32]][..., half:]
        asked = torch.cat([first[:, None].expand(-1, choices, -1), second], 2).flatten(0, 1).to(trial.device)
        logits = model(asked[:, :-1])[:, half - 1 :].float()
        flat, targets = logits.flatten(0, 1), asked[:, half:].flatten()
        for name, tau in (("1", 1.0), ("TempNet", predicted(tempnet, flat))):
            each = -negative_log_likelihood(flat, targets, tau)
            totals[name].append(each.reshape(-1, choices, length - half).sum(2))
    rows = []
    for name, parts in totals.items():
        best = torch.cat(parts).argmax(1)
        rows.append(
            {"evaluation": name, "metric": "answers right", "value": float((best == 0).double().mean()), "n": n}
        )
    return rows
