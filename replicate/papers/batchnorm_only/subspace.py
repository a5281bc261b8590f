"""A control with the same number of trained numbers as BatchNorm: a random subspace of all weights (Li et al. 2018).

Every entry of every weight belongs to one of d groups, at random and balanced, with a random sign; only moves along the
d normalised group vectors are allowed. The vectors are orthonormal, so SGD on the d coordinates is SGD on the weights
with the gradient projected onto them.
"""

import torch
from torch import Tensor, nn

from .conditions import gradient


class RandomSubspace:
    """The d-dimensional subspace through a model's start weights.

    Args:
        model: its parameters with ``requires_grad`` move.
        dim: d.
        generator: CPU generator of groups and signs.
    """

    def __init__(self, model: nn.Module, dim: int, generator: torch.Generator):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        total = sum(p.numel() for p in self.parameters)
        if not 1 <= dim <= total:
            raise ValueError(f"a subspace of {dim} dimensions in {total} parameters: take 1 to {total}")
        groups = torch.randperm(total, generator=generator) % dim
        signs = torch.randint(0, 2, (total,), generator=generator) * 2.0 - 1
        scale = torch.bincount(groups, minlength=dim).to(torch.float32).rsqrt()
        device = self.parameters[0].device
        self.dim, self.groups = dim, groups.to(device)
        self.entries = (signs * scale[groups]).to(device)

    def project(self, vector: Tensor) -> Tensor:
        """Return the orthogonal projection of ``(total,)`` onto the subspace."""
        coordinates = torch.zeros(self.dim, device=vector.device, dtype=vector.dtype)
        coordinates.index_add_(0, self.groups, vector * self.entries)
        return coordinates[self.groups] * self.entries

    @torch.no_grad()
    def project_gradients(self) -> None:
        """Replace every gradient by its part inside the subspace."""
        flat = self.project(torch.cat([gradient(p).reshape(-1) for p in self.parameters]))
        for parameter, part in zip(self.parameters, flat.split([p.numel() for p in self.parameters]), strict=True):
            gradient(parameter).copy_(part.view_as(parameter))
