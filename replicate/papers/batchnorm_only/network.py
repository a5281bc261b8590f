"""Build one of the paper's networks with its start weights drawn from named streams."""

from collections.abc import Callable

import torch
from torch import nn

from replicate.errors import nearest
from replicate.seeds import Seed

from .cifar_resnet import CifarResNet
from .initialise import initialise
from .norms import norm
from .vgg import CifarVGG

BASE_WIDTH = 16  # of "ResNet-d"; "ResNet-14-k" has k times as many

FAMILIES: dict[str, Callable[..., nn.Module]] = {
    "resnet": lambda depth, width, **options: CifarResNet(depth, BASE_WIDTH * width, **options),
    "vgg": lambda depth, width, **options: CifarVGG(depth, **options),
}


def network(
    depth: int,
    seed: Seed,
    *,
    width: int = 1,
    family: str = "resnet",
    norm_init: str = "uniform",
    norms: str = "batch",
    channels: int = 3,
    classes: int = 10,
) -> nn.Module:
    """Return a float32 network on the CPU, its weights from the streams "weights" and "norms" of ``seed``.

    Args:
        depth: 6 D + 2 for "resnet"; 11, 13, 16 or 19 for "vgg".
        seed: the replicate; the global generator is not touched.
        width: multiple of the base width of 16 ("resnet" only).
        family: "resnet" or "vgg".
        norm_init: start of gamma and beta, see `initialise_norms`.
        norms: what normalises, see `norms.NORMS`.
        channels, classes: of the images.
    """
    model = empty(depth, width=width, family=family, norms=norms, channels=channels, classes=classes)
    model = model.to_empty(device="cpu")
    return initialise(model, weights=seed.torch("weights"), norms=seed.torch("norms"), norm_init=norm_init)


def empty(
    depth: int, *, width: int = 1, family: str = "resnet", norms: str = "batch", channels: int = 3, classes: int = 10
) -> nn.Module:
    """Return the network on the meta device: shapes without numbers, for counting.

    Raises ``ValueError`` for an unknown family, normalisation or depth.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family of networks {family!r}; {nearest(family, FAMILIES)}")
    with torch.device("meta"):
        return FAMILIES[family](depth, width, channels=channels, classes=classes, norm=norm(norms))
