"""Base models by the short names of the paper."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from replicate.errors import nearest

from .base import QuantileModel
from .boosting import LightGBMQuantiles, XGBoostQuantiles
from .forests import QuantileForest
from .linear import LinearQuantiles
from .networks import GaussianNetwork, JointQuantileNetwork, SimultaneousQuantileNetwork

MODELS: dict[str, tuple[type[QuantileModel], dict[str, Any]]] = {
    "CGN": (GaussianNetwork, {}),
    "SQR": (SimultaneousQuantileNetwork, {"weight_decay": 1e-7}),
    "DQR": (JointQuantileNetwork, {"weight_decay": 1e-7}),
    "QRF": (QuantileForest, {}),
    "QXT": (QuantileForest, {"extra": True}),
    "LGBM": (LightGBMQuantiles, {}),
    "XGB": (XGBoostQuantiles, {}),
    "LQR": (LinearQuantiles, {}),
}
PAPERS_SIX = ("CGN", "SQR", "DQR", "QRF", "QXT", "LGBM")


def make_model(name: str, levels: ArrayLike, seed: int, **parameters: object) -> QuantileModel:
    """Return an unfitted base model by its short name (`MODELS`); parameters it does not have are left out.

    Raises:
        ValueError: unknown name (proposes the nearest).
    """
    if name not in MODELS:
        raise ValueError(f"no base model {name!r}: {nearest(name, MODELS)}")
    kind, defaults = MODELS[name]
    known = kind().get_params()
    wanted = {**defaults, **parameters, "levels": np.asarray(levels), "seed": seed}
    return kind(**{k: v for k, v in wanted.items() if k in known})
