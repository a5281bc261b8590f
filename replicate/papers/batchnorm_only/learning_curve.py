"""Unit of work: one training from its first epoch to its last, with the gammas and betas it ends with."""

from collections.abc import Iterator
from typing import Any

from replicate.seeds import Seed

from .norms import norm_layers
from .trained import Trained, train_network


def learning_curve(config: dict, seed: Seed, *, device: str) -> list[dict[str, Any]]:
    """Train one network and return its accuracy and loss by epoch (``step``), then every gamma and beta (E4, E5)."""
    found = train_network(config, seed, device)
    return [*curve_rows(found), *affine_rows(found)]


def curve_rows(found: Trained) -> Iterator[dict[str, Any]]:
    """Yield training loss and accuracy (augmented batches, while weights change) and test accuracy, by epoch."""
    for record in found.history:
        step = int(record["epoch"])
        yield {"metric": "loss", "value": record["loss"], "step": step, "split": "train"}
        yield {"metric": "accuracy", "value": record["accuracy"], "step": step, "split": "train"}
        if "test accuracy" in record:
            n = len(found.test)
            yield {"metric": "accuracy", "value": record["test accuracy"], "step": step, "split": "test", "n": n}


def affine_rows(found: Trained) -> Iterator[dict[str, Any]]:
    """Yield gamma and beta of every channel of every norm, in the network's order."""
    for number, (name, layer) in enumerate(norm_layers(found.model).items()):
        for metric, values in (("gamma", layer.weight), ("beta", layer.bias)):
            for channel, value in enumerate(values.detach().cpu().double().tolist()):
                yield {"metric": metric, "value": value, "layer": number, "norm": name, "channel": channel}
