"""The image problems of the paper as tensors: original or shuffled pixels, true or shuffled labels."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from replicate import datasets
from replicate.datasets.images import ImageData
from replicate.errors import nearest

# The authors fix one permutation for all runs; which one is not published.
_PERMUTATION_SEED = 0
_MNIST_TRAIN = 50_000  # the authors train on 50,000 images and keep 10,000 aside
LOADERS: dict[str, Callable[[], ImageData]] = {
    "MNIST": datasets.load_mnist,
    "digits": datasets.load_digits,
    "CIFAR-10": lambda: datasets.load_cifar10("CIFAR-10", fallback=False),
    "CIFAR-10 (JPEG q75)": lambda: datasets.load_cifar10("CIFAR-10 (JPEG q75)", fallback=False),
}


@dataclass(frozen=True)
class Problem:
    """Images as uint8 ``(n, channels, side, side)``, labels int64 ``(n,)``; ``scale`` maps pixels to [0, 1]."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    scale: float
    n_classes: int

    @property
    def pixels(self) -> int:
        """Number of inputs of a fully connected net."""
        return self.train_images[0].numel()

    def to(self, device: str) -> "Problem":
        """Return the problem with its tensors on ``device``."""
        if device == "cpu":
            return self
        return replace(
            self,
            train_images=self.train_images.to(device),
            train_labels=self.train_labels.to(device),
            test_images=self.test_images.to(device),
            test_labels=self.test_labels.to(device),
        )


@cache
def load(dataset: str, *, pixels: str = "original", labels: str = "true", n_train: int = 0) -> Problem:
    """Load a data set once per process.

    Args:
        dataset: a key of :data:`LOADERS`.
        pixels: ``original``, or ``shuffled`` by one fixed permutation for all images.
        labels: ``true``, or ``shuffled``: one fixed permutation of the training labels (keeps class counts).
        n_train: use the first ``n_train`` training images; 0 = all (50,000 for MNIST, as the authors).
    """
    if dataset not in LOADERS:
        raise ValueError(f"unknown data set {dataset!r}: {nearest(dataset, LOADERS)}")
    data = LOADERS[dataset]()
    size = n_train or (_MNIST_TRAIN if dataset == "MNIST" else len(data.train_images))
    rng = np.random.default_rng(_PERMUTATION_SEED)
    train, test = _channels_first(data.train_images[:size]), _channels_first(data.test_images)
    order = rng.permutation(train[0].size)
    if pixels == "shuffled":
        train, test = (x.reshape(len(x), -1)[:, order].reshape(x.shape) for x in (train, test))
    answers = data.train_labels[:size]
    if labels == "shuffled":
        answers = rng.permutation(answers)
    a, b, c, d = (torch.tensor(np.ascontiguousarray(x)) for x in (train, answers, test, data.test_labels))
    return Problem(a, b, c, d, scale=float(data.scale), n_classes=data.n_classes)


def cifar10_at_hand() -> str:
    """Return which CIFAR-10 this machine can have, as a key of :data:`LOADERS`; the name says which encoding."""
    return datasets.load_cifar10().name


def _channels_first(images: np.ndarray) -> np.ndarray:
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
