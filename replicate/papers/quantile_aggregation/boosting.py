"""Gradient boosting: LightGBM with one model a level, as in the paper, and XGBoost with all levels in one model."""

import numpy as np

from .base import QuantileModel, Validation


class LightGBMQuantiles(QuantileModel):
    """LightGBM's quantile objective, one model a level (50 trees in the paper).

    Args:
        levels: None is 0.1, ..., 0.9.
        trees, num_leaves, learning_rate, min_child_samples, min_child_weight, subsample, colsample, reg_alpha,
            reg_lambda: as in LightGBM.
        seed: of row and column samples.
    """

    def __init__(
        self,
        levels=None,
        trees=50,
        num_leaves=10,
        learning_rate=0.1,
        min_child_samples=9,
        min_child_weight=1e-3,
        subsample=1.0,
        colsample=1.0,
        reg_alpha=0.0,
        reg_lambda=0.0,
        seed=0,
    ):
        self.levels = levels
        self.trees = trees
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.min_child_samples = min_child_samples
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample = colsample
        self.reg_alpha = reg_alpha
        self.reg_lambda = reg_lambda
        self.seed = seed

    def _fit(self, x: np.ndarray, y: np.ndarray, validation: Validation) -> None:
        import lightgbm

        shared = {
            "objective": "quantile",
            "num_leaves": self.num_leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_child_samples,
            "min_sum_hessian_in_leaf": self.min_child_weight,
            "bagging_fraction": self.subsample,
            "bagging_freq": int(self.subsample < 1),
            "feature_fraction": self.colsample,
            "lambda_l1": self.reg_alpha,
            "lambda_l2": self.reg_lambda,
            "seed": self.seed,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(x, y, params={"verbosity": -1, "min_data_in_leaf": self.min_child_samples})
        data.construct()
        self.boosters_ = [lightgbm.train({**shared, "alpha": float(a)}, data, self.trees) for a in self.levels_]

    def _predict(self, x: np.ndarray, levels: np.ndarray) -> np.ndarray:
        return np.column_stack([booster.predict(x, num_threads=1) for booster in self.boosters_])


class XGBoostQuantiles(QuantileModel):
    """XGBoost's ``reg:quantileerror`` with the whole vector of levels (a substitute for LightGBM).

    Args:
        levels: None is 0.1, ..., 0.9.
        trees, max_depth, learning_rate, min_child_weight: as in XGBoost.
        seed: of its sampling.
    """

    def __init__(self, levels=None, trees=50, max_depth=4, learning_rate=0.1, min_child_weight=3.0, seed=0):
        self.levels = levels
        self.trees = trees
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.min_child_weight = min_child_weight
        self.seed = seed

    def _fit(self, x: np.ndarray, y: np.ndarray, validation: Validation) -> None:
        import xgboost

        self.model_ = xgboost.XGBRegressor(
            objective="reg:quantileerror",
            quantile_alpha=self.levels_,
            n_estimators=self.trees,
            max_depth=self.max_depth,
            learning_rate=self.learning_rate,
            min_child_weight=self.min_child_weight,
            tree_method="hist",
            random_state=self.seed,
            n_jobs=1,
        ).fit(x, y)

    def _predict(self, x: np.ndarray, levels: np.ndarray) -> np.ndarray:
        return np.asarray(self.model_.predict(x), dtype=np.float64).reshape(len(x), len(self.levels_))
