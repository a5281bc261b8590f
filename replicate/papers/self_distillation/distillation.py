"""Students of a kernel ridge regression, at any step, on any inputs, from one eigendecomposition.

f(tau)(x) = k(x, X) (K + lambda I)^-1 [alpha(tau) y + (1 - alpha(tau)) yhat(tau - 1)], with yhat(0) = y: no intercept,
no 1/n, no centring, as in the authors' notebook.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from . import shrinkage
from .spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Every student of one problem, seen at m inputs.

    Args:
        eigenvalues: d, ``(n,)``.
        basis: k(x, X) V, ``(m, n)``.
        rotated: V^T y, ``(n, C)``.
    """

    eigenvalues: np.ndarray
    basis: np.ndarray
    rotated: np.ndarray

    def path(self, penalty: float, weights: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return f(1), ..., f(tau) for alpha(2), ..., alpha(tau), ``(tau, m, C)``."""
        fitted = shrinkage.path(self.eigenvalues, penalty, weights)  # (tau, n)
        before = np.concatenate([np.ones((1, len(self.eigenvalues))), fitted[:-1]])
        alphas = np.concatenate([[1.0], shrinkage.checked_weight(weights).reshape(-1)])[:, None]
        return self._at((alphas + (1 - alphas) * before) / (self.eigenvalues + penalty))

    def limit(self, penalty: float, weight: float) -> np.ndarray:
        """Return f(infinity), ``(m, C)``: ridge with penalty lambda / alpha, the zero function for alpha = 0."""
        shrinkage.limit(self.eigenvalues, penalty, weight)  # refuses weights without a limit
        return self._at(weight / (weight * self.eigenvalues + penalty))

    def ridge(self, penalty: ArrayLike) -> np.ndarray:
        """Return the ordinary fits for penalties of any shape ``(...)``, ``(..., m, C)``."""
        penalty = shrinkage.checked_penalty(penalty)[..., None]
        return self._at(1 / (self.eigenvalues + penalty))

    def ridge_slope(self, penalty: float) -> np.ndarray:
        """Return d f_lambda / d lambda, ``(m, C)``: -k(x, X) (K + lambda I)^-2 y."""
        return self._at(-1 / (self.eigenvalues + shrinkage.checked_penalty(penalty)) ** 2)

    def pure_student(self, penalty: float, teacher: np.ndarray) -> np.ndarray:
        """Return the student with alpha = 0 of a teacher with shrinkage B, ``(n,)``: ``(m, C)``."""
        return self._at(teacher / (self.eigenvalues + shrinkage.checked_penalty(penalty)))

    def powers(self, penalty: ArrayLike, steps: int) -> np.ndarray:
        """Return k(x, X) (K + lambda I)^-1 S^(j-1) y for j = 1, ..., tau, ``(..., tau, m, C)``.

        Every student with this penalty is a combination of these by `shrinkage.step_weights` (last weight first),
        whatever its weights: a whole grid of weights and steps costs one small matrix product.
        """
        penalty = shrinkage.checked_penalty(penalty)[..., None]
        a = shrinkage.ridge(self.eigenvalues, penalty)
        exponents = np.arange(shrinkage.checked_steps(steps))[:, None]
        return self._at(a[..., None, :] ** exponents / (self.eigenvalues + penalty)[..., None, :])

    def _at(self, factors: np.ndarray) -> np.ndarray:
        """Return basis diag(factors) V^T y for factors ``(..., n)``: ``(..., m, C)``."""
        if self.rotated.shape[1] == 1:  # one matrix product for all factors
            values = (factors * self.rotated[:, 0]) @ self.basis.T
            return values[..., None]
        return self.basis @ (factors[..., None] * self.rotated)


@dataclass(frozen=True, eq=False)
class Distillation:
    """A kernel ridge problem whose students are wanted.

    Args:
        spectrum: of the kernel matrix of the training inputs.
        targets: y, ``(n,)`` or ``(n, C)``, finite.

    Raises:
        ValueError: the targets are not finite, or their number is not that of the kernel's rows.
    """

    spectrum: Spectrum
    targets: np.ndarray

    def __post_init__(self):
        targets = np.asarray(self.targets, dtype=np.float64)
        n = len(self.spectrum.eigenvalues)
        if targets.ndim not in (1, 2) or len(targets) != n:
            raise ValueError(f"targets have shape {targets.shape}; the kernel has {n} samples: give ({n},) or ({n}, C)")
        if not np.isfinite(targets).all():
            raise ValueError(
                f"targets hold {int((~np.isfinite(targets)).sum())} NaN or infinite values; clean them first"
            )
        object.__setattr__(self, "targets", targets.reshape(n, -1))

    @property
    def rotated(self) -> np.ndarray:
        """Return V^T y, ``(n, C)``."""
        return self.spectrum.vectors.T @ self.targets

    def fitted(self) -> Evaluation:
        """Return the students seen at the training inputs."""
        return Evaluation(self.spectrum.eigenvalues, self.spectrum.fitted_basis, self.rotated)

    def at(self, cross: ArrayLike) -> Evaluation:
        """Return the students seen at new inputs; ``cross`` is k(x, X), ``(m, n)``.

        Raises:
            ValueError: another number of columns than training samples, or values that are not finite.
        """
        cross, n = np.asarray(cross, dtype=np.float64), len(self.spectrum.eigenvalues)
        if cross.ndim != 2 or cross.shape[1] != n:
            raise ValueError(f"k(x, X) has shape {cross.shape}; it needs {n} columns, one per training sample")
        if not np.isfinite(cross).all():
            raise ValueError("k(x, X) holds NaN or infinite values; clean the new inputs first")
        return Evaluation(self.spectrum.eigenvalues, cross @ self.spectrum.vectors, self.rotated)

    def coefficients(self, penalty: float, weights: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return c of the last student, f(x) = k(x, X) c, ``(n, C)``, for alpha(2), ..., alpha(tau)."""
        spectrum = self.spectrum
        coefficients = Evaluation(spectrum.eigenvalues, spectrum.vectors, self.rotated)
        return coefficients.path(penalty, weights)[-1]

    def limit_coefficients(self, penalty: float, weight: float) -> np.ndarray:
        """Return c of the limit of infinitely many steps with one weight, ``(n, C)``."""
        spectrum = self.spectrum
        return Evaluation(spectrum.eigenvalues, spectrum.vectors, self.rotated).limit(penalty, weight)


def losses(predictions: ArrayLike, targets: ArrayLike) -> np.ndarray:
    """Return mean squared errors of predictions ``(..., m, C)`` against targets ``(m,)`` or ``(m, C)``: ``(...)``."""
    predictions = np.asarray(predictions)
    targets = np.asarray(targets, dtype=np.float64).reshape(predictions.shape[-2], -1)
    return np.mean((predictions - targets) ** 2, axis=(-2, -1))


def grid_losses(
    evaluation: Evaluation,
    targets: ArrayLike,
    penalties: Sequence[float],
    weights: Sequence[float] | np.ndarray,
    steps: int,
) -> np.ndarray:
    """Return the mean squared error for every penalty, constant weight and step, ``(L, A, tau)``.

    All students with one penalty lie in the span of ``steps`` functions (`Evaluation.powers`), so the whole grid
    costs one matrix product with the basis and small ones after that.
    """
    mixing = np.stack([mixing_of_constant(weight, steps) for weight in weights]).reshape(-1, steps)  # (A tau, tau)
    found = []
    for penalty in shrinkage.checked_penalty(penalties):
        powers = evaluation.powers(penalty, steps)  # (tau, m, C)
        predictions = (mixing @ powers.reshape(steps, -1)).reshape(-1, *powers.shape[1:])
        found.append(losses(predictions, targets).reshape(len(weights), steps))
    return np.stack(found)


def mixing_of_constant(weight: float, steps: int) -> np.ndarray:
    """Return M, ``(tau, tau)``, with f(t) = sum_j M[t-1, j-1] powers[j-1] for a constant weight."""
    matrix = np.zeros((steps, steps))
    for t in range(1, steps + 1):
        matrix[t - 1, :t] = shrinkage.step_weights([weight] * (t - 1))[::-1]
    return matrix
