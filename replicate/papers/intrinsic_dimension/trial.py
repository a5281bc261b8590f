"""One training run described by a configuration: build, train, score."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import Any

import torch
from torch import nn

from replicate.seeds import Seed
from replicate.training import accuracy, make_optimizer, stream, train

from .compression import Recipe, pack, unpack
from .networks import network
from .problems import Problem, load
from .subspace import Subspace

_REFERENCE_DIM = 750  # the rate is given for this d; P is nearly an isometry, so a step in theta is rate * sqrt(d)
_DIRECT_RATE = 1e-3  # Adam's rate for direct training (section 4.1 of the authors' scripts)
_SMALL_WIDTHS = (2, 3, 5, 8, 10, 15, 20, 25)  # of the authors' 1,000 small nets
_SMALL_DEPTHS = (1, 2, 3, 4, 5)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Trial:
    """A run: what to train (``config``), which replicate, where; ``dim`` 0 trains all parameters directly.

    ``levels`` replaces the replicate of single streams ("theta0", "P", "order") in crossed designs.
    """

    config: Mapping[str, Any]
    seed: Seed
    device: str = "cpu"
    levels: Mapping[str, int] = field(default_factory=dict)

    def run(self) -> Rows:
        """Train and return the accuracy on the test and, for shuffled labels, on the training set."""
        problem, model = self.problem(), self.build()
        self.train(model, problem)
        return self.score(model, problem)

    def problem(self) -> Problem:
        """Return the data on the device."""
        names = {k: self.config[k] for k in ("pixels", "labels", "n_train") if k in self.config}
        return load(self.config["dataset"], **names).to(self.device)

    def recipe(self) -> Recipe:
        """Return what determines the network before training."""
        return Recipe(
            network=self.config["network"],
            projection=self.config.get("projection", "identity"),
            dim=self.config["dim"],
            theta0_seed=self._integer("theta0"),
            projection_seed=self._integer("P"),
            sizes=self._sizes(),
        )

    def build(self) -> nn.Module:
        """Return the untrained network, restricted to its subspace unless ``dim`` is 0."""
        recipe = self.recipe()
        if recipe.dim:
            return recipe.build().to(self.device)
        return network(recipe.network, generator=stream(recipe.theta0_seed, "theta0"), **recipe.sizes).to(self.device)

    def train(self, model: nn.Module, problem: Problem) -> None:
        """Train in place with the configuration's optimiser, rate, schedule and budget."""
        parameters = [model.t] if isinstance(model, Subspace) else list(model.parameters())
        optimizer = make_optimizer(self.config["optimizer"], parameters, lr=self.rate())
        train(
            model,
            problem.train_images,
            problem.train_labels,
            epochs=self.config["epochs"],
            batch_size=self.config["batch"],
            optimizer=optimizer,
            generator=stream(self._integer("order"), "order"),
            schedule=self.config["schedule"],
            l2=self.config["l2"],
            scale=problem.scale,
        )

    def rate(self) -> float:
        """Return the learning rate for this ``dim``."""
        dim = self.config["dim"]
        if not dim:
            return _DIRECT_RATE
        scaled = self.config["rate_scaling"] == "sqrt"
        return self.config["rate"] * (sqrt(_REFERENCE_DIM / dim) if scaled else 1.0)

    def score(self, model: nn.Module, problem: Problem) -> Rows:
        """Return accuracies with the number of examples they are over."""
        test = accuracy(model, problem.test_images, problem.test_labels, scale=problem.scale)
        rows = [{"metric": "test accuracy", "value": test, "split": "test", "n": len(problem.test_labels)}]
        if self.config.get("labels") == "shuffled":
            fitted = accuracy(model, problem.train_images, problem.train_labels, scale=problem.scale)
            rows.append(
                {
                    "metric": "train accuracy",
                    "value": fitted,
                    "split": "train",
                    "n": len(problem.train_labels),
                }
            )
        return rows

    def _sizes(self) -> dict[str, int]:
        problem = load(self.config["dataset"])
        classes = {"classes": problem.n_classes}
        if self.config["network"] == "fc":
            return {
                "inputs": problem.pixels,
                "width": self.config["width"],
                "depth": self.config["depth"],
                **classes,
            }
        channels, side = problem.train_images.shape[1:3]
        return {"channels": channels, "side": side, **classes}

    def _integer(self, stream_name: str) -> int:
        seed = Seed(self.seed.base, self.levels.get(stream_name, self.seed.replicate))
        return seed.integer(stream_name)


def burn_in_accuracy(config: Mapping[str, Any], seed: Seed, device: str) -> Rows:
    """Take ``config["burn_in"]`` full-space Adam steps, then train in a subspace from there.

    Larsen et al. 2021 (arXiv:2107.05802): a start closer to the solutions lowers the threshold dimension.
    """
    trial = Trial(config, seed, device)
    problem, model = trial.problem(), trial.recipe().build().to(device)
    warm = model.write_back()
    _adam_steps(warm, problem, config["burn_in"], config["batch"], stream(seed.integer("burn-in"), "order"))
    start = accuracy(warm, problem.test_images, problem.test_labels, scale=problem.scale)
    model = Subspace(warm, model.projection)
    trial.train(model, problem)
    at_start = {"metric": "accuracy at start", "value": start, "split": "test", "n": len(problem.test_labels)}
    return [at_start, *trial.score(model, problem)]


def _adam_steps(model: nn.Module, problem: Problem, steps: int, batch: int, generator: torch.Generator) -> None:
    if not steps:
        return
    n = len(problem.train_labels)
    passes = [torch.randperm(n, generator=generator) for _ in range(ceil(steps * batch / n))]
    order = torch.cat(passes)[: steps * batch]
    chosen = order.to(problem.train_labels.device)
    optimizer = make_optimizer("adam", model.parameters(), lr=_DIRECT_RATE)
    images, labels = problem.train_images[chosen], problem.train_labels[chosen]
    train(
        model,
        images,
        labels,
        epochs=1,
        batch_size=batch,
        optimizer=optimizer,
        generator=generator,
        scale=problem.scale,
    )


def stored_and_reloaded(config: Mapping[str, Any], seed: Seed, device: str) -> Rows:
    """Train, pack into seeds and d floats, unpack, and compare the outputs bit for bit on the CPU."""
    trial = Trial(config, seed, device)
    problem, model = trial.problem(), trial.recipe().build().to(device)
    trial.train(model, problem)
    packed = pack(trial.recipe(), model.t)
    original, reloaded = model.cpu().eval(), unpack(packed).eval()
    images = load(config["dataset"]).test_images.float() / problem.scale
    with torch.no_grad():
        same = bool(torch.equal(original(images), reloaded(images)))
    full = 4 * len(original.theta0)
    return [
        *trial.score(reloaded, load(config["dataset"])),
        {"metric": "identical outputs", "value": int(same), "n": len(images)},
        {"metric": "packed size", "value": len(packed), "unit": "B"},
        {"metric": "float32 size", "value": full, "unit": "B"},
        {"metric": "compression", "value": full / len(packed)},
    ]


def small_net_accuracy(config: Mapping[str, Any], seed: Seed, device: str) -> Rows:
    """Train one small fully connected net, its width and depth drawn from the authors' lists."""
    rng = seed.rng("small net")
    shape = {"width": int(rng.choice(_SMALL_WIDTHS)), "depth": int(rng.choice(_SMALL_DEPTHS))}
    trial = Trial({**config, **shape, "network": "fc", "dim": 0}, seed, device)
    size = sum(p.numel() for p in trial.build().parameters())
    return [*trial.run(), {"metric": "parameters", "value": size}]
