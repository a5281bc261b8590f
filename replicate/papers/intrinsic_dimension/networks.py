"""The networks of the paper with the initialisation of the authors' Keras code (ReLU, with biases)."""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replicate.errors import nearest
from replicate.papers.intrinsic_dimension.convpool import first_stage, relu_max_pool

# Standard deviation of a standard normal truncated at two standard deviations.
_TRUNCATED_SD = 0.87962566103423978


class FullyConnected(nn.Module):
    """``depth`` hidden layers of ``width`` units; flattens its input ``(n, ...)`` to ``(n, inputs)``."""

    def __init__(self, *, inputs: int = 784, width: int = 200, depth: int = 2, classes: int = 10):
        super().__init__()
        sizes = [inputs, *[width] * depth, classes]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)``."""
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class LocallyConnected(nn.Module):
    """A valid convolution, untied: kernel ``(positions, c k k, out)`` and bias ``(out, q, q)``."""

    def __init__(self, channels: int, out: int, kernel: int, side: int):
        super().__init__()
        self.kernel, q = kernel, side - kernel + 1
        self.weight = nn.Parameter(torch.empty(q * q, channels * kernel**2, out))
        self.bias = nn.Parameter(torch.empty(out, q, q))
        self.fan_in, self.fan_out = channels * kernel**2, out * kernel**2

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, out, q, q)`` for ``x`` ``(n, c, side, side)``."""
        patches = F.unfold(x, self.kernel).permute(2, 0, 1)
        return (patches @ self.weight).permute(1, 2, 0).reshape(len(x), *self.bias.shape) + self.bias


class DenseMap(nn.Linear):
    """A full linear map between activation shapes ``(channels, side, side)`` and ``(out, q, q)``."""

    def __init__(self, channels: int, out: int, kernel: int, side: int):
        q = side - kernel + 1
        super().__init__(channels * side**2, out * q**2)
        self.out_shape = (out, q, q)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, out, q, q)``."""
        return super().forward(x.flatten(1)).view(-1, *self.out_shape)


def _valid(channels: int, out: int, kernel: int, side: int) -> nn.Module:
    return nn.Conv2d(channels, out, kernel)


def _full_field(channels: int, out: int, kernel: int, side: int) -> nn.Module:
    """Tied weights with a full receptive field; a deviation: the authors published no FCTied-LeNet."""
    return nn.Conv2d(channels, out, 2 * side - 1, padding="same")


class LeNet(nn.Module):
    """Two stages with 2 x 2 max pooling and three dense layers; ``stage`` builds the two spatial layers."""

    def __init__(
        self,
        stage: Callable[..., nn.Module] = _valid,
        *,
        channels: int = 1,
        side: int = 28,
        c1: int = 6,
        c2: int = 16,
        d1: int = 120,
        d2: int = 84,
        classes: int = 10,
    ):
        super().__init__()
        shrink = 0 if stage is _full_field else 4
        middle = (side - shrink) // 2
        last = (middle - shrink) // 2
        if last < 1:
            raise ValueError(f"LeNet's 5 x 5 kernels need images of at least 16 x 16 pixels, found {side} x {side}")
        self.in_shape = (channels, side, side)
        self.conv1 = stage(channels, c1, 5, side)
        self.conv2 = stage(c1, c2, 5, middle)
        self.head = FullyConnected(inputs=c2 * last**2, width=d1, depth=1, classes=d2)
        self.out = nn.Linear(d2, classes)
        self.plain = stage is _valid

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)`` for images ``(n, ...)`` of ``channels * side^2`` values each."""
        x = x.reshape(-1, *self.in_shape)
        if isinstance(self.conv1, nn.Conv2d) and self.conv1.bias is not None and self.plain:
            h = first_stage(x, self.conv1.weight, self.conv1.bias)
        else:
            h = relu_max_pool(self.conv1(x))
        return self.out(F.relu(self.head(relu_max_pool(self.conv2(h)))))


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "fc": FullyConnected,
    "lenet": LeNet,
    "untied_lenet": lambda **sizes: LeNet(LocallyConnected, **sizes),
    "fc_lenet": lambda **sizes: LeNet(DenseMap, **sizes),
    "fctied_lenet": lambda **sizes: LeNet(_full_field, **sizes),
    "lucky_lenet": lambda **sizes: LeNet(**{"channels": 3, "side": 32, "c1": 10, "d1": 20, "d2": 10} | sizes),
}


def network(name: str, *, generator: torch.Generator, init: str = "he_normal", **sizes: int) -> nn.Module:
    """Build a float32 network on the CPU with weights drawn from ``generator``, biases 0.

    "fc" takes ``inputs, width, depth, classes``; "lenet", "untied_lenet", "fc_lenet", "fctied_lenet" and
    "lucky_lenet" take ``channels, side, c1, c2, d1, d2, classes``; defaults are the paper's MNIST
    networks. ``init``: "he_normal" or "glorot_uniform". Raises ``ValueError`` for an unknown name; the
    global generator is not touched.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; {nearest(name, NETWORKS)}")
    with torch.device("meta"):  # PyTorch's own initialisation would use the global generator
        module = NETWORKS[name](**sizes)
    return initialise(module.to_empty(device="cpu"), generator=generator, init=init)


@torch.no_grad()
def initialise(module: nn.Module, *, generator: torch.Generator, init: str = "he_normal") -> nn.Module:
    """Overwrite all layers of ``module`` in place: kernels by ``init``, biases 0; return it."""
    if init not in _INITS:
        raise ValueError(f"unknown initialisation {init!r}; {nearest(init, _INITS)}")
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | LocallyConnected):
            _INITS[init](layer.weight, *_fans(layer), generator)
            if layer.bias is not None:
                layer.bias.zero_()
    return module


def _fans(layer: "nn.Linear | nn.Conv2d | LocallyConnected") -> tuple[int, int]:
    """Return connections into and out of a unit; untied layers deviate: Keras counts all positions."""
    if isinstance(layer, LocallyConnected):
        return layer.fan_in, layer.fan_out
    field = math.prod(layer.weight.shape[2:])
    return layer.weight.shape[1] * field, layer.weight.shape[0] * field


def _he_normal(weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
    sd = math.sqrt(2 / fan_in) / _TRUNCATED_SD
    nn.init.trunc_normal_(weight, std=sd, a=-2 * sd, b=2 * sd, generator=generator)


def _glorot_uniform(weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator) -> None:
    limit = math.sqrt(6 / (fan_in + fan_out))
    weight.uniform_(-limit, limit, generator=generator)


_INITS = {"he_normal": _he_normal, "glorot_uniform": _glorot_uniform}
