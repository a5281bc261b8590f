"""Units of work: ``(config, seed) -> rows``. Those that train are in modules of their own, so that editing the others
leaves their results alone.

Streams are named by what they draw: "weights", "norms", "selection", "order", "augmentation". They do not depend on the
condition, so that conditions are compared in pairs: same random features, same images in the same order.
"""

from typing import Any

import numpy as np

from replicate.schedules import schedule
from replicate.seeds import Seed

from .control_units import subspace, untrained
from .decay_null import rates, shrink_factor, small_by_decay
from .expressivity import reconstruct
from .imagenet_unit import imagenet
from .learning_curve import learning_curve
from .parameter_table import counts
from .training_unit import training
from .transfer import transfer

Rows = list[dict[str, Any]]
__all__ = [
    "decay_null",
    "expressivity",
    "imagenet",
    "learning_curve",
    "parameters",
    "subspace",
    "training",
    "transfer",
    "untrained",
]


def parameters(config: dict, seed: Seed) -> Rows:
    """Count the parameters of a network, whole and by role (E1); nothing is random."""
    found = counts(config["family"], config["depth"], config["width"])
    return [{"metric": part, "value": n} for part, n in found.items()]


def decay_null(config: dict, seed: Seed) -> Rows:
    """Shrink a gamma by weight decay alone over a schedule (E12); nothing is random."""
    steps, epochs = config["steps_per_epoch"], config["epochs"]
    shape = {"drops": config["drops"], "warmup": config["warmup"]}
    factor = schedule(config["schedule"], epochs=epochs, steps_per_epoch=steps, **shape)
    kappa = shrink_factor(rates(factor, epochs * steps, config["rate"]), decay=config["decay"])
    return [{"metric": "kappa", "value": kappa}, {"metric": "share below 0.01", "value": small_by_decay(kappa)}]


def expressivity(config: dict, seed: Seed) -> Rows:
    """Reconstruct a random target from ``features`` random features by gamma alone."""
    c0, c1, c2 = config["inputs"], config["features"], config["outputs"]
    rng = seed.rng("expressivity", c0, c1, c2)
    target, outer, inner = (rng.standard_normal(shape) for shape in ((c2, c0), (c2, c1), (c1, c0)))
    found = reconstruct(target, outer, inner)
    return [
        {"metric": "error", "value": found.error},
        {"metric": "condition number", "value": found.condition},
        {"metric": "largest |gamma|", "value": float(np.abs(found.gamma).max())},
    ]
