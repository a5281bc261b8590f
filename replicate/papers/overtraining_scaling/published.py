"""The numbers of the paper's tables and figures that ours are compared with, from the CSV files beside this module."""

import functools
from importlib.resources import files

import pandas as pd

from .laws import ErrorLaw, LossLaw


@functools.cache
def table(name: str) -> pd.DataFrame:
    """Return ``published_<name>.csv``: ``coefficients`` (table 6), ``cells`` (figures 5 and 12), ``others`` (7 and 10),
    ``tasks`` (tables 2 and 7)."""
    with (files(__package__) / f"published_{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype={"printed": str})


@functools.cache
def laws() -> dict[str, tuple[LossLaw, ErrorLaw]]:
    """Return the laws with the printed coefficients of table 6, by training set."""
    wide = (
        table("coefficients").astype({"printed": float}).pivot(index="training_set", columns="name", values="printed")
    )
    return {
        name: (LossLaw(r["E"], r["a"], r["b"], r["eta"]), ErrorLaw(r["eps"], r["k"], r["gamma"]))
        for name, r in wide.iterrows()
    }
