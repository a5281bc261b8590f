"""Global contrastive losses: robust dual per anchor, with moving averages in place of the sum over the whole data set.

A batch gives a matrix of similarities s; anchor i has the positive s_ii and the candidates s_ij, j != i, so its loss
differences are h_ij = s_ij - s_ii (rows for image anchors; the transpose for text anchors). The global objective needs
log mean_j exp(h_ij / tau_i) over the whole data set; a batch estimates it, and a moving average per anchor (FCCO) takes
the estimate's bias out of the gradient. The average is kept in the log domain: nothing under- or overflows.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .checks import check_no_nan


class AnchorLoss(NamedTuple):
    """One number an anchor; the mean of ``surrogate`` is minimised by the encoders.

    Args:
        surrogate: its gradient is that of tau_i log u_i; its value is only a weighted mean of h.
        tau_slope: estimate of the derivative of the robust dual in tau_i, without gradient: for the temperatures.
    """

    surrogate: Tensor
    tau_slope: Tensor


def differences(similarity: Tensor) -> Tensor:
    """Return h_ij = s_ij - s_ii of a square matrix ``(B, B)``, -inf on the diagonal (no candidate of itself)."""
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1] or len(similarity) < 2:
        raise ValueError(f"similarities must be a square matrix of 2 or more pairs, got {tuple(similarity.shape)}")
    own = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    return (similarity - similarity.diagonal()[:, None]).masked_fill(own, -math.inf)


def two_view_differences(similarity: Tensor, between_views: Tensor) -> Tensor:
    """Return h for one modality in two views: candidates are all other samples in both views, ``(B, 2B)``.

    Args:
        similarity: of view 1 with view 1, ``(B, B)``; its diagonal is the anchor itself and left out.
        between_views: of view 1 with view 2, ``(B, B)``; its diagonal holds the positives and is left out.
    """
    both = torch.stack([similarity, between_views])
    own = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    shifted = (both - between_views.diagonal()[:, None]).masked_fill(own, -math.inf)
    return torch.cat([shifted[0], shifted[1]], dim=1)


def log_mean_exp(h: Tensor, tau: Tensor) -> Tensor:
    """Return log g_i = log mean_j exp(h_ij / tau_i) over the candidates (entries above -inf), ``(B,)``."""
    candidates = torch.isfinite(h).sum(1).to(h.dtype)
    return torch.logsumexp(h / tau[:, None], 1) - candidates.log()


class MovingAverage:
    """The states log u_i, one an anchor of the data set.

    u_i is the batch's g_i the first time an anchor is seen, then (1 - gamma) u_i + gamma g_i.

    Args:
        anchors: number of anchors in the data set.
        gamma: weight of the newest batch, in (0, 1]; 1 keeps no memory. May be changed between steps (schedules).
        device: where the states live.
    """

    def __init__(self, anchors: int, gamma: float, *, device="cpu", dtype=torch.float32):
        if not 0 < gamma <= 1:
            raise ValueError(f"gamma is {gamma:g}; the weight of the newest batch must lie in (0, 1]")
        self.gamma = gamma
        self.log_u = torch.full((anchors,), math.nan, device=device, dtype=dtype)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the states, for a checkpoint."""
        return {"log_u": self.log_u}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Put the states back."""
        self.log_u = state["log_u"].to(self.log_u)

    @torch.no_grad()
    def update(self, index: Tensor, log_g: Tensor) -> Tensor:
        """Mix the batch's log g ``(B,)`` into the states of its anchors; return their new log u ``(B,)``."""
        old, new = self.log_u[index], log_g.to(self.log_u.dtype)
        if self.gamma < 1:
            mixed = torch.logaddexp(old + math.log1p(-self.gamma), new + math.log(self.gamma))
            new = torch.where(torch.isnan(old), new, mixed)
        self.log_u[index] = new
        return new.to(log_g.dtype)


def anchor_loss(h: Tensor, tau: Tensor, rho: float, *, log_u: Tensor | None = None) -> AnchorLoss:
    """Return the encoders' surrogate and the slopes in tau of one direction.

    With weights w_ij = exp(h_ij / tau_i) / u_i held constant, the surrogate is mean_j w_ij h_ij, so that its gradient
    is that of tau_i log u_i, and the slope is log u_i + rho - mean_j w_ij h_ij / tau_i.

    Args:
        h: ``(B, m)`` with -inf where there is no candidate (see `differences`).
        tau: ``(B,)`` > 0; a constant here.
        rho: nats; enters the slope only.
        log_u: ``(B,)`` states after the update; None is the batch's own, as with gamma = 1.
    """
    tau = tau.detach()
    constant = h.detach()
    check_no_nan(constant.amax(1), "similarities")
    log_u = log_mean_exp(constant, tau) if log_u is None else log_u
    candidates = torch.isfinite(constant)
    weights = (constant / tau[:, None] - log_u[:, None]).exp() / candidates.sum(1, keepdim=True)
    surrogate = (weights * h.masked_fill(~candidates, 0)).sum(1)
    return AnchorLoss(surrogate, log_u + rho - surrogate.detach() / tau)


def clip_loss(similarity: Tensor, tau: Tensor | float) -> Tensor:
    """Return the mini-batch InfoNCE of CLIP: cross-entropy with the positive among the candidates, both directions."""
    if not isinstance(tau, Tensor) and tau <= 0:
        raise ValueError(f"tau is {tau:g}; a temperature must be above 0")
    labels = torch.arange(len(similarity), device=similarity.device)
    scaled = similarity / tau
    return (F.cross_entropy(scaled, labels) + F.cross_entropy(scaled.T, labels)) / 2
