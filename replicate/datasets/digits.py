"""Digits: 1 797 handwritten digits, 8 x 8 pixels with values 0 … 16 (UCI optdigits, in scikit-learn)."""

import functools
import hashlib

import numpy as np

from replicate.datasets.images import ImageData
from replicate.datasets.registry import default_registry
from replicate.errors import DataError

_N_TRAIN = 1300
_SPLIT_SEED = 0


@functools.cache
def load_digits() -> ImageData:
    """Return the digits as uint8 images (n, 8, 8) and int64 labels: 1 300 for training, 497 for testing.

    The order is one fixed permutation (seed 0), because scikit-learn's own order is not random. Ships with
    scikit-learn, so it needs neither file nor network; ``DataError`` if the installed version's data differ.
    """
    images, labels = _original()
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    train, test = order[:_N_TRAIN], order[_N_TRAIN:]
    return ImageData(
        name="digits",
        dataset="digits",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        n_classes=10,
        scale=16.0,
    )


def _original() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits  # lazy: importing scikit-learn takes a second

    bunch = load_digits()
    images, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.int64)
    _check(images, labels)
    return images, labels


def _check(images: np.ndarray, labels: np.ndarray) -> None:
    expected = default_registry().entry("sklearn/digits").checksum
    found = hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
    if found != expected:
        raise DataError(
            f"the installed scikit-learn ships other digits than the registered ones: SHA-256 {found}, "
            f"expected {expected}; install another scikit-learn version (pip install 'scikit-learn>=1.6')"
        )
