"""Table 1 of the paper: how many parameters a network has, and how few of them are BatchNorm's."""

from collections.abc import Callable

from torch import nn

from .conditions import count
from .imagenet_resnet import DEPTHS as IMAGENET_DEPTHS
from .imagenet_resnet import imagenet_resnet
from .network import empty

PARTS = {"total": None, "BatchNorm": ("gamma", "beta"), "output": ("output",), "shortcut": ("shortcut",)}
IMAGENET = tuple(IMAGENET_DEPTHS)


def counts(family: str, depth: int, width: int = 1) -> dict[str, int]:
    """Return the numbers of parameters: total, BatchNorm, output, shortcut.

    ``family``: "resnet" or "vgg" for 32 x 32 images and 10 classes, "imagenet" for 224 x 224 and 1,000.
    """
    build: dict[str, Callable[[], nn.Module]] = {"imagenet": lambda: imagenet_resnet(depth, device="meta")}
    model = build[family]() if family in build else empty(depth, width=width, family=family)
    return {part: count(model) if roles is None else count(model, roles) for part, roles in PARTS.items()}
