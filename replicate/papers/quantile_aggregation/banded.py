"""Fine weights near the diagonal: every output level draws on base levels at most ``band`` steps away (our addition).

Between medium (band 0) and fine (band m - 1). Needs ``m p (2 band + 1)`` logits a sample instead of ``m p m``.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from .gates import dropout, linear


class Banded(nn.Module):
    """Local weights within a band, from a small network of the features.

    Args:
        p, m: numbers of base models and levels.
        band: how many levels away a base quantile may be, 0 to m - 1.
        features: number of features.
        hidden, layers, rate: width and number of hidden layers (>= 1), dropout between them.
        generator: draws the start weights and dropout.
    """

    outside: Tensor

    def __init__(self, p, m, band, *, features, hidden=64, layers=2, rate=0.05, generator=None):
        super().__init__()
        if not 0 <= band < m:
            raise ValueError(f"band is {band}; with {m} levels it lies in 0 ... {m - 1}")
        self.p, self.m, self.band, self.rate, self.generator = p, m, band, rate, generator
        widths = [features] + [hidden] * layers
        self.hidden = nn.ModuleList(linear(a, b, generator) for a, b in pairwise(widths))
        self.head = linear(hidden, m * p * (2 * band + 1), generator)
        base_level = torch.arange(m)[:, None] + torch.arange(-band, band + 1)
        self.register_buffer("outside", (base_level < 0) | (base_level >= m), persistent=False)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return averaged quantiles ``(batch, m)`` of ``z`` ``(batch, p, m)`` at features ``x`` ``(batch, d)``."""
        near = nn.functional.pad(z, (self.band, self.band)).unfold(2, 2 * self.band + 1, 1)
        return torch.einsum("bmpk,bpmk->bm", self.weights(x), near)

    def weights(self, x: Tensor) -> Tensor:
        """Return the weights at ``x``, ``(batch, m, p, 2 band + 1)``: output level, model, base level in the band."""
        h = x
        for number, layer in enumerate(self.hidden):
            if number and self.training and self.rate:
                h = dropout(h, self.rate, self.generator)
            h = nn.functional.elu(layer(h))
        logits = self.head(h).view(len(x), self.m, self.p, -1).masked_fill(self.outside[:, None], -torch.inf)
        return torch.softmax(logits.flatten(2), 2).view_as(logits)
