"""Weighted averages of base quantiles: coarse, medium and fine weights, and a fused head for the fine ones.

Base quantiles ``z`` have shape ``(batch, p, m)``: p models, m levels. Weights come out of a softmax, so every
output is a convex combination (coarse shares one weight a model over all levels, medium has one
a model and level, fine lets every output level draw on all p m base quantiles).
"""

import torch
from torch import Tensor

RESOLUTIONS = ("coarse", "medium", "fine")
_CACHED = 2**18  # logits that a processor core keeps at hand (1 MB)


def logit_shape(resolution: str, p: int, m: int) -> tuple[int, ...]:
    """Return the shape of one sample's logits: ``(p,)``, ``(p, m)`` or, output level first, ``(m, p m)``."""
    return {"coarse": (p,), "medium": (p, m), "fine": (m, p * m)}[resolution]


def weights(logits: Tensor, resolution: str) -> Tensor:
    """Return softmax weights of the shape of ``logits``, ``(batch, *logit_shape)``."""
    return torch.softmax(logits, dim=-1 if resolution == "fine" else 1)


def average(w: Tensor, z: Tensor, resolution: str) -> Tensor:
    """Return the averaged quantiles, ``(batch, m)``; ``w`` may have a batch of one, shared by all samples."""
    w = w.expand(len(z), *w.shape[1:])
    match resolution:
        case "coarse":
            return torch.einsum("bj,bjm->bm", w, z)
        case "medium":
            return (w * z).sum(1)
        case _:
            return torch.bmm(w, z.flatten(1).unsqueeze(2)).squeeze(2)


def fine_head(hidden: Tensor, weight: Tensor, bias: Tensor, z: Tensor) -> Tensor:
    """Return fine averages whose logits are ``hidden @ weight.T + bias``, without keeping the weights twice.

    Args:
        hidden: output of the gate's last hidden layer, ``(batch, h)``.
        weight, bias: ``(m p m, h)`` and ``(m p m,)``, output level slowest, then model, then base level.
        z: base quantiles, ``(batch, p, m)``; they get no gradient.

    Returns:
        ``(batch, m)``.

    The logits, ``batch m p m`` numbers, dominate time and memory (15 MB at batch 64, p = 6, m = 99). Only their
    exponentials are kept; weights and weighted quantiles are never formed, since
    ``d loss / d logit_ti = e_ti (z_i - out_t) (d loss / d out_t) / sum_i e_ti``.
    """
    return _FineHead.apply(hidden, weight, bias, z.flatten(1))


class _FineHead(torch.autograd.Function):
    """As many output levels at a time as the processor's cache holds; on a GPU all of them."""

    @staticmethod
    def forward(ctx, hidden, weight, bias, flat):
        inputs = flat.shape[1]
        m = len(bias) // inputs
        weight, bias = weight.view(m, inputs, -1), bias.view(m, 1, inputs)
        powers = hidden.new_empty(m, len(flat), inputs)
        total, out = hidden.new_empty(m, len(flat)), hidden.new_empty(m, len(flat))
        for part in _blocks(m, flat):
            e = powers[part]
            torch.baddbmm(bias[part], hidden.expand(len(e), -1, -1), weight[part].transpose(1, 2), out=e)
            e.sub_(e.amax(2, keepdim=True)).exp_()
            total[part] = e.sum(2)
            out[part] = torch.linalg.vecdot(e, flat)
        out /= total
        ctx.save_for_backward(hidden, weight, flat, powers, out, total)
        return out.t()

    @staticmethod
    def backward(ctx, gradient):
        hidden, weight, flat, powers, out, total = ctx.saved_tensors
        scale = gradient.t() / total
        m, inputs, width = weight.shape
        to_weight, to_bias = torch.empty_like(weight), weight.new_empty(m, inputs)
        to_hidden = torch.zeros_like(hidden)
        for part in _blocks(m, flat):
            slope = (flat - out[part, :, None]).mul_(powers[part]).mul_(scale[part, :, None])
            torch.bmm(slope.transpose(1, 2), hidden.expand(len(slope), -1, -1), out=to_weight[part])
            to_bias[part] = slope.sum(1)
            to_hidden += torch.bmm(slope, weight[part]).sum(0)
        return to_hidden, to_weight.view(-1, width), to_bias.view(-1), None


def _blocks(m: int, flat: Tensor) -> list[slice]:
    size = m if flat.is_cuda else max(1, _CACHED // flat.numel())
    return [slice(level, level + size) for level in range(0, m, size)]
