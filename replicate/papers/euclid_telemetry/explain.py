"""Model 2: which covariates go with the score? (section 2.3 of the notebook)

A second boosted model regresses the score on the covariates; its TreeSHAP values at an anomaly are the attribution.
It explains the model, not the spacecraft: correlated covariates share credit, and effects can rank as causes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xgboost as xgb

from replicate.errors import UserError, nearest

from .boosting import Trees, contributions, gain

FEATURES = ("inst", "lagged")


def memory(covariates: pd.DataFrame, step: pd.Timedelta, features: str) -> np.ndarray:
    """Return what Model 2 sees: the covariates (n, p), or with memory (n, 4 p).

    ``lagged`` adds trailing means over 1 h and 4 h and the change over 1 h; columns come in four groups of p.
    """
    if features not in FEATURES:
        raise UserError(f"features {features!r}: {nearest(features, FEATURES)}")
    if features == "inst":
        return covariates.to_numpy(np.float32)
    hour = max(int(pd.Timedelta("1h") // step), 1)
    parts = [
        covariates,
        covariates.rolling(hour, min_periods=1).mean(),
        covariates.rolling(4 * hour, min_periods=1).mean(),
        covariates.diff(hour),
    ]
    return np.hstack([part.to_numpy(np.float32) for part in parts])


@dataclass(frozen=True, eq=False)
class Explainer:
    """A fitted Model 2 of one score.

    Args:
        model: the booster.
        names: the p covariates.
        inputs: (n, k p) what it saw, k = 1 or 4 groups.
        scores: (n,) what it was fitted to; NaN rows were left out.
    """

    model: xgb.Booster
    names: tuple[str, ...]
    inputs: np.ndarray
    scores: np.ndarray

    @classmethod
    def fit(cls, scores: np.ndarray, inputs: np.ndarray, names, trees: Trees, *, leave_out=None) -> "Explainer":
        """Regress ``scores`` (n,) on ``inputs`` (n, k p); ``leave_out`` (n,) bool marks rows not to learn from."""
        usable = np.isfinite(scores)
        if leave_out is not None:
            usable &= ~leave_out
        return cls(trees.fit(inputs[usable], scores[usable]), tuple(names), inputs, scores)

    def raw(self, rows) -> tuple[np.ndarray, np.ndarray]:
        """Return TreeSHAP values of every input column (rows, k p) and base values (rows,)."""
        return contributions(self.model, self.inputs[np.atleast_1d(rows)])

    def signed(self, rows) -> np.ndarray:
        """Return signed contributions summed per covariate, (rows, p): plus the base, the prediction."""
        phi, _ = self.raw(rows)
        return phi.reshape(len(phi), -1, len(self.names)).sum(axis=1)

    def importance(self, rows) -> np.ndarray:
        """Return the importance of every covariate, (rows, p): the sum of |phi| over its columns."""
        phi, _ = self.raw(rows)
        return np.abs(phi).reshape(len(phi), -1, len(self.names)).sum(axis=1)

    def mean_importance(self, every: int = 1) -> np.ndarray:
        """Return the mean |phi| of every covariate over each ``every``-th scored row, (p,)."""
        return self.importance(np.flatnonzero(np.isfinite(self.scores))[::every]).mean(axis=0)

    def gain(self) -> np.ndarray:
        """Return the total gain of every covariate, (p,)."""
        found = gain(self.model, self.inputs.shape[1])
        return found.reshape(-1, len(self.names)).sum(axis=0)
