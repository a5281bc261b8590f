"""Quantile forests (Meinshausen 2006): scikit-learn grows the trees, the weights and quantiles are here."""

import numpy as np
from scipy import sparse
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from .base import QuantileModel, Validation

_ROWS = 1024  # samples whose weights are held at once


class QuantileForest(QuantileModel):
    """Random forest (QRF) or extremely randomised trees (QXT) with the paper's settings.

    The weight of training row i at x is the mean over trees of its bootstrap count in x's leaf over the leaf's
    total; quantiles interpolate linearly between the sorted targets at plotting positions (cumulative weight up to a
    row minus half its own). All features are tried at each split, and both kinds bootstrap, as in the paper's code.

    Args:
        levels: default levels of predictions; None is 0.1, ..., 0.9.
        extra: split thresholds at random (QXT) instead of the best ones (QRF).
        trees: number of trees.
        min_samples_split, min_samples_leaf: as in scikit-learn.
        bootstrap: whether trees see resamples.
        seed: of resamples and thresholds.
    """

    any_level = True

    def __init__(
        self, levels=None, extra=False, trees=50, min_samples_split=8, min_samples_leaf=8, bootstrap=True, seed=0
    ):
        self.levels = levels
        self.extra = extra
        self.trees = trees
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.bootstrap = bootstrap
        self.seed = seed

    def _fit(self, x: np.ndarray, y: np.ndarray, validation: Validation) -> None:
        kind = ExtraTreesRegressor if self.extra else RandomForestRegressor
        self.forest_ = kind(
            self.trees,
            min_samples_split=self.min_samples_split,
            min_samples_leaf=self.min_samples_leaf,
            bootstrap=self.bootstrap,
            max_features=1.0,
            random_state=self.seed,
            n_jobs=1,
        ).fit(x, y)
        self.order_ = np.argsort(y, kind="stable")
        self.sorted_ = y[self.order_]
        self.membership_ = self._membership(x)[:, self.order_]

    def weights(self, x: np.ndarray) -> np.ndarray:
        """Return the weights of all training rows, in their original order, at ``x`` ``(n, d)``: ``(n, n_train)``."""
        found = np.empty((len(x), len(self.order_)))
        found[:, self.order_] = self._sorted_weights(np.asarray(x, dtype=np.float64)).toarray() / self.trees
        return found

    def _predict(self, x: np.ndarray, levels: np.ndarray) -> np.ndarray:
        parts = [x[i : i + _ROWS] for i in range(0, len(x), _ROWS)]
        return np.concatenate([weighted_quantiles(self.sorted_, self._sorted_weights(p), levels) for p in parts])

    def _sorted_weights(self, x: np.ndarray) -> sparse.csr_matrix:
        """Return the sums over trees, columns by increasing target; turning over twice sorts them."""
        return (self._leaf_matrix(x) @ self.membership_).tocsc().tocsr()

    def _membership(self, x: np.ndarray) -> sparse.csr_matrix:
        """Return ``(leaves, n_train)``: bootstrap counts divided by their sum in the leaf."""
        n, leaves = len(x), self.forest_.apply(x)
        samples = self.forest_.estimators_samples_ if self.bootstrap else [np.arange(n)] * self.trees
        counts = np.stack([np.bincount(s, minlength=n) for s in samples], 1)
        rows, columns = self._numbered(leaves).ravel(), np.repeat(np.arange(n), self.trees)
        found = sparse.csr_matrix((counts.ravel().astype(float), (rows, columns)), shape=(self._offsets()[-1], n))
        found.eliminate_zeros()  # rows that a tree did not draw
        total = np.asarray(found.sum(1)).ravel()
        inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        return (sparse.diags(inverse) @ found).tocsr()

    def _leaf_matrix(self, x: np.ndarray) -> sparse.csr_matrix:
        columns = self._numbered(self.forest_.apply(x))
        pointer = np.arange(0, columns.size + 1, self.trees)
        return sparse.csr_matrix((np.ones(columns.size), columns.ravel(), pointer), (len(x), self._offsets()[-1]))

    def _numbered(self, leaves: np.ndarray) -> np.ndarray:
        """Return node numbers that are unique over the forest."""
        return leaves + self._offsets()[:-1]

    def _offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum([t.tree_.node_count for t in self.forest_.estimators_])])


def weighted_quantiles(values: np.ndarray, weights: sparse.csr_matrix, levels: np.ndarray) -> np.ndarray:
    """Return weighted quantiles at plotting positions, ``(n, m)``.

    Args:
        values: increasing, ``(k,)``.
        weights: > 0 where stored, ``(n, k)``, sorted indices, at least one in each row.
        levels: ``(m,)``, within [0, 1].

    Values of no weight take no part; below the first and above the last position the end values are returned.
    """
    w, first, last = weights.data, weights.indptr[:-1], weights.indptr[1:] - 1
    running = np.cumsum(w)
    place = running - w / 2  # over all rows: one search answers every row, which asks for none beyond its own
    before = running[first] - w[first]
    asked = before[:, None] + levels * (running[last] - before)[:, None]
    np.clip(asked, place[first][:, None], place[last][:, None], out=asked)
    return np.interp(asked.ravel(), place, values.take(weights.indices)).reshape(asked.shape)
