"""What must hold exactly, measured on random problems in float64: the largest error of each identity."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .contrastive import MovingAverage, anchor_loss, differences, log_mean_exp
from .dro import dual, dual_curvature, dual_slope, temper
from .robust_loss import robust_cross_entropy
from .temperature_solver import exact_temperature

_STEP = 1e-5  # of central differences
_CANDIDATES = (2, 5, 66, 256)


def _problems(cases: int, generator: torch.Generator):
    """Yield rows ``(cases, n)``, rho and tau of every size: spreads over three decades, rho up to 95 % of log n."""
    for n in _CANDIDATES:
        h = torch.randn(cases, n, generator=generator, dtype=torch.float64)
        h *= 10 ** (3 * torch.rand(cases, 1, generator=generator, dtype=torch.float64) - 2)
        rho = math.log(n) * (0.05 + 0.9 * torch.rand((), generator=generator, dtype=torch.float64).item())
        tau = h.std(1) * 10 ** (2 * torch.rand(cases, generator=generator, dtype=torch.float64) - 1)
        yield h, rho, tau


def _relative(error: Tensor, scale: Tensor | float = 1.0) -> float:
    return float((error.abs() / torch.as_tensor(scale).abs().clamp_min(1e-300)).max())


def slope_error(cases: int, generator: torch.Generator) -> float:
    """f'(tau) = rho - KL against central differences and autograd (I1); KL must not rise with tau."""
    worst = 0.0
    for h, rho, tau in _problems(cases, generator):
        step = _STEP * tau
        central = (dual(h, tau + step, rho) - dual(h, tau - step, rho)) / (2 * step)
        t = tau.clone().requires_grad_()
        (automatic,) = torch.autograd.grad(dual(h, t, rho).sum(), t)
        slope = dual_slope(h, tau, rho)
        rising = (slope - dual_slope(h, 1.1 * tau, rho)).clamp_min(0)
        worst = max(
            worst, _relative(slope - central, math.log(h.shape[1])), _relative(slope - automatic), _relative(rising)
        )
    return worst


def curvature_error(cases: int, generator: torch.Generator) -> float:
    """f''(tau) = Var_p(h) / tau^3 against central differences of the slope (I2), relative to the largest."""
    worst = 0.0
    for h, rho, tau in _problems(cases, generator):
        step = _STEP * tau
        central = (dual_slope(h, tau + step, rho) - dual_slope(h, tau - step, rho)) / (2 * step)
        worst = max(worst, _relative((dual_curvature(h, tau) - central) * tau))
    return worst


def optimum_error(cases: int, generator: torch.Generator) -> float:
    """KL(p_tau* | uniform) = rho at the exact optimum."""
    problems = _problems(cases, generator)
    return max(_relative(temper(h, exact_temperature(h, rho)).divergence - rho) for h, rho, _ in problems)


def duality_gap(cases: int, generator: torch.Generator) -> float:
    """Strong duality (I3): f(tau*) = sum p* h, and with tau0 > 0 the penalised value, relative to the spread of h."""
    worst = 0.0
    for h, rho, tau in _problems(cases, generator):
        spread = h.amax(1) - h.amin(1)
        best = exact_temperature(h, rho)
        worst = max(worst, _relative(dual(h, best, rho) - temper(h, best).mean, spread))
        tau0 = float(tau.median())
        best = exact_temperature(h, rho, tau_min=tau0)
        at = temper(h, best)
        primal = at.mean - tau0 * at.divergence
        worst = max(worst, _relative(dual(h, best, rho, tau0=tau0) - primal, spread))
    return worst


def label_error(cases: int, generator: torch.Generator) -> float:
    """Label-freeness (I6): the slope of the robust cross-entropy in tau is H(p) - log V + rho for every label."""
    worst = 0.0
    for h, rho, tau in _problems(cases, generator):
        n = h.shape[1]
        expected = math.log(n) - temper(h, tau).divergence - math.log(n) + rho
        for _ in range(2):
            labels = torch.randint(n, (cases,), generator=generator)
            t = tau.clone().requires_grad_()
            (slope,) = torch.autograd.grad(robust_cross_entropy(h, labels, t, rho, reduction="sum"), t)
            worst = max(worst, _relative(slope - expected))
    return worst


