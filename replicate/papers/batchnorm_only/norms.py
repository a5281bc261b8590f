"""Normalisations that can stand in BatchNorm's place: is it the affine map that is trained, or the normalisation?"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from replicate.errors import nearest

_GROUPS = 8


class Affine(nn.Module):
    """gamma x + beta per channel and nothing else: BatchNorm with its statistics frozen at mean 0, variance 1."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, channels, h, w)``."""
        return x * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)


class Norm(Protocol):
    """A layer that carries gamma ``weight`` and beta ``bias``, ``(channels,)`` each."""

    weight: Tensor
    bias: Tensor


NORM_LAYERS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
    nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, Affine,
)  # fmt: skip

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(_GROUPS, channels),
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "affine": Affine,
}


def norm(name: str) -> Callable[[int], nn.Module]:
    """Return the builder of a normalisation: "batch", "group" (8 groups), "instance", "layer" (all channels and pixels
    of an image) or "affine"; another name raises ``ValueError``."""
    if name not in NORMS:
        raise ValueError(f"unknown normalisation {name!r}; {nearest(name, NORMS)}")
    return NORMS[name]


def norm_layers(model: nn.Module) -> dict[str, Norm]:
    """Return ``{name: layer}`` of all normalisation layers with gamma and beta, in the model's order."""
    layers: dict[str, Any] = {name: m for name, m in model.named_modules() if isinstance(m, NORM_LAYERS)}
    return {name: layer for name, layer in layers.items() if layer.weight is not None}
