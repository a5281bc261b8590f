"""Unit of work: one training under one condition, and what the trained network's gammas and features do."""

from dataclasses import replace
from typing import Any

from replicate.device_images import DeviceImages
from replicate.seeds import Seed

from .activity import activity_rows
from .affine import summary_rows
from .learning_curve import curve_rows
from .settings import training_config
from .trained import train_network
from .zeroing import zeroing_rows


def training(config: dict, seed: Seed, *, device: str) -> list[dict[str, Any]]:
    """Train a network under one condition; with ``probe`` also ask what its gammas and features do (E2, E3, E5 to E12).

    Returns:
        Accuracy and loss by epoch, and the number of trained parameters; for probes also the rows of `summary_rows`,
        `zeroing_rows` (``draws`` random sets) and `activity_rows`, on the first ``probe_images`` test images (0: all).
    """
    found = train_network(training_config(config), seed, device)
    rows = [*curve_rows(found), {"metric": "trained parameters", "value": found.selection.size}]
    if config["probe"]:
        test, precision = first(found.test, config["probe_images"]), config["precision"]
        rows += summary_rows(found.model)
        rows += zeroing_rows(found.model, test, seed.torch("zeroing"), draws=config["draws"], precision=precision)
        rows += activity_rows(found.model, test, precision=precision)
    return rows


def first(images: DeviceImages, n: int) -> DeviceImages:
    """Return the first ``n`` images; 0 is all."""
    return replace(images, padded=images.padded[:n], labels=images.labels[:n]) if n else images
