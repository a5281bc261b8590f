"""Unit of work: one training on a folder of ImageNet, resumed at the epoch, and the accuracies it ends with.

Several devices train with `imagenet_parallel`; the unit then finds the finished checkpoint and only tests it.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from replicate import fingerprint
from replicate.checkpoint import Checkpoint, code_ingredients
from replicate.seeds import Seed

from .conditions import trainable
from .imagenet_resnet import initialised

if TYPE_CHECKING:
    from lightning_fabric import Fabric

log = logging.getLogger("replicate.training")
IMAGENET = "ImageNet-1k"
IMAGES = {"train": 1_281_167, "val": 50_000, "classes": 1000}  # of ILSVRC 2012
_ELSEWHERE = ("folder", "workers")  # where the images lie, and how they are read: no part of what is trained
_TEST_BATCH = 250
Rows = list[dict[str, Any]]


def configuration(folder: str, depth: int, precision: str, *, at_once: int = 128, **changes: object) -> dict[str, Any]:
    """Return the configuration of the published training, with changes: any of `Recipe`, ``condition``, ``crop``.

    ``precision`` is "fp32" or "bf16", resolved. ``changes`` may also have ``workers``: processes that read images.
    """
    from .imagenet import Recipe

    recipe = {**asdict(Recipe()), "at_once": at_once}
    recipe["drops"] = list(Recipe().drops)
    return {
        "folder": folder,
        "depth": depth,
        "condition": "bn",
        "crop": 224,
        "precision": precision,
        **recipe,
        **changes,
    }


def imagenet(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train on ``config["folder"]`` (`configuration`) and return losses by epoch, and top-1 and top-5 accuracy.

    In one process on one device. A training that another process has begun or finished goes on from its checkpoint.

    Raises:
        DataError: the folder has another layout than ImageNet's.
        Diverged, MemoryError, ValueError: see `imagenet.train`.
    """
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator=device, devices=1, precision=fabric_precision(config))
    return trained_rows(fabric, config, seed)


def fabric_precision(config: Mapping[str, Any]) -> Any:
    """Return the precision as Fabric calls it."""
    return "bf16-mixed" if config["precision"] == "bf16" else "32-true"


def trained_rows(fabric: "Fabric", config: Mapping[str, Any], seed: Seed) -> Rows:
    """Train in every process of a launched Fabric, test, and return the rows, the same in all processes."""
    from .imagenet import Recipe, folders, top_accuracies, train

    images, tests = folders(Path(config["folder"]), crop=config["crop"])
    model = initialised(config["depth"], seed, classes=len(images.classes)).to(memory_format=torch.channels_last)
    selection = trainable(model, config["condition"], generator=seed.torch("selection"))
    names = ("epochs", "batch", "rate", "warmup", "momentum", "decay", "at_once")
    recipe = Recipe(drops=tuple(config["drops"]), **{name: config[name] for name in names})
    workers = config.get("workers", reading_processes())
    order = seed.integer("order") % 2**31
    kept = checkpoint(config, seed, images)
    model, losses = train(fabric, model, selection, images, recipe, seed=order, workers=workers, checkpoint=kept)
    batch = min(_TEST_BATCH, recipe.at_once or _TEST_BATCH)
    found = top_accuracies(fabric, model, tests, batch=batch, workers=workers)
    size = {"metric": "trained parameters", "value": selection.size}
    rows = [{"metric": "loss", "value": v, "step": i, "split": "train"} for i, v in enumerate(losses, start=1)]
    tested = {"split": "test", "n": len(tests), "dataset": described(images, tests)}
    return [*rows, size, *({"metric": f"top-{k} accuracy", "value": v, **tested} for k, v in found.items())]


def checkpoint(config: Mapping[str, Any], seed: Seed, images: Any) -> Checkpoint:
    """Return where a training is kept: by what it depends on, the same for the notebook and for several processes.

    Of the images the names of classes and their numbers count, not where they lie.
    """
    wanted = {name: value for name, value in config.items() if name not in _ELSEWHERE}
    data = fingerprint.digest([images.classes, images.targets])
    names = {"config": wanted, "seed": [seed.base, seed.replicate], "data": data}
    module = "replicate.papers.batchnorm_only.imagenet_unit"  # whoever asks: __main__ would be another
    return Checkpoint.of("batchnorm_only", {**code_ingredients(module), **names})


def described(images: Any, tests: Any) -> str:
    """Return "ImageNet-1k" for a folder with its numbers of images and classes, else an honest name."""
    found = {"train": len(images), "val": len(tests), "classes": len(images.classes)}
    if found == IMAGES:
        return IMAGENET
    return f"folder of {found['classes']} classes, {found['train']} + {found['val']} images"


def reading_processes() -> int:
    """Return how many processes read images for one training process: this machine's cores, shared out; at most 16."""
    return min(16, len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
