"""What the deep-learning papers share: data on the device, one training loop, accuracy."""

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replicate.errors import nearest
from replicate.seeds import Seed

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def stream(seed: int, purpose: str) -> torch.Generator:
    """Return a CPU generator for a purpose ("theta0", "projection", "order"), independent of other purposes.

    Two generators seeded with the same integer give the same numbers; mixing in the purpose keeps the initial
    weights and the projection of one seed uncorrelated. Raises ``ValueError`` for a negative seed.
    """
    return Seed(seed, 0).torch(purpose)


def make_optimizer(
    name: str,
    parameters: Iterable[Tensor],
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.99),
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Return "adam" (``betas``), "sgd" (``momentum``) or "rmsprop"; raise ``ValueError`` for another name.

    ``weight_decay`` times the parameter is added to each gradient: an L2 penalty of half that on all parameters.
    """
    makers = {
        "adam": lambda p: torch.optim.Adam(p, lr=lr, betas=betas, weight_decay=weight_decay),
        "sgd": lambda p: torch.optim.SGD(p, lr=lr, momentum=momentum, weight_decay=weight_decay),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=lr, weight_decay=weight_decay),
    }
    if name not in makers:
        raise ValueError(f"unknown optimizer {name!r}; {nearest(name, makers)}")
    return makers[name](list(parameters))


def train(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int,
    batch_size: int,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    schedule: str = "constant",
    l2: float = 0.0,
    scale: float | None = None,
    shuffle: bool = True,
    augment: Callable[[Tensor], Tensor] | None = None,
    objective: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
    fabric: "Fabric | None" = None,
) -> list[float]:
    """Minimise cross-entropy ``+ l2 * sum(kernel^2)`` and return the mean training loss of each epoch.

    ``images`` ``(n, ...)`` and ``labels`` ``(n,)`` int64 live on the model's device, images preferably as
    uint8; a batch is converted when used (see `batch_input`). Order: a new permutation from the CPU
    ``generator`` each epoch, so it is the same on every device; the last, smaller batch is kept.
    ``schedule``: "constant" or "cosine" (from the optimiser's rate to 0 over all steps).
    ``shuffle`` false keeps the order as given. ``augment`` changes each batch of inputs. ``objective(model, inputs,
    labels)`` replaces the cross-entropy; labels may then be anything with one row per image, such as soft targets.
    ``on_epoch(epoch, loss)`` is called after each epoch, counted from 1.

    With a launched ``fabric`` that has set up model and optimiser, every process draws the same batches and computes
    its own rows of each: losses and steps are those of one process up to the order of sums. Statistics of a batch
    (BatchNorm) and ``augment`` see a process's own rows. Raises ``ValueError`` if a batch has fewer rows than there
    are processes.
    """
    objective = objective or _cross_entropy
    rank, world = _place(fabric, min(batch_size, len(images) % batch_size or batch_size))
    rates = _schedule(schedule, optimizer, epochs * math.ceil(len(images) / batch_size))
    losses = []
    for epoch in range(epochs):
        model.train()
        total = torch.zeros((), device=images.device)
        order = torch.randperm(len(images), generator=generator) if shuffle else torch.arange(len(images))
        order = order.to(images.device)
        for batch in order.split(batch_size):
            _set_rates(optimizer, next(rates))
            rows = batch[rank::world]
            x = batch_input(images.index_select(0, rows), scale)
            loss = objective(model, augment(x) if augment else x, labels.index_select(0, rows))
            total += loss.detach() * len(rows)
            if world > 1:  # processes average their gradients: each counts by its rows
                loss = loss * (world * len(rows) / len(batch))
            if l2:
                loss = loss + l2 * kernel_penalty(model)
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(loss) if fabric else loss.backward()
            optimizer.step()
        if fabric:
            total = torch.as_tensor(fabric.all_reduce(total, reduce_op="sum"))
        losses.append(total.item() / len(images))  # the only synchronisation of the epoch
        if on_epoch is not None:
            on_epoch(epoch + 1, losses[-1])
    return losses


@torch.no_grad()
def accuracy(
    model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int = 1000, scale: float | None = None
) -> float:
    """Return the fraction of images whose largest logit is the label; sets evaluation mode."""
    model.eval()
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
    for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        correct += (model(batch_input(x, scale)).argmax(1) == y).sum()
    return correct.item() / len(images)


def batch_input(images: Tensor, scale: float | None = None) -> Tensor:
    """Return ``images / scale``; integers become float32, by default divided by 255, floats by 1."""
    if images.is_floating_point():
        return images if scale is None else images / scale
    return images.to(torch.float32).div_(255.0 if scale is None else scale)


def kernel_penalty(model: nn.Module) -> Tensor:
    """Return ``sum(w^2)`` over kernels, no factor 1/2; a model may define its own ``kernel_penalty()``."""
    if (own := getattr(model, "kernel_penalty", None)) is not None:
        return own()
    squares = (p.square().sum() for name, p in model.named_parameters() if is_kernel(name, p))
    return sum(squares, start=torch.zeros(()))


def is_kernel(name: str, parameter: Tensor) -> bool:
    """Return whether this is a kernel: at least two axes and not called a bias (untied biases have three)."""
    return parameter.ndim >= 2 and not name.rsplit(".", 1)[-1].startswith("bias")


def _place(fabric: "Fabric | None", smallest: int) -> tuple[int, int]:
    """Return this process's number and how many there are; the smallest batch must have a row for each."""
    if fabric is None:
        return 0, 1
    if smallest < fabric.world_size:
        raise ValueError(
            f"a batch of {smallest} rows cannot be shared by {fabric.world_size} processes: "
            "take another batch size or fewer devices"
        )
    return fabric.global_rank, fabric.world_size


def _cross_entropy(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(model(inputs), labels)


def _schedule(name: str, optimizer: torch.optim.Optimizer, steps: int):
    factors = {"constant": lambda u: 1.0, "cosine": lambda u: 0.5 * (1 + math.cos(math.pi * u))}
    if name not in factors:
        raise ValueError(f"unknown schedule {name!r}; {nearest(name, factors)}")
    start = [group["lr"] for group in optimizer.param_groups]
    return ([lr * factors[name](step / steps) for lr in start] for step in range(steps))


def _set_rates(optimizer: torch.optim.Optimizer, rates: list[float]) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
