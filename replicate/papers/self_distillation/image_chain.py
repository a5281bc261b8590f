"""Chains of ResNets on CIFAR-10: train a network, choose its epoch, estimate the next weight, resume."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from replicate import atomic, datasets, fingerprint
from replicate.datasets import ImageData
from replicate.errors import nearest
from replicate.paths import unit_cache_dir
from replicate.seeds import Seed
from replicate.training import make_optimizer, train

from .networks import ESTIMATED, calibration_error
from .optimal_weight import optimal_weight
from .resnet import PROTOCOLS, DistillationLoss, crop_and_flip, probabilities, resnet

_HELD_OUT = 0.1  # share of the training images: 5,000 of 50,000; the script holds out none


@dataclass(frozen=True, eq=False)
class Images:
    """Training, validation and test images ``(n, 3, h, w)`` uint8 with labels ``(n,)``, on one device."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    n_classes: int

    @classmethod
    def split(cls, data: ImageData, protocol: str, rng: np.random.Generator, device: str):
        """Split by protocol: "fair" holds training images out, "script" validates on the test set, as the authors."""
        if protocol not in PROTOCOLS:
            raise ValueError(f"unknown protocol {protocol!r}; {nearest(protocol, PROTOCOLS)}")
        order = rng.permutation(len(data.train_labels))
        held_out = round(_HELD_OUT * len(order))
        train, held = (order, None) if protocol == "script" else (order[held_out:], order[:held_out])
        test = _tensors(data.test_images, data.test_labels, device)
        pick = [_tensors(data.train_images[i], data.train_labels[i], device) for i in (train, held) if i is not None]
        return cls(pick[0], pick[1] if held is not None else test, test, data.n_classes)


def _tensors(images: np.ndarray, labels: np.ndarray, device: str) -> tuple[Tensor, Tensor]:
    stacked = torch.tensor(np.ascontiguousarray(images.transpose(0, 3, 1, 2)), device=device)
    return stacked, torch.tensor(labels, device=device)


@dataclass
class Trained:
    """A trained network: the weights of its best epoch on the validation images, and its history.

    Args:
        state: weights and BatchNorm statistics of the selected epoch.
        history: accuracy after each epoch, ``{"validation": [...], "test": [...]}``; "test" is recorded, never used.
    """

    state: dict[str, Tensor]
    history: dict[str, list[float]] = field(default_factory=lambda: {"validation": [], "test": []})

    @property
    def selected(self) -> int:
        """Return the epoch, from 0, with the best validation accuracy (the first of equals)."""
        return int(np.argmax(self.history["validation"]))