def jeffreys_error(cases: int, generator: torch.Generator) -> float:
    """Sum_j (p_j - 1/n) h_j = tau (KL(p|u) + KL(u|p)) at any tau, tau* <= its bound (I7), relative to the spread."""
    worst = 0.0
    for h, rho, tau in _problems(cases, generator):
        spread = h.amax(1) - h.amin(1)
        worst = max(worst, _relative(_weighted(h, tau) - tau * _jeffreys(h, tau), spread))
        best = exact_temperature(h, rho)
        worst = max(worst, _relative((best - _weighted(h, best) / rho).clamp_min(0), spread))
    return worst


def _weighted(h: Tensor, tau: Tensor) -> Tensor:
    return ((torch.softmax(h / tau[:, None], 1) - 1 / h.shape[1]) * h).sum(1)


def _jeffreys(h: Tensor, tau: Tensor) -> Tensor:
    log_p, log_u = torch.log_softmax(h / tau[:, None], 1), -math.log(h.shape[1])
    return (log_p.exp() * (log_p - log_u)).sum(1) + ((log_u - log_p) / h.shape[1]).sum(1)


def limit_error(cases: int, generator: torch.Generator) -> float:
    """Limits (I4): soft maximum at tau of 1e7 and 1e-12 spreads: mean and maximum; KL there: log(n / k) with k ties."""
    worst = 0.0
    for h, _, _ in _problems(cases, generator):
        spread = h.amax(1) - h.amin(1)
        worst = max(worst, _relative(temper(h, 1e7 * spread).soft_maximum - h.mean(1), spread))
        tied = torch.cat([h, h.amax(1, keepdim=True)], 1)
        cold = temper(tied, 1e-12 * spread)
        worst = max(worst, _relative(cold.soft_maximum - h.amax(1), spread))
        worst = max(worst, _relative(cold.divergence - math.log(tied.shape[1] / 2)))
    return worst


def scaling_error(cases: int, generator: torch.Generator) -> float:
    """Equivariance (I8): tau*(c z + b) = c tau*(z)."""
    worst = 0.0
    for h, rho, _ in _problems(cases, generator):
        best = exact_temperature(h, rho)
        worst = max(worst, _relative(exact_temperature(3 * h + 7, rho) - 3 * best, 3 * best))
    return worst


def global_gradient_error(cases: int, generator: torch.Generator) -> float:
    """FCCO (I11, I12): without memory the surrogate's gradient is that of tau log mean exp, the slope is f'(tau)."""
    worst = 0.0
    for _ in range(3):
        similarity = torch.rand(12, 12, generator=generator, dtype=torch.float64, requires_grad=True)
        tau = 0.05 + 0.2 * torch.rand(12, generator=generator, dtype=torch.float64)
        h = differences(similarity)
        log_u = MovingAverage(12, 1.0, dtype=torch.float64).update(torch.arange(12), log_mean_exp(h.detach(), tau))
        found = anchor_loss(h, tau, 1.5, log_u=log_u)
        (ours,) = torch.autograd.grad(found.surrogate.sum(), similarity, retain_graph=True)
        (theirs,) = torch.autograd.grad((tau * log_mean_exp(h, tau)).sum(), similarity)
        others = h.detach()[~torch.eye(12, dtype=torch.bool)].reshape(12, 11)
        worst = max(worst, _relative(ours - theirs), _relative(found.tau_slope - dual_slope(others, tau, 1.5)))
    return worst


CHECKS: dict[str, Callable[[int, torch.Generator], float]] = {
    "slope": slope_error,
    "curvature": curvature_error,
    "optimum": optimum_error,
    "duality": duality_gap,
    "label": label_error,
    "Jeffreys": jeffreys_error,
    "limits": limit_error,
    "scaling": scaling_error,
    "global gradient": global_gradient_error,
}
