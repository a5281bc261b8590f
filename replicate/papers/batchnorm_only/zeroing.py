"""Are features with a small gamma unused? Set the gammas to exactly zero and test again, without training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from replicate.device_images import DeviceImages
from replicate.resumable import accuracy

from .affine import THRESHOLDS, gammas
from .norms import norm_layers


@contextmanager
def zeroed(model: nn.Module, off: Tensor) -> Iterator[nn.Module]:
    """Set the marked gammas to 0 (betas stay) inside the block; afterwards they are the same bits again.

    ``off``: bool ``(channels of all norms,)`` in the order of `gammas`.
    """
    layers = list(norm_layers(model).values())
    before = [layer.weight.detach().clone() for layer in layers]
    with torch.no_grad():
        for layer, marked in zip(layers, off.split([len(w) for w in before]), strict=True):
            layer.weight[marked.to(layer.weight.device)] = 0
    try:
        yield model
    finally:
        with torch.no_grad():
            for layer, weight in zip(layers, before, strict=True):
                layer.weight.copy_(weight)


def zeroing_rows(
    model: nn.Module,
    images: DeviceImages,
    generator: torch.Generator,
    *,
    draws: int,
    thresholds: Sequence[float] = THRESHOLDS,
    precision: str = "fp32",
) -> Iterator[dict[str, Any]]:
    """Yield the test accuracy as trained, with gammas below each threshold zeroed, and with as many random ones zeroed.

    Args:
        model: trained.
        images: test images.
        generator: CPU generator of the random ones.
        draws: random sets for each threshold.
        thresholds: of |gamma|.
        precision: of the test.
    """
    small, n = gammas(model).abs(), len(images)
    yield {"metric": "accuracy as trained", "value": accuracy(model, images, precision=precision), "n": n}
    for threshold in thresholds:
        off = small < threshold
        with zeroed(model, off):
            found = accuracy(model, images, precision=precision)
        yield {"metric": "accuracy, small gammas zeroed", "value": found, "threshold": threshold, "n": n}
        for draw in range(draws):
            chosen = torch.zeros(len(small), dtype=torch.bool)
            chosen[torch.randperm(len(small), generator=generator)[: int(off.sum())]] = True
            with zeroed(model, chosen):
                found = accuracy(model, images, precision=precision)
            yield {
                "metric": "accuracy, random gammas zeroed",
                "value": found,
                "threshold": threshold,
                "draw": draw,
                "n": n,
            }
