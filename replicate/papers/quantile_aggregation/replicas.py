"""Several networks of one shape trained side by side, each on its own subset of the rows.

Small networks spend their time in overhead, not in arithmetic: out-of-fold fits of K folds and the fit to all rows
go through one batched matrix product a layer and cost little more than a single fit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from .gates import dropout
from .training_curve import Curve, Schedule, batch_size, batches, run


class Replicas(nn.Module):
    """``r`` multilayer perceptrons with ELU: input ``(r, batch, inputs)``, output ``(r, batch, outputs)``.

    Every replica has its own start, drawn from ``generator`` in torch's default ranges for linear layers.
    """

    def __init__(self, r, inputs, outputs, *, hidden=64, layers=2, dropout=0.05, generator=None):
        super().__init__()
        widths = [inputs] + [hidden] * layers + [outputs]
        self.rate, self.generator = dropout, generator
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for a, b in pairwise(widths):
            for kept, shape in ((self.weights, (r, a, b)), (self.biases, (r, 1, b))):
                start = (2 * torch.rand(shape, generator=generator) - 1) * a**-0.5
                kept.append(nn.Parameter(start))

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(r, batch, outputs)``; ``x`` may have one replica's axis for all."""
        last = len(self.weights) - 1
        h = x.expand(len(self.weights[0]), *x.shape[1:])
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if 0 < number < last and self.training and self.rate:
                h = dropout(h, self.rate, self.generator)
            h = torch.baddbmm(bias, h, weight)
            if number < last:
                h = nn.functional.elu(h)
        return h

    def only(self, replica: int) -> "Replicas":
        """Return one replica as a module of its own."""
        found = Replicas.__new__(Replicas)
        nn.Module.__init__(found)
        found.rate, found.generator = self.rate, None
        one = slice(replica, replica + 1)
        found.weights = nn.ParameterList(nn.Parameter(w.detach()[one].clone()) for w in self.weights)
        found.biases = nn.ParameterList(nn.Parameter(b.detach()[one].clone()) for b in self.biases)
        return found.eval()


@dataclass(frozen=True)
class Training:
    """Settings of the base networks' optimiser (Adam with amsgrad) and schedule."""

    lr: float
    weight_decay: float
    batch: int | None
    schedule: Schedule


def train_replicas(
    module: Replicas,
    x: Tensor,
    y: Tensor,
    subsets: Sequence[Tensor],
    loss: Callable[[Tensor, Tensor, torch.Generator], Tensor],
    validate: Callable[[], float] | None,
    training: Training,
    generator: torch.Generator,
) -> Curve:
    """Train all replicas for the number of steps that is best for the first one's validation loss.

    Args:
        module: as many replicas as ``subsets``.
        x, y: ``(n, d)`` and ``(n,)``.
        subsets: row numbers of each replica.
        loss: (inputs ``(r, batch, d)``, targets ``(r, batch)``, generator) -> loss of each replica ``(r,)``.
        validate: loss of the first replica on validation rows; None trains for all steps.
        generator: draws batches.
    """
    optimizer = torch.optim.Adam(
        module.parameters(), lr=training.lr, weight_decay=training.weight_decay, amsgrad=True, fused=True
    )
    size = min([training.batch or batch_size(len(subsets[0])), *map(len, subsets)])
    orders = [batches(len(rows), size, generator) for rows in subsets]
    best: dict[str, Tensor] = {}

    def step() -> None:
        module.train()
        rows = torch.stack([rows[next(order).to(rows.device)] for rows, order in zip(subsets, orders, strict=True)])
        optimizer.zero_grad(set_to_none=True)
        loss(x[rows], y[rows], generator).sum().backward()
        optimizer.step()

    def keep() -> None:
        best.update({k: v.detach().clone() for k, v in module.state_dict().items()})

    def validated(loss: Callable[[], float]) -> float:
        module.eval()
        with torch.no_grad():
            return loss()

    curve = run(step, partial(validated, validate) if validate else None, keep, training.schedule)
    module.load_state_dict(best)
    module.eval()
    return curve
