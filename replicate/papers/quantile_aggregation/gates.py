"""Aggregators as torch modules: {coarse, medium, fine} x {global, local} weights over base quantiles."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from replicate.errors import nearest

from .averaging import RESOLUTIONS, average, fine_head, logit_shape, weights


class Global(nn.Module):
    """Weights that are the same for every sample: free logits, zero at the start (equal weights).

    Args:
        p, m: numbers of base models and levels.
        resolution: "coarse", "medium" or "fine".
    """

    def __init__(self, p: int, m: int, resolution: str):
        super().__init__()
        self.resolution = _checked(resolution)
        self.logits = nn.Parameter(torch.zeros(1, *logit_shape(resolution, p, m)))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return averaged quantiles ``(batch, m)`` of ``z`` ``(batch, p, m)``; ``x`` is not used."""
        return average(self.weights(x), z, self.resolution)

    def weights(self, x: Tensor) -> Tensor:
        """Return the weights, ``(1, *logit_shape)``."""
        return weights(self.logits, self.resolution)


class Local(nn.Module):
    """Weights that depend on the features through a small network; local and fine is "DQA".

    Args:
        p, m: numbers of base models and levels.
        resolution: "coarse", "medium" or "fine".
        features: number of features.
        hidden, layers, dropout: width and number of hidden layers (>= 1), dropout between them.
        generator: draws the start weights (torch's default ranges for linear layers).
    """

    def __init__(self, p, m, resolution, *, features, hidden=64, layers=2, dropout=0.05, generator=None):
        super().__init__()
        self.resolution, self.shape, self.dropout = _checked(resolution), logit_shape(resolution, p, m), dropout
        widths = [features] + [hidden] * layers
        self.hidden = nn.ModuleList(linear(a, b, generator) for a, b in pairwise(widths))
        self.head = linear(hidden, int(torch.Size(self.shape).numel()), generator)
        self.generator = generator

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return averaged quantiles ``(batch, m)`` of ``z`` ``(batch, p, m)`` at features ``x`` ``(batch, d)``."""
        h = self._embed(x)
        if self.resolution == "fine":
            return fine_head(h, self.head.weight, self.head.bias, z)
        return average(weights(self.head(h).view(len(x), *self.shape), self.resolution), z, self.resolution)

    def weights(self, x: Tensor) -> Tensor:
        """Return the weights at ``x``, ``(batch, *logit_shape)``."""
        return weights(self.head(self._embed(x)).view(len(x), *self.shape), self.resolution)

    def _embed(self, x: Tensor) -> Tensor:
        h = x
        for number, layer in enumerate(self.hidden):
            if number and self.training and self.dropout:
                h = dropout(h, self.dropout, self.generator)
            h = nn.functional.elu(layer(h))
        return h


def linear(inputs: int, outputs: int, generator: torch.Generator | None = None) -> nn.Linear:
    """Return a linear layer with torch's default start, U(-1, 1) / sqrt(inputs), drawn from ``generator``."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    bound = inputs**-0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
    return layer


def dropout(h: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Return ``h`` with a share ``rate`` of its entries set to 0 and the others divided by ``1 - rate``.

    The mask comes from a generator on the processor, so that it is the same on every device.
    """
    keep = torch.rand(h.shape, generator=generator).to(h.device) >= rate
    return h * keep / (1 - rate)


def _checked(resolution: str) -> str:
    if resolution not in RESOLUTIONS:
        raise ValueError(f"no resolution {resolution!r}: {nearest(resolution, RESOLUTIONS)}")
    return resolution
