"""One factorisation for every width: the columns of H arrive in blocks, and any leading part can be solved.

Random features of a bounded domain are nearly dependent: H (n, d) has numerical rank r far below d. So H is kept as
``Q B`` with an orthonormal basis Q (n, r) that grows block by block and coordinates B (r, d); columns of a block that
Q already explains to rounding add coordinates only. The singular value decomposition of the first d columns of H is
Q times that of the first d columns of B, an r-by-d matrix. Cost: O(n d r) once and O(r^2 d) a width, against O(n d^2)
a width from scratch; the error is a backward error of a few eps * ||H||, as that of LAPACK's own decomposition.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

_BLOCK = 32  # columns; small blocks keep the pivoted QR of a block's remainder cheap


@dataclass(frozen=True, eq=False)
class Solution:
    """Output weights of one width and penalty.

    Args:
        coefficients: ``(d,)`` or ``(d, k)``, as the targets.
        rank: numerical rank, the number of singular values above the cut.
        largest: the largest singular value of H.
    """

    coefficients: np.ndarray
    rank: int
    largest: float

    @property
    def norm(self) -> np.ndarray:
        """The Euclidean norm of the coefficients, one a target."""
        return np.linalg.norm(self.coefficients, axis=0)


class Factorisation:
    """The decomposition of features H, shape ``(n, d)``, float32 or float64, for all leading widths.

    Raises:
        ValueError: H is not a finite matrix.
    """

    def __init__(self, features: np.ndarray):
        if features.ndim != 2 or not np.isfinite(features).all():
            raise ValueError(f"features of shape {features.shape}: need a matrix without NaN and infinite values")
        n, d = features.shape
        self.shape, self.eps = (n, d), float(np.finfo(features.dtype).eps)
        norms = np.linalg.norm(features, axis=0)
        self._drop = self.eps * np.sqrt(d) * float(norms.max(initial=0))  # about eps * s_1, 1/n of the cut below
        most = min(n, d)
        self._q = np.empty((n, most), features.dtype, order="F")
        self._b = np.zeros((most, d), features.dtype)
        self._used = np.zeros(d + 1, int)  # rows of B that the first j columns need
        self._svd: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        rows = 0
        for start in range(0, d, _BLOCK):
            rows = self._append(features[:, start : start + _BLOCK], start, rows)
        self.basis = self._q[:, :rows]
        self.coordinates = self._b[:rows]

    def _append(self, block: np.ndarray, start: int, rows: int) -> int:
        """Take in a block of columns; return the number of basis vectors afterwards."""
        stop, q, b = start + block.shape[1], self._q, self._b
        old, keep = q[:, :rows], 0
        along = old.T @ block
        rest = block - old @ along
        if rows < min(self.shape) and np.linalg.norm(rest) > self._drop:
            new, r, order = linalg.qr(rest, mode="economic", pivoting=True, check_finite=False)
            keep = min(min(self.shape) - rows, int(np.count_nonzero(np.abs(np.diag(r)) > self._drop)))
            new, r = new[:, :keep], r[:keep]
            for _ in range(2):  # directions of a tiny remainder may lean on the old ones: twice is enough
                leak = old.T @ new
                new, change = np.linalg.qr(new - old @ leak)
                along[:, order] += leak @ r
                r = change @ r
                if np.abs(leak).max(initial=0) < 0.1:
                    break
            q[:, rows : rows + keep] = new
            b[rows : rows + keep, start + order] = r
        b[:rows, start:stop] = along
        self._used[start + 1 : stop + 1] = rows + keep
        return rows + keep

    def svd(self, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ``U, s, Vt`` of the first ``width`` columns, with U in the coordinates of the basis."""
        if width not in self._svd:
            if not 1 <= width <= self.shape[1]:
                raise ValueError(f"width is {width}; the factorisation holds 1 to {self.shape[1]} columns")
            self._svd[width] = _svd(self._b[: self._used[width], :width])
        return self._svd[width]

    def singular_values(self, width: int) -> np.ndarray:
        """Return the singular values of the first ``width`` columns that are above rounding, largest first."""
        return self.svd(width)[1]

    def solve(self, targets: np.ndarray, width: int, *, penalty: float = 0.0, rcond: float | None = None) -> Solution:
        """Minimise ``|H c - y|^2 + penalty * n * |c|^2`` over the first ``width`` columns.

        Args:
            targets: ``(n,)`` or ``(n, k)``.
            width: number of leading columns d.
            penalty: 0 for the truncated decomposition (minimum-norm least squares), above 0 for ridge.
            rcond: singular values up to ``rcond * s_1`` are cut; None is ``eps * max(n, d)``. Ridge cuts none.
        """
        u, s, vt = self.svd(width)
        rank, cut = self.rank(width, rcond=rcond), slice(None)
        along = u.T @ (self._q[:, : self._used[width]].T @ targets.astype(u.dtype, copy=False))
        if penalty > 0:
            gain = s / (s**2 + penalty * self.shape[0])
        else:
            cut = slice(rank)
            gain = 1 / s[cut]
        weighted = (gain * along[cut].T).T
        return Solution(vt[cut].T @ weighted, rank, float(s[0]) if len(s) else 0.0)

    def rank(self, width: int, *, rcond: float | None = None) -> int:
        """Return the number of singular values above ``rcond * s_1`` (None: ``eps * max(n, d)``)."""
        s = self.singular_values(width)
        rcond = self.eps * max(self.shape[0], width) if rcond is None else rcond
        return int(np.count_nonzero(s > rcond * s[0])) if len(s) else 0


def _svd(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decompose by divide and conquer, and by the slower QR iteration in the rare case that it does not converge."""
    try:
        return linalg.svd(matrix, full_matrices=False, check_finite=False)
    except linalg.LinAlgError:
        return linalg.svd(matrix, full_matrices=False, check_finite=False, lapack_driver="gesvd")
