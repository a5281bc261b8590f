"""Survival tables that ship inside lifelines and scikit-survival, put back into their originals' coding.

Each function returns the columns the registry names; ``_content`` then compares the values with the original's.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def _rossi() -> "pd.DataFrame":
    from lifelines.datasets import load_rossi  # lazy, like all imports below: import time

    return load_rossi()


def _lung() -> "pd.DataFrame":
    """lifelines counts status from 0, the original 1 = censored, 2 = dead."""
    from lifelines.datasets import load_lung

    table = load_lung()
    return table.assign(status=table["status"] + 1)


def _larynx() -> "pd.DataFrame":
    """lifelines has dummies for stages II to IV and no year of diagnosis."""
    from lifelines.datasets import load_larynx

    table = load_larynx()
    stage = 1 + table["Stage_II"] + 2 * table["Stage_III"] + 3 * table["Stage_IV"]
    return table.assign(stage=stage, delta=table["death"])


def _gbsg() -> "pd.DataFrame":
    """GBSG2: the patients of R's ``gbsg`` in another order, without their numbers, under other names."""
    from lifelines.datasets import load_gbsg2

    names = {"tsize": "size", "pnodes": "nodes", "progrec": "pgr", "estrec": "er", "time": "rfstime", "cens": "status"}
    table = load_gbsg2().rename(columns=names)
    return table.assign(
        meno=(table["menostat"] == "Post").astype(int),
        grade=table["tgrade"].map({"I": 1, "II": 2, "III": 3}),
        hormon=(table["horTh"] == "yes").astype(int),
    )


def _veteran() -> "pd.DataFrame":
    from sksurv.datasets import load_veterans_lung_cancer

    names = {
        "Celltype": "celltype",
        "Survival_in_days": "time",
        "Karnofsky_score": "karno",
        "Months_from_Diagnosis": "diagtime",
        "Age_in_years": "age",
    }
    table = _joined(*load_veterans_lung_cancer()).rename(columns=names)
    return table.assign(
        trt=_recoded(table["Treatment"], {"standard": 1, "test": 2}),
        status=table["Status"].astype(int),
        prior=_recoded(table["Prior_therapy"], {"no": 0, "yes": 10}),
    )


def _flchain() -> "pd.DataFrame":
    from sksurv.datasets import load_flchain

    table = _joined(*load_flchain())
    numbers = {name: table[name].astype(str).astype(int) for name in ("sample.yr", "flc.grp")}
    return table.assign(**numbers, mgus=_recoded(table["mgus"], {"no": 0, "yes": 1}))


def _whas500() -> "pd.DataFrame":
    from sksurv.datasets import load_whas500

    return _joined(*load_whas500()).rename(columns={"fstat": "event", "lenfol": "time"})


def _actg320() -> "pd.DataFrame":
    from sksurv.datasets import load_aids

    return _joined(*load_aids()).rename(columns={"censor": "event"})


def _joined(covariates: "pd.DataFrame", outcome) -> "pd.DataFrame":
    """Put scikit-survival's structured array of events and times beside the covariates."""
    return covariates.assign(**{name: outcome[name] for name in outcome.dtype.names})


def _recoded(column: "pd.Series", codes: dict[str, int]) -> "pd.Series":
    return column.astype(object).map(codes)


PACKAGED: dict[str, Callable[[], "pd.DataFrame"]] = {
    "actg320": _actg320,
    "flchain": _flchain,
    "gbsg": _gbsg,
    "larynx": _larynx,
    "lung": _lung,
    "rossi": _rossi,
    "veteran": _veteran,
    "whas500": _whas500,
}
