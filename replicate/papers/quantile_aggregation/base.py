"""What all base models share: fit, predict at quantile levels, and fits on several subsets of the rows at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from .levels import check_levels
from .scores import mean_pinball

Validation = tuple[np.ndarray, np.ndarray] | None


class QuantileModel(RegressorMixin, BaseEstimator):
    """A conditional quantile model with scikit-learn's conventions.

    Subclasses set parameters in ``__init__`` (``levels`` among them) and implement ``_fit(x, y, validation)`` and
    ``_predict(x, levels)``. ``any_level`` says whether predictions are possible at other levels than ``levels``.
    """

    any_level = False

    def fit(self, X: ArrayLike, y: ArrayLike, *, validation: Validation = None) -> "QuantileModel":
        """Fit to features ``(n, d)`` and targets ``(n,)``; ``validation`` rows stop networks early.

        Raises:
            ValueError: NaN, infinite values, unequal lengths, a single row, or levels outside (0, 1).
        """
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64, ensure_min_samples=2)
        self.levels_ = _levels(self.levels)
        self._fit(X, y.astype(np.float64), validation)
        return self

    def fit_subsets(
        self, X: np.ndarray, y: np.ndarray, subsets: Sequence[np.ndarray], *, validation: Validation = None
    ) -> list["QuantileModel"]:
        """Return one fitted clone for each subset of row numbers; the first one's validation decides for all.

        The first subset is the whole training part; the others leave out folds and reuse what was tuned for it.
        """
        return [clone(self).fit(X[rows], y[rows], validation=validation) for rows in subsets]

    def predict_quantiles(self, X: ArrayLike, levels: ArrayLike | None = None) -> np.ndarray:
        """Return quantiles, ``(n, m)``, at ``levels`` (default: those of the fit).

        Raises:
            ValueError: levels the model was not fitted for, if it cannot interpolate; wrong number of features.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        wanted = self.levels_ if levels is None else check_levels(levels)
        if self.any_level:
            return self._predict(X, wanted)
        places = np.searchsorted(self.levels_, wanted - 1e-9)
        known = (places < len(self.levels_)) & np.isclose(
            self.levels_[np.minimum(places, len(self.levels_) - 1)], wanted
        )
        if not known.all():
            raise ValueError(
                f"{type(self).__name__} was not fitted for level {wanted[~known][0]:g}; pass levels=... to the model "
                "before fit"
            )
        return self._predict(X, self.levels_)[:, places]

    def predict(self, X: ArrayLike, levels: ArrayLike | None = None) -> np.ndarray:
        """Return quantiles ``(n, m)`` at ``levels``; without levels the median (the central level), ``(n,)``."""
        if levels is not None:
            return self.predict_quantiles(X, levels)
        check_is_fitted(self)
        centre = float(self.levels_[np.argmin(np.abs(self.levels_ - 0.5))])
        return self.predict_quantiles(X, [centre])[:, 0]

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return minus the mean pinball loss over the levels of the fit (larger is better)."""
        return -mean_pinball(y, self.predict_quantiles(X), self.levels_)


def _levels(levels: ArrayLike | None) -> np.ndarray:
    return check_levels(np.arange(1, 10) / 10 if levels is None else levels)
