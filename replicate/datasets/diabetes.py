"""Diabetes: ten baseline covariates of 442 patients and their disease's progression a year later (in scikit-learn)."""

import functools
import hashlib
from dataclasses import dataclass

import numpy as np

from replicate.datasets.registry import default_registry
from replicate.errors import DataError


@dataclass(frozen=True, eq=False)
class Diabetes:
    """Covariates ``(442, 10)`` in their own units, progression ``(442,)``, both float64, read-only; covariate names."""

    covariates: np.ndarray
    progression: np.ndarray
    names: tuple[str, ...]


@functools.cache
def load_diabetes() -> Diabetes:
    """Return the data as collected, not standardised: age, sex, body mass index, blood pressure, six serum values.

    Ships with scikit-learn, so it needs neither file nor network; ``DataError`` if the installed version's data differ.
    """
    from sklearn.datasets import load_diabetes  # lazy: importing scikit-learn takes a second

    bunch = load_diabetes(scaled=False)
    covariates, progression = (np.ascontiguousarray(part, dtype=np.float64) for part in (bunch.data, bunch.target))
    _check(covariates, progression)
    for array in (covariates, progression):
        array.flags.writeable = False
    return Diabetes(covariates, progression, tuple(bunch.feature_names))


def _check(covariates: np.ndarray, progression: np.ndarray) -> None:
    expected = default_registry().entry("sklearn/diabetes").checksum
    found = hashlib.sha256(covariates.tobytes() + progression.tobytes()).hexdigest()
    if found != expected:
        raise DataError(
            f"the installed scikit-learn ships other diabetes data than the registered ones: SHA-256 {found}, "
            f"expected {expected}; install another scikit-learn version (pip install 'scikit-learn>=1.6')"
        )
