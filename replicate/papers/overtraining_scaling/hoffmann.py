"""The estimator of Hoffmann et al. (2022, arXiv 2203.15556, appendix D.3): Huber loss on log L, log-sum-exp, L-BFGS."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from .laws import N_UNIT

_D_UNIT = 20 * N_UNIT
_GRID = ((-1.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (0.0, 0.5, 1.0), (0.15, 0.3, 0.6), (0.15, 0.3, 0.6))


@dataclass(frozen=True)
class HoffmannLaw:
    """L = E + A (N / 1e8)^-alpha + B (D / 2e9)^-beta, held as log A, log B, log E, alpha, beta."""

    log_a: float
    log_b: float
    log_e: float
    alpha: float
    beta: float

    def at_size(self, parameters, tokens):
        """Return the loss at N parameters and D tokens."""
        return np.exp(logsumexp(_terms(np.array([*vars(self).values()]), parameters, tokens), axis=0))


def fit_hoffmann(parameters, tokens, losses, *, tied: bool, delta: float = 1e-3) -> HoffmannLaw:
    """Fit by Huber loss with threshold ``delta`` on log L; ``tied`` holds alpha = beta.

    A large ``delta`` is least squares on log L. Raises ``ValueError`` for a loss that is not positive.
    """
    losses = np.asarray(losses, float)
    if not (losses > 0).all():
        raise ValueError("losses must be positive: their logarithm is fitted")
    observed = np.log(losses)

    def expand(v):
        return np.array([*v, v[-1]]) if tied else v

    def objective(v):
        full = expand(v)
        value, slope = _objective(full, parameters, tokens, observed, delta)
        return value, np.array([*slope[:3], slope[3] + slope[4]]) if tied else slope

    grid = _GRID[: 4 if tied else 5]
    ranked = sorted(itertools.product(*grid), key=lambda v: objective(np.array(v))[0])
    options = {"maxiter": 3000, "ftol": 1e-15, "gtol": 1e-11}
    found = [minimize(objective, v, jac=True, method="L-BFGS-B", options=options) for v in ranked[:5]]
    best = min(found, key=lambda r: r.fun).x
    polished = minimize(lambda v: objective(v)[0], best, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-16})
    return HoffmannLaw(*map(float, expand(polished.x if polished.fun < objective(best)[0] else best)))


def _terms(v, parameters, tokens) -> np.ndarray:
    log_n, log_d = np.log(np.asarray(parameters, float) / N_UNIT), np.log(np.asarray(tokens, float) / _D_UNIT)
    return np.stack(np.broadcast_arrays(v[0] - v[3] * log_n, v[1] - v[4] * log_d, v[2]))


def _objective(v, parameters, tokens, observed, delta) -> tuple[float, np.ndarray]:
    terms = _terms(v, parameters, tokens)
    residual = logsumexp(terms, axis=0) - observed
    inside = np.abs(residual) <= delta
    value = np.where(inside, residual**2 / 2, delta * (np.abs(residual) - delta / 2)).sum()
    push = np.where(inside, residual, delta * np.sign(residual))
    shares = softmax(terms, axis=0)
    log_n, log_d = np.log(np.asarray(parameters, float) / N_UNIT), np.log(np.asarray(tokens, float) / _D_UNIT)
    slopes = [shares[0], shares[1], shares[2], -shares[0] * log_n, -shares[1] * log_d]
    return float(value), np.array([(push * s).sum() for s in slopes])
