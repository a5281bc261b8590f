"""The paper's analysis as one object: forecasts, residual scores, top anomalies, and why."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from replicate.errors import UserError, nearest

from .boosting import Trees
from .explain import Explainer, memory
from .forecast import forecast, peaks, standardised
from .grid import Grid, duration, regular_grid
from .reading import TIME_NAMES

FORECASTING = Trees(rounds=100, depth=5, learning_rate=0.1, subsample=0.8)
EXPLAINING = Trees(rounds=150, depth=5, learning_rate=0.1, subsample=0.8, columns=0.8)


class TelemetryPipeline:
    """Forecast parameters from their past, rank what was not foreseen, name the covariates that go with it.

    Args:
        targets: parameters to forecast (temperatures, in the paper).
        covariates: parameters to explain with; None = every other column.
        step: of the regular grid the telemetry is averaged to.
        lags: ages of the past values a forecast may use; rounded up to the grid.
        target: what the trees predict: ``raw`` (the value), ``delta`` (its change), ``joint`` (from all targets' past).
        mode: how Model 1 is fitted: ``crossfit``, ``insample`` or ``rolling``.
        folds: blocks of ``crossfit``.
        features: what Model 2 sees: ``inst`` (covariates now) or ``lagged`` (with their recent past).
        top: anomalies reported for each target.
        exclusion: they are at least this far apart.
        fill: covariates keep their last value at most so long.
        duplicates: ``refuse`` or ``mean``: one time stamp with different values.
        forecasting, explaining: hyper-parameters of the two models.
        seed: of their row and column sampling.

    After ``fit``: ``forecasts_``, ``scores_`` (absolute residuals, in the parameter's unit) and ``standardised_``
    (robust z) as frames over the grid, ``anomalies_`` (one row each), ``notes_`` (what was repaired in the telemetry).

    >>> import numpy as np
    >>> phase = np.arange(600) / 20
    >>> telemetry = pd.DataFrame(
    ...     {"T1": np.sin(phase), "heater": np.cos(phase)}, pd.date_range("2024-01-01", periods=600, freq="10min")
    ... )
    >>> telemetry.iloc[400, 0] += 1.0
    >>> TelemetryPipeline(targets=["T1"], top=1).fit(telemetry).anomalies_["row"].tolist()
    [400]
    """

    def __init__(
        self,
        targets,
        covariates=None,
        *,
        step: str = "10min",
        lags=("15min", "60min"),
        target: str = "raw",
        mode: str = "crossfit",
        folds: int = 5,
        features: str = "lagged",
        top: int = 3,
        exclusion: str = "24h",
        fill: str = "1h",
        duplicates: str = "refuse",
        forecasting: Trees = FORECASTING,
        explaining: Trees = EXPLAINING,
        seed: int = 0,
    ):
        self.targets = [targets] if isinstance(targets, str) else list(targets)
        self.covariates = None if covariates is None else list(covariates)
        self.step, self.lags, self.target, self.mode, self.folds = step, tuple(lags), target, mode, folds
        self.features, self.top, self.exclusion, self.fill = features, top, exclusion, fill
        self.duplicates, self.seed = duplicates, seed
        self.forecasting, self.explaining = replace(forecasting, seed=seed), replace(explaining, seed=seed)
        if top < 1 or not self.lags:
            raise UserError(f"top={top}, lags={self.lags}: ask for at least one anomaly and one lag")

    def fit(self, telemetry: pd.DataFrame) -> "TelemetryPipeline":
        """Forecast, score and rank; the explanations are fitted when they are asked for.

        Args:
            telemetry: over time (index, or a column ``time``), one column a parameter; any cadence.

        Raises:
            UserError: telemetry that cannot be used; `grid.regular_grid` lists what is refused and what is repaired.
        """
        self.__dict__.pop("explainers", None)
        self.grid_ = self._on_grid(telemetry)
        values = self.grid_.values[self.targets].to_numpy()
        steps = [self.grid_.steps(lag) for lag in self.lags]
        day = max(int(pd.Timedelta("1D") // self.grid_.step), 1)
        options: dict[str, Any] = {"target": self.target, "mode": self.mode, "folds": self.folds, "day": day}
        columns = {
            name: forecast(values, i, steps, trees=self.forecasting, **options) for i, name in enumerate(self.targets)
        }
        self.notes_ = list(self.grid_.notes)
        self.forecasts_ = pd.DataFrame(columns, self.grid_.values.index)
        self.scores_ = (self.grid_.values[self.targets] - self.forecasts_).abs()
        self.standardised_ = self.scores_.apply(lambda s: standardised(s.to_numpy()))
        self.anomalies_ = self._ranked()
        return self

    def _on_grid(self, telemetry: pd.DataFrame) -> Grid:
        names = self.covariates
        if names is None:
            taken = {*self.targets}
            names = [c for c in telemetry.columns if c not in taken and str(c).lower() not in TIME_NAMES]
        self.covariates_ = list(names)
        options = {"step": self.step, "fill": self.fill, "duplicates": self.duplicates}
        return regular_grid(telemetry, self.targets, self.covariates_, **options)

    def _ranked(self) -> pd.DataFrame:
        apart = int(duration(self.exclusion, "exclusion") // self.grid_.step)
        rows = []
        for name in self.targets:
            scores = self.scores_[name].to_numpy()
            for rank, at in enumerate(peaks(scores, self.top, apart), start=1):
                where = {"time": self.scores_.index[at], "parameter": name, "rank": rank, "row": int(at)}
                observed, expected = self.grid_.values[name].iloc[at], self.forecasts_[name].iloc[at]
                z = self.standardised_[name].iloc[at]
                rows.append({**where, "observed": observed, "forecast": expected, "score": scores[at], "z": z})
        return pd.DataFrame(rows)

    @cached_property
    def explainers(self) -> dict[str, Explainer]:
        """Model 2 of every target, fitted on first use."""
        self._fitted()
        if not self.covariates_:
            raise UserError("there are no covariates to explain with; name some")
        inputs = memory(self.grid_.values[self.covariates_], self.grid_.step, self.features)
        return {
            name: Explainer.fit(self.scores_[name].to_numpy(), inputs, self.covariates_, self.explaining)
            for name in self.targets
        }

    def explain(self, parameter: str, time) -> pd.DataFrame:
        """Return every covariate's part in the score of ``parameter`` at ``time``, the largest first.

        Columns: ``value`` (of the covariate), ``contribution`` (signed, in the unit of the score), ``importance``
        (sum of |phi| over the covariate's columns). ``attrs``: ``base`` and ``prediction``, base + contributions.
        """
        self._fitted()
        explainer, at = self.explainers[self._known(parameter)], self._row(time)
        phi, base = explainer.raw([at])
        values = self.grid_.values[self.covariates_].iloc[at].to_numpy()
        columns = {
            "value": values,
            "contribution": explainer.signed([at])[0],
            "importance": explainer.importance([at])[0],
        }
        table = pd.DataFrame(columns, pd.Index(self.covariates_, name="covariate"))
        table = table.sort_values("importance", ascending=False, kind="stable")
        table.attrs.update(base=float(base[0]), prediction=float(base[0] + phi.sum()))
        return table

    def report(self, *, causes: int = 3) -> pd.DataFrame:
        """Return the anomalies as a table to read: time, parameter, score and the top covariates with contributions.

        ``explained`` is the share of the score that Model 2 accounts for: a sensor fault has no cause among the
        covariates, and little of its score is explained.
        """
        self._fitted()
        rows = []
        for anomaly in self.anomalies_.itertuples():
            table = self.explain(anomaly.parameter, anomaly.time)
            explained = (table.attrs["prediction"] - table.attrs["base"]) / anomaly.score if anomaly.score else np.nan
            row = {"time": anomaly.time, "parameter": anomaly.parameter, "rank": anomaly.rank, "score": anomaly.score}
            row |= {"z": anomaly.z, "observed": anomaly.observed, "forecast": anomaly.forecast, "explained": explained}
            for i, (name, part) in enumerate(table.head(causes).iterrows(), start=1):
                row[f"cause {i}"] = f"{name} = {part['value']:.4g} ({part['contribution']:+.3g})"
            rows.append(row)
        return pd.DataFrame(rows)

    def attributions(self, parameter: str) -> pd.DataFrame:
        """Return every covariate's signed part in Model 2's prediction at every bin of the grid, one column each.

        Together with ``attrs["base"]`` they sum to the prediction of the score, in the parameter's unit.
        """
        explainer = self.explainers[self._known(parameter)]
        phi, base = explainer.raw(np.arange(len(explainer.scores)))
        parts = phi.reshape(len(phi), -1, len(self.covariates_)).sum(axis=1)
        table = pd.DataFrame(parts, self.scores_.index, self.covariates_)
        table.attrs["base"] = float(base[0])
        return table

    def shap_explanation(self, parameter: str, rows=None):
        """Return a ``shap.Explanation`` of Model 2, for the shap package's plots (waterfall, beeswarm, scatter).

        Contributions are summed per covariate. ``rows``: of the grid; None = every scored one.
        """
        import shap  # lazy: slow to import, and only plots need it

        explainer = self.explainers[self._known(parameter)]
        rows = np.flatnonzero(np.isfinite(explainer.scores)) if rows is None else np.atleast_1d(rows)
        _, base = explainer.raw(rows)
        data = self.grid_.values[self.covariates_].to_numpy()[rows]
        return shap.Explanation(explainer.signed(rows), base, data, feature_names=self.covariates_)

    def _known(self, parameter: str) -> str:
        if parameter not in self.targets:
            raise UserError(f"no target {parameter!r}: {nearest(parameter, self.targets)}")
        return parameter

    def _row(self, time) -> int:
        stamp = pd.Timestamp(time)
        stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
        index = self.scores_.index
        at = int(index.searchsorted(stamp, side="right")) - 1
        if at < 0 or stamp >= index[-1] + self.grid_.step:
            raise UserError(f"{stamp} is outside the telemetry ({index[0]} to {index[-1]})")
        return at

    def _fitted(self) -> None:
        if not hasattr(self, "scores_"):
            raise UserError("the pipeline has not seen telemetry yet: call .fit(frame) first")
