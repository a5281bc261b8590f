"""Threshold training dimension of a quadratic well (Larsen et al. 2021, arXiv:2107.05802).

Loss ``0.5 sum_i lambda_i theta_i^2``; a subspace run succeeds when it reaches loss <= epsilon. The
sublevel set is an ellipsoid with semi-axes ``r_i = sqrt(2 epsilon / lambda_i)``. Gordon's escape
theorem, with the width of the ellipsoid seen from distance R, bounds the dimension from which
random affine subspaces meet it: ``d* = sum_i R^2 / (R^2 + r_i^2)``.
"""

import numpy as np


def escape_dimension(curvatures: np.ndarray, *, epsilon: float, distance: float) -> float:
    """Return ``d* = sum_i R^2 / (R^2 + r_i^2)`` for curvatures of shape ``(D,)``; flat directions count 0."""
    curvatures = _checked(curvatures, epsilon, distance)
    stiffness = curvatures * distance**2
    return float(np.sum(stiffness / (stiffness + 2 * epsilon)))


def lowest_losses(curvatures: np.ndarray, *, distance: float, rng: np.random.Generator) -> np.ndarray:
    """Return the exact smallest loss in nested random affine subspaces, shape ``(D + 1,)``, entry d.

    The start is uniform on the sphere of radius ``distance``, the subspace of dimension d is spanned
    by the first d columns of one Gaussian matrix. With M = diag(sqrt(lambda)) P the loss left
    after d columns is the part of ``sqrt(lambda) theta0`` outside the span of the first d columns of
    M, which one QR decomposition gives for all d.
    """
    curvatures = _checked(curvatures, 1.0, distance)
    size = curvatures.size
    start = rng.standard_normal(size)
    target = np.sqrt(curvatures) * start * (distance / np.linalg.norm(start))
    basis = np.linalg.qr(np.sqrt(curvatures)[:, None] * rng.standard_normal((size, size)))[0]
    removed = np.concatenate([[0.0], np.cumsum((basis.T @ target) ** 2)])
    return 0.5 * np.clip(target @ target - removed, 0.0, None)


def threshold_dimensions(
    curvatures: np.ndarray, *, epsilon: float, distance: float, n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Return per draw the smallest d with loss <= ``epsilon``, int64 of shape ``(n_draws,)``.

    Their median is the empirical threshold dimension, where success has probability one half.
    """
    curvatures = _checked(curvatures, epsilon, distance)
    # rounding leaves about 1e-16 of the initial loss where the exact value is 0
    slack = 1e-12 * curvatures.max() * distance**2
    curves = (lowest_losses(curvatures, distance=distance, rng=rng) for _ in range(n_draws))
    return np.array([int(np.argmax(curve <= epsilon + slack)) for curve in curves])


def _checked(curvatures: np.ndarray, epsilon: float, distance: float) -> np.ndarray:
    curvatures = np.asarray(curvatures, dtype=float)
    if curvatures.ndim != 1 or not (np.isfinite(curvatures) & (curvatures >= 0)).all():
        raise ValueError("curvatures must be a vector of finite numbers >= 0; the well has no saddle directions")
    if not (epsilon > 0 and distance > 0):
        raise ValueError(f"epsilon = {epsilon} and distance = {distance} must both be positive")
    return curvatures
