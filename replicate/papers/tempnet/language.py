"""One language-model experiment described by a configuration: build, train (or take up a trained model), evaluate."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from replicate.checkpoint import Checkpoint, code_ingredients
from replicate.precision import autocast
from replicate.seeds import Seed

from .byte_pairs import BytePairs
from .corpora import Corpus, Vocabulary, load_corpus, read_text
from .descent import Progress
from .dro import rho_for_entropy
from .language_model import LanguageModel
from .lm_evaluation import best_global_temperature, entropy, rank_correlation, scored_logits, scores
from .lm_training import Curve, Objective, train_jointly, train_on_frozen
from .temperature_solver import exact_temperature
from .tempnet import TempNet

Rows = list[dict[str, Any]]
SHAPE = (
    "text",
    "unit",
    "vocabulary",
    "width",
    "depth",
    "heads",
    "context",
    "batch",
    "steps",
    "rate",
    "precision",
    "checkpoint_every",
)
_MULTIPLES = (0.05, 1.5)  # range of the equivariant TempNet's tau, in standard deviations of a row of logits


def fingerprint_of(text: str) -> str:
    """Return 12 hexadecimal digits of a text's SHA-256: what a result depends on when a text is not registered."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class LanguageTrial:
    """A training of a language model and what its temperatures do.

    ``config``: text, unit, vocabulary (number of tokens of the unit bpe), width, depth, heads, context, batch, steps,
    rate, precision, checkpoint_every (the model);
    method, target (entropy in nats), tau_min, tau_max, tempnet_rate (the temperature); windows, skip (evaluation).
    Start weights, data order and dropout are named by purpose, not by method, so that methods are compared in pairs.
    """

    config: Mapping[str, Any]
    seed: Seed
    device: str = "cpu"

    @cached_property
    def corpus(self) -> Corpus:
        """The text the model is trained on."""
        return load_corpus(self.config["text"], self.config["unit"], self.config["vocabulary"])

    @property
    def vocabulary(self) -> Vocabulary | BytePairs:
        """The tokens of the model."""
        return self.corpus.vocabulary

    @cached_property
    def objective(self) -> Objective:
        """What is minimised."""
        c = self.config
        rho = rho_for_entropy(len(self.vocabulary), c["target"])
        return Objective(c["method"], rho, c["tau_min"], c["tau_max"])

    def model(self) -> LanguageModel:
        """Return the untrained model."""
        c = self.config
        shape = {name: c[name] for name in ("width", "depth", "heads", "context")}
        return LanguageModel(len(self.vocabulary), **shape, generator=self.seed.torch("weights")).to(self.device)

    def tempnet(self, **options) -> TempNet:
        """Return an untrained TempNet for the model's logits."""
        c = self.config
        generator = self.seed.torch("TempNet")
        bounds = {"tau_min": c["tau_min"], "tau_max": c["tau_max"]}
        made = TempNet(len(self.vocabulary), generator=generator, **{**bounds, **options}).to(self.device)
        made.generator = torch.Generator(self.device).manual_seed(self.seed.integer("dropout"))
        return made

    def train(self, model: nn.Module, tempnet: TempNet | None, tokens: Tensor, *, purpose: str, **changes) -> Curve:
        """Train jointly on tokens, resuming from a checkpoint where the configuration asks for one."""
        c = {**self.config, **changes}
        settings = {name: c[name] for name in ("steps", "batch", "context", "rate", "tempnet_rate")}
        settings["warm_up"] = max(1, c["steps"] // 10)
        progress = Progress(self._checkpoint(purpose, c) if c["checkpoint_every"] else None, c["checkpoint_every"])
        order = self.seed.torch("order", purpose)
        context = autocast(c["precision"], self.device)
        return train_jointly(
            model, tempnet, tokens, self.objective, settings, order, context=context, progress=progress
        )

    def pretrained(self) -> tuple[LanguageModel, Curve]:
        """Return the model trained by cross-entropy and its curve: from disk if this seed's was trained before."""
        plain = LanguageTrial({**self.config, "method": "CE"}, self.seed, self.device)
        model = plain.model()
        kept = plain._checkpoint("pretrained", {name: self.config[name] for name in SHAPE})
        state = kept.load(self.device)
        if state is None:
            curve = plain.train(model, None, plain.corpus.train, purpose="pretraining")
            kept.save({"model": model.state_dict(), "curve": curve.rows})
            return model.eval(), curve
        model.load_state_dict(state["model"])
        return model.eval(), Curve(state["curve"])

    def logits(self, model: nn.Module, tokens: Tensor, *, windows: int | None = None) -> tuple[Tensor, Tensor]:
        """Return logits and next tokens of a part of a text."""
        c = self.config
        options = {"context": c["context"], "windows": windows or c["windows"], "skip": c["skip"]}
        return scored_logits(model, tokens, **options)

    def evaluate(self, model: nn.Module, tempnet: TempNet | None, corpus: Corpus | None = None) -> Rows:
        """Return the scores of a model on held-out text at every temperature: 1, best global, TempNet's, exact."""
        corpus = corpus or self.corpus
        tuned = best_global_temperature(*self.logits(model, corpus.calibration, windows=self.config["windows"] // 2))
        logits, targets = self.logits(model, corpus.validation)
        return evaluation_rows(logits, targets, self.temperatures(logits, tempnet, tuned), self.vocabulary.lengths)

    def temperatures(self, logits: Tensor, tempnet: TempNet | None, tuned: float) -> dict[str, Tensor | float]:
        """Return tau of each row by evaluation."""
        o = self.objective
        found: dict[str, Tensor | float] = {"1": 1.0, "global": tuned}
        if tempnet is not None:
            found["TempNet"] = predicted(tempnet, logits)
        return {**found, "exact": exact_temperature(logits, o.rho, tau_min=o.tau_min, tau_max=o.tau_max)}

    def _checkpoint(self, purpose: str, config: Mapping[str, Any]) -> Checkpoint:
        seed = [self.seed.base, self.seed.replicate]
        text = fingerprint_of(read_text(self.config["text"]))
        code = code_ingredients(__name__)
        named = {"purpose": purpose, "config": dict(config), "seed": seed, "text": text, "device": self.device}
        return Checkpoint.of("tempnet", {**code, **named})


@torch.no_grad()
def predicted(tempnet: nn.Module, logits: Tensor) -> Tensor:
    """Return TempNet's tau of rows in evaluation mode."""
    return tempnet.eval()(logits).float()


def evaluation_rows(
    logits: Tensor, targets: Tensor, temperatures: Mapping[str, Tensor | float], lengths: Tensor | None = None
) -> Rows:
    """Return scores at each temperature, and how temperatures go with the entropy at tau = 1 and with tau*.

    With ``lengths``, the characters of each token of the vocabulary ``(V,)``, the likelihood is also given per
    character, which compares models that cut a text into other tokens.
    """
    rows, n = [], len(targets)
    characters = None if lengths is None else float(lengths.to(targets.device)[targets].sum())
    plain = entropy(logits)
    for name, tau in temperatures.items():
        at = {"evaluation": name, "split": "validation", "n": n}
        found = scores(logits, targets, tau)
        if characters is not None:
            found["NLL per character"] = found["NLL"] * n / characters
        rows += [{**at, "metric": metric, "value": value} for metric, value in found.items()]
        values = {"mean tau": float(torch.as_tensor(tau).double().mean())}
        if isinstance(tau, Tensor):
            values["Spearman(tau, entropy)"] = rank_correlation(tau, plain)
            values["Spearman(tau, tau*)"] = rank_correlation(tau, torch.as_tensor(temperatures["exact"]))
        rows += [{**at, "metric": metric, "value": value} for metric, value in values.items()]
    accuracy = float((logits.argmax(1) == targets).double().mean())
    return [*rows, {"evaluation": "any", "split": "validation", "n": n, "metric": "accuracy", "value": accuracy}]


def fit_on_frozen(trial: LanguageTrial, model: nn.Module) -> tuple[TempNet, Curve]:
    """Train a TempNet on the logits of the frozen model over training text.

    The configuration's frozen_steps, frozen_batch, frozen_rate, frozen_windows (of training text whose logits are kept)
    and equivariant.
    """
    c = trial.config
    options = {"equivariant": True, "tau_min": _MULTIPLES[0], "tau_max": _MULTIPLES[1]} if c["equivariant"] else {}
    tempnet = trial.tempnet(**options)
    logits, targets = trial.logits(model, trial.corpus.train, windows=c["frozen_windows"])
    order = trial.seed.torch("order", "frozen")
    settings = {name: c[f"frozen_{name}"] for name in ("steps", "batch", "rate")}
    return tempnet, train_on_frozen(tempnet, logits, targets, trial.objective, settings, order)


def shown(values: Tensor, count: int) -> np.ndarray:
    """Return ``count`` values evenly spread over a long row, for figures."""
    chosen = torch.linspace(0, len(values) - 1, min(count, len(values))).long()
    return values[chosen.to(values.device)].double().cpu().numpy()
