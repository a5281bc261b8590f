"""What are learned features worth to BatchNorm? Train on one set, freeze, train gamma and beta on another, in grey.

Both arms train the same 1,120 numbers (ResNet-14) from the same start, on the same images in the same order; what is
frozen around them differs: the random start, or what training everything on the source set has made of that start.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from replicate.checkpoint import Checkpoint, code_ingredients
from replicate.device_images import DeviceImages
from replicate.errors import nearest
from replicate.resumable import Epoch, Training, accuracy
from replicate.schedules import schedule
from replicate.seeds import Seed
from replicate.threads import torch_threads

from .conditions import trainable
from .grey_images import grey_sets
from .initialise import initialise_norms
from .network import network
from .trained import BATCH, KEPT_FROM, MOMENTUM, is_evaluated

FEATURES = ("random", "learned")
Rows = list[dict[str, Any]]


def transfer(config: dict, seed: Seed, *, device: str) -> Rows:
    """Unit of work: train BatchNorm only on the target set, around random features or ones learned on the source set.

    Args:
        config: ``features`` "random" or "learned"; ``target``, ``source`` (`grey_sets`), ``shrink, train_size,
            test_size``; ``depth, width`` of the residual network; ``epochs, schedule, rate, decay, precision`` of both
            trainings, and optionally ``threads`` (1).
        seed: the replicate; start, order and crops are the same for both kinds of features.
        device: "cpu" or "cuda".

    Returns:
        Accuracy and loss on the target set by epoch, the number of trained parameters, and for learned features the
        "source accuracy": of everything trained, on the source's test images.

    Raises:
        ValueError: other features (names the nearest).
        UserError, Unavailable, Diverged, MemoryError: see what this calls.
    """
    if config["features"] not in FEATURES:
        raise ValueError(f"unknown features {config['features']!r}; {nearest(config['features'], FEATURES)}")
    with torch_threads(config.get("threads", 1)):
        model = start(config, seed, device)
        rows: Rows = []
        if config["features"] == "learned":
            rows.append(learn(model, config, seed, device))
        train, test = _sets(config, "target", device)
        size, history = fit(model, "bn", train, config, seed, device, test=test, part="target")
    return [*rows, {"metric": "trained parameters", "value": size}, *_curve(history, len(test))]


def start(config: Mapping[str, Any], seed: Seed, device: str) -> nn.Module:
    """Return the network for grey images on a device, at its random start: streams "weights" and "norms"."""
    model = network(config["depth"], seed, width=config["width"], channels=1)
    return model.to(memory_format=torch.channels_last).to(device)


def learn(model: nn.Module, config: Mapping[str, Any], seed: Seed, device: str) -> dict[str, Any]:
    """Train everything on the source set, then set gamma, beta and running statistics back to their start.

    Returns the row of the accuracy on the source's test images.
    """
    train, test = _sets(config, "source", device)
    fit(model, "all", train, config, seed, device, part="source")
    found = accuracy(model, test, precision=config["precision"])
    initialise_norms(model.cpu(), "uniform", seed.torch("norms"))
    model.to(device)
    return {"metric": "source accuracy", "value": found, "split": "test", "n": len(test)}


def fit(
    model: nn.Module,
    condition: str,
    images: DeviceImages,
    config: Mapping[str, Any],
    seed: Seed,
    device: str,
    *,
    part: str,
    test: DeviceImages | None = None,
) -> tuple[int, list[Epoch]]:
    """Train a model in place under a condition; return how many numbers were trained, and the record of each epoch.

    ``part``, "source" or "target", names the streams of order and crops; long trainings keep a checkpoint.
    """
    c, selection, batch = config, trainable(model, condition), config.get("batch", BATCH)
    steps = -(-len(images) // batch)
    drops = [c["epochs"] // 2, c["epochs"] * 3 // 4]
    training = Training(
        model,
        selection.sgd(lr=c["rate"], momentum=MOMENTUM, weight_decay=c["decay"]),
        schedule(c["schedule"], epochs=c["epochs"], steps_per_epoch=steps, drops=drops),
        batch,
        lambda purpose, epoch: seed.torch(part, purpose, epoch),
        c["precision"],
        checkpoint=_checkpoint(c, seed, device, part, len(images)),
    )
    history = training.run(images, c["epochs"], after_epoch=_tested(model, test, c) if test else None)
    return selection.size, history


def _tested(model: nn.Module, test: DeviceImages, config: Mapping[str, Any]) -> Callable[[int], Mapping[str, float]]:
    def after_epoch(epoch: int) -> dict[str, float]:
        wanted = is_evaluated(epoch, config["epochs"])
        return {"test accuracy": accuracy(model, test, precision=config["precision"])} if wanted else {}

    return after_epoch


def _curve(history: list[Epoch], n: int) -> Rows:
    rows = []
    for record in history:
        step = int(record["epoch"])
        rows.append({"metric": "loss", "value": record["loss"], "step": step, "split": "train"})
        if "test accuracy" in record:
            rows.append({"metric": "accuracy", "value": record["test accuracy"], "step": step, "split": "test", "n": n})
    return rows


def _sets(config: Mapping[str, Any], part: str, device: str) -> tuple[DeviceImages, DeviceImages]:
    return grey_sets(config[part], config["shrink"], config["train_size"], config["test_size"], device)


def _checkpoint(config: Mapping[str, Any], seed: Seed, device: str, part: str, n: int) -> Checkpoint | None:
    if config["epochs"] * n < KEPT_FROM:
        return None
    names = {"part": part, "config": dict(config), "seed": [seed.base, seed.replicate], "device": device}
    return Checkpoint.of("batchnorm_only", {**code_ingredients(__name__), **names})
