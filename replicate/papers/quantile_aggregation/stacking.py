"""Stacking without leakage: out-of-fold base quantiles for training rows, and the original's leaking validation.

Splits follow the paper: 10 % test; of the rest 80 % train and 20 % validation; K contiguous folds of the shuffled
train part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from replicate.errors import nearest

from .base import QuantileModel

VALIDATION_MODES = ("clean", "paper_code")


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts of a set."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def fitting(self) -> np.ndarray:
        """Train and validation rows: what standardisation may see."""
        return np.concatenate([self.train, self.validation])


def split(n: int, rng: np.random.Generator, *, test: float = 0.1, validation: float = 0.2) -> Split:
    """Return a random 72/18/10 split of ``n`` rows into train, validation and test.

    ``test`` is the share of all rows, ``validation`` that of the rest; each part has at least one row.
    """
    order = rng.permutation(n)
    n_test = max(1, round(test * n)) if test else 0
    n_validation = max(1, round(validation * (n - n_test)))
    rest = order[n_test:]
    return Split(rest[n_validation:], rest[:n_validation], order[:n_test])


def contiguous_folds(n: int, k: int) -> list[np.ndarray]:
    """Return ``k`` contiguous folds of 0 ... n - 1; shuffle the rows before.

    Raises:
        ValueError: fewer than 2 folds, or more folds than rows.
    """
    if k < 2:
        raise ValueError(f"{k} folds: at least 2 are needed for out-of-fold predictions")
    if n < k:
        raise ValueError(f"{n} rows cannot be divided into {k} folds; give more rows or fewer folds")
    return np.array_split(np.arange(n), k)


@dataclass(frozen=True, eq=False)
class Stacked:
    """Base models and their quantiles.

    Args:
        models: by name, fitted to all train rows.
        z_train: out-of-fold quantiles of the train rows, ``(n_train, p, m)``.
        z_validation: quantiles of the validation rows, ``(n_validation, p, m)``.
    """

    models: dict[str, QuantileModel]
    z_train: np.ndarray
    z_validation: np.ndarray
    levels: np.ndarray

    def quantiles(self, x: np.ndarray) -> np.ndarray:
        """Return base quantiles at ``x``, ``(n, p, m)``."""
        return np.stack([model.predict_quantiles(x, self.levels) for model in self.models.values()], 1)


def stack(
    models: Mapping[str, QuantileModel],
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    levels: np.ndarray,
    *,
    folds: int = 5,
    mode: str = "clean",
) -> Stacked:
    """Fit every model to the train part and to the train part without each fold.

    Args:
        models: unfitted models by name, ``p`` of them.
        train, validation: ``(x, y)``, ``(n, d)`` and ``(n,)``.
        levels: ``(m,)``.
        folds: K.
        mode: "clean": validation quantiles come from the models fitted to the train part. "paper_code": those of
            forests and boosting come from models fitted to train and validation rows together, as in the authors'
            code, so the aggregator is tuned on in-sample quantiles; for comparison only.
    """
    if mode not in VALIDATION_MODES:
        raise ValueError(f"no validation mode {mode!r}: {nearest(mode, VALIDATION_MODES)}")
    parts = contiguous_folds(len(train[1]), folds)
    everything = np.arange(len(train[1]))
    subsets = [everything, *(np.setdiff1d(everything, part) for part in parts)]
    fitted, out_of_fold, on_validation = {}, [], []
    for name, model in models.items():
        whole, *others = model.fit_subsets(*train, subsets, validation=validation)
        z = np.empty((len(train[1]), len(levels)))
        for part, other in zip(parts, others, strict=True):
            z[part] = other.predict_quantiles(train[0][part], levels)
        fitted[name] = whole
        out_of_fold.append(z)
        on_validation.append(whole.predict_quantiles(validation[0], levels))
    found = Stacked(fitted, np.stack(out_of_fold, 1), np.stack(on_validation, 1), levels)
    if mode == "clean":
        return found
    return replace(found, z_validation=leaking_validation(models, found, train, validation))


def leaking_validation(
    models: Mapping[str, QuantileModel],
    stacked: Stacked,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return validation quantiles ``(n_validation, p, m)`` as the authors' code makes them.

    Forests and boosting are refitted to train and validation rows together, so theirs are in-sample; networks are
    not, since they stop on those rows.
    """
    x, y = (np.concatenate(pair) for pair in zip(train, validation, strict=True))
    z = stacked.z_validation.copy()
    for number, model in enumerate(models.values()):
        if not hasattr(model, "max_steps"):
            (seen,) = model.fit_subsets(x, y, [np.arange(len(y))])
            z[:, number] = seen.predict_quantiles(validation[0], stacked.levels)
    return z


def leave_out(parts: Sequence[np.ndarray], *excluded: int) -> np.ndarray:
    """Return the rows of all folds but the ``excluded`` ones, in order."""
    return np.concatenate([part for number, part in enumerate(parts) if number not in excluded])
