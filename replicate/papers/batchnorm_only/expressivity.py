"""Why scaling random features can express anything: W2 diag(gamma) W1 is linear in gamma.

vec(sum_k gamma_k w2_k w1_k^T) = M gamma, with M the column-wise Khatri-Rao product of W2 and W1 (c0 c2 rows, c1
columns): every target is reached exactly iff M has rank c0 c2, almost surely when c1 >= c0 c2.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Reconstruction:
    """The least-squares gamma, ``(c1,)``, its largest absolute error, and the condition number of M."""

    gamma: np.ndarray
    error: float
    condition: float


def khatri_rao(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return M, ``(c2 c0, c1)``, for ``outer`` W2 ``(c2, c1)`` and ``inner`` W1 ``(c1, c0)``."""
    return np.einsum("ik,kj->ijk", outer, inner).reshape(-1, inner.shape[0])


def reconstruct(target: np.ndarray, outer: np.ndarray, inner: np.ndarray) -> Reconstruction:
    """Find gamma that brings ``outer @ diag(gamma) @ inner`` closest to ``target`` ``(c2, c0)`` in least squares.

    Raises:
        ValueError: shapes that do not chain.
    """
    if outer.shape[1] != inner.shape[0] or target.shape != (outer.shape[0], inner.shape[1]):
        raise ValueError(
            f"target {target.shape} = outer {outer.shape} x diag(gamma) x inner {inner.shape} does not fit: "
            "shapes must be (c2, c0), (c2, c1), (c1, c0)"
        )
    matrix = khatri_rao(outer, inner)
    left, singular, right = np.linalg.svd(matrix, full_matrices=False)
    gamma = right.T @ ((left.T @ target.reshape(-1)) / singular)
    error = float(np.abs(outer @ (gamma[:, None] * inner) - target).max())
    return Reconstruction(gamma, error, float(singular[0] / singular[-1]))
