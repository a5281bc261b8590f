"""The paper's ImageNet networks: torchvision's residual networks, and a ResNet-200 in the same layout."""

import torch
from torch import nn

from replicate.errors import nearest
from replicate.seeds import Seed

from .initialise import initialise

# depth -> bottleneck blocks?, blocks in each of four stages
DEPTHS: dict[int, tuple[bool, tuple[int, ...]]] = {
    18: (False, (2, 2, 2, 2)),
    34: (False, (3, 4, 6, 3)),
    50: (True, (3, 4, 6, 3)),
    101: (True, (3, 4, 23, 3)),
    200: (True, (3, 24, 36, 3)),
}


def imagenet_resnet(depth: int, *, classes: int = 1000, device: str = "cpu") -> nn.Module:
    """Return an uninitialised torchvision ResNet: 18 and 34 of basic blocks, 50, 101 and 200 of bottlenecks.

    Raises ``ValueError`` for another depth.
    """
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet  # seconds to import

    if depth not in DEPTHS:
        raise ValueError(f"no ImageNet ResNet of depth {depth}; {nearest(str(depth), map(str, DEPTHS))}")
    bottleneck, blocks = DEPTHS[depth]
    with torch.device("meta"):
        model = ResNet(Bottleneck if bottleneck else BasicBlock, list(blocks), num_classes=classes)
    return model if device == "meta" else model.to_empty(device=device)


def initialised(depth: int, seed: Seed, *, classes: int = 1000, norm_init: str = "uniform") -> nn.Module:
    """Return the network on the CPU with the paper's start weights, from the streams "weights" and "norms"."""
    model = imagenet_resnet(depth, classes=classes)
    return initialise(model, weights=seed.torch("weights"), norms=seed.torch("norms"), norm_init=norm_init)
