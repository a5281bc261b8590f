"""Small networks taught by earlier copies of themselves: the step that kernel ridge solves in closed form, trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from replicate.seeds import Seed
from replicate.training import make_optimizer, train

from .optimal_weight import optimal_weight
from .real_data import CLASSES, NoisyDigits

ESTIMATED = "estimated"
_SCALE = 16.0  # largest pixel value
_BINS = 10  # of the calibration error


@dataclass(frozen=True)
class Recipe:
    """How every network of a chain is trained.

    Args:
        width: hidden units of Linear-ReLU-Linear.
        epochs, batch: passes over the training set, images per step.
        rate: Adam's learning rate.
        decay: L2 penalty, Adam's ``weight_decay``.
    """

    width: int
    epochs: int
    batch: int
    rate: float
    decay: float


def perceptron(inputs: int, width: int, classes: int, generator: torch.Generator) -> nn.Sequential:
    """Return Linear-ReLU-Linear with torch's usual start, U(-1, 1) / sqrt(inputs), drawn from ``generator``."""
    layers = nn.Linear(inputs, width), nn.Linear(width, classes)
    with torch.no_grad():
        for layer in layers:
            bound = 1 / sqrt(layer.in_features)
            for parameter in (layer.weight, layer.bias):
                parameter.uniform_(-bound, bound, generator=generator)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])


def squared_error(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the squared distance of softmax outputs to targets ``(n, C)``: a sum over classes, a mean over images."""
    return (model(inputs).softmax(1) - targets).square().sum(1).mean()


class Classroom:
    """Trains the networks of one replicate: same data, and for each step the same start weights and data order.

    So chains with different weights differ in their targets alone, which pairs every comparison between them.
    """

    def __init__(self, data: NoisyDigits, recipe: Recipe, seed: Seed, device: str = "cpu"):
        self.recipe, self.seed, self.device = recipe, seed, device
        self.trained = 0
        self.inputs = [torch.tensor(x / _SCALE, dtype=torch.float32, device=device) for x in data.pixels]
        self.truth = [data.one_hot(part) for part in range(3)]

    def fit(self, targets: np.ndarray, step: int) -> list[np.ndarray]:
        """Train the network of a step on targets ``(n, C)``; return its softmax outputs on train, validation, test."""
        start, order = self.seed.torch("student", step), self.seed.torch("order", step)
        model = perceptron(self.inputs[0].shape[1], self.recipe.width, CLASSES, start).to(self.device)
        optimizer = make_optimizer(
            "adam", model.parameters(), lr=self.recipe.rate, betas=(0.9, 0.999), weight_decay=self.recipe.decay
        )
        wanted = torch.tensor(targets, dtype=torch.float32, device=self.device)
        train(
            model,
            self.inputs[0],
            wanted,
            epochs=self.recipe.epochs,
            batch_size=self.recipe.batch,
            optimizer=optimizer,
            generator=order,
            objective=squared_error,
        )
        self.trained += 1
        with torch.no_grad():
            return [model(x).softmax(1).cpu().numpy().astype(np.float64) for x in self.inputs]

    def student(self, teacher: list[np.ndarray], weight: float, step: int, *, hard: bool = False) -> list[np.ndarray]:
        """Train a student on alpha y + (1 - alpha) t, t the teacher's outputs, or its decisions where ``hard``."""
        taught = np.eye(CLASSES)[teacher[0].argmax(1)] if hard else teacher[0]
        return self.fit(weight * self.truth[0] + (1 - weight) * taught, step)


@dataclass(frozen=True, eq=False)
class Link:
    """One network of a chain: its step, outputs on train, validation and test, and how its weight was found.

    ``weight`` is the alpha used, ``raw`` the estimate before clipping (NaN where none was made), ``trainings`` the
    networks trained for this step.
    """

    step: int
    outputs: list[np.ndarray]
    weight: float
    raw: float
    trainings: int


def chain(room: Classroom, first: list[np.ndarray], weight: float | str, steps: int, *, hard=False) -> list[Link]:
    """Return the students 2 ... ``steps`` of a first network, each taught by the one before.

    ``weight`` is alpha, or "estimated": a pure student q of the current teacher is trained, alpha* follows in closed
    form from the outputs of the first network and of q on the validation images, is clipped to [0, 1], and the
    student is trained with it.
    """
    links, teacher = [], first
    for step in range(2, steps + 1):
        before = room.trained
        if weight == ESTIMATED:
            pure = room.student(teacher, 0.0, step, hard=hard)
            raw = optimal_weight(first[1], pure[1], room.truth[1])
            alpha = 1.0 if np.isnan(raw) else float(np.clip(raw, 0, 1))
        else:
            alpha, raw = float(weight), float("nan")
        teacher = room.student(teacher, alpha, step, hard=hard)
        links.append(Link(step, teacher, alpha, raw, room.trained - before))
    return links


def scores(outputs: list[np.ndarray], truth: list[np.ndarray]) -> list[dict[str, Any]]:
    """Return accuracy, squared error (Brier) and calibration error on each part, and the mean norm of the outputs."""
    rows = []
    for name, found, wanted in zip(("train", "validation", "test"), outputs, truth, strict=True):
        values: Mapping[str, float] = {
            "accuracy": float((found.argmax(1) == wanted.argmax(1)).mean()),
            "squared error": float(((found - wanted) ** 2).sum(1).mean()),
            "calibration error": calibration_error(found, wanted),
            "output norm": float(np.sqrt((found**2).sum(1)).mean()),
        }
        rows += [{"metric": k, "value": v, "split": name, "n": len(wanted)} for k, v in values.items()]
    return rows


def calibration_error(outputs: np.ndarray, one_hot: np.ndarray) -> float:
    """Return the expected calibration error: |confidence - accuracy| in ten equal bins, weighted by their size."""
    confidence, correct = outputs.max(1), outputs.argmax(1) == one_hot.argmax(1)
    places = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((confidence[places == b] - correct[places == b]).sum())) for b in range(_BINS)]
    return sum(gaps) / len(confidence)
