"""The exact optimum tau* of the dual, row by row: safeguarded Newton on log beta, beta = 1 / tau.

KL(beta) rises from 0 to log(n / k), k the number of largest entries, with slope beta^2 Var_p(h) in log beta. For small
beta it is beta^2 Var(h) / 2, so log KL against log beta is nearly a line of slope 2 there: Newton on log KL - log rho
converges from beta = sqrt(2 rho) / sd(h) in a few steps. Where KL saturates the steps overshoot; a bracket stops them.
"""

import math

import torch
from torch import Tensor

from .checks import check_bounds, check_no_nan, check_rho

_CHUNK = 2**19  # elements at once on a CPU: they stay in its cache
_CHUNK_GPU = 2**26
_STEPS = 100  # more than bisection needs; Newton takes about six
_LEAP = 3.0  # largest step in log beta while there is no bracket yet


@torch.no_grad()
def exact_temperature(h: Tensor, rho: float, *, tau_min: float = 0.0, tau_max: float = math.inf) -> Tensor:
    """Return the minimiser of tau log mean exp(h / tau) + tau rho over [tau_min, tau_max], one a row.

    Args:
        h: ``(..., n)`` logits or loss differences, any float type, any device; a shift of a row changes nothing.
        rho: bound on KL(p | uniform), in nats, 0 < rho < log n.
        tau_min, tau_max: bounds; 0 and infinity by default.

    Returns:
        ``(...)`` in the type of ``h`` (float32 for half precision). A row without interior optimum (constant, or k
        equal largest entries with rho >= log(n / k)) gets ``tau_min``.

    Raises:
        ValueError: rho or bounds out of range, NaN in a row.
    """
    check_rho(rho, h.shape[-1])
    check_bounds(tau_min, tau_max, zero_allowed=True)
    n = h.shape[-1]
    work = torch.float32 if h.dtype in (torch.float16, torch.bfloat16) else h.dtype
    rows = h.reshape(-1, n)
    if not len(rows):
        return torch.empty(h.shape[:-1], dtype=work, device=h.device)
    size = max(1, (_CHUNK if h.device.type == "cpu" else _CHUNK_GPU) // n)
    found = [_solve(chunk.to(work), rho, tau_min, tau_max) for chunk in rows.split(size)]
    return torch.cat(found).reshape(h.shape[:-1])


def _solve(h: Tensor, rho: float, tau_min: float, tau_max: float) -> Tensor:
    """Solve the rows of one chunk ``(rows, n)``."""
    top = h.amax(-1, keepdim=True)
    check_no_nan(top, "h")
    below = h - top
    spread = -below.amin(-1)
    at_low = _no_interior_optimum(below, rho, tau_min)
    at_high = ~at_low & _optimum_above(below, rho, tau_max)
    low, high = _bracket(below, spread, rho, tau_min, tau_max)
    start = 0.5 * math.log(2 * rho) - below.std(-1, correction=0).clamp_min(torch.finfo(h.dtype).tiny).log()
    log_beta = torch.minimum(torch.maximum(start, low), high)
    done = at_low | at_high
    for _ in range(_STEPS):
        divergence, slope = _divergence(below, log_beta)
        gap = divergence - rho
        low, high = torch.where(gap < 0, log_beta, low), torch.where(gap > 0, log_beta, high)
        step, settled = _step(divergence, slope, gap, rho, log_beta, low, high)
        done |= settled
        if done.all():
            break
        log_beta = torch.where(done, log_beta, step)
    tau = (-log_beta).exp().clamp(tau_min, tau_max)
    tau = torch.where(at_low, torch.full_like(tau, tau_min), tau)
    return torch.where(at_high, torch.full_like(tau, tau_max), tau)


def _no_interior_optimum(below: Tensor, rho: float, tau_min: float) -> Tensor:
    """Tell which rows have KL <= rho at ``tau_min`` already, so that f rises from there on."""
    if tau_min > 0:
        return _divergence(below, below.new_full(below.shape[:1], -math.log(tau_min)))[0] <= rho
    ties = (below == 0).sum(-1).to(below.dtype)
    return math.log(below.shape[-1]) - ties.log() <= rho


def _optimum_above(below: Tensor, rho: float, tau_max: float) -> Tensor:
    if math.isinf(tau_max):
        return torch.zeros_like(below[:, 0], dtype=torch.bool)
    return _divergence(below, below.new_full(below.shape[:1], -math.log(tau_max)))[0] >= rho


def _bracket(below: Tensor, spread: Tensor, rho: float, tau_min: float, tau_max: float) -> tuple[Tensor, Tensor]:
    """Return bounds of log beta. KL <= beta^2 spread^2 / 8 (Hoeffding's lemma) bounds it from below."""
    tiny = torch.finfo(below.dtype).tiny
    low = 0.5 * math.log(8 * rho) - spread.clamp_min(tiny).log()
    if math.isfinite(tau_max):
        low = low.clamp_min(-math.log(tau_max))
    high = torch.full_like(low, -math.log(tau_min) if tau_min > 0 else math.inf)
    return torch.minimum(low, high), high


def _divergence(below: Tensor, log_beta: Tensor) -> tuple[Tensor, Tensor]:
    """Return KL(p | uniform) and its derivative in log beta, beta^2 Var_p(h), of rows with maximum 0."""
    u = below * log_beta.exp()[:, None]
    weights = u.exp()
    total = weights.sum(-1)
    weights.mul_(u)
    mean = weights.sum(-1) / total
    square = weights.mul_(u).sum(-1) / total
    return math.log(below.shape[-1]) - total.log() + mean, (square - mean.square()).clamp_min(0)


def _step(divergence, slope, gap, rho, log_beta, low, high) -> tuple[Tensor, Tensor]:
    """Return the next log beta (Newton on log KL, else the middle of the bracket) and which rows are at their root."""
    eps = torch.finfo(log_beta.dtype).eps
    tiny = torch.finfo(log_beta.dtype).tiny
    newton = -divergence * (divergence.clamp_min(tiny) / rho).log() / slope.clamp_min(tiny)
    leap = newton.clamp(-_LEAP, _LEAP)
    bounded = torch.isfinite(high)
    middle = torch.where(bounded, (low + high) / 2, log_beta + _LEAP)
    there = log_beta + leap
    inside = (there > low) & (there < high)
    settled = (gap.abs() <= 8 * eps * (1 + rho)) | (newton.abs() <= 4 * eps)
    settled |= bounded & (high - low <= 4 * eps * (1 + log_beta.abs()))
    return torch.where(inside, there, middle), settled
