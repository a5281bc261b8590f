"""Which channels are silent: how often the output of a ReLU is exactly zero on the test images."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from replicate.device_images import DeviceImages
from replicate.resumable import accuracy

DEAD = 0.99  # a channel that is zero at more than this share of (image, pixel) pairs
_BLOCK_OUTPUT = "relu2"  # acts on the sum with the shortcut


@contextmanager
def _counting_zeros(model: nn.Module, found: dict[str, list[Tensor]]) -> Iterator[None]:
    def hook(name: str):
        def count(module: nn.Module, inputs: object, output: Tensor) -> None:
            found.setdefault(name, []).append((output == 0).double().mean((2, 3)).sum(0).cpu())

        return count

    hooks = [m.register_forward_hook(hook(n)) for n, m in model.named_modules() if isinstance(m, nn.ReLU)]
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()


def zero_shares(model: nn.Module, images: DeviceImages, *, precision: str = "fp32") -> dict[str, Tensor]:
    """Return for every ReLU the share of (image, pixel) pairs at which each channel's output is 0: ``(channels,)``."""
    found: dict[str, list[Tensor]] = {}
    with _counting_zeros(model, found):
        accuracy(model, images, precision=precision)
    return {name: torch.stack(parts).sum(0) / len(images) for name, parts in found.items()}


def activity_rows(model: nn.Module, images: DeviceImages, *, precision: str = "fp32") -> Iterator[dict[str, Any]]:
    """Yield the share of dead channels and the mean share of zeros, "inside" blocks (and stem) and at block outputs.

    Inside, one norm alone decides; at a block's output the ReLU acts on the sum with the shortcut.
    """
    shares = zero_shares(model, images, precision=precision)
    outputs = {name for name in shares if name.endswith(_BLOCK_OUTPUT)}
    for place, names in (("inside", shares.keys() - outputs), ("block output", outputs)):
        if not names:
            continue
        values = torch.cat([shares[name] for name in sorted(names)])
        dead = float((values > DEAD).double().mean())
        yield {"metric": "dead channels", "value": dead, "place": place, "n": len(values)}
        yield {"metric": "zero activations", "value": float(values.mean()), "place": place, "n": len(values)}
