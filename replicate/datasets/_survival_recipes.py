"""From each survival set's own columns to time, event and covariates.

Times stay in the unit the reference fits use. Dummies are 0/1 and named after the level they mark; original
covariates keep their names, with ``_`` for a dot. Post-baseline and identifying columns are kept, but no covariates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    Build = Callable[[pd.DataFrame], pd.DataFrame]

_DAYS_PER_YEAR, _DAYS_PER_MONTH = 365.25, 30.4375


@dataclass(frozen=True)
class Recipe:
    """How one set becomes a frame.

    Args:
        unit: unit of ``time`` and ``entry``.
        time, event: columns of the original or of ``more``; ``event`` has the codes 0 and 1.
        covariates: columns ready for a design matrix, complete in the frame.
        divide: what the original times are divided by.
        more: adds or recodes columns.
    """

    unit: str
    time: str
    event: str
    covariates: tuple[str, ...]
    divide: float = 1.0
    more: "Build" = lambda table: table

    def tidy(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Return ``time``, ``event``, ``entry`` if there is one, the covariates, then the other columns; all rows."""
        import pandas as pd  # lazy: import time

        frame = self.more(table.rename(columns=lambda name: name.replace(".", "_")))
        outcome = {"time": frame[self.time] / self.divide, "event": frame[self.event]}
        if "entry" in frame:
            outcome["entry"] = frame["entry"] / self.divide
        others = [name for name in frame if name not in {self.time, self.event, "entry", *self.covariates}]
        return pd.DataFrame(outcome).join(frame[[*self.covariates, *others]])


def _flags(**conditions: "pd.Series") -> dict[str, "pd.Series"]:
    return {name: condition.astype(int) for name, condition in conditions.items()}


def _veteran(t):
    cells = _flags(**{cell: t["celltype"] == cell for cell in ("smallcell", "adeno", "large")})
    return t.assign(**_flags(treated=t["trt"] == 2, prior_therapy=t["prior"] == 10), **cells)


def _lung(t):
    return t.assign(**_flags(female=t["sex"] == 2, status=t["status"] == 2))


def _bc(t):
    return t.assign(**_flags(medium=t["group"] == "Medium", poor=t["group"] == "Poor"))


def _gbsg(t):
    sizes = _flags(size_20_50=t["size"].between(20, 50, inclusive="right"), size_over_50=t["size"] > 50)
    return t.assign(**sizes, **_flags(grade2=t["grade"] == 2, grade3=t["grade"] == 3))


def _rotterdam(t):
    """Recurrence-free survival: deaths after the last check for a recurrence do not count.

    43 patients died without a known recurrence after ``rtime``; they are censored there, the "conservative"
    definition of the R package's own example.
    """
    died_first = (t["death"] == 1) & (t["dtime"] <= t["rtime"])
    sizes = _flags(size_20_50=t["size"] == "20-50", size_over_50=t["size"] == ">50")
    return t.assign(rfs_time=t["rtime"], **_flags(rfs=(t["recur"] == 1) | died_first, grade3=t["grade"] == 3), **sizes)


def _flchain(t):
    # "lambda" is a reserved word and could not stand in a formula.
    return t.rename(columns={"kappa": "flc_kappa", "lambda": "flc_lambda"}).assign(**_flags(male=t["sex"] == "M"))


def _actg320(t):
    return t.assign(**_flags(female=t["sex"] == 2, drug_user=t["ivdrug"] > 1))


def _larynx(t):
    return t.assign(**_flags(**{f"stage{number}": t["stage"] == number for number in (2, 3, 4)}))


def _ovarian(t):
    return t.assign(**_flags(treated=t["rx"] == 2, residual=t["resid_ds"] == 2, ecog2=t["ecog_ps"] == 2))


_GRADED = ("hormon", "age", "meno", "size_20_50", "size_over_50", "grade3", "nodes", "pgr", "er")
_WHAS = ("age", "gender", "hr", "sysbp", "diasbp", "bmi", "cvd", "afb", "sho", "chf", "av3", "miord", "mitype")
_VETERAN = ("treated", "smallcell", "adeno", "large", "karno", "diagtime", "age", "prior_therapy")
_ACTG = ("tx", "strat2", "female", "drug_user", "hemophil", "karnof", "cd4", "priorzdv", "age")

RECIPES: dict[str, Recipe] = {
    "e1684": Recipe("years", "FAILTIME", "FAILCENS", ("TRT",)),
    "protect": Recipe("as given (0 to 10)", "time", "deceased", ("tx", "age")),
    "veteran": Recipe("months", "time", "status", _VETERAN, _DAYS_PER_MONTH, _veteran),
    "lung": Recipe("years", "time", "status", ("female", "age"), _DAYS_PER_YEAR, _lung),
    "bc": Recipe("years", "rectime", "censrec", ("medium", "poor"), 365, _bc),  # 365: R's own recyrs
    "gbsg": Recipe("years", "rfstime", "status", ("grade2", *_GRADED), _DAYS_PER_YEAR, _gbsg),
    "rotterdam": Recipe("years", "rfs_time", "rfs", ("chemo", *_GRADED), _DAYS_PER_YEAR, _rotterdam),
    "flchain": Recipe(
        "years", "futime", "death", ("age", "male", "flc_kappa", "flc_lambda", "mgus"), _DAYS_PER_YEAR, _flchain
    ),
    "whas500": Recipe("years", "time", "event", _WHAS, _DAYS_PER_YEAR),
    "actg320": Recipe("years", "time", "event", _ACTG, _DAYS_PER_YEAR, _actg320),
    "rossi": Recipe("weeks", "week", "arrest", ("fin", "age", "race", "wexp", "mar", "paro", "prio")),
    "larynx": Recipe("years", "time", "delta", ("stage2", "stage3", "stage4", "age"), 1.0, _larynx),
    "ovarian": Recipe("days", "futime", "fustat", ("treated", "age", "residual", "ecog2"), 1.0, _ovarian),
    "myeloma": Recipe("years", "futime", "death", ("year",), _DAYS_PER_YEAR),
    "nafld1": Recipe("years", "futime", "status", ("age", "male"), _DAYS_PER_YEAR),
}
