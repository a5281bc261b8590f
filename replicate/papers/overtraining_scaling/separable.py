"""Least squares for laws that are linear once their exponents are known: variable projection, many data sets at once.

y = sum_j c_j phi_j(x; theta): for fixed exponents theta the coefficients c solve ordinary least squares, so only theta
is searched (Golub and Pereyra 1973, SIAM J. Numer. Anal. 10:413). One optimum, no starts, and a batch of data sets
(bootstrap draws) costs little more than one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

_GOLDEN = (np.sqrt(5) - 1) / 2
_SHRINKINGS = 22  # golden-section steps: a bracket of 0.02 ends below 1e-6; Gauss-Newton does the rest
_POLISHINGS = 6  # Gauss-Newton steps on all parameters together


@dataclass(frozen=True)
class Law:
    """A family of curves with ``k`` exponents and ``p`` coefficients.

    Args:
        columns: ``(theta (..., k), x (..., n, v)) -> (..., n, p)``, the terms.
        derivatives: the same arguments, ``-> (..., n, p, k)``, the terms' derivatives by each exponent.
        grid: values of one exponent at which the search begins, increasing.
        exponents: k, one or two; all share the grid.
        names: of the p coefficients.
    """

    columns: Callable[[np.ndarray, np.ndarray], np.ndarray]
    derivatives: Callable[[np.ndarray, np.ndarray], np.ndarray]
    grid: np.ndarray
    names: tuple[str, ...]
    exponents: int = 1

    @property
    def parameters(self) -> int:
        """How many numbers are fitted."""
        return self.exponents + len(self.names)


@dataclass(frozen=True)
class Fit:
    """Fitted laws, one for each data set of the batch.

    Args:
        law: the family.
        theta: exponents, ``(b, k)``.
        coefficients: ``(b, p)``.
        x: the points, ``(n, v)`` or ``(b, n, v)``.
        residuals: observed - fitted, ``(b, n)``.
        identified: ``(b,)``; False where the best exponent lies at an edge of the grid, so that data do not fix it.
    """

    law: Law
    theta: np.ndarray
    coefficients: np.ndarray
    x: np.ndarray
    residuals: np.ndarray
    identified: np.ndarray

    @property
    def sse(self) -> np.ndarray:
        """Sums of squared residuals, ``(b,)``."""
        return (self.residuals**2).sum(axis=-1)

    def predict(self, x: ArrayLike) -> np.ndarray:
        """Return the law's values at ``x``, ``(m, v)`` or ``(b, m, v)``; shape ``(b, m)``."""
        return np.einsum("bnp,bp->bn", _columns(self.law, self.theta, np.asarray(x, float)), self.coefficients)

    def jacobian(self, x: ArrayLike) -> np.ndarray:
        """Return derivatives of the law's values by exponents, then coefficients: ``(b, m, k + p)``."""
        return _jacobian(self.law, self.theta, self.coefficients, np.asarray(x, float))


def fit(law: Law, x: ArrayLike, y: ArrayLike) -> Fit:
    """Fit a law by unweighted least squares to one or many data sets.

    Args:
        law: the family.
        x: points, ``(n, v)`` shared by all data sets, or ``(b, n, v)``.
        y: observations, ``(n,)`` or ``(b, n)``.

    Raises:
        ValueError: fewer points than parameters, or a value that is not finite.
    """
    x, y = np.asarray(x, float), np.atleast_2d(np.asarray(y, float))
    if y.shape[-1] < law.parameters:
        raise ValueError(f"{y.shape[-1]} points cannot fix {law.parameters} parameters; give at least as many points")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("x and y must be finite: leave out what was not measured")
    theta, identified = _search(law, x, y) if law.exponents == 1 else _search_plane(law, x, y)
    theta, coefficients, residuals = _polish(law, theta, x, y)
    return Fit(law, theta, coefficients, x, residuals, identified)


