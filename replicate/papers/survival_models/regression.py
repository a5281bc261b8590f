"""Multi-parameter regression of survival times on all parameters of the APGW, in the manner of lifelines.

Burke, Jones and Noufaily (2020, arXiv 1901.03212). With ``log phi = x'tau``, ``log lambda = x'beta``,
``log gamma = x'alpha``, ``log(kappa + 1) = x'nu`` the model contains proportional hazards (covariates in
lambda), accelerated failure times (in phi) and effects that change the shape (in gamma, kappa).
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from replicate.papers.survival_models import fit_warnings, inference, plots
from replicate.papers.survival_models.design import COMPONENT, check_designs, designs
from replicate.papers.survival_models.inference import TestResult
from replicate.papers.survival_models.likelihood import Model
from replicate.papers.survival_models.newton import maximise
from replicate.papers.survival_models.prediction import Times
from replicate.papers.survival_models.prediction_methods import PredictionMethods
from replicate.papers.survival_models.profile import Interval, profile_interval
from replicate.papers.survival_models.table_checks import observed

Frame: TypeAlias = pd.DataFrame


class MultiParameterRegression(PredictionMethods):
    """Fit by maximum likelihood to right-censored, possibly left-truncated times.

    ``fixed`` holds parameters on the natural scale. The default ``{"phi": 1.0}`` (the authors') is a
    proportional-hazards baseline and depends on the time unit; ``{"lambda": 1.0}`` (AFT) and ``{}`` (both
    scales free) do not. ``{"kappa": 1.0}`` adds the Weibull, ``{"kappa": 0.0}`` log-logistic and Burr XII.
    ``alpha`` is one minus the confidence level. Fitted attributes end in an underscore.

    >>> from replicate.papers.survival_models.distribution import APGW
    >>> group = np.repeat([0, 1], 200)  # the second group lives twice as long
    >>> time = APGW(gamma=1.5).sample(400, np.random.default_rng(0)) * (1 + group)
    >>> table = pd.DataFrame({"time": time, "group": group})
    >>> weibull = MultiParameterRegression(fixed={"kappa": 1.0, "phi": 1.0})
    >>> weibull.fit(table, "time", formulas={"lambda": "group"}).params_.round(1)["lambda", "group"].item()
    -1.0
    """

    def __init__(self, fixed: Mapping[str, float] | None = None, alpha: float = 0.05):
        """Keep the settings; raises ValueError unless 0 < alpha < 1."""
        if not 0 < alpha < 1:
            raise ValueError(f"alpha = {alpha!r} must lie strictly between 0 and 1; 0.05 gives 95% intervals")
        self.fixed = {"phi": 1.0} if fixed is None else dict(fixed)
        self.alpha = alpha

    def fit(
        self,
        df: Frame,
        duration_col: str,
        event_col: str | None = None,
        entry_col: str | None = None,
        formulas: Mapping[str, str] | None = None,
        *,
        starts: int = 8,
        seed: int = 0,
        interior: bool = False,
        warm: Sequence["MultiParameterRegression"] = (),
    ) -> "MultiParameterRegression":
        """Estimate and return self. ``formulas`` such as ``{"lambda": "trt", "gamma": "trt"}``; others: intercept.

        Without ``event_col`` all are events. ``starts`` searches, the random ones from ``seed``; fitted
        models in ``warm`` give more starts, so a larger model never ends below a smaller one. The highest
        maximum found is kept; ``interior=True`` takes the highest regular one, if there is any, even below a
        boundary ridge. Raises ValueError for unusable tables and formulas (see `design`); warns
        (ConvergenceWarning, SeparationWarning) where the estimates are not to be trusted.
        """
        data = observed(df, duration_col, event_col, entry_col)
        coded = designs(df, formulas, self.fixed)
        matrices = coded.matrices(df)
        check_designs(coded, matrices, df, data.event)
        model = Model({COMPONENT[name]: matrix.to_numpy() for name, matrix in matrices.items()}, coded.fixed_links)
        found = [_start_from(other, coded.index) for other in warm]
        best = maximise(data, model, starts=starts, rng=np.random.default_rng(seed), warm=found)
        self.data_, self.designs_, self.matrices_, self.model_ = data, coded, matrices, model
        self.duration_col, self.event_col, self.entry_col = duration_col, event_col, entry_col
        self.optimum_ = (best.interior or best) if interior else best
        self.irregularities_ = fit_warnings.irregularities(self.optimum_, model, coded.index)
        fit_warnings.warn(self.irregularities_)
        return self

    @property
    def params_(self) -> pd.Series:
        """Return the coefficients on the link scale, by (parameter, covariate)."""
        return pd.Series(self._fitted("optimum_").theta, index=self.designs_.index, name="coef")

    @property
    def variance_matrix_(self) -> Frame:
        """Return the inverse observed information, rows and columns by (parameter, covariate)."""
        return Frame(self._fitted("optimum_").covariance, index=self.designs_.index, columns=self.designs_.index)

    @property
    def standard_errors_(self) -> pd.Series:
        """Return the standard errors of `params_`, NaN where the information is not positive definite."""
        return pd.Series(self._fitted("optimum_").standard_errors, index=self.designs_.index, name="se")

    @property
    def confidence_intervals_(self) -> Frame:
        """Return the Wald intervals of `params_` at level 1 - alpha."""
        limits = inference.wald_limits(self.params_, self.standard_errors_, level=1 - self.alpha)
        text = f"{100 * (1 - self.alpha):g}%"
        return Frame(dict(zip((f"{text} lower-bound", f"{text} upper-bound"), limits, strict=True)))

    def profile_intervals(self, *, parameter: str | None = None, covariate: str | None = None) -> Frame:
        """Return profile-likelihood intervals at level 1 - alpha, of all coefficients or the chosen ones.

        Rows (parameter, covariate); columns coef, lower, upper, remark (why a limit is infinite, or NaN).
        Raises ValueError if nothing is chosen.
        """
        index = self.params_.index
        rows = [pair for pair in index if parameter in (None, pair[0]) and covariate in (None, pair[1])]
        if not rows:
            raise ValueError(f"no coefficient ({parameter!r}, {covariate!r}); there are {index.tolist()}")
        found = [self._profile(name, list(self.matrices_[name].columns).index(column)) for name, column in rows]
        columns = {
            "coef": [self.params_[pair] for pair in rows],
            "lower": [limits.lower for limits in found],
            "upper": [limits.upper for limits in found],
            "remark": ["; ".join(filter(None, (limits.lower_reason, limits.upper_reason))) for limits in found],
        }
        return Frame(columns, index=pd.MultiIndex.from_tuples(rows, names=index.names))

    @property
    def summary(self) -> Frame:
        """Return lifelines' summary table, rows by (parameter, covariate)."""
        return inference.summary(self.params_, self.standard_errors_, level=1 - self.alpha)

    def print_summary(self, decimals: int = 3) -> None:
        """Print how the model was fitted, its information criteria and the summary table."""
        held = ", ".join(f"{name} = {value:g}" for name, value in self.fixed.items()) or "none"
        print(f"MultiParameterRegression: {self.duration_col!r} on all parameters of the APGW")
        print(f"rows {len(self.data_.time)}, events {int(self.data_.event.sum())}, fixed: {held}")
        print(f"log-likelihood {self.log_likelihood_:.4f}, AIC {self.AIC_:.3f}, BIC {self.BIC_:.3f}")
        if "phi" in self.fixed:
            print(f"time: median {np.median(self.data_.time):.4g}; with phi fixed the fit depends on the time unit")
        for sentence in self.irregularities_:
            print(f"warning: {sentence}")
        print(self.summary.to_string(float_format=lambda value: f"{value:.{decimals}f}"))

    @property
    def log_likelihood_(self) -> float:
        """Return the maximised log-likelihood, times in the unit of the data."""
        return float(self._fitted("optimum_").value)

    @property
    def AIC_(self) -> float:
        """Return -2 log-likelihood + 2 p."""
        return -2 * self.log_likelihood_ + 2 * len(self.params_)

    @property
    def BIC_(self) -> float:
        """Return -2 log-likelihood + p log(n), n the number of rows (as the authors' code and mpr)."""
        return -2 * self.log_likelihood_ + len(self.params_) * float(np.log(len(self.data_.time)))

    @property
    def converged_(self) -> bool:
        """Return whether the search met its criterion."""
        return bool(self._fitted("optimum_").converged)

    @property
    def regular_(self) -> bool:
        """Return whether the maximum is a regular one, to which Wald's and AIC's theory applies."""
        return bool(self._fitted("optimum_").regular)

    def likelihood_ratio_test(self, other: "MultiParameterRegression") -> TestResult:
        """Return the likelihood-ratio test of the smaller of two nested models, given in either order.

        Raises ValueError for other data, models not nested, and a larger model with the lower maximum.
        """
        small, large = sorted((self, other), key=lambda model: len(model.params_))
        inference.check_same_data(small.data_, large.data_)
        inference.check_nested(small.designs_, small.matrices_, large.designs_, large.matrices_)
        df, gain = len(large.params_) - len(small.params_), large.log_likelihood_ - small.log_likelihood_
        if df == 0:
            raise ValueError(f"both models have {len(small.params_)} coefficients; a test needs one more in the larger")
        if gain < -1e-6:
            raise ValueError(
                f"the larger model is {-gain:.3g} below the smaller one: its search failed; refit with warm=[smaller]"
            )
        return inference.chi_squared("likelihood ratio", 2 * max(gain, 0.0), df)

    def wald_test(self, covariate: str) -> TestResult:
        """Return the joint Wald test of a covariate (variable or column) over all parameters it acts on.

        Raises ValueError for a covariate of no formula.
        """
        hit = self.designs_.columns_with(covariate)
        if not hit.any():
            columns = sorted(set(self.designs_.index.get_level_values("covariate")) - {"Intercept"})
            raise ValueError(f"no formula uses {covariate!r}; there are {', '.join(columns) or 'no covariates'}")
        variance = self.optimum_.covariance[np.ix_(hit, hit)]
        return inference.wald(f"Wald: {covariate}", self.params_.to_numpy()[hit], variance)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw coefficients with Wald intervals; see `plots.plot_coefficients`."""
        return plots.plot_coefficients(self, ax=ax)

    def plot_survival(self, df: Frame, by: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw fitted survival against Kaplan-Meier by group; see `plots.plot_survival`."""
        return plots.plot_survival(self, df, by=by, ax=ax)

    def plot_hazard_ratio(self, df_a: Frame, df_b: Frame, times: Times | None = None, ax: Axes | None = None) -> Axes:
        """Draw HR(t) with its band; see `plots.plot_hazard_ratio`."""
        return plots.plot_hazard_ratio(self, df_a, df_b, times=times, ax=ax)

    def _profile(self, name: str, column: int) -> Interval:
        return profile_interval(self.data_, self.model_, self.optimum_, COMPONENT[name], column, 1 - self.alpha)


def _start_from(other: MultiParameterRegression, index: pd.MultiIndex) -> np.ndarray:
    """Return the coefficients of a fitted model under the names of another, 0 for those it lacks."""
    known, links = other.params_, other.designs_.fixed_links
    intercepts = {(name, "Intercept"): links.get(component, 0.0) for name, component in COMPONENT.items()}
    return np.array([known.get(pair, intercepts.get(pair, 0.0)) for pair in index])
