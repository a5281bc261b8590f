"""Start weights of the paper: He normal for weights, four ways for BatchNorm's gamma and beta."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from replicate.errors import nearest

from .norms import norm_layers

Fill = Callable[[Tensor, Tensor, torch.Generator], object]

NORM_INITS: dict[str, Fill] = {
    "uniform": lambda gamma, beta, g: (gamma.uniform_(0, 1, generator=g), beta.zero_()),
    "fixed": lambda gamma, beta, g: (gamma.fill_(1), beta.zero_()),
    "oneone": lambda gamma, beta, g: (gamma.fill_(1), beta.fill_(1)),
    "positivenegative": lambda gamma, beta, g: (gamma.uniform_(-1, 1, generator=g), beta.zero_()),
}


@torch.no_grad()
def initialise(
    model: nn.Module, *, weights: torch.Generator, norms: torch.Generator, norm_init: str = "uniform"
) -> nn.Module:
    """Overwrite every parameter of a model on the CPU in place and return it.

    Convolutions and linear layers: N(0, 2 / fan_in), biases U(-1, 1) / sqrt(fan_in), as open_lth. gamma and beta of
    every norm: see `initialise_norms`. The two draw from generators of their own, so that the random features are the
    same whatever the norms' start.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            layer.weight.normal_(0, math.sqrt(2 / fan_in), generator=weights)
            if layer.bias is not None:
                layer.bias.uniform_(-1, 1, generator=weights).div_(math.sqrt(fan_in))
    return initialise_norms(model, norm_init, norms)


@torch.no_grad()
def initialise_norms(model: nn.Module, norm_init: str, generator: torch.Generator) -> nn.Module:
    """Set gamma and beta of every norm, reset running statistics to 0 and 1, and return the model.

    ``norm_init``: "uniform" (the paper's: U(0, 1), 0), "fixed" (1, 0), "oneone" (1, 1) or "positivenegative"
    (U(-1, 1), 0), for gamma and beta. Another name raises ``ValueError``.
    """
    if norm_init not in NORM_INITS:
        raise ValueError(f"unknown start of BatchNorm {norm_init!r}; {nearest(norm_init, NORM_INITS)}")
    for layer in norm_layers(model).values():
        if hasattr(layer, "reset_running_stats"):
            layer.reset_running_stats()
        NORM_INITS[norm_init](layer.weight, layer.bias, generator)
    return model
