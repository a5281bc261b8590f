"""One loop for every training here: a loss of the step's number, and parts with an optimiser and a schedule each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from replicate.checkpoint import Checkpoint


@dataclass
class Part:
    """Parameters that are trained together.

    Args:
        optimizer: of these parameters alone.
        schedule: factor of the learning rate by step.
        clip: largest norm of the gradient; None does not clip.
    """

    optimizer: torch.optim.Optimizer
    schedule: Callable[[int], float] = lambda step: 1.0
    clip: float | None = None

    def __post_init__(self):
        self._rates = [group["lr"] for group in self.optimizer.param_groups]

    def step(self, step: int) -> None:
        """Take one step at the rate of this step's number."""
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * self.schedule(step)
        if self.clip is not None:
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, self.clip)
        self.optimizer.step()


def descend(
    loss: Callable[[int], Tensor], parts: Sequence[Part], steps: range, *, after: Callable[[int], None] | None = None
) -> None:
    """Minimise ``loss(step)`` over the given steps; ``after`` is told how many steps are done."""
    for step in steps:
        value = loss(step)
        for part in parts:
            part.optimizer.zero_grad(set_to_none=True)
        value.backward()
        for part in parts:
            part.step(step)
        if after is not None:
            after(step + 1)


def warm_cosine(steps: int, *, warm_up: int, floor: float = 0.1) -> Callable[[int], float]:
    """Return a factor that rises over ``warm_up`` steps to 1, then falls as half a cosine to ``floor`` at ``steps``."""

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        progress = min(1.0, (step - warm_up) / max(1, steps - warm_up))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


class Stateful(Protocol):
    """What can be saved and put back: modules, optimisers, moving averages."""

    def state_dict(self) -> dict:
        """Return everything that changes."""

    def load_state_dict(self, state: dict) -> object:
        """Put it back."""


class Progress:
    """Where a training stands on disk; without a checkpoint it starts at 0 and keeps nothing.

    Args:
        checkpoint: the file, or None.
        every: steps between two saves.
    """

    def __init__(self, checkpoint: Checkpoint | None = None, every: int = 0):
        self.checkpoint, self.every = checkpoint, every

    def resume(self, stateful: Sequence[Stateful], generators: Sequence[torch.Generator], log: list[dict]) -> int:
        """Put back what was saved and return the step to go on from, 0 without a file.

        Args:
            stateful: models, optimisers and whatever else has ``state_dict`` and ``load_state_dict``.
            generators: of data order, dropout, augmentation.
            log: rows recorded so far; extended in place.
        """
        self._kept = stateful, generators, log
        state = self.checkpoint.load() if self.checkpoint else None
        if state is None:
            return 0
        for owner, saved in zip(stateful, state["states"], strict=True):
            owner.load_state_dict(saved)
        for generator, saved in zip(generators, state["generators"], strict=True):
            generator.set_state(saved.cpu())
        log.extend(state["log"])
        return state["step"]

    def passed(self, step: int) -> None:
        """Save after every ``every`` steps; ``step`` is the number of those done."""
        if not (self.checkpoint and self.every and step % self.every == 0):
            return
        stateful, generators, log = self._kept
        states = {"states": [owner.state_dict() for owner in stateful], "log": list(log)}
        self.checkpoint.save({"step": step, **states, "generators": [g.get_state() for g in generators]})

    def finished(self) -> None:
        """Remove the file: the training's result is kept elsewhere."""
        if self.checkpoint:
            self.checkpoint.remove()
