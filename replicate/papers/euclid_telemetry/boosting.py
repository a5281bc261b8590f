"""Gradient-boosted trees: XGBoost's histogram method, one thread, the same bytes every time."""

from dataclasses import dataclass

import numpy as np
import xgboost as xgb

from .treeshap import DEEPEST, depth, tabulate, tree_shap

_MANY = 200  # rows from which tables are worth their making


@dataclass(frozen=True)
class Trees:
    """Hyper-parameters of a boosted model; the paper states none.

    Args:
        rounds: number of trees.
        depth: largest depth of a tree.
        learning_rate: shrinkage of each tree.
        subsample: share of rows each tree sees.
        columns: share of features each tree sees.
        patience: stop when the last tenth of the training rows has not improved for so many trees; 0 = never.
        objective: ``reg:squarederror`` or ``binary:logistic``.
        device: ``cpu`` or ``cuda``.
        seed: for the sampling of rows and features.
    """

    rounds: int = 100
    depth: int = 5
    learning_rate: float = 0.1
    subsample: float = 0.8
    columns: float = 1.0
    patience: int = 0
    objective: str = "reg:squarederror"
    device: str = "cpu"
    seed: int = 0

    def fit(self, x: np.ndarray, y: np.ndarray) -> xgb.Booster:
        """Fit to features ``x`` (n, p), NaN = missing, and targets ``y`` (n,)."""
        parameters = {
            "tree_method": "hist",
            "objective": self.objective,
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bytree": self.columns,
            "nthread": 1,
            "seed": self.seed,
            "device": self.device,
            "verbosity": 0,
        }
        if not self.patience:
            return _on_cpu(xgb.train(parameters, xgb.QuantileDMatrix(x, y, nthread=1), self.rounds))
        cut = max(len(y) * 9 // 10, 1)
        train = xgb.QuantileDMatrix(x[:cut], y[:cut], nthread=1)
        held = xgb.QuantileDMatrix(x[cut:], y[cut:], ref=train, nthread=1)
        watched = {"evals": [(held, "held")], "early_stopping_rounds": self.patience, "verbose_eval": False}
        found = xgb.train(parameters, train, self.rounds, **watched)
        return _on_cpu(found[: found.best_iteration + 1])


def _on_cpu(model: xgb.Booster) -> xgb.Booster:
    """Let a model that was trained on a GPU predict where the features are."""
    model.set_param({"device": "cpu"})
    return model


def predict(model: xgb.Booster, x: np.ndarray) -> np.ndarray:
    """Return predictions (n,) float64 for features (n, p)."""
    if not len(x):
        return np.empty(0)
    return model.inplace_predict(np.ascontiguousarray(x, dtype=np.float32)).astype(float)


def contributions(model: xgb.Booster, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return TreeSHAP values (n, p) and base values (n,): path-dependent, their sum is the (raw) prediction.

    The booster's own algorithm (Lundberg et al. 2018, arXiv 1802.03888), which ``shap.TreeExplainer`` calls as well;
    for many rows and shallow trees the same values from tables (`treeshap`), several times faster.
    """
    if not len(x):
        return np.empty((0, x.shape[1])), np.empty(0)
    if len(x) >= _MANY and depth(model) <= DEEPEST:
        tables = tabulate(model)
        return tree_shap(tables, x), np.full(len(x), tables.base)
    phi = model.predict(xgb.DMatrix(np.ascontiguousarray(x, dtype=np.float32), nthread=1), pred_contribs=True)
    return phi[:, :-1].astype(float), phi[:, -1].astype(float)


def gain(model: xgb.Booster, features: int) -> np.ndarray:
    """Return the total gain of every feature, shape (features,)."""
    found = model.get_score(importance_type="total_gain")
    return np.array([found.get(f"f{i}", 0.0) for i in range(features)])
