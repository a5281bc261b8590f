"""Two real temperatures with labelled failures (NAB): a machine every five minutes, an office every hour."""

import numpy as np
import pandas as pd

from replicate.datasets import load_telemetry

from .baselines import rolling_z
from .boosting import Trees, predict
from .forecast import lagged
from .volume import auc_pr, vus

SERIES = {
    "machine": ("machine_temperature_system_failure", (3, 12), 288),  # lags 15 and 60 min, steps in a day
    "ambient": ("ambient_temperature_system_failure", (1, 24), 24),  # lags 1 and 24 h
}
DETECTORS = ("XGBoost", "persistence", "rolling z")
TRAINING = 0.15
SMOOTHING = 12


def evaluate(name: str, detector: str) -> dict[str, float]:
    """Score one detector on one series after its first 15 %: AUC-PR, VUS-PR and, for forecasts, the RMSE."""
    series, lags, day = SERIES[name]
    table = load_telemetry("nab")
    table = table[table["series"] == series]
    values, truth = table["value"].to_numpy(float), table["in_window"].to_numpy()
    start = int(TRAINING * len(values))
    if detector == "rolling z":
        score = rolling_z(values[:, None], day)[:, 0]
    else:
        score = np.abs(values - _forecast(values, lags, start, detector))
    smooth = pd.Series(score).rolling(SMOOTHING, min_periods=1).mean().to_numpy()[start:]
    found = {"AUC-PR": auc_pr(truth[start:], smooth)}
    found["VUS-PR"] = vus(truth[start:], smooth, longest=50, thresholds=100)["VUS-PR"]
    if detector != "rolling z":
        found["RMSE"] = float(np.sqrt(np.mean(score[start:] ** 2)))
    return found


def _forecast(values: np.ndarray, lags: tuple[int, int], start: int, detector: str) -> np.ndarray:
    past = np.column_stack([lagged(values, lag) for lag in lags])
    if detector == "persistence":
        return past[:, 0]
    usable = np.isfinite(past).all(axis=1)
    train = usable & (np.arange(len(values)) < start)
    out = np.full(len(values), np.nan)
    out[usable] = predict(Trees().fit(past[train], values[train]), past[usable])
    return out
