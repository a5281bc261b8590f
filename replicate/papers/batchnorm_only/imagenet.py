"""Train on ImageNet under one condition, on one or several GPUs: Lightning Fabric, one process a device.

Each process sees its share of the images; gradients are averaged. BatchNorm normalises over the images a process
computes at once, ``at_once``, so that as long as these fill each process's share the number of devices changes the
order of sums and the drawn crops only. We never ran it on ImageNet itself: see `imagenet_unit` and `imagenet_parallel`.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from replicate.checkpoint import Checkpoint
from replicate.errors import DataError
from replicate.resumable import Diverged
from replicate.schedules import step_drops

from .conditions import Selection

log = logging.getLogger("replicate.training")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Recipe:
    """The paper's training on ImageNet.

    Args:
        epochs, batch: passes, and images a step over all processes together.
        rate: peak; a tenth after each epoch of ``drops``; rising linearly over the first ``warmup`` epochs.
        momentum, decay: of SGD; the decay holds for gamma and beta too.
        at_once: images a process computes at once, and BatchNorm normalises over; gradients add up to the batch.
            0: the process's whole share.
    """

    epochs: int = 90
    batch: int = 1024
    rate: float = 0.4
    drops: tuple[int, ...] = (30, 60, 80)
    warmup: int = 5
    momentum: float = 0.9
    decay: float = 1e-4
    at_once: int = 0


def folders(root: Path, *, crop: int = 224) -> tuple[Any, Any]:
    """Return ``ImageFolder`` of ``root/train/<class>/*`` and of ``root/val/<class>/*``, transformed.

    Training: a crop of 10 to 100 % of the area with sides 4 : 5 to 5 : 4, resized to ``crop``, mirrored at random;
    validation: the shorter side 8/7 of ``crop`` (256 for 224), the middle ``crop``.

    Raises:
        DataError: a folder is missing or empty, or the two have other classes; says which layout is wanted.
    """
    from torchvision import datasets  # seconds to import
    from torchvision import transforms as t

    last = [t.ToTensor(), t.Normalize(MEAN, STD)]
    window = t.RandomResizedCrop(crop, scale=(0.1, 1.0), ratio=(0.8, 1.25))
    transforms = {
        "train": t.Compose([window, t.RandomHorizontalFlip(), *last]),
        "val": t.Compose([t.Resize(round(crop * 8 / 7)), t.CenterCrop(crop), *last]),
    }
    wanted = f"ImageNet-1k is wanted as {root}/train/<class>/*.JPEG and val/<class>/*.JPEG"
    found = {}
    for part, transform in transforms.items():
        if not (root / part).is_dir():
            raise DataError(f"no folder {root / part}: {wanted}")
        try:
            found[part] = datasets.ImageFolder(root / part, transform)
        except FileNotFoundError as error:  # no class folders, or one without images
            raise DataError(f"{root / part} cannot be used ({error}): {wanted}") from None
    train, val = found["train"], found["val"]
    if train.classes != val.classes:
        odd = sorted(set(train.classes) ^ set(val.classes))[0]
        raise DataError(f"train and val have other classes, first difference: {odd!r}: {wanted}")
    return train, val


def train(
    fabric: Fabric,
    model: nn.Module,
    selection: Selection,
    images: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    workers: int = 0,
    checkpoint: Checkpoint | None = None,
) -> tuple[nn.Module, list[float]]:
    """Train in every process of a launched Fabric; return the wrapped model and the mean loss of each epoch.

    Args:
        fabric: launched; its precision ("32-true", "bf16-mixed") and devices hold.
        model, selection: on the CPU, the same in every process; what is trained of it.
        images: map-style data set of (input, label).
        recipe: batch is divided by the number of processes.
        seed: of the order of images and of augmentations, which may draw from torch's global CPU generator: it is
            seeded anew at every epoch and put back afterwards, so that a resumed training draws the same.
        workers: of each process's DataLoader.
        checkpoint: written by the first process after every epoch, read by all.

    Raises:
        ValueError: a batch that the processes cannot share evenly.
        Diverged: the loss is not a finite number.
        MemoryError: too little of it for ``at_once`` images; says what to do.
    """
    if recipe.batch % fabric.world_size:
        raise ValueError(
            f"a batch of {recipe.batch} cannot be shared by {fabric.world_size} processes: take a multiple"
        )
    optimizer = selection.sgd(lr=recipe.rate, momentum=recipe.momentum, weight_decay=recipe.decay)
    state = checkpoint.load() if checkpoint else None
    if state:
        model.load_state_dict(state["model"])
    if optimizer is None:
        raise ValueError("nothing is trained: choose another condition")
    wrapped, optimizer = fabric.setup(model, optimizer)
    if state:
        optimizer.load_state_dict(state["optimizer"])
    order, on_gpu = torch.Generator(), fabric.device.type == "cuda"
    batch = recipe.batch // fabric.world_size
    loader: Any = fabric.setup_dataloaders(
        DataLoader(images, batch, shuffle=True, num_workers=workers, generator=order, pin_memory=on_gpu)
    )
    factor = step_drops([d * len(loader) for d in recipe.drops], warmup=recipe.warmup * len(loader))
    losses = state["losses"] if state else []
    for epoch in range(len(losses), recipe.epochs):
        order.manual_seed(seed + epoch)
        if hasattr(loader.sampler, "set_epoch"):
            loader.sampler.set_epoch(seed + epoch)
        with _global_draws(seed + epoch + 1000 * fabric.global_rank), _memory_explained(recipe):
            losses.append(_epoch(fabric, wrapped, optimizer, selection, loader, recipe, factor, epoch * len(loader)))
        if fabric.global_rank == 0 and checkpoint:
            checkpoint.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses})
        fabric.barrier()
        log.info("epoch %d of %d: loss %.4g", epoch + 1, recipe.epochs, losses[-1])
    return wrapped, losses


def _epoch(fabric, model, optimizer, selection, loader, recipe: Recipe, factor, step: int) -> float:
    model.train()
    total = torch.zeros((), device=fabric.device)
    for inputs, labels in loader:
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * factor(step)
        optimizer.zero_grad(set_to_none=True)
        at_once = recipe.at_once or len(labels)
        parts = list(zip(inputs.split(at_once), labels.split(at_once), strict=True))
        for number, (some, theirs) in enumerate(parts, start=1):
            with fabric.no_backward_sync(model, enabled=number < len(parts)):
                loss = F.cross_entropy(model(some).float(), theirs, reduction="sum") / len(labels)
                fabric.backward(loss)
            total += loss.detach()
        selection.mask_gradients(recipe.decay)
        optimizer.step()
        step += 1
    mean = float(fabric.all_reduce(total / len(loader), reduce_op="mean"))
    if not math.isfinite(mean):
        raise Diverged(f"the loss became {mean} before step {step}: lower the rate, or warm up for longer")
    return mean


@contextmanager
def _global_draws(seed: int) -> Iterator[None]:
    """Seed torch's global CPU generator, from which torchvision's augmentations draw, and put it back afterwards."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


@contextmanager
def _memory_explained(recipe: Recipe) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"too little memory for {recipe.at_once or 'the whole share of'} images at once: halve it "
            "(imagenet_at_once, --at-once), and say that you did: BatchNorm then normalises over fewer"
        ) from error


@torch.no_grad()
def top_accuracies(
    fabric: Fabric, model: nn.Module, images: Dataset, *, batch: int, ks: Sequence[int] = (1, 5), workers: int = 0
) -> dict[int, float]:
    """Return for each k the share of images whose label is among the k largest outputs, over all processes.

    With fewer than k classes that is every image.
    Where the images cannot be shared evenly the last ones are counted twice, as the distributed sampler repeats them.
    """
    model.eval()
    loader = fabric.setup_dataloaders(DataLoader(images, batch, num_workers=workers))
    hits, seen = torch.zeros(len(ks), device=fabric.device), torch.zeros((), device=fabric.device)
    for inputs, labels in loader:
        outputs = model(inputs)
        ranked = outputs.topk(min(max(ks), outputs.shape[1]), dim=1).indices == labels[:, None]
        hits += torch.stack([ranked[:, :k].any(1).sum() for k in ks])
        seen += len(labels)
    summed: Any = fabric.all_reduce((hits, seen), reduce_op="sum")
    return dict(zip(ks, (summed[0] / summed[1]).tolist(), strict=True))
