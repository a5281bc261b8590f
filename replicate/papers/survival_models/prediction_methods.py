"""The methods of a fitted regression that predict, named as in lifelines."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from replicate.papers.survival_models import prediction
from replicate.papers.survival_models.design import Designs
from replicate.papers.survival_models.log_quantities import log_cumulative_hazard
from replicate.papers.survival_models.prediction import Times
from replicate.papers.survival_models.table_checks import observed

Frame: TypeAlias = pd.DataFrame


class PredictionMethods:
    """Predictions for new rows ``df`` (the columns of the formulas), times in the unit of the fit.

    ``ci=True`` adds pointwise bands at level 1 - alpha by the delta method: columns (row, estimate / lower /
    upper) over time, columns estimate, lower, upper by row. Raise ValueError for unusable rows and times and
    AttributeError before the fit.
    """

    alpha: float
    designs_: Designs
    duration_col: str
    event_col: str | None
    entry_col: str | None

    def predict_survival_function(self, df: Frame, times: Times | None = None, ci: bool = False) -> Frame:
        """Return S(t), times by rows of ``df``; see `prediction.survival`. Default times: those of the fit."""
        return prediction.survival(self._at(df), self._times(times), ci=ci)

    def predict_hazard(self, df: Frame, times: Times | None = None, ci: bool = False) -> Frame:
        """Return h(t) in 1 / time; see `prediction.hazard`."""
        return prediction.hazard(self._at(df), self._times(times), ci=ci)

    def predict_cumulative_hazard(self, df: Frame, times: Times | None = None, ci: bool = False) -> Frame:
        """Return H(t); see `prediction.cumulative_hazard`."""
        return prediction.cumulative_hazard(self._at(df), self._times(times), ci=ci)

    def predict_percentile(self, df: Frame, p: float = 0.5, ci: bool = False) -> pd.Series | Frame:
        """Return the times at which S(t) = p; see `prediction.percentile`."""
        return prediction.percentile(self._at(df), p, ci=ci)

    def predict_median(self, df: Frame, ci: bool = False) -> pd.Series | Frame:
        """Return the median times, inf where more than half are cured."""
        return self.predict_percentile(df, 0.5, ci=ci)

    def predict_mean_survival(self, df: Frame, times: Times | None = None, ci: bool = False) -> Frame:
        """Return S(t) averaged over the rows of ``df``; see `prediction.mean_survival`."""
        return prediction.mean_survival(self._at(df), self._times(times), ci=ci)

    def hazard_ratio(self, df_a: Frame, df_b: Frame, times: Times | None = None, ci: bool = False) -> Frame:
        """Return the hazard of rows ``df_a`` over that of ``df_b``; see `prediction.hazard_ratio`."""
        return prediction.hazard_ratio(self._at(df_a), self._at(df_b), self._times(times), ci=ci)

    def cure_fraction(self, df: Frame, ci: bool = False) -> pd.Series | Frame:
        """Return S(inf), 0 for kappa >= 0; see `prediction.cure_fraction`."""
        return prediction.cure_fraction(self._at(df), ci=ci)

    def cox_snell_residuals(self, df: Frame) -> pd.Series:
        """Return H(time) - H(entry) of every row: unit exponential, censored as the times, if the model is true.

        ``df`` holds the columns the model was fitted to. Raises ValueError for unusable rows.
        """
        eta = self._at(df).eta
        data = observed(df, self.duration_col, self.event_col, self.entry_col)
        hazard = np.exp(log_cumulative_hazard(eta, data.time)[0])
        if data.entry is not None:
            late = data.entry > 0
            hazard[late] -= np.exp(log_cumulative_hazard(eta[late], data.entry[late])[0])
        return pd.Series(hazard, index=df.index, name="Cox-Snell residual")

    def _fitted(self, name: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError("the model is not fitted yet; call .fit(df, duration_col, event_col, formulas=...)")
        return getattr(self, name)

    def _at(self, df: Frame) -> prediction.Predictors:
        found = self._fitted("optimum_")
        return prediction.Predictors(self.designs_, found.theta, found.covariance, df, 1 - self.alpha)

    def _times(self, times: Times | None) -> Times:
        return np.unique(self._fitted("data_").time) if times is None else times
