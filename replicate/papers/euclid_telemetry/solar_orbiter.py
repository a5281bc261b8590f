"""Solar Orbiter's daily means: a demonstration on an ESA mission, without labels.

Four temperatures of its magnetometer, its distance from the Sun and the angles of array and antenna. Days without
data (May 2023) are coded as temperatures of exactly 0; at the edge of such a gap a mean may mix zeros with data.
"""

from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from replicate.datasets import load_telemetry

from .boosting import Trees, contributions

TEMPERATURES = {
    "electronics box": "Electronic Box Temperature(DegC)",
    "outboard sensor": "Out Board Sensor Temperature(DegC)",
    "inboard sensor": "In Board Sensor Temperature(DegC)",
    "search coil": "Search Coil Magnetometers Temperature(DegC)",
}
COVARIATES = {
    "solar distance": "Radial Distance from Sun(AU)",
    "solar array angle": "Solar Array Angle(Deg)",
    "antenna azimuth": "High Gain Antenna azimuth(Deg)",
    "antenna elevation": "High Gain Antenna Elevation(Deg)",
}


@cache
def telemetry() -> pd.DataFrame:
    """Return 731 days: temperatures (deg C) and covariates (AU, degrees) by their short names."""
    table = load_telemetry("solar_orbiter")
    days = pd.DatetimeIndex(table["Date"], name="day")
    names = {**TEMPERATURES, **COVARIATES}
    return pd.DataFrame({short: table[long].to_numpy(float) for short, long in names.items()}, index=days)


def without_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Return the telemetry with NaN for all temperatures of a day on which one is exactly 0."""
    names = list(TEMPERATURES)
    return table.assign(**table[names].where((table[names] != 0).all(axis=1)))


def largest_changes(values: pd.Series, top: int = 3) -> pd.Series:
    """Return the ``top`` largest absolute changes from one day to the next, K, by day, the largest first."""
    return values.diff().abs().nlargest(top)


def drivers(table: pd.DataFrame, temperature: str, trees: Trees) -> tuple[np.ndarray, np.ndarray]:
    """Return mean |SHAP| (K) and Spearman's correlation of every covariate with a temperature, (4,) each."""
    rows = table[[temperature, *COVARIATES]].dropna()
    inputs, values = rows[list(COVARIATES)].to_numpy(), rows[temperature].to_numpy()
    phi, _ = contributions(trees.fit(inputs, values), inputs)
    correlation = [float(spearmanr(column, values).statistic) for column in inputs.T]
    return np.abs(phi).mean(axis=0), np.array(correlation)