class ImageChain:
    """The networks of one seed and protocol; each is trained once and kept on disk, so that a killed run resumes.

    Args:
        config: depth, epochs, batch, rate, protocol ("fair" or "script"), dataset.
        seed: the replicate; start weights and data order of a step are the same for every weight.
        device: where networks live.
        folder: where trained networks are kept; None is beside the cache of units.
    """

    def __init__(self, config: Mapping[str, Any], seed: Seed, device: str, *, data=None, folder: Path | None = None):
        self.config, self.seed, self.device = dict(config), seed, device
        self.data = data or datasets.load_cifar10(config["dataset"], fallback=False)
        self.images = Images.split(self.data, config["protocol"], seed.rng("held out"), device)
        self.folder = folder or unit_cache_dir().parent / "networks" / "self_distillation"
        self.trainings = 0

    def network(self, weight: float | str, step: int) -> tuple[nn.Module, Trained, float, float]:
        """Return network ``step`` of the chain with this weight, its history, the weight used and its raw estimate."""
        if step == 1:
            return *self._trained(1.0, 1, None, "truth"), 1.0, float("nan")
        teacher, *_ = self.network(weight, step - 1)
        if weight == ESTIMATED:
            pure, _ = self._trained(0.0, step, teacher, f"{weight}, pure")
            raw = self._estimate(pure)
            used = 1.0 if np.isnan(raw) else float(np.clip(raw, 0, 1))
        else:
            used, raw = float(weight), float("nan")
        return *self._trained(used, step, teacher, str(weight)), used, raw

    def scores(self, model: nn.Module, trained: Trained) -> list[dict[str, Any]]:
        """Return the rows of one network: accuracies by way of choosing the epoch, squared error, calibration."""
        images, labels = self.images.test
        found, one_hot = self._outputs(model, images), np.eye(self.images.n_classes)[labels.cpu().numpy()]
        tests = trained.history["test"]
        values = {
            "accuracy": tests[trained.selected],
            "accuracy, last epoch": tests[-1],
            "accuracy, epoch selected on test": max(tests),
            "squared error": float(((found - one_hot) ** 2).sum(1).mean()),
            "calibration error": calibration_error(found, one_hot),
        }
        return [{"metric": k, "value": v, "split": "test", "n": len(labels)} for k, v in values.items()]

    def _estimate(self, pure: nn.Module) -> float:
        first, *_ = self.network(1.0, 1)
        images, labels = self.images.validation
        one_hot = np.eye(self.images.n_classes)[labels.cpu().numpy()]
        return optimal_weight(self._outputs(first, images), self._outputs(pure, images), one_hot)

    def _outputs(self, model: nn.Module, images: Tensor) -> np.ndarray:
        return probabilities(model, images).numpy().astype(np.float64)

    def _trained(self, weight: float, step: int, teacher: nn.Module | None, name: str) -> tuple[nn.Module, Trained]:
        """Load the network of a step, or train and keep it."""
        model = self._fresh(step)
        path = self.folder / f"{self._key(weight, step, name)}.pt"
        if path.is_file():
            kept = torch.load(path, map_location=self.device, weights_only=True)
            trained = Trained(kept["state"], kept["history"])
        else:
            trained = self._fit(model, weight, step, teacher)
            kept = {"state": trained.state, "history": trained.history}
            atomic.write_with(path, lambda temporary: torch.save(kept, temporary))
            self.trainings += 1
        model.load_state_dict(trained.state)
        return model.requires_grad_(False).eval(), trained

    def _fresh(self, step: int) -> nn.Module:
        return resnet(self.config["depth"], self.images.n_classes, self.seed.integer("student", step)).to(self.device)

    def _fit(self, model: nn.Module, weight: float, step: int, teacher: nn.Module | None) -> Trained:
        c, script = self.config, self.config["protocol"] == "script"
        crops, best = self.seed.torch("crops", step), Trained({})
        teacher = deepcopy(teacher) if script and teacher is not None else teacher  # its statistics drift

        def after_epoch(epoch: int, loss: float) -> None:
            for part in ("validation", "test"):
                images, labels = getattr(self.images, part)
                correct = probabilities(model, images).argmax(1) == labels.cpu()
                best.history[part].append(float(correct.float().mean()))
            if best.selected == epoch - 1:
                best.state = {k: v.detach().clone() for k, v in model.state_dict().items()}

        train(
            model,
            *self.images.train,
            epochs=c["epochs"],
            batch_size=c["batch"],
            optimizer=make_optimizer("adam", model.parameters(), lr=c["rate"], betas=(0.9, 0.999)),
            generator=self.seed.torch("order", step),
            shuffle=not script,
            augment=lambda x: crop_and_flip(x, crops),
            objective=DistillationLoss(self.images.n_classes, weight, teacher, teacher_trains=script),
            on_epoch=after_epoch,
        )
        return best

    def _key(self, weight: float, step: int, name: str) -> str:
        """Name a network by everything it depends on, the chain before it included."""
        before = ["truth"] if step <= 2 else [name.removesuffix(", pure")]
        ingredients = {
            "modules": fingerprint.module_sources(__name__),
            "libraries": fingerprint.library_versions(__name__),
            "data": self.data.name,
            "config": self.config,
            "seed": [self.seed.base, self.seed.replicate],
            "device": self.device,
            "network": [float(weight), step, before],
        }
        return fingerprint.digest(ingredients)
