"""VGG networks with BatchNorm for 32 x 32 images as the paper builds them (open_lth, models/cifar_vgg.py)."""

from torch import Tensor, nn
from torch.nn import functional as F

from replicate.errors import nearest

from .cifar_resnet import Norm

# convolutions in each of five stages; stages end with 2 x 2 max pooling, but the last
_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_CHANNELS = (64, 128, 256, 512, 512)


class CifarVGG(nn.Module):
    """conv3 x 3 with bias - norm - ReLU throughout, mean over what pixels remain, one linear layer.

    Args:
        depth: 11, 13, 16 or 19.
        channels: of the images.
        classes: outputs.
        norm: builds a normalisation over a number of channels.
    """

    def __init__(self, depth: int, *, channels: int = 3, classes: int = 10, norm: Norm = nn.BatchNorm2d):
        super().__init__()
        if depth not in _STAGES:
            raise ValueError(f"no VGG of depth {depth}; {nearest(str(depth), map(str, _STAGES))}")
        layers, before = [], channels
        for stage, (repeats, outputs) in enumerate(zip(_STAGES[depth], _CHANNELS, strict=True)):
            for _ in range(repeats):
                layers += [nn.Conv2d(before, outputs, 3, padding=1), norm(outputs), nn.ReLU(inplace=True)]
                before = outputs
            if stage < len(_CHANNELS) - 1:
                layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        self.output = nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)`` for images ``(n, channels, h, w)``, h and w at least 16."""
        return self.output(F.adaptive_avg_pool2d(self.layers(x), 1).flatten(1))
