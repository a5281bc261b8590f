"""Regression on the diabetes data, classification of the digits (both in scikit-learn): splits, noise, kernels."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn import datasets as sklearn_datasets
from sklearn.metrics.pairwise import rbf_kernel

from replicate import datasets
from replicate.seeds import Seed

from .distillation import Distillation, Evaluation
from .spectrum import Spectrum, decompose
from .tangent_kernel import relu_tangent_kernel

DIABETES_GAMMA = 0.02
DIGITS_GAMMA = 1e-3  # on raw pixels 0 ... 16
CLASSES = 10
_DIABETES_SPLIT = 242, 342  # 242 train, 100 validation, 100 test
_DIGITS_SPLIT = 1000, 1300  # 1000 train, 300 validation, 497 test


def split_rng(seed: Seed) -> np.random.Generator:
    """Return the generator of split and label noise; with base seed 0 it is ``numpy.random.default_rng(replicate)``.

    Zeros at the end of a seed do not change it, so splits can be drawn again without this package.
    """
    return np.random.default_rng([seed.replicate, seed.base])


@dataclass(frozen=True, eq=False)
class Split:
    """A kernel problem with held-out data; targets ``(n, C)``.

    Args:
        problem: the training part.
        validation, test: its students seen at the held-out inputs.
        validation_targets, test_targets: ``(m, C)``.
    """

    problem: Distillation
    validation: Evaluation
    test: Evaluation
    validation_targets: np.ndarray
    test_targets: np.ndarray


def diabetes(rng: np.random.Generator) -> Split:
    """Return diabetes progression of 442 patients, ten covariates, split 242/100/100, standardised by the first."""
    data = datasets.load_diabetes()
    x, y = data.covariates, data.progression
    train, val, test = np.split(rng.permutation(len(y)), _DIABETES_SPLIT)
    x = (x - x[train].mean(0)) / x[train].std(0)
    y = ((y - y[train].mean()) / y[train].std())[:, None]
    problem = Distillation(decompose(rbf_kernel(x[train], gamma=DIABETES_GAMMA)), y[train])
    seen, unseen = (problem.at(rbf_kernel(x[part], x[train], gamma=DIABETES_GAMMA)) for part in (val, test))
    return Split(problem, seen, unseen, y[val], y[test])


@dataclass(frozen=True, eq=False)
class NoisyDigits:
    """Digits with wrong labels in training and validation, clean ones in the test part.

    Args:
        pixels: train, validation, test, each ``(n, 64)``, 0 ... 16.
        labels: train and validation as given (noisy), test clean, each ``(n,)``.
    """

    pixels: tuple[np.ndarray, np.ndarray, np.ndarray]
    labels: tuple[np.ndarray, np.ndarray, np.ndarray]

    def one_hot(self, part: int) -> np.ndarray:
        """Return the labels of a part (0 train, 1 validation, 2 test) as ``(n, 10)``."""
        return np.eye(CLASSES)[self.labels[part]]


def noisy_digits(noise: float, rng: np.random.Generator) -> NoisyDigits:
    """Return the digits, 1000 train, 300 validation, 497 test.

    A share ``noise`` of labels is replaced by random ones (so 0.9 ``noise`` are wrong); the test labels stay clean.

    Raises:
        ValueError: noise is not in [0, 1].
    """
    if not 0 <= noise <= 1:
        raise ValueError(f"noise is {noise}; it is a share of labels, 0 to 1")
    pixels, labels = _all_digits()
    order = rng.permutation(len(labels))
    replaced = rng.random(len(labels)) < noise
    noisy = labels.copy()
    noisy[replaced] = rng.integers(0, CLASSES, int(replaced.sum()))
    train, val, test = np.split(order, _DIGITS_SPLIT)
    return NoisyDigits((pixels[train], pixels[val], pixels[test]), (noisy[train], noisy[val], labels[test]))


def digits(noise: float, rng: np.random.Generator) -> Split:
    """Return noisy digits as one-hot regression with a Gaussian kernel on raw pixels."""
    data = noisy_digits(noise, rng)
    train, val, test = data.pixels
    spectrum = decompose(rbf_kernel(train, gamma=DIGITS_GAMMA))
    cross = (rbf_kernel(part, train, gamma=DIGITS_GAMMA) for part in (val, test))
    return _classification(data, spectrum, *cross)


def tangent_digits(noise: float, rng: np.random.Generator) -> tuple[Split, np.ndarray]:
    """Return unit-norm noisy digits under the tangent kernel, and the class means taken off the targets, ``(10,)``."""
    data = noisy_digits(noise, rng)
    train, val, test = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in data.pixels)
    means = data.one_hot(0).mean(0)
    spectrum = decompose(relu_tangent_kernel(train, train))
    split = _classification(data, spectrum, *(relu_tangent_kernel(x, train) for x in (val, test)), shift=means)
    return split, means


def accuracy(predictions: np.ndarray, one_hot: np.ndarray) -> np.ndarray:
    """Return the share of correct classes for predictions ``(..., m, C)``; NaN where all outputs of a set are 0.

    Without that, a collapsed student would be credited with the share of class 0.
    """
    correct = (predictions.argmax(-1) == one_hot.argmax(-1)).mean(-1)
    return np.where((predictions == 0).all((-2, -1)), np.nan, correct)


def _classification(data: NoisyDigits, spectrum: Spectrum, cross_val, cross_test, *, shift=0.0) -> Split:
    problem = Distillation(spectrum, data.one_hot(0) - shift)
    seen = problem.at(cross_val), problem.at(cross_test)
    return Split(problem, *seen, data.one_hot(1) - shift, data.one_hot(2) - shift)


@cache
def _all_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return pixels ``(1797, 64)`` and labels in scikit-learn's own order, once their hash was verified."""
    datasets.load_digits()
    return sklearn_datasets.load_digits(return_X_y=True)
