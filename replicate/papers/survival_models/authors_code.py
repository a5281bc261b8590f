"""Our fit against the published output of the authors' R code.

``authors_code.csv``: vanAmsterdam/protect, tests/rcode/pgw.R, printed results of the authors' ``pgwfit`` (phi = 1)
on tests/testdata.csv; standard errors there come from a numerically differentiated Hessian.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import trials

PUBLISHED = Path(__file__).with_name("authors_code.csv")
MODELS = {"null": (), "tx + age": ("tx", "age")}


def published(model: str) -> pd.DataFrame:
    """Return the published quantities of a model: columns quantity, parameter, term, value."""
    table = pd.read_csv(PUBLISHED, keep_default_na=False)
    return table[table["model"] == model].drop(columns="model")


def differences(model: str, frame: pd.DataFrame, *, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return our value and its difference from the published one, a row each.

    Log-likelihood and estimates: absolute; standard errors: relative to the published.
    """
    terms = {"lambda": MODELS[model], "gamma": (), "kappa": ()}
    fitted = trials.fit(frame, terms, starts=4, rng=rng)
    rows = []
    for quantity, parameter, term, value in published(model).itertuples(index=False):
        ours = _ours(fitted, quantity, parameter, term)
        gap = abs(ours - value) / (abs(value) if quantity == "standard error" else 1)
        what = {"parameter": parameter, "term": term}
        rows += [{"metric": quantity, **what, "value": ours}]
        rows += [{"metric": f"{quantity} difference", **what, "value": gap}]
    return rows


def _ours(fitted: trials.Fitted, quantity: str, parameter: str, term: str) -> float:
    if quantity == "log-likelihood":
        return float(fitted.loglik)
    values = fitted.estimates if quantity == "estimate" else fitted.optimum.standard_errors
    return float(values[fitted.at(parameter, term)])
