"""Regressors in scikit-learn's conventions: a net with frozen random weights, and one that chooses its bandwidth."""

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from .checks import finite_matrix, finite_targets, not_negative
from .factorisation import Factorisation
from .hidden import draw

BANDWIDTHS = (
    0.5,
    1,
    5,
    10,
    30,
    50,
    100,
    150,
    200,
    250,
)  # the scopes of the SCN demo (RoraiWang/SCN, Demo_Regression.m)


class RandomNet(RegressorMixin, BaseEstimator):
    """A shallow net ``x -> sum_j c_j sigma(a_j . x - b_j)`` of which only the output weights c are fitted.

    Args:
        bandwidth: lambda; hidden weights and biases are drawn from ``[-lambda, lambda]``.
        width: number of nodes d.
        activation: ``sigmoid``, ``tanh``, ``gauss``, ``mexican``, ``relu`` or ``cos``.
        placement: ``box``, ``ball``, ``gaussian``, ``placed`` or ``cauchy`` (see ``hidden.py``).
        penalty: mu in ``|H c - y|^2 + mu n |c|^2``; 0 is least squares with singular values cut at ``rcond``.
        intercept: whether to add a constant, free of the penalty.
        direct_links: whether to add the inputs themselves as nodes, as in Pao's random vector functional link net.
        rcond: the cut, relative to the largest singular value; None is ``eps * max(n, d)``.
        random_state: seed or generator of the hidden weights; None draws afresh.

    After ``fit``: ``layer_``, ``coefficients_`` (``(d,)``, direct links last), ``intercept_``, ``rank_`` (how many
    nodes the numbers can tell apart), ``coefficient_norm_`` (Euclidean), ``l1_norm_``, ``n_features_in_``.

    >>> x = np.linspace(0, 1, 200).reshape(-1, 1)
    >>> y = np.sin(2 * np.pi * 4 * x[:, 0])
    >>> bool(RandomNet(bandwidth=1, random_state=0).fit(x, y).score(x, y) < 0.6)
    True
    >>> bool(RandomNet(bandwidth=30, random_state=0).fit(x, y).score(x, y) > 0.999)
    True
    """

    def __init__(
        self,
        bandwidth=10.0,
        width=200,
        *,
        activation="sigmoid",
        placement="box",
        penalty=0.0,
        intercept=False,
        direct_links=False,
        rcond=None,
        random_state=None,
    ):
        self.bandwidth = bandwidth
        self.width = width
        self.activation = activation
        self.placement = placement
        self.penalty = penalty
        self.intercept = intercept
        self.direct_links = direct_links
        self.rcond = rcond
        self.random_state = random_state

    def fit(self, X, y):
        """Draw the hidden layer and fit the output weights to ``X (n, m)`` and ``y (n,)`` or ``(n, k)``.

        Raises:
            ValueError: shapes that do not fit, NaN, fewer than two samples, a bandwidth that is not above 0, ...
        """
        X = finite_matrix("X", X)
        y = finite_targets("y", y, len(X))
        not_negative("penalty", self.penalty)
        if self.rcond is not None:
            not_negative("rcond", self.rcond)
        rng = np.random.default_rng(self.random_state)
        options = {"activation_name": self.activation, "placement": self.placement}
        self.layer_ = draw(rng, self.bandwidth, self.width, inputs=X, **options)
        self.n_features_in_ = X.shape[1]
        design = self._design(X)
        centre, middle = (design.mean(axis=0), y.mean(axis=0)) if self.intercept else (0.0, 0.0)
        factors = Factorisation(design - centre)
        fitted = factors.solve(y - middle, design.shape[1], penalty=self.penalty, rcond=self.rcond)
        self.coefficients_, self.rank_ = fitted.coefficients, fitted.rank
        self.intercept_ = middle - centre @ self.coefficients_ if self.intercept else 0.0
        self.coefficient_norm_ = float(np.linalg.norm(self.coefficients_))
        self.l1_norm_ = float(np.abs(self.coefficients_).sum())
        return self

    def predict(self, X):
        """Return the net's values ``(n,)`` or ``(n, k)`` at ``X (n, m)``."""
        if not hasattr(self, "coefficients_"):
            raise ValueError("this RandomNet is not fitted yet; call fit(X, y) first")
        X = finite_matrix("X", X, rows=1)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} variables, the net was fitted on {self.n_features_in_}")
        return self._design(X) @ self.coefficients_ + self.intercept_

    def _design(self, X: np.ndarray) -> np.ndarray:
        features = self.layer_(X)
        return np.hstack([features, X]) if self.direct_links else features


class RandomNetCV(RegressorMixin, BaseEstimator):
    """A `RandomNet` whose bandwidth is chosen by cross-validation.

    Args:
        bandwidths: candidates.
        folds: number of folds.
        blocked: whether folds are contiguous in the order given (for time series), instead of interleaved.
        width, activation, placement, penalty, random_state: as in `RandomNet`; every candidate has the same seed.

    After ``fit``: ``bandwidth_``, ``errors_`` (root mean square error over all folds by candidate), ``net_`` (refitted
    on everything).
    """

    def __init__(
        self,
        bandwidths: Sequence[float] = BANDWIDTHS,
        width=200,
        *,
        folds=5,
        blocked=False,
        activation="sigmoid",
        placement="box",
        penalty=0.0,
        random_state=0,
    ):
        self.bandwidths = bandwidths
        self.width = width
        self.folds = folds
        self.blocked = blocked
        self.activation = activation
        self.placement = placement
        self.penalty = penalty
        self.random_state = random_state

    def fit(self, X, y):
        """Choose the bandwidth and refit; ``ValueError`` for fewer samples than folds and what `RandomNet` refuses."""
        X = finite_matrix("X", X)
        y = finite_targets("y", y, len(X))
        if not isinstance(self.folds, int | np.integer) or not 2 <= self.folds <= len(X):
            raise ValueError(f"folds is {self.folds!r}; it must be a whole number from 2 to the {len(X)} samples")
        if not len(self.bandwidths):
            raise ValueError("bandwidths is empty; give at least one candidate")
        order = np.arange(len(X))
        fold = order * self.folds // len(X) if self.blocked else order % self.folds
        errors = {b: self._error(b, X, y, fold) for b in self.bandwidths}
        self.errors_, self.bandwidth_ = errors, min(errors, key=lambda b: errors[b])
        self.net_ = self._net(self.bandwidth_).fit(X, y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        """Return the refitted net's values at ``X (n, m)``."""
        if not hasattr(self, "net_"):
            raise ValueError("this RandomNetCV is not fitted yet; call fit(X, y) first")
        return self.net_.predict(X)

    def _net(self, bandwidth: float) -> RandomNet:
        names = ("width", "activation", "placement", "penalty", "random_state")
        return RandomNet(bandwidth, **{name: getattr(self, name) for name in names})

    def _error(self, bandwidth: float, X: np.ndarray, y: np.ndarray, fold: np.ndarray) -> float:
        squares = 0.0
        for k in range(self.folds):
            held = fold == k
            net = self._net(bandwidth).fit(X[~held], y[~held])
            squares += float(np.sum((net.predict(X[held]) - y[held]) ** 2))
        return float(np.sqrt(squares / y.size))
