"""Self-distillation as set up by Mobahi, Farajtabar, Bartlett (NeurIPS 2020, arXiv:2002.05715): a constraint.

Each round takes the smoothest function whose mean squared error against the last round's fit is at most eps. The
penalty c_t is then no choice: it grows every round until the fit is so small that the zero function satisfies the
constraint.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from .spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class Rounds:
    """The rounds before the collapse.

    Args:
        penalties: c_0, c_1, ..., increasing, ``(rounds,)``.
        dual: coefficients of f_t(x) = g(x, X) dual_t, ``(rounds, n)``.
    """

    penalties: np.ndarray
    dual: np.ndarray


def rounds(spectrum: Spectrum, targets: np.ndarray, tolerance: float, *, at_most: int = 100) -> Rounds:
    """Distil until the zero function satisfies the constraint.

    Args:
        spectrum: of the matrix G, ``(n, n)``, positive definite.
        targets: y, ``(n,)``.
        tolerance: eps, the mean squared error allowed in each round, > 0.
        at_most: a bound on the rounds; the collapse comes before for every reasonable eps.

    Raises:
        ValueError: eps is not positive, or so large that the zero function satisfies it at once.
    """
    d, n = spectrum.eigenvalues, len(targets)
    if not tolerance > 0:
        raise ValueError(f"tolerance (eps) must be > 0, found {tolerance}")
    rotated = spectrum.vectors.T @ np.asarray(targets, dtype=np.float64)
    if rotated @ rotated <= n * tolerance:
        raise ValueError(f"mean(y^2) = {rotated @ rotated / n:.4g} is below eps = {tolerance}: the zero function fits")
    penalties: list[float] = []
    dual: list[np.ndarray] = []
    while rotated @ rotated > n * tolerance and len(penalties) < at_most:
        penalties.append(_penalty(d, rotated, n * tolerance))
        dual.append(spectrum.vectors @ (rotated / (d + penalties[-1])))
        rotated = rotated * d / (d + penalties[-1])
    return Rounds(np.array(penalties), np.array(dual))


def guaranteed_rounds(spectrum: Spectrum, targets: np.ndarray, tolerance: float) -> float:
    """Return the number of rounds before which no collapse can happen, (||y|| / sqrt(n eps) - 1) / kappa.

    kappa is the condition number of G on its range. As quoted by third parties from the paper: a bound, usually far
    below the true number.
    """
    d = spectrum.eigenvalues
    condition = d[0] / d[d > len(d) * np.finfo(float).eps * d[0]][-1]
    return float((np.linalg.norm(targets) / np.sqrt(len(targets) * tolerance) - 1) / condition)


def bending_kernel(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the Green's function of the bending energy, the integral of f''^2, ``(len(x), len(t))``.

    g(x, t) = max(x - t, 0)^3 / 6 - x (1 - t) (x^2 - 2 t + t^2) / 6: f'''' = delta at t.
    """
    x, t = np.asarray(x)[:, None], np.asarray(t)[None, :]
    return np.maximum(x - t, 0) ** 3 / 6 - x * (1 - t) * (x**2 - 2 * t + t**2) / 6


def _penalty(d: np.ndarray, rotated: np.ndarray, allowed: float) -> float:
    """Return the c whose fit leaves a sum of squares of exactly ``allowed``: increasing in c, so one root."""

    def left(log_c: float) -> float:
        c = np.exp(log_c)
        return float(((c / (d + c) * rotated) ** 2).sum() - allowed)

    span = np.log(d[0]) - 40.0, np.log(d[0]) + 40.0
    return float(np.exp(optimize.brentq(left, *span, xtol=1e-13, rtol=8.9e-16)))
