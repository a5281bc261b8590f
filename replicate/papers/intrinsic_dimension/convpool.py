"""ReLU, 2 x 2 max pooling and a small first convolution, written for one CPU core.

They equal ``F.relu(F.max_pool2d(F.conv2d(x, weight, bias), 2))`` up to rounding and are about twice as
fast for LeNet, where PyTorch's pooling and the weight gradient of a one-channel convolution take two
thirds of a step.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_PHASES = [(0, 0), (0, 1), (1, 0), (1, 1)]


def relu_max_pool(h: Tensor) -> Tensor:
    """Return ``relu(max_pool2d(h, 2))`` of ``(n, c, H, W)``; of equal maxima the first gets the gradient."""
    if h.is_cuda or h.shape[-1] % 2 or h.shape[-2] % 2:
        return F.relu(F.max_pool2d(h, 2))
    return _ReluMaxPool.apply(h)


def first_stage(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return ``relu_max_pool(conv2d(x, weight, bias))`` for images ``(n, c, S, S)`` without gradient."""
    side, kernel = x.shape[-1], weight.shape[-1]
    if x.is_cuda or x.requires_grad or side % 2 or kernel % 2 == 0:
        return relu_max_pool(F.conv2d(x, weight, bias))
    return _FirstStage.apply(x, weight, bias)


def _max4(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.maximum(torch.maximum(a, b), torch.maximum(c, d))


def _route(phases: list[Tensor], pooled: Tensor, grad: Tensor, out: list[Tensor]) -> None:
    """Write ``grad`` to the first phase that equals the maximum (float masks: booleans are slow on a CPU)."""
    mask = torch.empty_like(pooled)
    left = torch.gt(pooled, 0, out=mask) * grad
    for phase, target in zip(phases, out, strict=True):
        torch.eq(phase, pooled, out=mask).mul_(left)
        target.copy_(mask)
        left -= mask


class _ReluMaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h):
        pooled = _max4(*_pixels(h)).relu_()
        ctx.save_for_backward(h, pooled)
        return pooled

    @staticmethod
    def backward(ctx, grad):
        h, pooled = ctx.saved_tensors
        out = torch.empty_like(h)
        _route(_pixels(h), pooled, grad, _pixels(out))
        return out


def _pixels(h: Tensor) -> list[Tensor]:
    return [h[..., i::2, j::2] for i, j in _PHASES]


class _FirstStage(torch.autograd.Function):
    """One product gives the four pixels of a window: the kernel at four places in a (k+1) x (k+1) frame."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        n, out = len(x), len(weight)
        q = (x.shape[-1] - weight.shape[-1] + 1) // 2
        patches = _patches(x, weight.shape[-1] + 1, q)
        phases = (_shifted_kernels(weight) @ patches).view(4, out, -1) + bias[:, None]
        pooled = _max4(*phases).relu_()
        ctx.save_for_backward(patches, phases, pooled)
        ctx.weight_shape = weight.shape
        return pooled.view(out, n, q, q).transpose(0, 1)

    @staticmethod
    def backward(ctx, grad):
        patches, phases, pooled = ctx.saved_tensors
        routed = torch.empty_like(phases)
        _route(list(phases), pooled, grad.transpose(0, 1).reshape_as(pooled), list(routed))
        weight_grad = _unshift(routed.view(-1, patches.shape[1]) @ patches.t(), ctx.weight_shape)
        return None, weight_grad, routed.sum((0, 2))


def _patches(x: Tensor, frame: int, q: int) -> Tensor:
    """Return the frames of all windows, ``(c * frame^2, n * q * q)``, rows by (c, parities, half offsets)."""
    n, c, side, _ = x.shape
    planes = x.reshape(n, c, side // 2, 2, side // 2, 2).permute(1, 3, 5, 0, 2, 4).contiguous()
    windows = planes.unfold(4, q, 1).unfold(5, q, 1)  # (c, 2, 2, n, frame/2, frame/2, q, q)
    return windows.permute(0, 1, 2, 4, 5, 3, 6, 7).reshape(c * frame * frame, -1)


def _shifted_kernels(weight: Tensor) -> Tensor:
    out, c, k, _ = weight.shape
    half = (k + 1) // 2
    frames = torch.stack([F.pad(weight, (j, 1 - j, i, 1 - i)) for i, j in _PHASES])
    return frames.view(4 * out, c, half, 2, half, 2).permute(0, 1, 3, 5, 2, 4).reshape(4 * out, -1)


def _unshift(grad: Tensor, shape: torch.Size) -> Tensor:
    out, c, k, _ = shape
    half = (k + 1) // 2
    frames = grad.view(4, out, c, 2, 2, half, half).permute(0, 1, 2, 5, 3, 6, 4)
    frames = frames.reshape(4, out, c, k + 1, k + 1)
    return sum((frames[p, ..., i : i + k, j : j + k] for p, (i, j) in enumerate(_PHASES)), start=torch.zeros(()))
