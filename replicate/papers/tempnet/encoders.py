"""Encoders of single images, and what their features are worth: a linear probe."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .towers import start_weights

ENCODERS = ("small", "resnet18")


class Encoder(nn.Module):
    """A network of features and a projection that only training sees."""

    def __init__(self, body: nn.Module, width: int, dim: int):
        super().__init__()
        self.body = body
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, dim))

    def features(self, images: Tensor) -> Tensor:
        """Return the features ``(n, width)`` of images of values 0 ... 1."""
        return self.body((images - 0.5) / 0.25)

    def forward(self, images: Tensor) -> Tensor:
        """Return the projected features ``(n, dim)``."""
        return self.projection(self.features(images))


def build_encoder(kind: str, channels: int, dim: int, generator: torch.Generator) -> Encoder:
    """Return an untrained encoder: "small", three strided convolutions, or the "resnet18" of torchvision."""
    if kind == "small":
        layers: list[nn.Module] = []
        for width in (16, 32, 64):
            layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        encoder = Encoder(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten()), 256, dim)
    else:
        from torchvision.models import resnet18  # lazy: a slow import

        body = resnet18(weights=None)
        body.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)  # 32 x 32 pixels: no early down-sampling
        body.maxpool, body.fc = nn.Identity(), nn.Identity()
        encoder = Encoder(body, 512, dim)
    start_weights(encoder, generator)
    return encoder


def linear_probe(
    features: Tensor,
    labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    penalty: float = 1e-3,
    steps: int = 100,
) -> float:
    """Return the test accuracy of a logistic regression on standardised features (L-BFGS, ridge penalty)."""
    mean, std = features.mean(0), features.std(0).clamp_min(1e-6)
    x, z = (features - mean) / std, (test_features - mean) / std
    linear = nn.Linear(x.shape[1], int(labels.max()) + 1, device=x.device)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    solver = torch.optim.LBFGS(linear.parameters(), max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        solver.zero_grad()
        loss = F.cross_entropy(linear(x), labels) + penalty * linear.weight.square().sum()
        loss.backward()
        return loss

    solver.step(closure)
    with torch.no_grad():
        return (linear(z).argmax(1) == test_labels).double().mean().item()
