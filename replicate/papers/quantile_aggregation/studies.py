"""The studies of the notebook: which units a preset runs. Each takes the run and returns a tidy frame."""

import pandas as pd

from replicate.datasets import has_regression
from replicate.sweep import grid

from . import experiments as ex

# The order of the paper's list: 8 UCI sets, then OpenML's by size.
PAPERS_SETS = (
    *("yacht", "boston", "energy", "concrete", "kin8nm", "power", "naval", "protein"),
    *("tecator", "sensory", "MIP-2016-regression", "socmob", "Moneyball", "house_prices_nominal", "us_crime", "quake"),
    *("space_ga", "abalone", "Mercedes_Benz_Greener_Manufacturing", "SAT11-HAND-runtime-regression"),
    *(
        "Santander_transaction_value",
        "QSAR-TID-11",
        "QSAR-TID-10980",
        "wine_quality",
        "colleges",
        "topo_2_1",
        "yprop_4_1",
    ),
    *("Brazilian_houses", "pol", "elevators", "house_sales", "house_16H", "OnlineNewsPopularity", "diamonds"),
)
_CONSTANT = ("m", "folds", "models", "network_steps", "gate_steps", "check_every", "patience", "draws", "variants")
_STUDIES = {"isotonization": "isotonization_sets", "controls": "control_sets", "conformal": "conformal_sets"}


def isotonizers(run) -> pd.DataFrame:
    """Check Propositions 1 and 2."""
    return run.sweep(ex.isotonizers, grid(samples=[run.settings.samples]))


def averaging(run) -> pd.DataFrame:
    """Check Propositions 3, 4 and 5."""
    return run.sweep(ex.averaging, [{}])


def ground_truth(run) -> pd.DataFrame:
    """Compare gradients with linear programs."""
    s = run.settings
    shared: dict[str, list] = {
        "m": [9],
        "folds": [3],
        "models": [["QRF", "QXT", "LGBM"]],
        "draws": [0],
        "steps": [s.exact_steps],
    }
    unused = {"network_steps": [1], "check_every": [1], "patience": [1]}
    frame = run.sweep(ex.ground_truth, grid(dataset=sets_at_hand(s.exact_sets), **shared, **unused))
    return frame.drop(columns=[*shared, *unused], errors="ignore")


def trials(run) -> pd.DataFrame:
    """Run every set and split; the first ``study_splits`` splits of some sets carry further studies."""
    s = run.settings
    shared = {name: getattr(s, name) for name in _CONSTANT}
    work = []
    for name in sets_at_hand(s.data_sets):
        for replicate in range(s.splits):
            extra = [
                study for study, sets in _STUDIES.items() if replicate < s.study_splits and name in getattr(s, sets)
            ]
            work.append(({**shared, "dataset": name, "studies": ["main", *extra]}, replicate))
    return run.units(ex.trial, work).drop(columns=[*_CONSTANT, "studies"], errors="ignore")


def study(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of one study, without columns that it does not use; empty if it was not run."""
    rows = frame[frame["study"] == name] if len(frame) else frame
    return rows.drop(columns="study", errors="ignore").dropna(axis=1, how="all")


def sets_at_hand(names: list[str]) -> list[str]:
    """Return those sets that this machine has or can fetch; ["all"] means the paper's 34."""
    wanted = list(PAPERS_SETS) if names == ["all"] else names
    return [name for name in wanted if has_regression(name)]
