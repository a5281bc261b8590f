"""What distillation does to each eigen-direction of the kernel: fitted values are V diag(B) V^T y.

Notation: d eigenvalues, lambda the ridge penalty (``penalty``), alpha the weight of the ground truth (``weight``), tau
the number of fits: tau = 1 is ordinary ridge regression, tau >= 2 are students. a = d / (d + lambda) is the shrinkage
of one ridge fit, and with B(0) = 1 every further fit gives B(tau) = a (alpha + (1 - alpha) B(tau - 1)).
Penalties and weights broadcast against the eigenvalues: give them a trailing axis, ``penalties[:, None]``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def checked_penalty(penalty: ArrayLike) -> np.ndarray:
    """Return lambda as float64; raise ValueError unless finite and > 0."""
    values = np.asarray(penalty, dtype=np.float64)
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        raise ValueError(f"penalty (lambda) must be finite and > 0, found {values[bad].flat[0]:g}; try 1e-10 for none")
    return values


def checked_weight(weight: ArrayLike) -> np.ndarray:
    """Return alpha as float64; raise ValueError unless finite. Weights below 0 and above 1 are allowed."""
    values = np.asarray(weight, dtype=np.float64)
    if not np.isfinite(values).all():
        bad = values[~np.isfinite(values)].flat[0]
        raise ValueError(
            f"weight (alpha) must be finite, found {bad:g}; 1 is the ground truth alone, 0 the teacher alone"
        )
    return values


def checked_steps(steps: int) -> int:
    """Return tau; raise ValueError unless a whole number >= 1."""
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"steps (tau) must be a whole number >= 1, found {steps!r}; 1 is the fit without distillation")
    return int(steps)


def ridge(eigenvalues: ArrayLike, penalty: ArrayLike) -> np.ndarray:
    """Return a = d / (d + lambda): the shrinkage of the first fit."""
    eigenvalues = np.asarray(eigenvalues, dtype=np.float64)
    return eigenvalues / (eigenvalues + checked_penalty(penalty))


def following(shrinkage: ArrayLike, ridge_shrinkage: np.ndarray, weight: ArrayLike) -> np.ndarray:
    """Return B(tau) from B(tau - 1): one distillation step."""
    weight = checked_weight(weight)
    return ridge_shrinkage * (weight + (1 - weight) * np.asarray(shrinkage))


def path(eigenvalues: ArrayLike, penalty: ArrayLike, weights: Sequence[ArrayLike] | np.ndarray) -> np.ndarray:
    """Return B(1), ..., B(tau) for any weights alpha(2), ..., alpha(tau) by recursion, ``(tau, ..., n)``."""
    a = ridge(eigenvalues, penalty)
    steps = [a]
    for weight in weights:
        steps.append(following(steps[-1], a, weight))
    return np.stack(np.broadcast_arrays(*steps))


def after(eigenvalues: ArrayLike, penalty: ArrayLike, weight: ArrayLike, steps: int) -> np.ndarray:
    """Return B(tau) for a constant weight in closed form: q^tau + alpha a (1 - q^tau) / (1 - q), q = (1 - alpha) a.

    Stable for every finite weight: 1 - q is formed as (lambda + alpha d) / (d + lambda), without cancellation, and
    where it is 0 the geometric sum is tau.
    """
    steps, weight = checked_steps(steps), checked_weight(weight)
    eigenvalues, penalty = np.asarray(eigenvalues, dtype=np.float64), checked_penalty(penalty)
    a = ridge(eigenvalues, penalty)
    q = (1 - weight) * a
    gap = (penalty + weight * eigenvalues) / (eigenvalues + penalty)  # 1 - q
    return q**steps + weight * a * _geometric_sum(q, gap, steps)


def limit(eigenvalues: ArrayLike, penalty: ArrayLike, weight: ArrayLike) -> np.ndarray:
    """Return B(infinity) = alpha d / (alpha d + lambda): ridge with penalty lambda / alpha; 0 for alpha = 0.

    Raises:
        ValueError: the steps diverge, because |1 - alpha| a reaches 1; cannot happen for alpha in [0, 1].
    """
    eigenvalues, weight = np.asarray(eigenvalues, dtype=np.float64), checked_weight(weight)
    reach = np.abs(1 - weight) * ridge(eigenvalues, penalty)
    if (reach >= 1).any():
        raise ValueError(
            f"no limit: |1 - alpha| d / (d + lambda) reaches {reach.max():.4g} >= 1, so the steps diverge; "
            "use a finite number of steps or a weight in [0, 1]"
        )
    return weight * eigenvalues / (weight * eigenvalues + penalty)


def step_weights(weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return w, ``(tau,)``, with B(tau) = sum_j w[j] a^(tau - j), j = 0 ... tau - 1, for alpha(2), ..., alpha(tau).

    Stick breaking: with alpha(1) = 1, w_j = alpha(j) prod_{l > j} (1 - alpha(l)). They sum to 1, and are all >= 0
    exactly when every alpha is in [0, 1].
    """
    alphas = np.concatenate([[1.0], checked_weight(weights).reshape(-1)])
    remaining = np.concatenate([np.cumprod(1 - alphas[:0:-1])[::-1], [1.0]])
    return alphas * remaining


def weights_of(step_weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return alpha(2), ..., alpha(tau) of given step weights ``(tau,)`` that sum to 1: the inverse of `step_weights`.

    Raises:
        ValueError: the sum is not 1, or a sum of the first weights is 0, so that no alphas give them.
    """
    w = np.asarray(step_weights, dtype=np.float64)
    if abs(w.sum() - 1) > 1e-8 * np.abs(w).sum():
        raise ValueError(f"step weights must sum to 1, found {w.sum():g}")
    heads = np.cumsum(w)[1:]  # product of the (1 - alpha) that follow
    if (heads == 0).any():
        raise ValueError("a partial sum of the step weights is 0: no sequence of weights gives them")
    return w[1:] / heads


def _geometric_sum(q: np.ndarray, gap: np.ndarray, steps: int) -> np.ndarray:
    """Return 1 + q + ... + q^(steps - 1) from q and gap = 1 - q, accurate also for q near 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        near_one = -np.expm1(steps * np.log1p(-np.minimum(gap, 0.5)))
        total = np.where(q > 0.5, near_one, 1 - q**steps) / gap
    return np.where(gap == 0, float(steps), total)
