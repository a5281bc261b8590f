"""The language-model loss of the paper, tau CE(z / tau, y) + (rho - log V) tau, with its exact gradients.

It is the dual of the worst case over the vocabulary: the label cancels in the derivative in tau, H(p) - (log V - rho).
"""

import math
from functools import cache

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from replicate.compiled import compiled

from .checks import check_no_nan, check_rho

_CHUNK = 2**20  # elements of scratch space on a CPU; 2**28 on a GPU, of which the compiled loss needs none


def robust_cross_entropy(
    logits: Tensor, targets: Tensor, tau: Tensor | float, rho: float, *, ignore_index: int = -100, reduction="mean"
) -> Tensor:
    """Return tau CE(z / tau, y) + (rho - log V) tau, averaged over tokens.

    Its gradient is softmax(z / tau) - onehot(y) in the logits (no factor 1 / tau) and H(softmax(z / tau)) - log V + rho
    in tau, whatever the label. Memory: forward none of the logits' size, backward the gradient that it returns.
    Computed in float32 (float64 for float64 logits); rows are shifted by their maximum before they are divided.

    Args:
        logits: ``(..., V)``, any float type.
        targets: ``(...)`` int64; tokens equal to ``ignore_index`` count neither in the sum nor in the mean.
        tau: ``(...)`` or a number, > 0. Give ``rho = log V`` and a number for cross-entropy at a fixed temperature.
        rho: nats, 0 < rho <= log V.
        reduction: "mean", "sum" or "none" (shape of ``targets``).

    Raises:
        ValueError: rho out of range, shapes that do not fit, NaN in the logits.
    """
    vocabulary = logits.shape[-1]
    if rho != math.log(vocabulary):
        check_rho(rho, vocabulary)
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)} need targets {tuple(logits.shape[:-1])}, got {tuple(targets.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is {reduction!r}; choose 'mean', 'sum' or 'none'")
    rows, labels = logits.reshape(-1, vocabulary), targets.reshape(-1)
    temperature = torch.as_tensor(tau, dtype=_working(logits), device=logits.device).expand(targets.shape).reshape(-1)
    counted = labels != ignore_index
    loss = _RobustCrossEntropy.apply(rows, labels.where(counted, 0), temperature, rho)
    check_no_nan(loss, "logits or tau")
    loss = loss.where(counted, 0)
    if reduction == "none":
        return loss.reshape(targets.shape)
    return loss.sum() / (counted.sum() if reduction == "mean" else 1)


def tempered_cross_entropy(logits: Tensor, targets: Tensor, tau: Tensor | float, **options) -> Tensor:
    """Return CE(z / tau, y): the likelihood at this temperature, the "TempNet without DRO" of the ablation.

    Divides the robust loss's first term by tau, so both have the same memory use. ``options`` as there.
    """
    reduction, ignored = options.pop("reduction", "mean"), options.get("ignore_index", -100)
    each = robust_cross_entropy(logits, targets, tau, math.log(logits.shape[-1]), reduction="none", **options) / tau
    if reduction == "none":
        return each
    return each.sum() / ((targets != ignored).sum() if reduction == "mean" else 1)


class _RobustCrossEntropy(torch.autograd.Function):
    """Rows ``(N, V)``, labels ``(N,)``, tau ``(N,)`` -> loss ``(N,)``; recomputes the softmax in the backward pass."""

    @staticmethod
    def forward(ctx, logits: Tensor, labels: Tensor, tau: Tensor, rho: float) -> Tensor:
        log_total, entropy, top = (torch.empty_like(tau) for _ in range(3))
        row_sums, _ = _kernels(logits.device.type)
        for part in _parts(logits):
            top[part], log_total[part], entropy[part] = row_sums(logits[part], tau[part])
        chosen = logits.gather(1, labels[:, None])[:, 0].to(tau.dtype)
        excess = rho - math.log(logits.shape[1])
        ctx.save_for_backward(logits, labels, tau, top, log_total, entropy)
        ctx.excess = excess
        return tau * log_total + (top - chosen) + excess * tau

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        logits, labels, tau, top, log_total, entropy = ctx.saved_tensors
        grad_logits = None
        if ctx.needs_input_grad[0]:
            grad_logits = torch.empty_like(logits)
            _, write_softmax = _kernels(logits.device.type)
            for part in _parts(logits):
                rows = logits[part], tau[part], top[part], log_total[part], grad[part]
                write_softmax(grad_logits[part], *rows)
            chosen = (logits.gather(1, labels[:, None])[:, 0].to(tau.dtype) - top).div_(tau).sub_(log_total)
            grad_logits.scatter_(1, labels[:, None], (chosen.expm1_() * grad)[:, None].to(logits.dtype))
        grad_tau = grad * (entropy + ctx.excess) if ctx.needs_input_grad[2] else None
        return grad_logits, None, grad_tau, None


def _row_sums(logits: Tensor, tau: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return maximum, log sum exp((z - maximum) / tau) and entropy of softmax(z / tau) of each row."""
    top = logits.amax(1).to(tau.dtype)
    u = logits.to(tau.dtype).sub(top[:, None]).div_(tau[:, None])
    weights = u.exp()
    total = weights.sum(1)
    mean = weights.mul_(u).sum(1) / total
    log_total = total.log()
    return top, log_total, log_total - mean


def _write_softmax(out: Tensor, logits: Tensor, tau: Tensor, top: Tensor, log_total: Tensor, weight: Tensor) -> None:
    """Write softmax(z / tau) of each row times the row's weight into ``out``, of the logits' shape and type."""
    u = logits.to(tau.dtype).sub(top[:, None]).div_(tau[:, None])
    out.copy_(u.sub_(log_total[:, None]).exp_().mul_(weight[:, None]))


@cache
def _kernels(device: str):
    """Return `_row_sums` and `_write_softmax`, on a GPU each as one pass or two over the logits."""
    return compiled(_row_sums, device, dynamic=True), compiled(_write_softmax, device, dynamic=True)


def _parts(logits: Tensor):
    size = max(1, (_CHUNK if logits.device.type == "cpu" else 2**8 * _CHUNK) // logits.shape[1])
    return (slice(start, start + size) for start in range(0, len(logits), size))


def _working(logits: Tensor) -> torch.dtype:
    return torch.float64 if logits.dtype == torch.float64 else torch.float32
