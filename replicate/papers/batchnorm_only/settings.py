"""What a configuration of a training may say, and what it means where it is silent."""

from collections.abc import Mapping
from typing import Any

# values that need not be said: leaving them out or saying them is the same training
DEFAULTS: dict[str, Any] = {
    "norm_init": "uniform",
    "norms": "batch",
    "k": 2,
    "batch": 128,
    "disabled": 0.0,
    "l1": 0.0,
    "warmup": 0,
    "threads": 1,
}
_PROBES = ("probe", "draws", "probe_images")  # what is asked of a trained network


def training_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the training depends on: without probes and without defaults, so that checkpoints are shared."""
    return {k: v for k, v in config.items() if k not in _PROBES and not (k in DEFAULTS and v == DEFAULTS[k])}


def full_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with every default said, so that frames have the same columns."""
    return {**DEFAULTS, **config}
