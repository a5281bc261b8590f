"""Residual networks of He et al. for 32 x 32 images as the paper builds them (open_lth, models/cifar_resnet.py)."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

Norm = Callable[[int], nn.Module]


class Block(nn.Module):
    """conv - norm - ReLU - conv - norm, plus the shortcut, then ReLU.

    Args:
        inputs, outputs: channels.
        stride: of the first convolution and of the projection.
        norm: builds a normalisation over a number of channels.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = norm(outputs)
        self.relu1, self.relu2 = nn.ReLU(inplace=True), nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, outputs, h / stride, w / stride)``."""
        h = self.relu1(self.norm1(self.conv1(x)))
        return self.relu2(self.norm2(self.conv2(h)) + self.shortcut(x))


class CifarResNet(nn.Module):
    """Depth 6 D + 2: a stem, three segments of D blocks with W, 2 W and 4 W channels, mean over pixels, a linear layer.

    Shortcuts are identities, and projections (1 x 1 convolution and norm) where the number of channels changes.

    Args:
        depth: 8, 14, 20, ...
        width: W, 16 in the paper's "ResNet-d"; 16 k in "ResNet-14-k".
        channels: of the images.
        classes: outputs.
        norm: builds a normalisation over a number of channels.

    Raises:
        ValueError: a depth that is not 6 D + 2 with D at least 1.
    """

    def __init__(
        self, depth: int, width: int = 16, *, channels: int = 3, classes: int = 10, norm: Norm = nn.BatchNorm2d
    ):
        super().__init__()
        n_blocks = blocks_per_segment(depth)
        self.stem = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.norm = norm(width)
        self.relu = nn.ReLU(inplace=True)
        blocks, before = [], width
        for segment, outputs in enumerate((width, 2 * width, 4 * width)):
            for i in range(n_blocks):
                blocks.append(Block(before, outputs, 2 if segment and i == 0 else 1, norm))
                before = outputs
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)`` for images ``(n, channels, h, w)``."""
        h = self.blocks(self.relu(self.norm(self.stem(x))))
        return self.output(F.adaptive_avg_pool2d(h, 1).flatten(1))


def blocks_per_segment(depth: int) -> int:
    """Return D of a depth 6 D + 2; another depth raises ``ValueError`` naming the nearest ones."""
    d, rest = divmod(depth - 2, 6)
    if rest or d < 1:
        below = max(1, d)
        raise ValueError(
            f"no CIFAR ResNet of depth {depth}: depths are 6 D + 2 with D at least 1; "
            f"take {6 * below + 2} or {6 * (below + 1) + 2}"
        )
    return d
