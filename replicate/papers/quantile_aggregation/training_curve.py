"""The training protocol of gates and base networks: minibatches, validation every so many steps, patience."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import floor, inf, log10

import torch


@dataclass(frozen=True)
class Schedule:
    """When to look at the validation loss and when to stop.

    Args:
        max_steps: the most steps taken; the paper has no cap.
        check_every: steps between two looks (the paper's code: 100).
        patience: stop after so many steps without a better validation loss (the paper's code: 500).
    """

    max_steps: int = 4000
    check_every: int = 100
    patience: int = 500

    def __post_init__(self):
        if min(self.max_steps, self.check_every, self.patience) < 1:
            raise ValueError(f"max_steps, check_every and patience must be at least 1, found {self}")


@dataclass(frozen=True)
class Curve:
    """The validation loss along training: ``best_step``, its loss, and the steps taken."""

    best_step: int
    best_loss: float
    steps: int


def batch_size(n: int) -> int:
    """Return the paper's batch size for a set of ``n`` rows, 2^(3 + floor(log10 n)), and at most ``n``."""
    return min(n, 2 ** (3 + floor(log10(max(n, 1)))))


def batches(n: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Yield index batches for ever: a new permutation of 0 ... n - 1 each epoch, the short last batch dropped."""
    size = min(size, n)
    while True:
        order = torch.randperm(n, generator=generator)
        yield from order[: n - n % size].split(size)


def run(
    step: Callable[[], None],
    validate: Callable[[], float] | None,
    keep: Callable[[], None],
    schedule: Schedule,
) -> Curve:
    """Take steps until the validation loss has not improved for ``patience`` steps, or ``max_steps``.

    ``keep`` is called at every improvement and stores the parameters. Without ``validate`` all ``max_steps`` are
    taken and ``keep`` is called at the end. Training again from the same start for ``best_step`` steps, as the
    paper's code does, gives the parameters kept here: batches and start do not depend on the number of steps.
    """
    best_step, best_loss, taken = 0, inf, 0
    while taken < schedule.max_steps and taken - best_step < schedule.patience:
        block = min(schedule.check_every, schedule.max_steps - taken)
        for _ in range(block):
            step()
        taken += block
        if validate is None:
            best_step = taken
            continue
        loss = validate()
        if loss < best_loss:
            best_step, best_loss = taken, loss
            keep()
    if validate is None or best_step == 0:
        best_step = taken
        keep()
    return Curve(best_step, best_loss, taken)
