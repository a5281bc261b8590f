"""From a configuration to data, base models and aggregators: what every trial of the experiments is made of."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from replicate.datasets import load_regression
from replicate.seeds import Seed

from .base import QuantileModel
from .catalogue import make_model
from .gate_fit import GateSettings
from .levels import even_levels
from .preprocess import Tabular
from .stacking import Split, split
from .training_curve import Schedule
from .tuning import BASE_SPACES, tune

# The six variants, the most flexible first: the order the paper finds.
VARIANTS = {
    "local-fine": ("fine", True),
    "local-medium": ("medium", True),
    "local-coarse": ("coarse", True),
    "global-fine": ("fine", False),
    "global-medium": ("medium", False),
    "global-coarse": ("coarse", False),
}
DQA = "local-fine"


@dataclass(frozen=True, eq=False)
class Parts:
    """A set split and standardised: ``(x, y)`` of train, validation and test rows, in units of the fitting rows' sd."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    levels: np.ndarray


def prepare(config: dict, seed: Seed) -> Parts:
    """Load a set, split it 72/18/10 and standardise features and target by train and validation rows."""
    data = load_regression(config["dataset"])
    rows = split(data.n, seed.rng("split", config["dataset"]))
    tabular = Tabular().fit(data.x.iloc[rows.fitting])
    y = data.y.to_numpy()
    mean, scale = y[rows.fitting].mean(), y[rows.fitting].std()
    parts = {name: (tabular.transform(data.x.iloc[r]), (y[r] - mean) / scale) for name, r in _named(rows)}
    return Parts(**parts, levels=even_levels(config["m"]))


def base_models(config: dict, parts: Parts, seed: Seed, device: str) -> dict[str, QuantileModel]:
    """Return unfitted base models by name, tuned on validation rows if ``config["draws"]`` says so."""
    schedule = {
        "max_steps": config["network_steps"],
        "check_every": config["check_every"],
        "patience": config["patience"],
    }
    found = {}
    for name in config["models"]:
        number = seed.integer("base", config["dataset"], name) % 2**31
        model = make_model(name, parts.levels, number, device=device, **schedule)
        rng = seed.rng("tune", config["dataset"], name)
        space = BASE_SPACES.get(name, {})
        found[name] = tune(model, space, config["draws"], parts.train, parts.validation, parts.levels, rng)
    return found


def gate_settings(config: dict, variant: str, **changes: Any) -> GateSettings:
    """Return the settings of one of the six variants; ``changes`` replace fields."""
    resolution, local = VARIANTS[variant]
    schedule = Schedule(config["gate_steps"], config["check_every"], config["patience"])
    return replace(GateSettings(resolution, local, schedule=schedule), **changes)


def _named(rows: Split):
    return ((name, getattr(rows, name)) for name in ("train", "validation", "test"))
