"""The KL-constrained worst case and its dual, a function of the temperature (sections 2.1 and 2.2 of the method).

An anchor has n candidates with loss differences h_j. The worst distribution within KL divergence rho of uniform,

    max_p  sum_j p_j h_j - tau0 KL(p | 1/n)   s.t.  KL(p | 1/n) <= rho,

equals the minimum over tau >= tau0 of f(tau) = tau log mean exp(h / tau) + (tau - tau0) rho, and p is softmax(h / tau).
"""

import math
from typing import NamedTuple

from torch import Tensor

from .checks import check_no_nan


class Tempered(NamedTuple):
    """What a temperature makes of rows of n differences; every field has one number a row.

    Args:
        soft_maximum: tau log mean exp(h / tau), between mean and maximum of h.
        divergence: KL(p | uniform) of p = softmax(h / tau), in nats, between 0 and log n.
        mean: sum_j p_j h_j.
        variance: Var_p(h).
    """

    soft_maximum: Tensor
    divergence: Tensor
    mean: Tensor
    variance: Tensor


def temper(h: Tensor, tau: Tensor | float) -> Tempered:
    """Return soft maximum, divergence, mean and variance of rows ``h`` ``(..., n)`` at ``tau`` ``(...)`` > 0.

    Stable for tau near 0 and large h: rows are shifted by their maximum before they are divided.
    """
    log_n = math.log(h.shape[-1])
    top = h.amax(-1, keepdim=True)
    check_no_nan(top, "h")
    below = h - top
    scale = tau[..., None] if isinstance(tau, Tensor) else tau
    weights = (below / scale).exp()
    total = weights.sum(-1)
    mean_below = (weights * below).sum(-1) / total
    variance = (weights * (below - mean_below[..., None]).square()).sum(-1) / total
    log_mean = total.log() - log_n
    return Tempered(
        soft_maximum=tau * log_mean + top[..., 0],
        divergence=mean_below / tau - log_mean,
        mean=mean_below + top[..., 0],
        variance=variance,
    )


def dual(h: Tensor, tau: Tensor | float, rho: float, *, tau0: float = 0.0) -> Tensor:
    """Return f(tau) = tau log mean exp(h / tau) + (tau - tau0) rho of each row: convex in tau."""
    return temper(h, tau).soft_maximum + (tau - tau0) * rho


def dual_slope(h: Tensor, tau: Tensor | float, rho: float) -> Tensor:
    """Return f'(tau) = rho - KL(p_tau | uniform) of each row."""
    return rho - temper(h, tau).divergence


def dual_curvature(h: Tensor, tau: Tensor | float) -> Tensor:
    """Return f''(tau) = Var_p(h) / tau^3 >= 0 of each row."""
    return temper(h, tau).variance / tau**3


def rho_for_entropy(candidates: int, entropy: float) -> float:
    """Return the rho that drives every row to this entropy (nats): log n - entropy.

    Use it whenever the number of candidates changes: a rho is not portable between vocabularies or batch sizes.
    """
    limit = math.log(candidates)
    if not 0 < entropy < limit:
        raise ValueError(
            f"the target entropy is {entropy:g} nats; over {candidates} candidates it must lie strictly between 0 "
            f"and log {candidates} = {limit:.4f}"
        )
    return limit - entropy


def target_entropy(candidates: int, rho: float) -> float:
    """Return the entropy (nats) that rho drives every row to: log n - rho."""
    return math.log(candidates) - rho
