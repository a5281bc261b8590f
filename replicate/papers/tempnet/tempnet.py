"""TempNet: a small network that reads logits or embeddings and predicts each row's temperature."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .checks import check_bounds

_SMALLEST_NORM = 1e-12


class _Pooled(nn.Module):
    """What both forms share: dropout, parameterised pooling, and the map of a number into the temperature's range."""

    def __init__(self, pooled: int, *, log_phi: float, dropout: float, bounds: tuple[float, float], generator):
        super().__init__()
        check_bounds(*bounds)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout:g}; it must lie in [0, 1)")
        self.tau_min, self.tau_max = bounds
        self.dropout, self.generator = dropout, generator
        self.weights = nn.Parameter(torch.ones(pooled))
        self.offset = nn.Parameter(torch.zeros(()))
        self.log_phi = nn.Parameter(torch.tensor(log_phi))

    def _drop(self, x: Tensor) -> Tensor:
        """Drop out with the module's own generator (None: the global one); nothing in evaluation mode."""
        if not (self.training and self.dropout):
            return x
        keep = 1 - self.dropout
        kept = torch.rand(x.shape, generator=self.generator, device=x.device) < keep  # thrice as fast as bernoulli_
        return x * kept / keep

    def _pool(self, scores: Tensor, values: Tensor) -> Tensor:
        """Return sum_k w_k (softmax(scores / phi)_k - 1 / K) values_k + b: the form of the exact tau*."""
        share = torch.softmax(scores / self.log_phi.exp(), -1) - 1 / scores.shape[-1]
        return (share * values) @ self.weights + self.offset

    def _in_range(self, a: Tensor) -> Tensor:
        return self.tau_min + (self.tau_max - self.tau_min) * torch.sigmoid(a)


