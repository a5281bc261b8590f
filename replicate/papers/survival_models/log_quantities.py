"""log H, log h, log quantile and log(-log cure) of the APGW with gradients in the four linear predictors.

The predictors are ``(tau, beta, alpha, nu) = (log phi, log lambda, log gamma, log(kappa + 1))``, the last axis
of every ``eta`` and every gradient. With L = gamma (tau + log t), u = log(1 + z / k1), s = z / (k1 + z),
kappa = expm1(nu) the APGW (Burke, Jones and Noufaily 2020, arXiv 1901.03212) has

    log H = beta + log H0,    log h = beta + alpha + L - log t + (kappa - 1) u,

and quantiles follow from H by the implicit function theorem. The gradients were derived here.
"""

import numpy as np

from replicate.papers.survival_models import kernel

_SMALL = 1e-5  # below, d log H0 / d nu = u + O(u^2); the differences in it would lose all digits


def log_cumulative_hazard(eta: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``log H(t)`` and its gradient ``(..., 4)`` for ``eta`` ``(..., 4)`` and times > 0, broadcast."""
    tau, beta, alpha, nu = np.moveaxis(eta, -1, 0)
    log_z = np.exp(alpha) * (tau + np.log(time))
    log_h0 = np.log(kernel.cumulative(log_z, nu))
    elasticity = np.exp(log_z + kernel.log_hazard_factor(log_z, nu) - log_h0)  # z h0 / H0
    slopes = np.exp(alpha) * elasticity, np.ones_like(log_h0), log_z * elasticity, _slope_in_nu(log_z, nu)
    return beta + log_h0, np.stack(np.broadcast_arrays(*slopes), axis=-1)


def log_hazard(eta: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``log h(t)`` (h in 1 / time) and its gradient ``(..., 4)``; arguments as in `log_cumulative_hazard`."""
    tau, beta, alpha, nu = np.moveaxis(eta, -1, 0)
    log_time = np.log(time)
    log_z = np.exp(alpha) * (tau + log_time)
    k1, m, u, s = _pieces(log_z, nu)
    value = beta + alpha + log_z - log_time + kernel.log_hazard_factor(log_z, nu)
    growth = 1 + m * s
    slopes = np.exp(alpha) * growth, np.ones_like(value), 1 + log_z * growth, k1 * u - m * s
    return value, np.stack(np.broadcast_arrays(*slopes), axis=-1)


def log_quantile(eta: np.ndarray, cumulative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log of the time t with ``H(t) = cumulative`` > 0 and its gradient ``(..., 4)``.

    For S(t) = p give -log p. Where the survival never falls so low (cure) the log is inf, the gradient NaN.
    """
    tau, beta, alpha, nu = np.moveaxis(eta, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = kernel.inverse(cumulative * np.exp(-beta), np.expm1(nu))
        value = np.log(z) * np.exp(-alpha) - tau
        reached = np.isfinite(value)
        _, slopes = log_cumulative_hazard(eta, np.exp(np.where(reached, value, 0.0)))
        # d log H / d log t = d log H / d tau
        gradient = -slopes / slopes[..., :1]
    return value, np.where(reached[..., None], gradient, np.nan)


def log_log_cure(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``log(-log p)`` of the cure fraction p and its gradient; ``beta + log(k1 / |kappa|)`` for kappa < 0.

    Where kappa >= 0 nobody is cured: inf, gradient NaN. Shapes: ``eta`` ``(..., 4)``, value ``(...)``.
    """
    beta, nu = eta[..., 1], eta[..., 3]
    value = beta + np.log(kernel.total(nu))
    with np.errstate(divide="ignore"):
        slope = np.where(nu < 0, -1 / np.expm1(nu), np.nan)
    zero = np.where(nu < 0, 0.0, np.nan)
    return value, np.stack([zero, 1 + zero, zero, slope], axis=-1)


def _pieces(log_z, nu):
    """Return ``k1``, ``kappa - 1``, u and s."""
    ratio = log_z - nu
    return np.exp(nu), np.exp(nu) - 2, np.logaddexp(0, ratio), np.exp(-np.logaddexp(0, -ratio))


def _slope_in_nu(log_z, nu):
    """Return ``d log H0 / d nu = (u - s) / u + (k1 u - kappa s) phi_1 / phi_0``, arguments kappa u."""
    k1, m, u, s = _pieces(log_z, nu)
    kappa = m + 1
    x = kappa * u
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        tilt = np.where(x < 700, kernel.phi(1, x) / kernel.phi(0, x), 1 - 1 / x)
        slope = 1 - s / u + (k1 * u - kappa * s) * tilt
    return np.where(u < _SMALL, u, slope)
