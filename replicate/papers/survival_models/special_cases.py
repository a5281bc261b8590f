"""Named members and limits of the APGW family, in the parametrisation usual for each.

Burke, Jones and Noufaily (2020, arXiv 1901.03212) claim that one family holds them all. Each constructor
returns the `APGW` equal to the named distribution; times t, scales and 1 / rates share one unit. Parameters
are scalars or broadcastable arrays; out-of-range values raise ValueError.
"""

from typing import Any

import numpy as np

from replicate.papers.survival_models.distribution import APGW, Parameter


def weibull(*, shape: Parameter, scale: Parameter = 1.0) -> APGW:
    """Weibull, H = (t / scale)^shape: kappa = 1, gamma = shape, phi = 1 / scale, lambda = 1.

    phi and lambda are confounded at kappa = 1; here lambda is the one fixed.
    """
    _positive(shape=shape, scale=scale)
    return APGW(phi=np.divide(1, scale), gamma=shape, kappa=1.0)


def exponential(*, rate: Parameter) -> APGW:
    """Exponential, H = rate t: kappa = gamma = phi = 1, lambda = rate."""
    _positive(rate=rate)
    return APGW(lambda_=rate)


def log_logistic(*, shape: Parameter, scale: Parameter = 1.0) -> APGW:
    """Log-logistic (Fisk), H = log(1 + (t / scale)^shape): kappa = 0, lambda = 1, gamma = shape, phi = 1 / scale."""
    return burr_xii(c=shape, d=1.0, scale=scale)


def burr_xii(*, c: Parameter, d: Parameter, scale: Parameter = 1.0) -> APGW:
    """Burr XII, S = (1 + (t / scale)^c)^-d: kappa = 0, lambda = d, gamma = c, phi = 1 / scale."""
    _positive(c=c, d=d, scale=scale)
    return APGW(phi=np.divide(1, scale), lambda_=d, gamma=c, kappa=0.0)


def lomax(*, c: Parameter, scale: Parameter = 1.0) -> APGW:
    """Lomax (Pareto II), S = (1 + t / scale)^-c: kappa = 0, gamma = 1, lambda = c, phi = 1 / scale."""
    return burr_xii(c=1.0, d=c, scale=scale)


def gompertz(*, c: Parameter, scale: Parameter = 1.0) -> APGW:
    """Gompertz with rising hazard, H = c (e^(t / scale) - 1): kappa = inf, gamma = 1, lambda = c, phi = 1 / scale.

    A falling Gompertz hazard is not in the family.
    """
    return weibull_exponential(c=c, shape=1.0, scale=scale)


def weibull_exponential(*, c: Parameter, shape: Parameter, scale: Parameter = 1.0) -> APGW:
    """Weibull-exponential (Chen type), H = c (e^((t / scale)^shape) - 1).

    kappa = inf, lambda = c, gamma = shape, phi = 1 / scale.
    """
    _positive(c=c, shape=shape, scale=scale)
    return APGW(phi=np.divide(1, scale), lambda_=c, gamma=shape, kappa=np.inf)


def linear_hazard(*, intercept: Parameter, slope: Parameter) -> APGW:
    """Linear hazard, h = intercept + slope t, both above 0.

    kappa = 2, gamma = 1, phi = 3 slope / intercept, lambda = intercept^2 / (3 slope): H = lambda (z + z^2 / 6).
    """
    _positive(intercept=intercept, slope=slope)
    phi = 3 * np.divide(slope, intercept)
    return APGW(phi=phi, lambda_=np.divide(intercept, phi), gamma=1.0, kappa=2.0)


def power_generalized_weibull(*, sigma: Parameter, eta: Parameter, g: Parameter) -> APGW:
    """Power generalized Weibull, S = exp(1 - (1 + (t / sigma)^eta)^(1 / g)), g > 0.

    kappa = 1 / g, k1 = kappa + 1, lambda = kappa / k1, gamma = eta, phi = k1^(1 / eta) / sigma.
    """
    _positive(sigma=sigma, eta=eta, g=g)
    kappa = np.divide(1, g)
    return APGW(phi=(kappa + 1) ** np.divide(1, eta) / sigma, lambda_=kappa / (kappa + 1), gamma=eta, kappa=kappa)


def mpr_pgw(*, scale: Parameter, g: Parameter, r: Parameter) -> APGW:
    """Power generalized Weibull of the R package mpr, H = scale ((1 + t^g)^r - 1), r > 0.

    kappa = r, gamma = g, phi = (r + 1)^(1 / g), lambda = scale r / (r + 1).
    """
    _positive(scale=scale, g=g, r=r)
    k1 = np.add(r, 1)
    return APGW(phi=k1 ** np.divide(1, g), lambda_=scale * np.divide(r, k1), gamma=g, kappa=r)


def mpr_burr(*, scale: Parameter, g: Parameter, r: Parameter) -> APGW:
    """Burr distribution of the R package mpr, H = log(1 + scale r t^g) / r, r > 0.

    kappa = 0, gamma = g, lambda = 1 / r, phi = (scale r)^(1 / g).
    """
    _positive(scale=scale, g=g, r=r)
    return APGW(phi=np.multiply(scale, r) ** np.divide(1, g), lambda_=np.divide(1, r), gamma=g, kappa=0.0)


def cure(*, cure_fraction: Parameter, c: Parameter, d: Parameter, scale: Parameter = 1.0) -> APGW:
    """Promotion-time cure model with Burr XII latency, H = theta F(t), theta = -log(cure_fraction).

    F = 1 - (1 + (t / scale)^c)^-d with 0 < d < 1: kappa = -d, k1 = 1 - d, lambda = theta d / k1, gamma = c,
    phi = k1^(1 / c) / scale.
    """
    _proper(cure_fraction=cure_fraction, d=d)
    _positive(c=c, scale=scale)
    k1 = np.subtract(1, d)
    theta = -np.log(cure_fraction)
    return APGW(phi=k1 ** np.divide(1, c) / scale, lambda_=theta * d / k1, gamma=c, kappa=np.negative(d))


def log_logistic_cure(
    *, cure_fraction: Parameter, shape: Parameter, scale: Parameter = 1.0, distance: float = 1e-9
) -> APGW:
    """Promotion-time cure model with log-logistic latency, the limit kappa -> -1 of `cure`.

    H = theta w / (1 + w), w = (t / scale)^shape, theta = -log(cure_fraction); returned is the member with
    ``kappa = -1 + distance``, whose H is off by about ``distance`` times log(1 + w) / w, relative.
    """
    return cure(cure_fraction=cure_fraction, c=shape, d=1 - distance, scale=scale)


def _positive(**values: Any) -> None:
    for name, value in values.items():
        if not (np.all(np.greater(value, 0)) and np.all(np.isfinite(value))):
            raise ValueError(f"{name} must be finite and above 0; found {value}")


def _proper(**values: Any) -> None:
    for name, value in values.items():
        if not np.all(np.greater(value, 0) & np.less(value, 1)):
            raise ValueError(f"{name} must lie strictly between 0 and 1; found {value}")
