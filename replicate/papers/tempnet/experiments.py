"""Units of work: ``(config, seed[, device]) -> rows``, one function per experiment.

Streams are named by what they draw (start weights, data order, dropout, augmentation), never by the method.
"""

from typing import Any

from replicate.seeds import Seed

from . import identities as exact
from .corpora import Corpus, read_text
from .frozen import answer_ranks, frozen_rows, transfer_rows
from .language import LanguageTrial, fit_on_frozen
from .passage import passage_rows, point_rows
from .tower_temperatures import hit_row, mean_rows, temperature_rows
from .two_towers import ContrastiveTrial, retrieval_rows
from .unimodal import UnimodalTrial

Rows = list[dict[str, Any]]


def identities(config: dict, seed: Seed) -> Rows:
    """Measure the largest error of one identity over random problems (C1)."""
    error = exact.CHECKS[config["check"]](config["cases"], seed.torch("identities", config["check"]))
    return [{"metric": "error", "value": error, "n": config["cases"]}]


def scratch(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train a language model from scratch with one of four objectives; evaluate it at every temperature (C2, C4)."""
    trial = LanguageTrial(config, seed, device)
    if config["method"] == "CE":  # the other studies go on from this very model
        model, curve = trial.pretrained()
        return [*trial.evaluate(model, None), *curve.rows]
    model, tempnet = trial.model(), trial.tempnet() if trial.objective.has_tempnet else None
    curve = trial.train(model, tempnet, trial.corpus.train, purpose="pretraining")
    return [*trial.evaluate(model, tempnet), *curve.rows]


def fine_tuning(config: dict, seed: Seed, *, device: str) -> Rows:
    """Go on training a trained model on another text, by cross-entropy or with TempNet (C2)."""
    trial = LanguageTrial(config, seed, device)
    model, _ = trial.pretrained()
    tempnet = trial.tempnet() if trial.objective.has_tempnet else None
    other = Corpus.split(read_text(config["fine_text"]), vocabulary=trial.vocabulary)
    changes = {"steps": config["fine_steps"], "rate": config["fine_rate"]}
    trial.train(model, tempnet, other.train, purpose="fine-tuning", **changes)
    return trial.evaluate(model, tempnet, other)


def frozen(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train TempNet on a frozen model; evaluate it on this text and, unchanged, on another (C3, C6, C7)."""
    trial = LanguageTrial(config, seed, device)
    model, _ = trial.pretrained()
    tempnet, curve = fit_on_frozen(trial, model)
    own = frozen_rows(trial, model, tempnet, trial.corpus)
    other = Corpus.split(read_text(config["other_text"]), vocabulary=trial.vocabulary)
    return [*own, *transfer_rows(trial, model, tempnet, other), *curve.rows]


def passage(config: dict, seed: Seed, *, device: str) -> Rows:
    """Show temperatures token by token along a held-out passage, and a sample of rows for a scatter plot (C6)."""
    trial = LanguageTrial(config, seed, device)
    model, _ = trial.pretrained()
    tempnet, _ = fit_on_frozen(trial, model)
    return [*passage_rows(trial, model, tempnet), *point_rows(trial, model, tempnet)]


def verses(config: dict, seed: Seed, *, device: str) -> Rows:
    """Rank the true continuation of held-out contexts among others by summed log-likelihood, by temperature."""
    trial = LanguageTrial(config, seed, device)
    model, _ = trial.pretrained()
    tempnet, _ = fit_on_frozen(trial, model)
    return answer_ranks(trial, model, tempnet, choices=config["choices"], questions=config["questions"])


def tower_tuning(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train two towers with one setting of a method; score on the tuning concepts."""
    trial = ContrastiveTrial(config, seed, device)
    towers, rules = trial.run()
    rows, _ = retrieval_rows(towers, trial.data.validation, "validation")
    return [*rows, *mean_rows(trial, towers, rules)]


def contrastive(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train two towers with a method's tuned setting; retrieve new concepts; look at the temperatures (C5)."""
    trial = ContrastiveTrial(config, seed, device)
    towers, rules = trial.run()
    rows, ranks = retrieval_rows(towers, trial.data.test, "test")
    return [*rows, hit_row(ranks), *temperature_rows(trial, towers, rules)]


def unimodal(config: dict, seed: Seed, *, device: str) -> Rows:
    """Learn images alone from two views of each, with one rule for the temperatures; probe the features."""
    return UnimodalTrial(config, seed, device).rows()
