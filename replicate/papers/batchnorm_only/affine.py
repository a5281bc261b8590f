"""What gamma and beta look like after training: how many are small, and how they are distributed."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .norms import norm_layers

SMALL = 0.01  # the paper's threshold: a feature with |gamma| below is called switched off
THRESHOLDS = (0.001, 0.01, 0.02, 0.05, 0.1)
_QUANTILES = 100


def gammas(model: nn.Module) -> Tensor:
    """Return every gamma, float64 ``(channels of all norms,)``, in the network's order, on the CPU."""
    return torch.cat([layer.weight.detach().double().cpu() for layer in norm_layers(model).values()])


def betas(model: nn.Module) -> Tensor:
    """Return every beta, as `gammas`."""
    return torch.cat([layer.bias.detach().double().cpu() for layer in norm_layers(model).values()])


def summary_rows(model: nn.Module) -> Iterator[dict[str, Any]]:
    """Yield shares of small gammas, whole and by norm, and quantiles 0, 0.01 ... 1 of gamma, |gamma| and beta."""
    gamma = gammas(model)
    for threshold in THRESHOLDS:
        share = float((gamma.abs() < threshold).double().mean())
        yield {"metric": "small gammas", "value": share, "threshold": threshold, "n": len(gamma)}
    for number, layer in enumerate(norm_layers(model).values()):
        values = layer.weight.detach()
        share = float((values.abs() < SMALL).double().mean())
        yield {"metric": "small gammas of a norm", "value": share, "layer": number, "n": len(values)}
    levels = torch.linspace(0, 1, _QUANTILES + 1, dtype=torch.float64)
    for metric, values in (("gamma", gamma), ("|gamma|", gamma.abs()), ("beta", betas(model))):
        for level, value in zip(levels.tolist(), values.quantile(levels).tolist(), strict=True):
            yield {"metric": f"quantile of {metric}", "value": value, "level": round(level, 2)}
