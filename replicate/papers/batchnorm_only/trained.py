"""Train one network of this paper under one condition, as a configuration says; long trainings resume at the epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from replicate.checkpoint import Checkpoint, code_ingredients
from replicate.device_images import DeviceImages
from replicate.resumable import Epoch, Training, accuracy
from replicate.schedules import schedule
from replicate.seeds import Seed
from replicate.threads import torch_threads

from .conditions import Selection, disable_features, trainable
from .image_sets import image_sets
from .network import network

BATCH, MOMENTUM = 128, 0.9
KEPT_FROM = 500_000  # images of a whole training from which on checkpoints are kept
_SLUG = "batchnorm_only"


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, what was trained of it, and the record of each epoch."""

    model: nn.Module
    selection: Selection
    history: list[Epoch]
    test: DeviceImages


def train_network(config: Mapping[str, Any], seed: Seed, device: str = "cpu") -> Trained:
    """Train a network and return it.

    Args:
        config: ``dataset, shrink, train_size, test_size`` (`image_sets`); ``family, depth, width`` (`network`);
            ``condition`` (`trainable`); ``epochs, schedule, rate, decay``: "steps" drops the rate to a tenth after half
            and three quarters of the epochs, as the paper; ``precision`` "fp32" or "bf16". Optional:
            ``norm_init`` ("uniform"), ``norms`` ("batch"), ``k`` (2), ``disabled`` (0, share of features switched off),
            ``l1`` (0, penalty on gamma), ``norm_decay`` (``decay`` of gamma and beta), ``warmup`` (0, epochs),
            ``batch`` (128), ``threads`` (1), ``init`` and ``order`` (levels of the replicate's streams where they are
            crossed).
        seed: the replicate: start weights, selection, data order and augmentation, each a stream of its own, so that
            conditions are compared in pairs.
        device: "cpu" or "cuda".

    Raises:
        Diverged, MemoryError, ValueError, UserError: see what this calls.
    """
    c = {"norm_init": "uniform", "norms": "batch", "k": 2, "batch": BATCH, "threads": 1, "warmup": 0, **config}
    start = Seed(seed.base, int(c.get("init", seed.replicate)))
    order = Seed(seed.base, int(c.get("order", seed.replicate)))
    train, test = image_sets(c["dataset"], c["shrink"], c["train_size"], c["test_size"], device)
    shape = {name: c[name] for name in ("width", "family", "norm_init", "norms")}
    model = network(c["depth"], start, channels=train.padded.shape[3], **shape)
    model = model.to(memory_format=torch.channels_last).to(device)
    selection = trainable(model, c["condition"], k=c["k"], generator=start.torch("selection"))
    if share := c.get("disabled", 0):
        selection = disable_features(model, selection, share, start.torch("disabled"))
    training = _training(c, model, selection, len(train), order, _checkpoint(c, config, seed, device, len(train)))

    def after_epoch(epoch: int) -> dict[str, float]:
        wanted = is_evaluated(epoch, c["epochs"])
        return {"test accuracy": accuracy(model, test, precision=c["precision"])} if wanted else {}

    with torch_threads(c["threads"]):
        history = training.run(train, c["epochs"], after_epoch=after_epoch)
    return Trained(model, selection, history, test)


def is_evaluated(epoch: int, epochs: int) -> bool:
    """Return whether to test after this epoch: the last; of five or more also the first five and each fifth.

    A shorter training has no curve worth its price: three images tested cost as much as one trained on.
    """
    return epoch == epochs or (epochs >= 5 and (epoch <= 5 or epoch % 5 == 0))


def _training(c, model, selection, n: int, order: Seed, checkpoint: Checkpoint | None) -> Training:
    steps = -(-n // c["batch"])
    drops = [c["epochs"] // 2, c["epochs"] * 3 // 4]

    def after_backward() -> None:
        selection.shrink_gamma(c.get("l1", 0.0))
        selection.mask_gradients(c["decay"])

    return Training(
        model,
        selection.sgd(
            lr=c["rate"],
            momentum=MOMENTUM,
            weight_decay=c["decay"],
            norm_decay=c.get("norm_decay", c["decay"]),
        ),
        schedule(c["schedule"], epochs=c["epochs"], steps_per_epoch=steps, drops=drops, warmup=c["warmup"]),
        c["batch"],
        lambda purpose, epoch: order.torch(purpose, epoch),
        c["precision"],
        after_backward,
        checkpoint,
    )


def _checkpoint(c, config, seed: Seed, device: str, n: int) -> Checkpoint | None:
    if c["epochs"] * n < KEPT_FROM:
        return None
    names = {"config": dict(config), "seed": [seed.base, seed.replicate], "device": device}
    return Checkpoint.of(_SLUG, {**code_ingredients(__name__), **names})
