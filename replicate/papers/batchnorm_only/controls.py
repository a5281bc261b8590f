"""Networks that are not trained, and one trained in a random subspace: what BatchNorm's numbers are compared with."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from replicate.device_images import DeviceImages
from replicate.precision import autocast
from replicate.resumable import Training, accuracy
from replicate.schedules import schedule
from replicate.seeds import Seed

from .conditions import count, trainable
from .image_sets import image_sets
from .network import network
from .subspace import RandomSubspace
from .trained import BATCH, MOMENTUM


@torch.no_grad()
def refresh_statistics(model: nn.Module, images: DeviceImages, *, precision: str = "fp32") -> None:
    """Let running statistics see the training images once, as they are, in batches of 128; nothing else changes."""
    model.train()
    for start in range(0, len(images), BATCH):
        inputs, _ = images.plain(start, min(start + BATCH, len(images)))
        with autocast(precision, str(inputs.device)):
            model(inputs)


def start_accuracy(config: Mapping[str, Any], seed: Seed, device: str) -> tuple[float, float, int]:
    """Return the test accuracy of the start weights with untouched and with refreshed statistics, and the test size."""
    train, test = image_sets(config["dataset"], config["shrink"], config["train_size"], config["test_size"], device)
    shape = {"width": config["width"], "family": config["family"], "channels": train.padded.shape[3]}
    model = network(config["depth"], seed, **shape).to(memory_format=torch.channels_last).to(device)
    untouched = accuracy(model, test, precision=config["precision"])
    refresh_statistics(model, train, precision=config["precision"])
    return untouched, accuracy(model, test, precision=config["precision"]), len(test)


def subspace_accuracy(config: Mapping[str, Any], seed: Seed, device: str) -> tuple[float, int, int]:
    """Train all weights but gamma and beta in a random subspace of as many dimensions; return accuracy, d, test size.

    Schedule, rate, batches and augmentation are those of the other conditions; without weight decay, which would leave
    the subspace.
    """
    train, test = image_sets(config["dataset"], config["shrink"], config["train_size"], config["test_size"], device)
    shape = {"width": config["width"], "family": config["family"], "channels": train.padded.shape[3]}
    model = network(config["depth"], seed, **shape).to(memory_format=torch.channels_last).to(device)
    trainable(model, "all_but_bn")
    subspace = RandomSubspace(model, count(model, ("gamma", "beta")), seed.torch("subspace"))
    batch = config.get("batch", BATCH)
    steps = -(-len(train) // batch)
    training = Training(
        model,
        torch.optim.SGD(subspace.parameters, lr=config["rate"], momentum=MOMENTUM),
        schedule(
            config["schedule"],
            epochs=config["epochs"],
            steps_per_epoch=steps,
            drops=[config["epochs"] // 2, config["epochs"] * 3 // 4],
        ),
        batch,
        lambda purpose, epoch: seed.torch(purpose, epoch),
        config["precision"],
        subspace.project_gradients,
    )
    training.run(train, config["epochs"])
    return accuracy(model, test, precision=config["precision"]), subspace.dim, len(test)
