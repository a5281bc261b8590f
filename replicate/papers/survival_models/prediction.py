"""Predictions from a fitted multi-parameter regression, with pointwise bands by the delta method.

Bands are Wald intervals on a scale where they respect the range: log H = log(-log S) for survival and
cumulative hazard, log h, log HR, log quantile and log(-log p) for the cure fraction p. Gradients in the
linear predictors are closed form (`log_quantities`); the covariance of the predictors is X V X'.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy import stats

from replicate.papers.survival_models import log_quantities
from replicate.papers.survival_models.design import COMPONENT, Designs

Times: TypeAlias = Sequence[float] | np.ndarray

Transform = Callable[[np.ndarray], np.ndarray]
BAND = ("estimate", "lower", "upper")


@dataclass(frozen=True)
class Predictors:
    """The four linear predictors of some rows and what is needed for their uncertainty.

    ``designs`` code the rows of ``df``, ``theta`` ``(p,)`` and ``covariance`` ``(p, p)`` are the estimates on
    the link scale; ``level`` is the confidence level of all bands, e.g. 0.95.
    """

    designs: Designs
    theta: np.ndarray
    covariance: np.ndarray
    df: pd.DataFrame
    level: float

    @cached_property
    def rows(self) -> np.ndarray:
        """Return the designs as one array ``(n, 4, p)``, zero where a coefficient does not act."""
        out, at = np.zeros((len(self.df), 4, self.theta.size)), 0
        matrices = self.designs.matrices(self.df)
        for place, name in enumerate(COMPONENT):
            if name in matrices:
                width = matrices[name].shape[1]
                out[:, place, at : at + width] = matrices[name]
                at += width
        return out

    @cached_property
    def eta(self) -> np.ndarray:
        """Return the linear predictors ``(n, 4)``: log phi, log lambda, log gamma, log(kappa + 1)."""
        fixed = [self.designs.fixed_links.get(component, 0.0) for component in COMPONENT.values()]
        return self.rows @ self.theta + np.array(fixed)

    @property
    def normal_quantile(self) -> float:
        """Return the half-width of a band in standard errors, 1.96 at level 0.95."""
        return float(stats.norm.ppf((1 + self.level) / 2))

    def band(self, value: np.ndarray, slopes: np.ndarray, back: Transform, *, ci: bool) -> np.ndarray:
        """Return ``back`` of value and, with ``ci``, of its two limits, sorted: ``(3 or 1, ..., n)``.

        ``value`` ``(..., n)`` with gradient ``slopes`` ``(..., n, 4)`` is on the scale of the band.
        """
        if not ci:
            return back(value[None])
        between = np.einsum("nap,pq,nbq->nab", self.rows, self.covariance, self.rows)
        return self._limits(value, np.einsum("...na,nab,...nb->...n", slopes, between, slopes), back)

    def band_of_contrast(
        self, other: "Predictors", value: np.ndarray, slopes: tuple[np.ndarray, np.ndarray], back: Transform
    ) -> np.ndarray:
        """Return the band ``(3, ..., n)`` of a quantity of two sets of rows with a gradient in each."""
        gradient = np.einsum("...na,nap->...np", slopes[0], self.rows)
        gradient = gradient + np.einsum("...na,nap->...np", slopes[1], other.rows)
        return self._limits(value, np.einsum("...p,pq,...q->...", gradient, self.covariance, gradient), back)

    def band_of_mean(self, value: np.ndarray, gradient: np.ndarray, back: Transform) -> np.ndarray:
        """Return the band ``(3, T)`` of a value ``(T,)`` with gradient ``(T, p)`` in the coefficients."""
        return self._limits(value, np.einsum("tp,pq,tq->t", gradient, self.covariance, gradient), back)

    def _limits(self, value: np.ndarray, variance: np.ndarray, back: Transform) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            half = self.normal_quantile * np.sqrt(variance)
            ends = back(np.stack([value - half, value + half]))
            return np.concatenate([back(value[None]), np.sort(ends, axis=0)])


def survival(at: Predictors, times: Times, *, ci: bool = False) -> pd.DataFrame:
    """Return S(t): one row a time, one column a row of the table; with ``ci`` columns (row, estimate ...).

    Times >= 0 in the unit of the fit, else ValueError; bands on log(-log S).
    """
    return _over_time(at, times, log_quantities.log_cumulative_hazard, lambda x: np.exp(-np.exp(x)), 1.0, ci=ci)


def cumulative_hazard(at: Predictors, times: Times, *, ci: bool = False) -> pd.DataFrame:
    """Return H(t) as `survival` returns S(t); bands on log H."""
    return _over_time(at, times, log_quantities.log_cumulative_hazard, np.exp, 0.0, ci=ci)


def hazard(at: Predictors, times: Times, *, ci: bool = False) -> pd.DataFrame:
    """Return h(t) in 1 / time as `survival` returns S(t), for times > 0; bands on log h."""
    return _over_time(at, times, log_quantities.log_hazard, np.exp, None, ci=ci)


def percentile(at: Predictors, p: float, *, ci: bool = False) -> pd.Series | pd.DataFrame:
    """Return the time at which S(t) = ``p`` (0 < p < 1, lifelines' convention) by row; inf where S stays above.

    With ``ci`` a table with estimate, lower, upper (bands on log time, NaN where the estimate is inf).
    """
    if not 0 < p < 1:
        raise ValueError(f"p = {p!r} must lie strictly between 0 and 1; it is the survival reached, 0.5 the median")
    value, slopes = log_quantities.log_quantile(at.eta, -np.log(p))
    return _by_row(at, at.band(value, slopes, np.exp, ci=ci), f"time at S = {p:g}")


def cure_fraction(at: Predictors, *, ci: bool = False) -> pd.Series | pd.DataFrame:
    """Return S(inf) by row: exp(-lambda (kappa + 1) / |kappa|) for kappa < 0, else 0 (limits then NaN).

    Bands on log(-log p); they say nothing about whether there is a cure fraction: see the profile of kappa.
    """
    value, slopes = log_quantities.log_log_cure(at.eta)
    return _by_row(at, at.band(value, slopes, lambda x: np.exp(-np.exp(x)), ci=ci), "cure fraction")


def hazard_ratio(a: Predictors, b: Predictors, times: Times, *, ci: bool = False) -> pd.DataFrame:
    """Return h_a(t) / h_b(t) for times > 0, row by row of two tables of equal length, or one of one row.

    Rows of the result are times, columns the rows of the longer table (of ``a`` if equal). Raises
    ValueError where the lengths do not fit. Bands on log HR, the two predictions being correlated.
    """
    if len(a.df) != len(b.df) and 1 not in (len(a.df), len(b.df)):
        raise ValueError(
            f"hazard_ratio: {len(a.df)} rows against {len(b.df)}; give tables of equal length, or one of one row"
        )
    times = _checked(times, zero=False)
    (top, top_slopes), (bottom, bottom_slopes) = (log_quantities.log_hazard(x.eta, times[:, None]) for x in (a, b))
    value = top - bottom
    drawn = np.exp(value)[None] if not ci else a.band_of_contrast(b, value, (top_slopes, -bottom_slopes), np.exp)
    return _frame(drawn, times, a.df.index if len(a.df) >= len(b.df) else b.df.index)


def mean_survival(at: Predictors, times: Times, *, ci: bool = False) -> pd.DataFrame:
    """Return the survival averaged over the rows (standardised to them), ``estimate`` by time >= 0.

    With ``ci`` also lower and upper, pointwise on log(-log S) and conditional on these rows.
    """
    times = _checked(times, zero=True)
    positive = np.where(times > 0, times, 1.0)
    value, slopes = log_quantities.log_cumulative_hazard(at.eta, positive[:, None])
    single, falls = np.exp(-np.exp(value)), np.exp(value - np.exp(value))  # S and S H
    mean = single.mean(axis=1)
    gradient = np.einsum("tn,tna,nap->tp", falls, slopes, at.rows) / len(at.df)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.log(-np.log(mean))
        gradient /= (mean * -np.log(mean))[:, None]
    drawn = at.band_of_mean(scale, gradient, lambda x: np.exp(-np.exp(x))) if ci else mean[None]
    drawn = np.where(times > 0, drawn, 1.0)
    return pd.DataFrame(drawn.T, index=pd.Index(times, name="time"), columns=list(BAND[: len(drawn)]))


def _over_time(at, times, quantity, back, at_zero, *, ci):
    times = _checked(times, zero=at_zero is not None)
    value, slopes = quantity(at.eta, np.where(times > 0, times, 1.0)[:, None])
    drawn = at.band(value, slopes, back, ci=ci)
    drawn = np.where(times[:, None] > 0, drawn, at_zero if at_zero is not None else np.nan)
    return _frame(drawn, times, at.df.index)


def _checked(times: Times, *, zero: bool) -> np.ndarray:
    times = np.atleast_1d(np.asarray(times, dtype=np.float64))
    fine = np.isfinite(times) & ((times >= 0) if zero else (times > 0))
    if times.ndim != 1 or not fine.all():
        raise ValueError(
            f"times must be a list of finite numbers {'>= 0' if zero else '> 0 (a hazard at 0 may be infinite)'}, "
            f"found {times[~fine][:3].tolist() if times.ndim == 1 else times.shape}"
        )
    return times


def _frame(drawn: np.ndarray, times: np.ndarray, rows: pd.Index) -> pd.DataFrame:
    index = pd.Index(times, name="time")
    if len(drawn) == 1:
        return pd.DataFrame(drawn[0], index=index, columns=rows)
    columns = pd.MultiIndex.from_product([rows, BAND], names=["row", "value"])
    return pd.DataFrame(np.moveaxis(drawn, 0, 2).reshape(len(times), -1), index=index, columns=columns)


def _by_row(at: Predictors, drawn: np.ndarray, name: str) -> pd.Series | pd.DataFrame:
    if len(drawn) == 1:
        return pd.Series(drawn[0], index=at.df.index, name=name)
    return pd.DataFrame(drawn.T, index=at.df.index, columns=list(BAND))
