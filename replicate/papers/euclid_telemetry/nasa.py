"""NASA's labelled telemetry: 81 channels of the SMAP satellite and the MSL rover, forecast and thresholded.

Two facts about the labels: channel P-2 has two rows (the first counts here), T-10 has data but no row; so the
published 82 channels and 105 sequences are 81 channels and 104 sequences. Labels are inclusive at both ends.
"""

import ast
from functools import cache

import numpy as np
import pandas as pd

from replicate.datasets import load_telemetry, telemetry_path

from .boosting import Trees, predict
from .dynamic_threshold import detect, matched
from .event_metrics import f_score
from .volume import vus

LAGS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)
WINDOWS = (10, 50, 250)
SOFT_EDGE = 100  # largest width of VUS-PR's soft edges, steps
FORECASTERS = ("mean", "persistence", "xgboost")


@cache
def labels() -> pd.DataFrame:
    """Return one row a labelled channel: spacecraft, steps of the test series, half-open intervals (k, 2)."""
    table = load_telemetry("smap_msl_labels").drop_duplicates("chan_id")
    intervals = [np.array(ast.literal_eval(text)) + np.array([0, 1]) for text in table["anomaly_sequences"]]
    rows = {"spacecraft": table["spacecraft"], "steps": table["num_values"], "intervals": intervals}
    return pd.DataFrame(rows).set_axis(pd.Index(table["chan_id"], name="channel"))


@cache
def channel(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the train and test telemetry of a channel, float64."""
    with np.load(telemetry_path("smap_msl")) as arrays:
        return arrays[f"{name}|train"].astype(float), arrays[f"{name}|test"].astype(float)


def segments(spacecraft: str) -> tuple[np.ndarray, int, int]:
    """Return lengths of the anomalous segments of all channels of a spacecraft, nominal steps and all steps.

    Channels are concatenated; touching or overlapping intervals of one channel are one segment.
    """
    rows = labels()[labels()["spacecraft"] == spacecraft]
    lengths = [merged[:, 1] - merged[:, 0] for merged in map(_merged, rows["intervals"])]
    lengths, steps = np.concatenate(lengths), int(rows["steps"].sum())
    return lengths, steps - int(lengths.sum()), steps


def truth(spacecraft: str) -> np.ndarray:
    """Return the labels of all channels of a spacecraft, concatenated, 0/1."""
    return np.concatenate([flags(name) for name in labels().index[labels()["spacecraft"] == spacecraft]])


def flags(name: str) -> np.ndarray:
    """Return the labels of the test series of a channel, 0/1."""
    row = labels().loc[name]
    found = np.zeros(row["steps"], dtype=np.int8)
    for start, stop in row["intervals"]:
        found[start:stop] = 1
    return found


def _merged(intervals: np.ndarray) -> np.ndarray:
    out: list[list[int]] = []
    for start, stop in sorted(map(tuple, intervals)):
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], stop)
        else:
            out.append([start, stop])
    return np.array(out)


def features(series: np.ndarray) -> np.ndarray:
    """Return what a one-step forecast may know, (n, 18): lags, rolling mean and sd, all ending one step before."""
    values = pd.Series(series)
    past = values.shift(1)
    columns = [values.shift(lag) for lag in LAGS]
    for window in WINDOWS:
        rolling = past.rolling(window, min_periods=1)
        columns += [rolling.mean(), rolling.std()]
    return np.column_stack(columns)


def one_step(train: np.ndarray, test: np.ndarray, forecaster: str, trees: Trees) -> np.ndarray:
    """Return one-step forecasts of the test series, (n,), by ``mean``, ``persistence`` or ``xgboost``."""
    if forecaster == "mean":
        return np.full(len(test), train.mean())
    if forecaster == "persistence":
        return np.concatenate([test[:1], test[:-1]])
    if forecaster != "xgboost":
        raise ValueError(f"unknown forecaster {forecaster!r}; there are {', '.join(FORECASTERS)}")
    return predict(trees.fit(features(train), train), features(test))


def evaluate(name: str, forecaster: str, trees: Trees) -> dict[str, float]:
    """Forecast, threshold and count one channel; also the mean |error| over the range, and VUS-PR of |error|."""
    train, test = channel(name)
    expected = one_step(train, test, forecaster, trees)
    predicted = detect(test, expected, smooth_start=name != "C-2")
    counts = matched(predicted, labels().loc[name, "intervals"])
    error, spread = np.abs(expected - test), float(np.ptp(test)) or 1.0
    found = {"normalised error": float(error[250:-10].mean() / spread)}
    found["VUS-PR"] = vus(flags(name), error, longest=SOFT_EDGE, thresholds=100)["VUS-PR"]
    return {**counts, **found}


def rates(tp: float, fp: float, fn: float) -> dict[str, float]:
    """Return precision, recall, F0.5 and F1 of counted events."""
    precision = tp / (tp + fp) if tp + fp else 0.0
    recall = tp / (tp + fn) if tp + fn else 0.0
    both = {"F0.5": f_score(precision, recall, 0.5), "F1": f_score(precision, recall)}
    return {"precision": precision, "recall": recall, **both}


def stored_run() -> pd.DataFrame:
    """Return the counts of the authors' own LSTM run of 2018-05-19, one row a channel."""
    table = load_telemetry("telemanom_run")
    names = {"true_positives": "TP", "false_positives": "FP", "false_negatives": "FN", "chan_id": "channel"}
    return table.rename(columns=names)[["channel", "spacecraft", "TP", "FP", "FN"]]
