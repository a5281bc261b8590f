"""The paper's two laws and their variants, in (N, D), as :class:`~.separable.Law`.

Points of loss laws are rows (N parameters, D tokens); M = D / N, C = 6 N D. Inside, N is measured in 1e8 and M in 20:
raw units ruin the design matrix. Points of the error law are rows (loss,).
"""

import math
from dataclasses import dataclass

import numpy as np

from .separable import Fit, Law, fit

N_UNIT, M_UNIT = 1e8, 20.0
_D_UNIT = N_UNIT * M_UNIT
_C_UNIT = 6 * N_UNIT * _D_UNIT
_EXPONENTS = np.linspace(-0.9, -0.02, 89)
_RATES = np.geomspace(0.02, 6, 89)


def _n(x):
    return x[..., 0] / N_UNIT


def _d(x):
    return x[..., 1] / _D_UNIT


def _c(x):
    return _n(x) * _d(x)


def _tied_columns(theta, x):
    q = theta[..., 0]
    n, d = _n(x), _d(x)
    return np.stack(np.broadcast_arrays(n**q, d**q, 1.0), axis=-1)


def _tied_slopes(theta, x):
    q = theta[..., 0]
    n, d = _n(x), _d(x)
    return np.stack(np.broadcast_arrays(n**q * np.log(n), d**q * np.log(d), 0.0), axis=-1)[..., None]


def _untied_columns(theta, x):
    n, d = _n(x), _d(x)
    return np.stack(np.broadcast_arrays(n ** theta[..., 0], d ** theta[..., 1], 1.0), axis=-1)


def _untied_slopes(theta, x):
    n, d = _n(x), _d(x)
    by_n, by_d = n ** theta[..., 0] * np.log(n), d ** theta[..., 1] * np.log(d)
    zero = np.zeros(np.broadcast_shapes(by_n.shape, by_d.shape))
    first, second = np.stack([by_n + zero, zero, zero], axis=-1), np.stack([zero, by_d + zero, zero], axis=-1)
    return np.stack([first, second], axis=-1)


def _compute_columns(theta, x):
    return np.stack(np.broadcast_arrays(_c(x) ** theta[..., 0], 1.0), axis=-1)


def _compute_slopes(theta, x):
    c = _c(x)
    return np.stack(np.broadcast_arrays(c ** theta[..., 0] * np.log(c), 0.0), axis=-1)[..., None]


def _decay(theta, x):
    """exp(-gamma (L - 2)), shifted so that its size stays near one."""
    return np.exp(-theta[..., 0] * (x[..., 0] - 2))


def _error_columns(theta, x):
    return np.stack(np.broadcast_arrays(1.0, -_decay(theta, x)), axis=-1)


def _error_slopes(theta, x):
    return np.stack(np.broadcast_arrays(0.0, (x[..., 0] - 2) * _decay(theta, x)), axis=-1)[..., None]


TIED = Law(_tied_columns, _tied_slopes, _EXPONENTS, ("of N", "of D", "E"))
UNTIED = Law(_untied_columns, _untied_slopes, np.linspace(-0.9, -0.02, 30), ("of N", "of D", "E"), exponents=2)
M_BLIND = Law(_compute_columns, _compute_slopes, _EXPONENTS / 2, ("of C", "E"))
ERROR = Law(_error_columns, _error_slopes, _RATES, ("eps", "k at loss 2"))


@dataclass(frozen=True)
class LossLaw:
    """L(C, M) = E + (a M^eta + b M^-eta) C^-eta (equation 4), L in nats a token."""

    E: float
    a: float
    b: float
    eta: float

    @classmethod
    def of(cls, fitted: Fit, which: int = 0) -> "LossLaw":
        """Translate a fit of ``TIED``: a = p 6^eta, b = r 6^eta, where p N^-2eta + r D^-2eta is the reducible loss."""
        q = float(fitted.theta[which, 0])
        of_n, of_d, e = map(float, fitted.coefficients[which])
        return cls(e, of_n * N_UNIT**-q * 6 ** (-q / 2), of_d * _D_UNIT**-q * 6 ** (-q / 2), -q / 2)

    def at(self, compute, multiplier):
        """Return the loss at C FLOPs and M tokens a parameter."""
        return self.E + self.prefactor(multiplier) * compute**-self.eta

    def at_size(self, parameters, tokens):
        """Return the loss at N parameters and D tokens."""
        half = 6**-self.eta
        return self.E + half * (self.a * parameters ** (-2 * self.eta) + self.b * tokens ** (-2 * self.eta))

    def prefactor(self, multiplier):
        """Return lambda(M) = a M^eta + b M^-eta, the height of the line at a fixed M."""
        return self.a * multiplier**self.eta + self.b * multiplier**-self.eta

    @property
    def best_multiplier(self) -> float:
        """M* = (b / a)^(1 / (2 eta)), where the loss at fixed compute is lowest (equation 10)."""
        return (self.b / self.a) ** (1 / (2 * self.eta))


@dataclass(frozen=True)
class ErrorLaw:
    """Err(L) = eps - k exp(-gamma L) (equation 5): top-1 error against loss."""

    eps: float
    k: float
    gamma: float

    @classmethod
    def of(cls, fitted: Fit, which: int = 0) -> "ErrorLaw":
        """Translate a fit of ``ERROR``."""
        gamma, (eps, at_two) = float(fitted.theta[which, 0]), map(float, fitted.coefficients[which])
        return cls(eps, at_two * math.exp(2 * gamma), gamma)

    def at(self, loss):
        """Return the error at a loss."""
        return self.eps - self.k * np.exp(-self.gamma * loss)


def fit_loss(parameters, tokens, losses) -> LossLaw:
    """Fit the loss law to runs, each ``(n,)``, n >= 4.

    >>> law = LossLaw(1.84, 212, 367, 0.136)
    >>> n = np.array([1.1e7, 7.9e7, 1.5e8, 4.1e8, 1.1e7])
    >>> d = n * np.array([20, 20, 20, 20, 320])
    >>> round(fit_loss(n, d, law.at_size(n, d)).eta, 6)
    0.136
    """
    return LossLaw.of(fit(TIED, np.column_stack([parameters, tokens]), losses))


def fit_error(losses, errors) -> ErrorLaw:
    """Fit the error law to pairs of loss and error, each ``(n,)``, n >= 3."""
    return ErrorLaw.of(fit(ERROR, np.asarray(losses, float)[:, None], errors))
