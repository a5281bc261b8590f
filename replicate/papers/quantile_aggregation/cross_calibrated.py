"""CV+ intervals of an aggregator: no rows are set aside for calibration, at the price of many more fits."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from . import conformal
from .nested_cv import NestedFit

if TYPE_CHECKING:
    from .aggregator import QuantileAggregator


class CrossCalibratedIntervals:
    """CV+ intervals from aggregators that each left out one fold (Barber et al. 2021; nested, see `nested_cv`).

    Args:
        aggregator: holds the units of features and target.
        fit: the aggregators by fold.
    """

    def __init__(self, aggregator: "QuantileAggregator", fit: NestedFit):
        self.aggregator, self.fit = aggregator, fit

    def guarantee(self, alpha: float) -> float:
        """Return the lower bound on the coverage of nominal 1 - alpha intervals, about 1 - 2 alpha."""
        return conformal.cv_plus_guarantee(len(self.fit.y), len(self.fit.gates), alpha)

    def predict(self, X: ArrayLike, alpha: float = 0.2) -> np.ndarray:
        """Return lower and upper ends, ``(n, 2)``, in the unit of y; infinite where n is too small for alpha.

        Raises:
            ValueError: alpha / 2 or 1 - alpha / 2 is not among the aggregator's levels.
        """
        ends = self.fit.intervals(self.aggregator.inputs(X), alpha)
        return np.stack(ends, 1) * self.aggregator.scale_ + self.aggregator.mean_