def project(law: Law, theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best coefficients at fixed exponents, ``(b, p)``, and the residuals, ``(b, n)``."""
    q, r = np.linalg.qr(_columns(law, theta, x))
    inner = np.einsum("bnp,bn->bp", q, y)
    residuals = y - np.einsum("bnp,bp->bn", q, inner)
    return _solve(r, inner), residuals


def _columns(law: Law, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    return law.columns(theta[:, None, :], x if x.ndim == 3 else x[None])


def _jacobian(law: Law, theta, coefficients, x) -> np.ndarray:
    slopes = law.derivatives(theta[:, None, :], x if x.ndim == 3 else x[None])
    by_theta = np.einsum("bnpk,bp->bnk", slopes, coefficients)
    columns = np.broadcast_to(_columns(law, theta, x), (*by_theta.shape[:2], len(law.names)))
    return np.concatenate([by_theta, columns], axis=-1)


def _solve(r: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve triangular systems; singular ones (a column that vanished) get least squares' smallest solution."""
    tiny = np.abs(np.diagonal(r, axis1=-2, axis2=-1)).min(axis=-1) < 1e-13
    if not tiny.any():
        return np.linalg.solve(r, right[..., None])[..., 0]
    return (np.linalg.pinv(r) @ right[..., None])[..., 0]


def _profile(law: Law, theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (project(law, theta, x, y)[1] ** 2).sum(axis=-1)


def _search(law: Law, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minimise the projected sum of squares over one exponent: the grid, then golden section around its best."""
    profile = _profile_on_grid(law, x, y)
    best = profile.argmin(axis=-1)
    low, high = law.grid[np.maximum(best - 1, 0)], law.grid[np.minimum(best + 1, len(law.grid) - 1)]
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = _profile(law, left[:, None], x, y), _profile(law, right[:, None], x, y)
    for _ in range(_SHRINKINGS):
        lower = at_left < at_right
        low, high = np.where(lower, low, left), np.where(lower, right, high)
        new = np.where(lower, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        at_new = _profile(law, new[:, None], x, y)
        left, right = np.where(lower, new, right), np.where(lower, left, new)
        at_left, at_right = np.where(lower, at_new, at_right), np.where(lower, at_left, at_new)
    return (low + high)[:, None] / 2, (best > 0) & (best < len(law.grid) - 1)


def _profile_on_grid(law: Law, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the projected sums of squares at every exponent of the grid, ``(b, g)``."""
    if x.ndim == 3:
        return np.stack([_profile(law, np.full((len(y), 1), value), x, y) for value in law.grid], axis=-1)
    q, _ = np.linalg.qr(_columns(law, law.grid[:, None], x))
    fitted = np.einsum("gnp,bgp->bgn", q, np.einsum("gnp,bn->bgp", q, y))
    return ((y[:, None] - fitted) ** 2).sum(axis=-1)


def _search_plane(law: Law, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minimise over two exponents: the grid of pairs, then Nelder-Mead."""
    pairs = np.array([(a, b) for a in law.grid for b in law.grid])
    theta, inside = np.empty((len(y), 2)), np.empty(len(y), bool)
    for number, observed in enumerate(y):
        points = x[number] if x.ndim == 3 else x

        def profile(pair, points=points, observed=observed):
            return float(_profile(law, np.asarray(pair)[None], points, observed[None])[0])

        many = _profile(law, pairs, points, np.broadcast_to(observed, (len(pairs), len(observed))))
        options = {"xatol": 1e-8, "fatol": 1e-13, "maxiter": 400}
        found = minimize(profile, pairs[many.argmin()], method="Nelder-Mead", options=options).x
        theta[number], inside[number] = found, ((found > law.grid[0]) & (found < law.grid[-1])).all()
    return theta, inside


def _polish(law: Law, theta, x, y) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take Gauss-Newton steps on all parameters; keep each only where it lowers the sum of squares."""
    coefficients, residuals = project(law, theta, x, y)
    for _ in range(_POLISHINGS):
        q, r = np.linalg.qr(_jacobian(law, theta, coefficients, x))
        step = _solve(r, np.einsum("bnp,bn->bp", q, residuals))[:, : law.exponents]
        moved = np.clip(theta + step, law.grid[0], law.grid[-1])
        new_coefficients, new_residuals = project(law, moved, x, y)
        better = (new_residuals**2).sum(axis=-1) < (residuals**2).sum(axis=-1)
        theta = np.where(better[:, None], moved, theta)
        coefficients = np.where(better[:, None], new_coefficients, coefficients)
        residuals = np.where(better[:, None], new_residuals, residuals)
    return theta, coefficients, residuals