class TempNet(_Pooled):
    """Temperature of each row of logits: ``TempNet(vocab_size)(logits) -> tau``, a drop-in after any model.

    The logits are constants to it (no gradient reaches the model), l2-normalised, mapped to ``hidden`` sigmoid units,
    projected, and pooled as the exact solution is. The normalisation makes it blind to the scale of the logits, while
    tau* is proportional to it, and shifts of a row change its answer, though not tau*. ``equivariant`` mends both: rows
    are centred, and the output is multiplied by their standard deviation.

    Args:
        vocab_size: number of logits in a row, V.
        hidden: width; the network has ``256 V + 66 306`` parameters at 256.
        dropout: share of hidden units dropped in training mode; remember ``.eval()``.
        tau_min, tau_max: range of tau; with ``equivariant`` in multiples of the row's standard deviation.
        equivariant: scale with the row (not in the paper).
        learn_every: the first layer's weights learn from every k-th row only, chosen anew each time and weighted by k:
            the same gradient in expectation at 1 / k of its cost (not in the paper; every row gets its temperature).
        generator: of start weights and dropout; None is torch's global one.

    Raises:
        ValueError: tau_min >= tau_max, fewer than two logits, rows of another length.

    >>> TempNet(50, tau_min=0.5, tau_max=5.0).eval()(torch.randn(2, 7, 50)).shape
    torch.Size([2, 7])
    """

    def __init__(
        self,
        vocab_size,
        *,
        hidden=256,
        dropout=0.5,
        tau_min=0.01,
        tau_max=2.0,
        equivariant=False,
        learn_every=1,
        generator=None,
    ):
        bounds = (tau_min, tau_max)
        super().__init__(hidden, log_phi=0.0, dropout=dropout, bounds=bounds, generator=generator)
        if vocab_size < 2:
            raise ValueError(f"vocab_size is {vocab_size}; a temperature needs at least 2 logits in a row")
        if learn_every < 1:
            raise ValueError(f"learn_every is {learn_every}; give 1 (all rows) or a larger whole number")
        self.vocab_size, self.equivariant, self.learn_every = vocab_size, equivariant, learn_every
        self.transformation = nn.Linear(vocab_size, hidden)
        self.projection = nn.Linear(hidden, hidden)
        _start([self.transformation, self.projection], generator)

    def forward(self, logits: Tensor) -> Tensor:
        """Return tau ``(...)`` of logits ``(..., V)``, in the parameters' type."""
        if logits.shape[-1] != self.vocab_size:
            raise ValueError(f"this TempNet reads rows of {self.vocab_size} logits, got rows of {logits.shape[-1]}")
        x, scale = logits.detach(), 1.0
        with _full_precision(x):
            if self.equivariant:
                x = x.to(self.offset.dtype)
                x = x - x.mean(-1, keepdim=True)
                scale = x.std(-1, correction=0)
            values = self.projection(self._drop(torch.sigmoid(self._transformed(x))))
            return self._in_range(self._pool(values, values)) * scale

    def _transformed(self, x: Tensor) -> Tensor:
        """Return ``Linear(x / |x|)`` as ``W x / |x| + b``: no copy of the logits."""
        weight, dtype = self.transformation.weight, self.offset.dtype
        if x.dtype == torch.bfloat16:  # as wide as float32: the product may be formed in it
            weight = weight.to(x.dtype)
        else:
            x = x.to(dtype)
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=dtype)
        product = F.linear(x, weight) if self.learn_every == 1 else self._thinned(x, weight)
        return product.to(dtype) / norm.clamp_min(_SMALLEST_NORM) + self.transformation.bias

    def _thinned(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return ``W x`` whose gradient in W is k times that of every k-th row, from a random first one."""
        k, rows = self.learn_every, x.reshape(-1, x.shape[-1])
        first = int(torch.randint(k, (), generator=self.generator, device=self._draws_on()))
        product = torch.empty(len(rows), len(weight), dtype=weight.dtype, device=x.device)
        constant = weight.detach()
        parts = {i: F.linear(rows[i::k], constant if i != first else k * weight - (k - 1) * constant) for i in range(k)}
        for i, part in parts.items():
            product[i::k] = part
        return product.reshape(*x.shape[:-1], -1)

    def _draws_on(self) -> torch.device:
        return self.generator.device if self.generator is not None else torch.device("cpu")


class ContrastiveTempNet(_Pooled):
    """Temperature of each anchor from its embedding; one such network for images, one for texts.

    Embeddings are constants to it. The hidden vector is compared with learnt directions (prototypes), and the
    comparisons are pooled: 131 586 parameters at 256.

    Args:
        dim: length of an embedding.
        prototypes: number of directions.
        dropout: share of hidden units dropped in training mode.
        tau_min, tau_max: range of tau.
        generator: of start weights and dropout; None is torch's global one.
    """

    def __init__(self, dim, *, prototypes=256, dropout=0.5, tau_min=0.005, tau_max=0.05, generator=None):
        bounds = (tau_min, tau_max)
        super().__init__(prototypes, log_phi=math.log(0.01), dropout=dropout, bounds=bounds, generator=generator)
        self.dim = dim
        self.transformation = nn.Linear(dim, dim)
        _start([self.transformation], generator)
        self.prototypes = nn.Parameter(torch.randn(prototypes, dim, generator=generator))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return tau ``(...)`` of embeddings ``(..., dim)``; they are l2-normalised here."""
        if embeddings.shape[-1] != self.dim:
            raise ValueError(f"this TempNet reads embeddings of {self.dim} numbers, got {embeddings.shape[-1]}")
        with _full_precision(embeddings):
            x = F.normalize(embeddings.detach().to(self.offset.dtype), dim=-1)
            hidden = self._drop(torch.sigmoid(self.transformation(x)))
            scores = hidden @ F.normalize(self.prototypes, dim=-1).T
            return self._in_range(self._pool(scores, torch.sigmoid(scores)))


def _full_precision(x: Tensor) -> torch.autocast:
    """Switch autocast off: a temperature in bfloat16 has two digits. Only products with bfloat16 logits stay in it."""
    return torch.autocast(x.device.type, enabled=False)


def _start(layers: list[nn.Linear], generator: torch.Generator | None) -> None:
    """Draw start weights as PyTorch does, uniform within 1 / sqrt(inputs), from the given generator."""
    for layer in layers:
        bound = 1 / math.sqrt(layer.in_features)
        for parameter in (layer.weight, layer.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
