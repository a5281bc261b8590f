"""The public trials of the analyses: which data set, which covariates, in which unit of time."""

from dataclasses import dataclass

import pandas as pd

from replicate.datasets import Unavailable, load_survival


@dataclass(frozen=True)
class Case:
    """An analysis: registered data set and its 0/1 covariates (`replicate.datasets.survival` says what they mark)."""

    dataset: str
    covariates: tuple[str, ...]
    title: str

    def frame(self) -> pd.DataFrame:
        """Return ``time``, ``event`` and the covariates, in the data set's unit."""
        return load_survival(self.dataset).frame[["time", "event", *self.covariates]]

    def groups(self, frame: pd.DataFrame) -> pd.Series:
        """Return the group of every row of ``frame``: the covariate that is 1, or "reference" where none is."""
        marks = frame[list(self.covariates)]
        return marks.idxmax(axis=1).where(marks.any(axis=1), "reference")


# Covariates that the Rotterdam patients and the German trial share, coded alike.
TRANSFER = ("hormon", "age", "meno", "size_20_50", "size_over_50", "grade3", "nodes", "pgr", "er")
CASES = {
    "lung": Case("lung", ("female",), "NCCTG lung cancer, years"),
    "veteran": Case("veteran", ("treated",), "Veterans' lung cancer, months"),
    "vet_cell": Case("veteran", ("smallcell", "adeno", "large"), "Veterans' lung cancer by cell type, months"),
    "e1684": Case("e1684", ("TRT",), "E1684 melanoma, years"),
    "bc": Case("bc", ("medium", "poor"), "breast cancer by prognostic group, years"),
    "gbsg": Case("gbsg", ("hormon",), "GBSG breast cancer, years"),
}


def available(names: list[str]) -> list[str]:
    """Return those analyses whose data this machine has or can fetch."""
    return [name for name in names if has(CASES[name].dataset)]


def has(dataset: str) -> bool:
    """Return whether a registered data set is on this machine or can be fetched."""
    try:
        load_survival(dataset)
    except Unavailable:
        return False
    return True
