"""Training in a random subspace: ``theta = theta0 + P t`` (section 2 of the paper)."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from replicate.papers.intrinsic_dimension.projections import Projection
from replicate.training import is_kernel


def tensor_sizes(module: nn.Module) -> list[int]:
    """Return the number of elements of each parameter, in the order in which `Subspace` flattens them."""
    return [p.numel() for p in module.parameters()]


class Subspace(nn.Module):
    """A network whose only trainable parameter is ``t`` of shape ``(d,)``, zeros at the start.

    The parameters of a copy of ``module`` are flattened in the order of ``named_parameters`` into the
    frozen buffer ``theta0`` ``(D,)``; the forward pass uses ``theta0 + P t``. Optimise ``[model.t]``.
    Buffers of ``module`` (batch norm statistics) stay where they are and are updated as usual. Raises
    ``ValueError`` when the projection's D is not the module's or the dtypes differ.

    >>> from replicate.papers.intrinsic_dimension.projections import projection
    >>> network = nn.Linear(20, 5)
    >>> model = Subspace(network, projection("one_hot", sum(tensor_sizes(network)), 10, seed=0))
    >>> [tuple(p.shape) for p in model.parameters() if p.requires_grad]
    [(10,)]
    >>> x = torch.ones(2, 20)
    >>> bool(torch.equal(model(x), network(x)))  # t = 0
    True
    """

    theta0: Tensor

    def __init__(self, module: nn.Module, projection: Projection):
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False)
        named = dict(self.module.named_parameters())
        _check(named, projection)
        theta0 = torch.cat([p.detach().reshape(-1) for p in named.values()])
        self.register_buffer("theta0", theta0)
        self.projection = projection.to(theta0.device)
        self.t = nn.Parameter(theta0.new_zeros(projection.dim))
        self._names = list(named)
        self._shapes = [p.shape for p in named.values()]
        self._sizes = [p.numel() for p in named.values()]

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the network's output at ``theta0 + P t``."""
        return functional_call(self.module, self.parameters_at(self.theta()), inputs)

    def theta(self) -> Tensor:
        """Return ``theta0 + P t`` of shape ``(D,)``; equal to ``theta0`` bit for bit at ``t = 0``."""
        return self.theta0 + self.projection(self.t)

    def parameters_at(self, theta: Tensor) -> dict[str, Tensor]:
        """Return the views of ``theta`` ``(D,)`` that stand for the module's parameters, by name."""
        pieces = theta.split(self._sizes)
        return {n: p.view(s) for n, p, s in zip(self._names, pieces, self._shapes, strict=True)}

    def kernel_penalty(self) -> Tensor:
        """Return ``sum(w^2)`` over the kernels of the reconstructed network: no biases, no factor 1/2."""
        weights = self.parameters_at(self.theta())
        squares = (w.square().sum() for name, w in weights.items() if is_kernel(name, w))
        return sum(squares, start=self.theta0.new_zeros(()))

    @torch.no_grad()
    def write_back(self) -> nn.Module:
        """Return an ordinary, trainable copy of the network with the weights ``theta0 + P t``."""
        module = copy.deepcopy(self.module).requires_grad_(True)
        weights = self.parameters_at(self.theta())
        for name, parameter in module.named_parameters():
            parameter.copy_(weights[name])
        return module


def _check(named: Mapping[str, Tensor], projection: Projection) -> None:
    full_dim = sum(p.numel() for p in named.values())
    if projection.full_dim != full_dim:
        raise ValueError(
            f"the projection has D = {projection.full_dim} rows but the module has {full_dim} parameters; "
            "draw it with full_dim=sum(tensor_sizes(module))"
        )
    found = {p.dtype for p in named.values()}
    found |= {b.dtype for b in projection.buffers() if b.is_floating_point()}
    if len(found) > 1:
        names = ", ".join(sorted(str(d) for d in found))
        raise ValueError(f"module and projection need one dtype, found {names}; pass dtype= to projection()")
