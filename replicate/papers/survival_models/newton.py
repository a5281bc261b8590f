"""Maximum likelihood by damped Newton steps from several starts.

Burke, Jones and Noufaily (2020), arXiv 1901.03212, fit by Newton-type steps from one start; the
log-likelihood can have several maxima, flat valleys (phi and lambda are confounded at kappa = 1) and
ridges without a maximum, so here several starts are climbed and the optimum says what it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .ascent import Peak, climb, coordinates
from .likelihood import Model, Observed
from .starts import candidates

SCORE, EIGENVALUE = 1e-4, 1e-2  # a regular optimum keeps below, above
FAR, NEAR_ZERO = 3.0, 0.1  # log gamma and log(kappa + 1) of an interior optimum; |kappa| on the ridge


@dataclass(frozen=True, eq=False)
class Optimum:
    """Best point found, on the scale of the caller's designs.

    ``theta`` and ``score`` ``(p,)``, ``information`` ``(p, p)`` (negative Hessian), ``values`` the
    log-likelihood each start reached (nan: none). ``status`` is "regular", or why Wald intervals, AIC and
    likelihood-ratio tests do not apply: "ridge" (gamma -> inf, kappa -> 0: ``H = a((phi t)^c - 1)_+``, no
    maximum), "gamma -> inf", "gamma -> 0", "kappa -> inf", "kappa -> -1" (refit the limiting member), "not
    converged", "singular" (a flat direction). ``interior`` is then the best regular optimum found, or None.
    """

    theta: np.ndarray
    value: float
    score: np.ndarray
    information: np.ndarray
    iterations: int
    converged: bool
    status: str
    values: tuple[float, ...]
    interior: "Optimum | None" = None

    @property
    def regular(self) -> bool:
        """Return whether this is an interior, well-determined maximum."""
        return self.status == "regular"

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Return the eigenvalues of the information, ascending, ``(p,)``."""
        return np.linalg.eigvalsh(self.information)

    @property
    def smallest_eigenvalue(self) -> float:
        """Return the smallest eigenvalue of the information."""
        return float(self.eigenvalues[0])

    @property
    def condition(self) -> float:
        """Return the condition number of the information, inf unless it is positive definite."""
        return float(self.eigenvalues[-1] / self.eigenvalues[0]) if self.eigenvalues[0] > 0 else np.inf

    @cached_property
    def covariance(self) -> np.ndarray:
        """Return the inverse information ``(p, p)``, nan unless it is positive definite."""
        if not self.eigenvalues[0] > 0:
            return np.full_like(self.information, np.nan)
        scale = np.sqrt(np.diag(self.information))
        return np.linalg.inv(self.information / np.outer(scale, scale)) / np.outer(scale, scale)

    @property
    def standard_errors(self) -> np.ndarray:
        """Return the square roots of the diagonal of `covariance`, ``(p,)``."""
        return np.sqrt(np.diag(self.covariance))


def maximise(
    data: Observed,
    model: Model,
    *,
    starts: int = 8,
    rng: np.random.Generator | None = None,
    warm: Sequence[np.ndarray] = (),
    max_iterations: int = 100,
) -> Optimum:
    """Climb from ``starts`` starts and every vector ``(p,)`` of ``warm``; return the best optimum.

    The starts are those of `starts.candidates`, random ones drawn from ``rng`` (seed 0 when None); above
    50,000 rows they are tried on a part of the rows and ``values`` is shorter. Raises ValueError without
    events, without any start, or where no start has a finite log-likelihood.
    """
    if not data.event.any():
        raise ValueError(f"none of the {len(data.event)} rows has an event: the likelihood has no maximum")
    if starts + len(warm) < 1:
        raise ValueError(f"starts = {starts} and no warm start; give at least one")
    found = candidates(data, model, starts, rng or np.random.default_rng(0))
    basis = coordinates(model)
    peaks = [climb(data, model, basis, np.array(theta, dtype=float), max_iterations) for theta in (*found, *warm)]
    values = tuple(peak.at.value if peak else np.nan for peak in peaks)
    optima = [_optimum(peak, model, values) for peak in _ranked(peaks)]
    if not optima:
        raise ValueError(
            f"none of {len(peaks)} starts has a finite log-likelihood; rescale the time, check the designs"
        )
    interior = next((optimum for optimum in optima if optimum.regular), None)
    return optima[0] if interior is optima[0] else replace(optima[0], interior=interior)


def _ranked(peaks):
    """Return the climbs that had a finite start, best first; of several to one place, the first."""
    found = sorted((peak for peak in peaks if peak), key=lambda peak: -round(peak.at.value, 7))
    return [peak for peak, before in zip(found, [None, *found], strict=False) if not _same(peak, before)]


def _same(peak, other):
    return other is not None and abs(peak.at.value - other.at.value) < 1e-7 and peak.converged == other.converged


def _optimum(peak: Peak, model: Model, values: tuple[float, ...]) -> Optimum:
    at, status = peak.at, _status(peak, model)
    score, information = np.asarray(at.score), -np.asarray(at.hessian)
    return Optimum(peak.theta, at.value, score, information, peak.iterations, peak.converged, status, values)


def _status(peak, model):
    log_gamma, nu = (np.atleast_1d(model.predictor(name, peak.theta, slice(None))) for name in ("alpha", "nu"))
    if "alpha" in model.designs and np.abs(log_gamma).max() >= FAR:
        if log_gamma.max() < FAR:
            return "gamma -> 0"
        return "ridge" if np.abs(np.expm1(nu)).min() < NEAR_ZERO else "gamma -> inf"
    if "nu" in model.designs and np.abs(nu).max() >= FAR:
        return "kappa -> inf" if nu.max() >= FAR else "kappa -> -1"
    if np.abs(peak.at.score).max() >= SCORE:
        return "not converged"
    if not np.linalg.eigvalsh(-peak.at.hessian)[0] > EIGENVALUE:
        return "singular"
    return "regular" if peak.converged else "not converged"
