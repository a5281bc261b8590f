"""The eigendecomposition of a kernel matrix: computed once, it serves every penalty, weight and step."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

_ASYMMETRY = 1e-8  # relative to the largest entry: above rounding, also of float32 kernels
_NEGATIVE = 1e-8  # relative to the largest eigenvalue: the same


@dataclass(frozen=True, eq=False)
class Spectrum:
    """K = V diag(d) V^T.

    Args:
        eigenvalues: d, ``(n,)``, descending, >= 0.
        vectors: V, ``(n, n)``, an eigenvector a column.
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray

    @cached_property
    def fitted_basis(self) -> np.ndarray:
        """Return K V = V diag(d), ``(n, n)``: what turns coefficients into fitted values."""
        return self.vectors * self.eigenvalues


def decompose(gram: ArrayLike) -> Spectrum:
    """Return the spectrum of a kernel matrix.

    Args:
        gram: K, ``(n, n)``, symmetric and positive semi-definite, n >= 2. Eigenvalues below zero by rounding are set
            to 0.

    Raises:
        ValueError: not a square matrix, one sample, NaN or infinite, not symmetric, not positive semi-definite.
    """
    gram = checked_gram(gram)
    eigenvalues, vectors = np.linalg.eigh(gram)
    smallest, largest = eigenvalues[0], max(eigenvalues[-1], 0.0)
    if smallest < -_NEGATIVE * largest or largest == 0 > smallest:
        raise ValueError(
            f"the kernel matrix is not positive semi-definite: its smallest eigenvalue is {smallest:.3g}, its largest "
            f"{largest:.3g}; use a kernel such as 'rbf' or 'laplacian', or add the missing amount to the diagonal"
        )
    return Spectrum(np.clip(eigenvalues[::-1], 0.0, None), vectors[:, ::-1])


def checked_gram(gram: ArrayLike) -> np.ndarray:
    """Return a kernel matrix as float64 ``(n, n)``; raise ValueError for what cannot be one."""
    gram = np.asarray(gram, dtype=np.float64)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise ValueError(f"the kernel matrix has shape {gram.shape}; it must be square, (n_samples, n_samples)")
    if len(gram) < 2:
        raise ValueError(f"the kernel matrix has {len(gram)} sample(s); at least 2 samples are needed")
    if not np.isfinite(gram).all():
        raise ValueError(
            f"the kernel matrix has {int((~np.isfinite(gram)).sum())} NaN or infinite entries; clean X first"
        )
    gap, scale = float(np.abs(gram - gram.T).max()), float(np.abs(gram).max())
    if gap > _ASYMMETRY * scale:
        raise ValueError(f"the kernel matrix is not symmetric: |K - K^T| reaches {gap:.3g}; pass (K + K.T) / 2")
    return gram
