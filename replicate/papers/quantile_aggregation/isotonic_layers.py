"""The isotonizers as layers: torch tensors in, torch tensors out, with gradients.

Each is piecewise linear, so its gradient is that of the piece: sorting permutes the gradient back, isotonic
regression averages it within every block, the sweep hands it to the level that set the running maximum or minimum.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from replicate.errors import nearest

from .isotonic import pool


def sort(q: Tensor) -> Tensor:
    """Sort ``q``, shape ``(batch, m)``, along the levels."""
    return torch.sort(q, dim=-1).values


def pava(q: Tensor) -> Tensor:
    """Project ``q``, shape ``(batch, m)``, on increasing sequences; the gradient is exact away from ties."""
    return _Pava.apply(q)


def sweep(q: Tensor) -> Tensor:
    """Sweep ``q``, shape ``(batch, m)``, from the middle level outwards (eq. 23)."""
    centre = q.shape[-1] // 2
    upper = torch.cummax(q[:, centre:], dim=-1).values
    lower = torch.cummin(q[:, : centre + 1].flip(-1), dim=-1).values.flip(-1)
    return torch.cat([lower[:, :-1], upper], dim=-1)


def none(q: Tensor) -> Tensor:
    """Return ``q`` unchanged."""
    return q


class _Pava(torch.autograd.Function):
    """Block averages; the blocks are found by `isotonic.pool` on the processor."""

    @staticmethod
    def forward(ctx, q):
        _, found = pool(q.detach().cpu().double().numpy())
        blocks = torch.from_numpy(found).to(q.device)
        sizes = torch.zeros_like(q).scatter_add_(1, blocks, torch.ones_like(q))
        ctx.save_for_backward(blocks, sizes)
        return _averaged(q, blocks, sizes)

    @staticmethod
    def backward(ctx, gradient):
        return _averaged(gradient, *ctx.saved_tensors)


def _averaged(values: Tensor, blocks: Tensor, sizes: Tensor) -> Tensor:
    """Replace every value by the mean of its block; the averaging matrix is symmetric, so it is its own transpose."""
    sums = torch.zeros_like(values).scatter_add_(1, blocks, values)
    return (sums / sizes.clamp(min=1)).gather(1, blocks)


LAYERS: dict[str, Callable[[Tensor], Tensor]] = {"none": none, "sort": sort, "pava": pava, "sweep": sweep}


def layer(name: str) -> Callable[[Tensor], Tensor]:
    """Return an isotonizing layer by name; a ``ValueError`` proposes the nearest."""
    if name not in LAYERS:
        raise ValueError(f"no isotonizing layer {name!r}: {nearest(name, LAYERS)}")
    return LAYERS[name]
