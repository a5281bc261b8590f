"""Three CubeSats (BIRDS): does SHAP name a panel's own current as the cause of its heating?

Two of the three have a documented failed +Y panel, which produces next to no current; its heating has another cause.
"""

from functools import cache

import numpy as np
import pandas as pd

from replicate.datasets import load_telemetry

from .boosting import Trees, contributions

PANELS = ("py", "px", "mz", "mx", "pz")
SATELLITES = ("NEPALISAT", "RAAVANA", "UGUISU")
FAILED = {("RAAVANA", "py"), ("UGUISU", "py")}
COVARIATES = (*(f"V_{p}" for p in PANELS), *(f"I_{p}" for p in PANELS), "V_bat", "I_bat")
MINUTE = 12  # samples of 5 s


@cache
def telemetry() -> pd.DataFrame:
    """Return the telemetry of the three satellites."""
    return load_telemetry("birds")


def heating(satellite: str, panel: str) -> tuple[np.ndarray, np.ndarray]:
    """Return trailing one-minute means of the 12 covariates (n, 12) and the panel's warming over a minute (n,), K.

    Computed inside each pass; the first minute of a pass has neither.
    """
    table = telemetry()
    inputs, changes = [], []
    for _, one in table[table["satellite"] == satellite].groupby("pass", sort=True):
        change = one[f"T_{panel}"].diff(MINUTE)
        means = one[list(COVARIATES)].rolling(MINUTE).mean()
        usable = change.notna() & means.notna().all(axis=1)
        inputs.append(means[usable].to_numpy())
        changes.append(change[usable].to_numpy())
    return np.concatenate(inputs), np.concatenate(changes)


def importance(satellite: str, panel: str, trees: Trees) -> np.ndarray:
    """Return the mean |SHAP| of every covariate for a panel's heating, (12,), over every fifth sample."""
    inputs, changes = heating(satellite, panel)
    phi, _ = contributions(trees.fit(inputs, changes), inputs[::5])
    return np.abs(phi).mean(axis=0)
