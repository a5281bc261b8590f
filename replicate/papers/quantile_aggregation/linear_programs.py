"""Exact minimisers of the pinball loss by linear programming (HiGHS): what stochastic training is judged by."""

import numpy as np
from scipy import sparse
from scipy.optimize import linprog


def quantile_regression(x: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    """Return intercept and coefficients ``(1 + d,)`` of quantile regression of ``y`` ``(n,)`` on ``x`` ``(n, d)``.

    Solves the dual, ``max y'a`` with ``X'a = (1 - level) X'1`` and 0 <= a <= 1 (Koenker 2005, section 6.2), whose
    multipliers are the coefficients: n bounded variables and 1 + d equations.
    """
    design = np.column_stack([np.ones(len(x)), x])
    found = linprog(-y, A_eq=design.T, b_eq=(1 - level) * design.sum(0), bounds=(0, 1), method="highs")
    _check(found)
    return -found.eqlin.marginals


def coarse_weights(z: np.ndarray, y: np.ndarray, levels: np.ndarray, *, noncrossing: bool = False) -> np.ndarray:
    """Return the best coarse weights ``(p,)`` on the simplex for the loss summed over samples and levels.

    Args:
        z: base quantiles, ``(n, p, m)``.
        y: ``(n,)``.
        levels: ``(m,)``.
        noncrossing: whether averaged quantiles must increase at every sample.
    """
    n, p, m = z.shape
    rows = z.transpose(0, 2, 1).reshape(n * m, p)
    steps = np.diff(z, axis=2).transpose(0, 2, 1).reshape(-1, p) if noncrossing else None
    return _simplex(rows, np.repeat(y, m), np.tile(levels, n), np.ones((1, p)), steps)


def medium_weights(z: np.ndarray, y: np.ndarray, levels: np.ndarray, *, noncrossing: bool = False) -> np.ndarray:
    """Return the best medium weights ``(p, m)``, every column on the simplex.

    Without ``noncrossing`` the levels are separate programs; with it one program holds all of them.
    """
    n, p, m = z.shape
    if not noncrossing:
        return np.stack([_simplex(z[:, :, k], y, np.full(n, t), np.ones((1, p))) for k, t in enumerate(levels)], 1)
    blocks = sparse.block_diag([z[:, :, k] for k in range(m)], format="csr")
    sums = sparse.block_diag([np.ones((1, p))] * m, format="csr")
    pairs = [
        sparse.hstack([_zeros(n, k * p), -z[:, :, k], z[:, :, k + 1], _zeros(n, (m - k - 2) * p)]) for k in range(m - 1)
    ]
    found = _simplex(blocks, np.tile(y, m), np.repeat(levels, n), sums, sparse.vstack(pairs, format="csr"))
    return found.reshape(m, p).T


def fine_weights(z: np.ndarray, y: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the best fine weights ``(m, p m)``: for every output level a distribution over all base quantiles."""
    flat = z.reshape(len(z), -1)
    ones = np.ones((1, flat.shape[1]))
    return np.stack([_simplex(flat, y, np.full(len(y), t), ones) for t in levels])


def _simplex(rows, y: np.ndarray, tau: np.ndarray, sums, steps=None) -> np.ndarray:
    """Minimise ``sum pinball_tau(y - rows w)`` over w >= 0 with ``sums w = 1`` and ``steps w >= 0``."""
    count, p = rows.shape
    eye = sparse.eye(count, format="csr")
    equations = sparse.vstack(
        [sparse.hstack([rows, eye, -eye]), sparse.hstack([sums, _zeros(sums.shape[0], 2 * count)])], format="csr"
    )
    cost = np.concatenate([np.zeros(p), tau, 1 - tau])
    right = np.concatenate([y, np.ones(sums.shape[0])])
    inequalities = {}
    if steps is not None:
        inequalities = {
            "A_ub": -sparse.hstack([steps, _zeros(steps.shape[0], 2 * count)]),
            "b_ub": np.zeros(steps.shape[0]),
        }
    found = linprog(cost, A_eq=equations, b_eq=right, bounds=(0, None), method="highs", **inequalities)
    _check(found)
    return found.x[:p]


def _zeros(rows: int, columns: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((rows, columns))


def _check(found) -> None:
    if found.status != 0:
        raise RuntimeError(f"the linear program was not solved: {found.message}")
