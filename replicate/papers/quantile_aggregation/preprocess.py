"""Tables to numbers: gaps, categories, constant columns and scale, learnt on the fitting rows only."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

_RARE = 5  # a category seen less often shares one column with all other rare ones


class Tabular(TransformerMixin, BaseEstimator):
    """Turn a DataFrame into standardised numbers.

    Numeric columns: gaps become the median, with a 0/1 column that marks them; z-scores. Others: one 0/1 column a
    category, standardised too; categories with fewer than ``rare`` rows, and unseen ones, share one. Columns that are
    constant on the fitting rows are dropped.

    Args:
        rare: see above.
    """

    def __init__(self, rare: int = _RARE):
        self.rare = rare

    def fit(self, X: pd.DataFrame, y: ArrayLike | None = None) -> "Tabular":
        """Learn medians, categories and scales from ``X``; ``y`` is not used."""
        X = pd.DataFrame(X)
        self.numeric_ = [c for c in X if pd.api.types.is_numeric_dtype(X[c])]
        self.medians_ = X[self.numeric_].median().fillna(0.0)
        self.gaps_ = [c for c in self.numeric_ if X[c].isna().any()]
        texts = {c: _texts(X[c]) for c in X if c not in self.numeric_}
        self.categories_ = {c: self._common(t) for c, t in texts.items()}
        raw = self._raw(X)
        spread = raw.std(0)
        self.kept_ = spread > 1e-12 * np.maximum(1, np.abs(raw).max(0))
        self.mean_, self.scale_ = raw.mean(0)[self.kept_], spread[self.kept_]
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return standardised numbers, ``(n, d)`` float64 without gaps.

        Raises:
            ValueError: a column of the fitting rows is missing.
        """
        check_is_fitted(self)
        X = pd.DataFrame(X)
        missing = [c for c in [*self.numeric_, *self.categories_] if c not in X]
        if missing:
            raise ValueError(f"column {missing[0]!r} is missing; the table must have the columns it was fitted to")
        return (self._raw(X)[:, self.kept_] - self.mean_) / self.scale_

    def _raw(self, X: pd.DataFrame) -> np.ndarray:
        numbers = X[self.numeric_].astype(float).fillna(self.medians_).to_numpy()
        gaps = X[self.gaps_].isna().to_numpy(float)
        blocks = [numbers, gaps]
        for column, known in self.categories_.items():
            found = _texts(X[column]).to_numpy()[:, None] == np.asarray(known, dtype=object)[None, :]
            blocks += [found.astype(float), 1.0 - found.any(1, keepdims=True)]
        return np.concatenate(blocks, 1)

    def _common(self, texts: pd.Series) -> list[str]:
        counts = texts.value_counts()
        return sorted(counts[counts >= self.rare].index)


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "missing").map(str)
