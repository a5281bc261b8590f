"""Linear quantile regression."""

import warnings

import numpy as np

from .base import QuantileModel, Validation


class LinearQuantiles(QuantileModel):
    """Linear quantile regression with intercept, one fit a level (statsmodels' QuantReg; Koenker and Bassett 1978).

    Args:
        levels: None is 0.1, ..., 0.9.
        max_iter: of its iteratively reweighted least squares.
    """

    def __init__(self, levels=None, max_iter=1000):
        self.levels = levels
        self.max_iter = max_iter

    def _fit(self, x: np.ndarray, y: np.ndarray, validation: Validation) -> None:
        from statsmodels.regression.quantile_regression import QuantReg

        design = np.column_stack([np.ones(len(x)), x])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # convergence cycles between two vertices of equal loss; rank of the design
            fits = [QuantReg(y, design).fit(q=float(a), max_iter=self.max_iter) for a in self.levels_]
        self.coef_ = np.stack([np.asarray(f.params) for f in fits], 1)

    def _predict(self, x: np.ndarray, levels: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(len(x)), x]) @ self.coef_
