"""Conformal intervals of a fitted aggregator."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from . import conformal

if TYPE_CHECKING:
    from .aggregator import QuantileAggregator


class CalibratedIntervals:
    """Intervals of an aggregator, widened (or narrowed) by one conformal margin.

    Args:
        aggregator: fitted.
        alpha: nominal miscoverage.
        margin: added to both ends, in the unit of y; infinite when there were too few calibration rows.
        n: calibration rows.
    """

    def __init__(self, aggregator: "QuantileAggregator", alpha: float, margin: float, n: int):
        self.aggregator, self.alpha, self.margin, self.n = aggregator, alpha, margin, n

    @property
    def guarantee(self) -> tuple[float, float]:
        """Bounds on the coverage of exchangeable samples without ties."""
        return conformal.split_guarantee(self.n, self.alpha)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return lower and upper ends, ``(n, 2)``."""
        ends = self.aggregator.predict(X, [self.alpha / 2, 1 - self.alpha / 2])
        return ends + np.array([-self.margin, self.margin])
