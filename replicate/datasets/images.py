"""What every loader of labelled images returns."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ImageData:
    """A labelled image set with its train/test split.

    Args:
        name: what a reader is told, e.g. ``MNIST``; another encoding of the pixels has another name.
        dataset: the registry's group, for ``data_hash``.
        train_images, test_images: uint8, shape (n, height, width) or (n, height, width, 3).
        train_labels, test_labels: int64, shape (n,), values 0 … n_classes - 1.
        n_classes: number of classes.
        scale: the largest possible pixel value, so that ``images / scale`` lies in [0, 1].

    The arrays may be shared by callers, hence read-only: ``torch.tensor(a)`` and ``a.copy()`` copy them.
    """

    name: str
    dataset: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    n_classes: int
    scale: float

    def __post_init__(self) -> None:
        for field in ("train_images", "train_labels", "test_images", "test_labels"):
            shared = getattr(self, field).view()  # a view: the caller's own array stays writeable
            shared.flags.writeable = False
            object.__setattr__(self, field, shared)
