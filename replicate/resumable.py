"""Train a classifier of images for many epochs: resident data, autocast, any schedule, resumed at the epoch.

What an epoch draws depends on the epoch alone (`streams`), so a training that was killed and resumed ends with the
same bits as one that was not.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replicate.augmentation import draw_crops
from replicate.checkpoint import Checkpoint
from replicate.compiled import compiled, forget_compiled
from replicate.device_images import DeviceImages
from replicate.precision import autocast
from replicate.schedules import Schedule

log = logging.getLogger("replicate.training")
Streams = Callable[[str, int], torch.Generator]
Epoch = dict[str, float]
Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
_ONE_GRAPH = {"mode": "reduce-overhead", "dynamic": False}  # the GPU repeats a recorded step: one launch
COMPILED_FROM = 5_000  # steps of a training from which on compiling, 20 s on a GPU, pays


class Diverged(RuntimeError):
    """The loss is not a finite number any more."""


@dataclass
class Training:
    """One training: what it changes, how, and where it keeps its state.

    Args:
        model: on the data's device; parameters without gradient stay as they are, running statistics do not.
        optimizer: over the trainable parameters, each group's rate times the schedule; None trains nothing, only
            running statistics change.
        schedule: factor of the rate at each step, steps counted from 0.
        batch_size: images per step; the last, smaller batch is kept.
        streams: ``(purpose, epoch) -> CPU generator`` for "order" and "augmentation".
        precision: "fp32" or "bf16".
        after_backward: changes gradients before the optimiser sees them, such as masks.
        checkpoint: where to resume from and save to; None keeps nothing.
        every: epochs between two checkpoints; the last epoch is always kept.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer | None
    schedule: Schedule
    batch_size: int
    streams: Streams
    precision: str = "fp32"
    after_backward: Callable[[], None] | None = None
    checkpoint: Checkpoint | None = None
    every: int = 1
    history: list[Epoch] = field(default_factory=list)

    def run(
        self, images: DeviceImages, epochs: int, *, after_epoch: Callable[[int], Mapping[str, float]] | None = None
    ) -> list[Epoch]:
        """Train up to ``epochs`` and return one record an epoch: epoch, loss, accuracy, and what ``after_epoch`` adds.

        Loss and accuracy are means over the epoch's augmented batches while the weights change. Epochs that a
        checkpoint holds are not repeated.

        Raises:
            Diverged: the loss is NaN or infinite; says at which epoch and rate, and what to try.
            MemoryError: too little memory for a step; says what to do.
        """
        self._resume(str(images.padded.device))
        rates = [group["lr"] for group in self.optimizer.param_groups] if self.optimizer else []
        step = self.step(images, fast=epochs * (len(images) // self.batch_size) >= COMPILED_FROM)
        started, first = time.monotonic(), len(self.history)
        for epoch in range(first, epochs):
            record = {"epoch": epoch + 1, **self._epoch(images, epoch, rates, step)}
            if after_epoch is not None:
                record |= after_epoch(epoch + 1)
            self.history.append(record)
            if (epoch + 1) % self.every == 0 or epoch + 1 == epochs:
                self._keep(rates)
            _say(record, epochs, len(images), time.monotonic() - started, epoch + 1 - first)
        forget_compiled()  # a sweep compiles each network anew: nothing may pile up
        return self.history

    def step(self, images: DeviceImages, *, fast: bool) -> Step:
        """Return one step: ``(chosen, crops) -> (mean loss, right answers)`` of a batch before the step.

        ``fast``: compile it where that is possible, for batches of ``batch_size``; others take the usual way.
        """
        device = str(images.padded.device)
        plain = images.augmented, self._losses
        fast = (compiled(plain[0], device, dynamic=False), compiled(plain[1], device, **_ONE_GRAPH)) if fast else plain

        def step(chosen: Tensor, crops: Tensor) -> tuple[Tensor, Tensor]:
            augmented, losses = fast if len(chosen) == self.batch_size else plain
            with _memory_explained(self.batch_size):
                loss, correct = losses(*augmented(chosen, crops))
                if loss.requires_grad:
                    self._descend(loss)
            return loss.detach(), correct

        return step

    def _epoch(self, images: DeviceImages, epoch: int, rates: list[float], step: Step) -> Epoch:
        self.model.train()
        n, device = len(images), images.padded.device
        order = torch.randperm(n, generator=self.streams("order", epoch)).to(device)
        crops = draw_crops(n, images.pad, self.streams("augmentation", epoch), mirror=images.mirror).to(device)
        number = epoch * math.ceil(n / self.batch_size)
        total, correct = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        for chosen, crop in zip(order.split(self.batch_size), crops.split(self.batch_size), strict=True):
            self._set_rates(rates, self.schedule(number))
            loss, right = step(chosen, crop)
            total += loss * len(chosen)
            correct += right
            number += 1
        mean = total.item() / n  # the only synchronisation of the epoch
        if not math.isfinite(mean):
            raise Diverged(
                f"the loss became {mean} in epoch {epoch + 1} (rate {max(rates, default=0):g} times the schedule): "
                "lower the rate, or start with a warm-up epoch, and record that you did"
            )
        return {"loss": mean, "accuracy": correct.item() / n}

    def _losses(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with autocast(self.precision, inputs.device.type):
            logits = self.model(inputs)
        return F.cross_entropy(logits.float(), labels), (logits.detach().argmax(1) == labels).sum()

    def _descend(self, loss: Tensor) -> None:
        if self.optimizer is None:
            raise ValueError("a loss with a gradient, but no optimizer to descend it: give one")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.after_backward is not None:
            self.after_backward()
        self.optimizer.step()

    def _set_rates(self, rates: list[float], factor: float) -> None:
        for group, rate in zip(self.optimizer.param_groups if self.optimizer else [], rates, strict=True):
            group["lr"] = rate * factor

    def _keep(self, rates: list[float]) -> None:
        if self.checkpoint is None:
            return
        self._set_rates(rates, 1.0)  # the schedule's starting point, not where it is
        optimizer = self.optimizer.state_dict() if self.optimizer else {}
        self.checkpoint.save({"model": self.model.state_dict(), "optimizer": optimizer, "history": self.history})

    def _resume(self, device: str) -> None:
        state = self.checkpoint.load(device) if self.checkpoint else None
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        if self.optimizer is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        self.history = state["history"]
        log.info("resumed after epoch %d", len(self.history))


@torch.no_grad()
def accuracy(model: nn.Module, images: DeviceImages, *, precision: str = "fp32", batch_size: int = 500) -> float:
    """Return the fraction of images, not augmented, whose largest logit is the label; sets evaluation mode."""
    model.eval()
    correct = torch.zeros((), dtype=torch.int64, device=images.padded.device)
    for start in range(0, len(images), batch_size):
        inputs, labels = images.plain(start, min(start + batch_size, len(images)))
        with autocast(precision, str(inputs.device)):
            correct += (model(inputs).argmax(1) == labels).sum()
    return correct.item() / len(images)


@contextmanager
def _memory_explained(batch_size: int) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise MemoryError(
            f"too little memory for a step of {batch_size} images: take a smaller batch (and say that you did), "
            "a smaller network, or run fewer workers at once (JOBS=1)"
        ) from error


def _say(record: Epoch, epochs: int, images: int, seconds: float, done: int) -> None:
    left = seconds / done * (epochs - record["epoch"])
    others = ", ".join(f"{name} {value:.4g}" for name, value in record.items() if name != "epoch")
    speed = f"{done * images / seconds:.0f} images/s, {left / 60:.1f} min left"
    log.info("epoch %d of %d: %s; %s", record["epoch"], epochs, others, speed)
