"""Weighted straight line with extra run noise, and Fieller's interval for where it crosses zero."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy import optimize, stats


@dataclass(frozen=True)
class Line:
    """``y = intercept + slope x`` with its covariance and the run noise found besides the known one."""

    intercept: float
    slope: float
    covariance: np.ndarray  # (2, 2), order (intercept, slope)
    sigma: float  # standard deviation of the extra noise
    degrees: int  # residual degrees of freedom


def fit_line(x: np.ndarray, y: np.ndarray, known: np.ndarray) -> Line:
    """Fit by weighted least squares with weights ``1 / (sigma^2 + known)``.

    ``x``, ``y`` and the known variances have shape ``(n,)``, n >= 2 with two distinct x. sigma^2 is
    the value >= 0 at which the weighted residual sum of squares equals its expectation n - 2
    (Paule and Mandel 1982); it is 0 for n = 2.
    """
    degrees = x.size - 2
    extra = _paule_mandel(x, y, known) if degrees > 0 else 0.0
    coefficients, covariance, _ = _weighted(x, y, 1 / (known + extra))
    return Line(float(coefficients[0]), float(coefficients[1]), covariance, sqrt(extra), degrees)


def crossing_interval(line: Line, *, confidence: float = 0.95, shared_variance: float = 0.0) -> tuple[float, float]:
    """Return Fieller's limits for the x where the line is zero, or (-inf, inf) when unbounded.

    ``shared_variance`` is that of a shift of the whole line by an error common to all points; it is
    known, so it takes the normal quantile, the fitted part Student's t. The set is unbounded when
    the slope is not significantly different from zero.
    """
    if line.degrees < 1:
        return -inf, inf
    student = stats.t.ppf((1 + confidence) / 2, line.degrees) ** 2
    normal = stats.norm.ppf((1 + confidence) / 2) ** 2
    (v_aa, v_ab), (_, v_bb) = line.covariance
    quadratic = line.slope**2 - student * v_bb
    linear = 2 * (line.slope * line.intercept - student * v_ab)
    constant = line.intercept**2 - student * v_aa - normal * shared_variance
    if quadratic <= 0:
        return -inf, inf
    root = sqrt(linear**2 - 4 * quadratic * constant)
    return (-linear - root) / (2 * quadratic), (-linear + root) / (2 * quadratic)


def _weighted(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    design = np.column_stack([np.ones_like(x), x])
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    coefficients = covariance @ (design.T @ (weights * y))
    return coefficients, covariance, float(np.sum(weights * (y - design @ coefficients) ** 2))


def _paule_mandel(x: np.ndarray, y: np.ndarray, known: np.ndarray) -> float:
    def excess(extra: float) -> float:
        return _weighted(x, y, 1 / (known + extra))[2] - (x.size - 2)

    if excess(0.0) <= 0:
        return 0.0
    upper = np.ptp(y) ** 2 * x.size + known.max()  # residual sum of squares <= n range^2 < (n - 2) upper
    while excess(upper) > 0:
        upper *= 2
    return float(optimize.brentq(excess, 0.0, upper))
