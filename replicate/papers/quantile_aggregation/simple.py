"""Simple aggregators: average, median, quantile regression averaging (QRA) and its factor version (FQRA)."""

from dataclasses import dataclass

import numpy as np

from .linear_programs import quantile_regression


def average(z: np.ndarray) -> np.ndarray:
    """Return the mean over models of base quantiles ``(n, p, m)``: Vincentization, ``(n, m)``."""
    return z.mean(1)


def median(z: np.ndarray) -> np.ndarray:
    """Return the median over models of base quantiles ``(n, p, m)``, ``(n, m)``."""
    return np.median(z, axis=1)


def pool(z: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return quantiles of the linear pool (probability average) of base quantiles ``(n, p, m)``, ``(n, m)``.

    Every base quantile counts as one of m equally likely values of its model, so levels must be evenly spaced
    k / (m + 1); their mixture is interpolated at plotting positions i / (p m + 1).
    """
    return np.quantile(z.reshape(len(z), -1), levels, axis=1, method="weibull").T


@dataclass(frozen=True, eq=False)
class QRA:
    """Quantile regression averaging (Nowotarski and Weron 2015): y on the models' quantiles, a level at a time.

    Args:
        coefficients: intercept and one weight a factor or model, free in sign, for each level: ``(1 + k, m)``.
        centre, axes: what base quantiles are projected with, ``(p, m)`` and ``(p, k, m)``; None uses them as they are.
    """

    coefficients: np.ndarray
    centre: np.ndarray | None = None
    axes: np.ndarray | None = None

    def predict(self, z: np.ndarray) -> np.ndarray:
        """Return aggregated quantiles ``(n, m)`` of base quantiles ``(n, p, m)``."""
        features = z if self.axes is None else np.einsum("npm,pkm->nkm", z - self.centre, self.axes)
        return self.coefficients[0] + np.einsum("nkm,km->nm", features, self.coefficients[1:])


def fit_qra(z: np.ndarray, y: np.ndarray, levels: np.ndarray) -> QRA:
    """Fit QRA on base quantiles ``(n, p, m)`` and targets ``(n,)``, without constraints, with an intercept."""
    return QRA(_regressions(z, y, levels))


def fit_fqra(z: np.ndarray, y: np.ndarray, levels: np.ndarray, *, share: float = 0.95) -> QRA:
    """Fit factor QRA (Maciejowska, Nowotarski and Weron 2016): QRA on leading principal components.

    At each level, as many components of the models' centred quantiles as explain ``share`` of their variance at
    every level (at least one).
    """
    centre = z.mean(0)
    decompositions = [np.linalg.svd(z[:, :, k] - centre[:, k], full_matrices=False) for k in range(z.shape[2])]
    explained = [np.cumsum(s**2) / max(np.sum(s**2), 1e-300) for _, s, _ in decompositions]
    kept = max(int(np.searchsorted(e, share)) + 1 for e in explained)
    kept = min(kept, z.shape[1])
    axes = np.stack([v[:kept].T for _, _, v in decompositions], 2)
    return QRA(_regressions(np.einsum("npm,pkm->nkm", z - centre, axes), y, levels), centre, axes)


def _regressions(features: np.ndarray, y: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return np.stack([quantile_regression(features[:, :, k], y, tau) for k, tau in enumerate(levels)], 1)
