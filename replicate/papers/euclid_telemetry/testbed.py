"""A water-loop testbed (SKAB) with known faults: does SHAP name the sensor that the fault moves?"""

from functools import cache

import numpy as np
import pandas as pd

from replicate.datasets import load_telemetry

from .boosting import Trees, contributions

SENSORS = (
    *("Accelerometer1RMS", "Accelerometer2RMS", "Current", "Pressure"),
    *("Temperature", "Thermocouple", "Voltage", "Volume Flow RateRMS"),
)
ACCELEROMETERS = ("Accelerometer1RMS", "Accelerometer2RMS")
FLOW = ("Volume Flow RateRMS",)


@cache
def telemetry() -> pd.DataFrame:
    """Return the 34 labelled experiments."""
    table = load_telemetry("skab")
    return table[table["anomaly"] >= 0]


def experiments() -> dict[str, str]:
    """Return every labelled experiment with its kind of fault: ``valve``, ``rotor`` or ``other``."""
    rotor = {f"other/{i}" for i in range(5, 10)}
    kinds = lambda name: "valve" if name.startswith("valve") else "rotor" if name in rotor else "other"  # noqa: E731
    return {name: kinds(name) for name in sorted(telemetry()["file"].unique())}


def contribution(name: str, trees: Trees) -> np.ndarray:
    """Return the mean signed contribution (log-odds) of every sensor to "anomalous", (8,), over anomalous samples.

    Features: trailing means over 10 samples and changes over 5; a sensor's two contributions are added.
    """
    one = telemetry()[telemetry()["file"] == name]
    values = one[list(SENSORS)]
    inputs = np.hstack([values.rolling(10, min_periods=1).mean().to_numpy(), values.diff(5).to_numpy()])
    label = one["anomaly"].to_numpy(float)
    phi, _ = contributions(trees.fit(inputs, label), inputs[label == 1])
    return phi.reshape(len(phi), 2, len(SENSORS)).sum(axis=1).mean(axis=0)
