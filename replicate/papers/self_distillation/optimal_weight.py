"""The weight of the ground truth that minimises a squared error, in closed form.

A student is affine in its weight: f = alpha p + (1 - alpha) q, where p is the fit to the ground truth (always the
first fit) and q the student of the teacher alone. So the squared error is a parabola in alpha.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from . import shrinkage
from .distillation import Evaluation, losses


def optimal_weight(p: ArrayLike, q: ArrayLike, targets: ArrayLike) -> float:
    """Return alpha* = <p - q, y - q> / ||p - q||^2, sums over examples and outputs; NaN where p equals q.

    Args:
        p, q: predictions of the fit to the ground truth and of the pure student, same shape.
        targets: y of the held-out examples, same shape.

    Raises:
        ValueError: shapes differ, or values are not finite.
    """
    p, q, y = (np.asarray(v, dtype=np.float64) for v in (p, q, targets))
    if not p.shape == q.shape == y.shape:
        raise ValueError(f"p, q and targets must have one shape, found {p.shape}, {q.shape}, {y.shape}")
    if not all(np.isfinite(v).all() for v in (p, q, y)):
        raise ValueError("p, q and targets must be finite: NaN or infinite values found")
    gap = p - q
    size = float(np.vdot(gap, gap))
    return float(np.vdot(gap, y - q) / size) if size > 0 else float("nan")


def parabola(weights: ArrayLike, p: ArrayLike, q: ArrayLike, targets: ArrayLike) -> np.ndarray:
    """Return the mean squared error of alpha p + (1 - alpha) q for weights ``(A,)``; p, q, targets ``(m, C)``."""
    weights = np.asarray(weights, dtype=np.float64)[:, None, None]
    return losses(weights * np.asarray(p) + (1 - weights) * np.asarray(q), targets)


@dataclass(frozen=True, eq=False)
class Greedy:
    """A chain whose weights were chosen one step after the other.

    Args:
        weights: alpha(2), ..., alpha(tau), as used, ``(tau - 1,)``.
        raw: the same before clipping.
        gaps: mean of (p - q)^2, the denominator of each weight: where it is tiny, the weight is noise, ``(tau - 1,)``.
        losses: mean squared error on the held-out examples after each step, the first fit included, ``(tau,)``.
    """

    weights: np.ndarray
    raw: np.ndarray
    gaps: np.ndarray
    losses: np.ndarray


def greedy_weights(
    evaluation: Evaluation, targets: ArrayLike, penalty: float, steps: int, *, bounds: tuple[float, float] | None = None
) -> Greedy:
    """Choose at each step the weight that is best on held-out examples for the next student.

    Greedy: the best second step need not be the best start of a third.

    Args:
        evaluation: the students seen at the held-out inputs, ``(m, C)``.
        targets: held-out y, ``(m,)`` or ``(m, C)``.
        penalty: lambda.
        steps: tau, >= 1.
        bounds: clip the weights to (low, high), such as (0, 1); None allows every value.
    """
    a = teacher = shrinkage.ridge(evaluation.eigenvalues, penalty)
    p = evaluation.ridge(penalty)
    y = np.asarray(targets, dtype=np.float64)
    if y.size != p.size or len(y) != len(p):
        raise ValueError(f"held-out targets have shape {y.shape}; their inputs need {p.shape}")
    y = y.reshape(p.shape)
    raw, weights, gaps, found = [], [], [], [float(losses(p, y))]
    for _ in range(shrinkage.checked_steps(steps) - 1):
        q = evaluation.pure_student(penalty, teacher)
        raw.append(optimal_weight(p, q, y))
        weight = 1.0 if np.isnan(raw[-1]) else raw[-1]
        weights.append(float(np.clip(weight, *bounds)) if bounds else weight)
        gaps.append(float(np.mean((p - q) ** 2)))
        found.append(float(losses(weights[-1] * p + (1 - weights[-1]) * q, y)))
        teacher = shrinkage.following(teacher, a, weights[-1])
    return Greedy(*(np.array(values) for values in (weights, raw, gaps, found)))


def joint_step_weights(powers: np.ndarray, targets: ArrayLike) -> tuple[np.ndarray, float]:
    """Return the weights of powers 1 ... tau, sum 1, that are best together, and their mean squared error.

    The error is quadratic in them (Pareek, Du, Oh 2024), so all steps are fitted by one least-squares problem: with
    w_1 = 1 - (w_2 + ... ), f - powers_1 is a combination of powers_j - powers_1. The minimum-norm solution is taken.

    Args:
        powers: from `Evaluation.powers`, ``(tau, m, C)``.
        targets: y, ``(m,)`` or ``(m, C)``.
    """
    flat = powers.reshape(len(powers), -1)
    y = np.asarray(targets, dtype=np.float64).reshape(-1)
    tail, *_ = np.linalg.lstsq((flat[1:] - flat[0]).T, y - flat[0], rcond=None)
    weights = np.concatenate([[1 - tail.sum()], tail])
    return weights, float(np.mean((weights @ flat - y) ** 2))


def population_weight(eigenvalues: ArrayLike, signal: ArrayLike, noise: ArrayLike, penalty: float) -> np.ndarray:
    """Return the weight of step 2 that minimises the expected in-sample error, of the shape of ``noise``.

    For y = f + eps with independent errors: u = a (1 - a) and
    alpha* = sum u [(1 - a^2) theta^2 - sigma^2 a^2] / sum u^2 (theta^2 + sigma^2).

    Args:
        eigenvalues: d, ``(n,)``.
        signal: theta_k = v_k^T f, ``(n,)``.
        noise: sigma, standard deviation of the errors, any shape.
        penalty: lambda of teacher and student.
    """
    a, theta2 = shrinkage.ridge(eigenvalues, penalty), np.asarray(signal, dtype=np.float64) ** 2
    sigma2 = np.asarray(noise, dtype=np.float64)[..., None] ** 2
    u = a * (1 - a)
    return (u * ((1 - a**2) * theta2 - sigma2 * a**2)).sum(-1) / (u**2 * (theta2 + sigma2)).sum(-1)


def risk(shrunk: ArrayLike, signal: ArrayLike, noise: float) -> np.ndarray:
    """Return the expected in-sample squared error sum (1 - B)^2 theta^2 + sigma^2 B^2 for shrinkages ``(..., n)``."""
    shrunk = np.asarray(shrunk)
    return ((1 - shrunk) ** 2 * np.asarray(signal) ** 2 + noise**2 * shrunk**2).sum(-1)


def risk_slope(eigenvalues: ArrayLike, signal: ArrayLike, noise: float, penalty: ArrayLike) -> np.ndarray:
    """Return d risk / d lambda of ridge, (2 / lambda) sum u [(1 - a) theta^2 - sigma^2 a], shaped like ``penalty``."""
    penalty = shrinkage.checked_penalty(penalty)
    a = shrinkage.ridge(eigenvalues, penalty[..., None])
    return 2 / penalty * (a * (1 - a) * ((1 - a) * np.asarray(signal) ** 2 - noise**2 * a)).sum(-1)
