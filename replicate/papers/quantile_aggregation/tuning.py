"""Random search without replacement over the paper's grids, judged by the pinball loss on validation rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import inf, prod
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from .base import QuantileModel
from .gate_fit import FittedGate, GateSettings, Sample, fit_gate
from .scores import mean_pinball

Space = Mapping[str, Sequence[object]]
_NETWORK: Space = {"hidden": [64, 128], "layers": [2, 3], "dropout": [0.0, 0.05, 0.1]}
_QUANTILE_NETWORK: Space = {**_NETWORK, "lr": [1e-3, 3e-4], "weight_decay": [1e-5, 1e-7]}
_FOREST: Space = {"min_samples_split": [8, 16, 64], "min_samples_leaf": [8, 16, 64]}
BASE_SPACES: dict[str, Space] = {
    "CGN": _NETWORK,
    "SQR": _QUANTILE_NETWORK,
    "DQR": _QUANTILE_NETWORK,
    "QRF": _FOREST,
    "QXT": _FOREST,
    "LGBM": {
        "num_leaves": [10, 50, 100],
        "min_child_samples": [3, 9, 15],
        "min_child_weight": [0.01, 0.1, 1.0],
        "subsample": [0.4, 0.6, 0.8],
        "colsample": [0.4, 0.6],
        "reg_alpha": [0.1, 1.0, 5.0],
        "reg_lambda": [0.1, 1.0, 5.0],
    },
}
_PENALTY_WEIGHTS = [0.5, 1.0, 2.0, 5.0, 10.0]


def gate_space(settings: GateSettings) -> Space:
    """Return the paper's grid for an aggregator with these weights and margins."""
    space: dict[str, Sequence[object]] = {}
    if settings.margin == "single":
        space |= {"margin_scale": [1e-4, 1e-3, 5e-3, 7.5e-3, 9.9e-3]}
    elif settings.margin != "none":
        space |= {"margin_scale": [1e-1, 5e-2, 1e-2, 1e-3, 1e-4], "lr": [1e-3, 5e-4]}
    if settings.margin != "none":
        space |= {"penalty_weight": _PENALTY_WEIGHTS}
    return {**space, **(_NETWORK if settings.local else {})}


def draws(space: Space, count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return up to ``count`` different combinations of a grid, in random order."""
    total = prod(len(values) for values in space.values())
    chosen = set(rng.permutation(total)[:count].tolist())
    names = list(space)
    return [dict(zip(names, values, strict=True)) for i, values in enumerate(product(*space.values())) if i in chosen]


def tune(
    model: QuantileModel,
    space: Space,
    count: int,
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    levels: np.ndarray,
    rng: np.random.Generator,
) -> QuantileModel:
    """Return an unfitted clone with the parameters that are best on validation rows; ``count`` 0 changes nothing."""
    best, best_loss = model, inf
    for parameters in draws(space, count, rng) if count else []:
        candidate = clone(model).set_params(**parameters)
        fitted = clone(candidate).fit(*train, validation=validation)
        loss = mean_pinball(validation[1], fitted.predict_quantiles(validation[0], levels), levels)
        if loss < best_loss:
            best, best_loss = candidate, loss
    return best


def tuned_gate(
    train: Sample,
    validation: Sample,
    levels: np.ndarray,
    settings: GateSettings,
    count: int,
    rng: np.random.Generator,
    *,
    device: str = "cpu",
) -> FittedGate:
    """Return the aggregator that is best on validation rows over ``count`` draws; 0 fits ``settings`` as they are."""
    candidates = [replace(settings, **d) for d in draws(gate_space(settings), count, rng)] if count else [settings]
    seed = int(rng.integers(2**63))
    fitted = [
        fit_gate(train, validation, levels, s, torch.Generator().manual_seed(seed), device=device)
        for s in candidates or [settings]
    ]
    return min(fitted, key=lambda gate: gate.curve.best_loss)
