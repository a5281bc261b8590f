"""Self-distilled kernel ridge regression as a scikit-learn estimator."""

from collections.abc import Iterator, Sequence
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from replicate.errors import nearest

from . import shrinkage
from .distillation import Distillation
from .gcv import gcv_weight
from .optimal_weight import greedy_weights
from .spectrum import decompose

_CHOSEN = ("gcv", "validation")


class SelfDistilledRidge(RegressorMixin, BaseEstimator):
    """Kernel ridge regression distilled into itself, with the ground truth mixed in at each step.

    Step 1 is `sklearn.kernel_ridge.KernelRidge` (whose ``alpha`` is ``penalty`` here). Each further step fits the mixed
    targets ``weight * y + (1 - weight) * prediction of the step before``. No intercept, no centring: standardise first.

    Parameters
    ----------
    penalty : float, default=1.0
        Ridge penalty lambda of every step, > 0. Not divided by the number of samples.
    weight : float, sequence of floats, "gcv" or "validation", default=1.0
        alpha, the share of the ground truth in the targets of steps 2, 3, ...: one number for all, or one per step
        (``steps - 1`` of them). 1 changes nothing, 0 is distillation from the teacher alone; values below 0 and above
        1 are allowed. "gcv" chooses each by generalised cross-validation, "validation" by the closed form on ``X_val,
        y_val``.
    steps : int or inf, default=2
        tau, the number of fits; 1 is plain ridge; ``float("inf")`` is the limit, for one fixed weight.
    weight_bounds : (float, float) or None, default=None
        Bounds of chosen weights, such as ``(0, 1)``; None allows every value.
    kernel : str or callable, default="rbf"
        As in `sklearn.metrics.pairwise.pairwise_kernels`; "precomputed" takes kernel matrices for X.
    gamma, degree, coef0, kernel_params :
        As in `sklearn.kernel_ridge.KernelRidge`.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Coefficients c of the last step: f(x) = k(x, X) c.
    weights_ : ndarray of shape (steps - 1,)
        The weights used; one number for infinitely many steps.
    shrinkage_ : ndarray of shape (n_samples,)
        B of the last step: what is left of each eigen-direction of the targets.
    effective_dof_ : float
        Trace of the smoother, the sum of ``shrinkage_``.
    X_fit_, n_features_in_ :
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(11)[:, None] / 10
    >>> model = SelfDistilledRidge(penalty=0.2, weight=0.25, steps=6, gamma=80).fit(x, np.sin(6 * x[:, 0]))
    >>> model.predict(x).shape, [round(float(p[2]), 2) for p in model.staged_predict(x)][:3]
    ((11,), [0.84, 0.78, 0.73])
    """

    def __init__(
        self,
        penalty=1.0,
        *,
        weight=1.0,
        steps=2,
        weight_bounds=None,
        kernel="rbf",
        gamma=None,
        degree=3,
        coef0=1,
        kernel_params=None,
    ):
        self.penalty = penalty
        self.weight = weight
        self.steps = steps
        self.weight_bounds = weight_bounds
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params

    def fit(self, X, y, *, X_val=None, y_val=None):
        """Fit all steps; one eigendecomposition, O(n^3) time and O(n^2) memory.

        ``X``: ``(n_samples, n_features)``, or the kernel matrix for "precomputed"; ``y``: ``(n_samples,)`` or
        ``(n_samples, n_targets)``. ``X_val``, ``y_val``: held-out examples, for ``weight="validation"`` only (for
        "precomputed", ``X_val`` is their kernel with the training samples). Returns self.

        Raises ValueError for a penalty <= 0, a weight that is not finite, bad steps, one sample, NaN, or a kernel
        that is not positive semi-definite.
        """
        self._check_numbers()
        self._check_choices(X_val, y_val)
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2, accept_sparse=False
        )
        problem = Distillation(decompose(self._kernel(X)), y)
        self.X_fit_, self._flat = X, y.ndim == 1
        self.weights_ = self._choose(problem, X_val, y_val)
        d = problem.spectrum.eigenvalues
        if self.steps == np.inf:
            dual = problem.limit_coefficients(self.penalty, float(self.weights_[0]))
            self.shrinkage_ = shrinkage.limit(d, self.penalty, self.weights_[0])
        else:
            dual = problem.coefficients(self.penalty, self.weights_)
            self.shrinkage_ = shrinkage.path(d, self.penalty, self.weights_)[-1]
        self.dual_coef_ = dual[:, 0] if self._flat else dual
        self.effective_dof_ = float(self.shrinkage_.sum())
        self._problem = problem
        return self

    def predict(self, X):
        """Return predictions of the last step, ``(n,)`` or ``(n, n_targets)`` as y was."""
        return self._cross(X) @ self.dual_coef_

    def staged_predict(self, X) -> Iterator[np.ndarray]:
        """Yield the predictions of step 1, 2, ..., the last one equal to `predict`; not for infinitely many steps."""
        cross = self._cross(X)
        if self.steps == np.inf:
            raise ValueError("steps is inf: there is no last stage; fit with a whole number of steps to see the stages")
        for stage in self._problem.at(cross).path(self.penalty, self.weights_):
            yield stage[:, 0] if self._flat else stage

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.kernel == "precomputed"
        tags.target_tags.multi_output = True
        return tags

    def _cross(self, X) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self._kernel(X, self.X_fit_)

    def _kernel(self, X, Y=None) -> np.ndarray:
        if self.kernel == "precomputed":
            return X
        if callable(self.kernel):
            return pairwise_kernels(X, Y, metric=self.kernel, **(self.kernel_params or {}))
        params = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        return pairwise_kernels(X, Y, metric=self.kernel, filter_params=True, **params)

    def _check_numbers(self) -> None:
        if not isinstance(self.penalty, Real):
            raise ValueError(f"penalty (lambda) must be one number > 0, found {self.penalty!r}")
        shrinkage.checked_penalty(float(self.penalty))
        if self.weight_bounds is None:
            return
        bounds = np.asarray(self.weight_bounds, dtype=np.float64)
        if bounds.shape != (2,) or not bounds[0] <= bounds[1]:
            raise ValueError(f"weight_bounds must be (low, high) with low <= high, found {self.weight_bounds!r}")

    def _check_choices(self, X_val, y_val) -> None:
        if self.steps != np.inf:
            shrinkage.checked_steps(self.steps)
        if isinstance(self.weight, str):
            if self.weight not in _CHOSEN:
                raise ValueError(f"unknown weight {self.weight!r}: {nearest(self.weight, _CHOSEN)}, or numbers")
            if self.steps == np.inf:
                raise ValueError(
                    f"steps=inf needs one fixed weight, not {self.weight!r}: the limit is ridge(penalty / weight)"
                )
        by_validation = isinstance(self.weight, str) and self.weight == "validation"
        if by_validation != (X_val is not None):
            raise ValueError("X_val and y_val belong to weight='validation': give both, or neither")
        if (X_val is None) != (y_val is None):
            raise ValueError("give X_val and y_val together: inputs and targets of the held-out examples")

    def _choose(self, problem: Distillation, X_val, y_val) -> np.ndarray:
        if not isinstance(self.weight, str):
            return self._given_weights(self.weight)
        if self.weight == "gcv":
            return self._gcv_weights(problem)
        X_val = validate_data(self, X_val, dtype=np.float64, reset=False)
        y_val = check_array(y_val, ensure_2d=False, dtype=np.float64, input_name="y_val")
        seen = problem.at(self._kernel(X_val, self.X_fit_))
        return greedy_weights(seen, y_val, self.penalty, self.steps, bounds=self.weight_bounds).weights

    def _given_weights(self, weight: float | Sequence[float]) -> np.ndarray:
        values = shrinkage.checked_weight(weight).reshape(-1)
        if isinstance(weight, Real) or np.ndim(weight) == 0:
            return np.repeat(values, 1 if self.steps == np.inf else self.steps - 1)
        wanted = 1 if self.steps == np.inf else self.steps - 1
        if len(values) != wanted:
            raise ValueError(
                f"{len(values)} weights for steps={self.steps}: give one number, or {wanted} (steps 2, 3, ...)"
            )
        return values

    def _gcv_weights(self, problem: Distillation) -> np.ndarray:
        d, rotated = problem.spectrum.eigenvalues, problem.rotated
        a = teacher = shrinkage.ridge(d, self.penalty)
        weights = []
        for _ in range(self.steps - 1):
            bounds = self.weight_bounds or (-np.inf, np.inf)
            weight = gcv_weight(teacher, d, rotated, self.penalty, bounds=bounds)
            weights.append(1.0 if np.isnan(weight) else weight)
            teacher = shrinkage.following(teacher, a, weights[-1])
        return np.array(weights)
