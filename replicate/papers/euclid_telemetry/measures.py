"""From the rows of experiments to the measurements that claims are judged by. DataFrames in, numbers out.

A study that did not run gives an empty frame and None: its claim is *not run*. The unit of uncertainty is the mission
(counts), or the event and the peak where these are what was drawn at random (shares).
"""

import numpy as np
import pandas as pd

from replicate.measurement import Measurement, from_exact, from_proportion, from_seeds, smallest_gap
from replicate.rows import where

from .nasa import rates


def better_channels(frame: pd.DataFrame, target: str, mode: str = "crossfit") -> Measurement | None:
    """Return on how many of the 11 temperatures a variant beats persistence, a mission."""
    rows = _rows(frame, "ratio to persistence", target=target, mode=mode)
    return from_seeds((rows["value"] < 1).groupby(rows["seed"]).sum().to_numpy(float)) if len(rows) else None


def top_share(frame: pd.DataFrame, detector: str) -> Measurement | None:
    """Return the share of top-3 peaks in a true event, over all missions."""
    rows = _rows(frame, "top-3 in an event", detector=detector)
    return from_proportion(int(rows["value"].sum()), int(rows["n"].sum())) if len(rows) else None


def hit(frame: pd.DataFrame, explainer: str, k: int, metric: str = "rank") -> Measurement | None:
    """Return the share of events whose true cause ranks among the first ``k``."""
    rows = _rows(frame, metric, explainer=explainer)
    return from_proportion(int((rows["value"] <= k).sum()), len(rows)) if len(rows) else None


def hit_order(frame: pd.DataFrame, *explainers: str) -> Measurement | None:
    """Return by how much hit@1 falls, at the smallest step, along ``explainers``; events are paired."""
    groups = []
    for explainer in explainers:
        rows = _rows(frame, "rank", explainer=explainer)
        if rows.empty:
            return None
        groups.append((rows.sort_values(["seed", "event"])["value"] <= 1).to_numpy(float))
    return smallest_gap(groups, paired=True)


def fault_auc(frame: pd.DataFrame, explainer: str) -> Measurement | None:
    """Return the AUC with which the explained share separates events with a cause from sensor faults, a mission."""
    from sklearn.metrics import roc_auc_score

    rows = _rows(frame, "explained", explainer=explainer)
    if rows.empty:
        return None
    causal = ~rows["kind"].str.startswith("s_")
    found = [
        roc_auc_score(causal[part.index], part["value"])
        for _, part in rows.groupby("seed")
        if causal[part.index].nunique() == 2
    ]
    return from_seeds(np.array(found)) if found else None


def panels(frame: pd.DataFrame, *, failed: bool) -> Measurement | None:
    """Return the number of healthy panels whose own current ranks first, or the best rank among failed panels."""
    rows = _rows(frame, "rank of the own current", failed=int(failed))
    if rows.empty:
        return None
    value = rows["value"].min() if failed else (rows["value"] == 1).sum()
    return from_exact(float(value), dataset="birds")


def right_sensors(frame: pd.DataFrame, fault: str) -> Measurement | None:
    """Return in how many experiments with a fault the right sensor ranks first."""
    rows = _rows(frame, "right sensor first", fault=fault)
    return from_exact(float(rows["value"].sum()), dataset="skab") if len(rows) else None


def nasa_count(frame: pd.DataFrame, forecaster: str, metric: str) -> Measurement | None:
    """Return a forecaster's TP, FP, precision, recall or F0.5 over all channels; over seeds where it has several."""
    totals = _totals(frame, forecaster)
    if totals.empty:
        return None
    values = totals[metric].to_numpy(float)
    return from_exact(values[0], dataset="smap_msl") if len(values) == 1 else from_seeds(values, dataset="smap_msl")


def nasa_gap(frame: pd.DataFrame, stored: pd.DataFrame, metric: str) -> Measurement | None:
    """Return by how much the stored LSTM run is better than a constant forecast."""
    ours, theirs = _totals(frame, "mean"), stored_totals(stored)
    if ours.empty or theirs.empty:
        return None
    return from_exact(float(theirs[metric].iloc[0] - ours[metric].iloc[0]), dataset="smap_msl")


def stored_totals(stored: pd.DataFrame) -> pd.DataFrame:
    """Return counts and rates of the authors' stored run, one row."""
    if stored.empty:
        return pd.DataFrame()
    counts = stored.groupby("metric")["value"].sum()
    found = {name: float(counts[name]) for name in ("TP", "FP", "FN")}
    return pd.DataFrame([{**found, **rates(*found.values())}])


def stored_rate(stored: pd.DataFrame, metric: str) -> Measurement | None:
    """Return a rate of the authors' stored run."""
    table = stored_totals(stored)
    return from_exact(float(table[metric].iloc[0]), dataset="telemanom_run") if len(table) else None


def nasa_table(frame: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return counts and rates of every forecaster, one row each; means over seeds."""
    if frame.empty:
        return pd.DataFrame()
    rows = {name: _totals(frame, name).mean() for name in ("mean", "persistence", "xgboost")}
    if len(stored):
        rows["LSTM (stored run)"] = stored_totals(stored).iloc[0]
    return pd.DataFrame(rows).T.rename_axis("forecaster").reset_index()


def number(frame: pd.DataFrame, metric: str, *, dataset: str = "", **columns: object) -> Measurement | None:
    """Return the single value of a metric where columns have the given values."""
    rows = _rows(frame, metric, **columns)
    return from_exact(float(rows["value"].iloc[0]), dataset=dataset) if len(rows) else None


def adjustment_error(frame: pd.DataFrame) -> Measurement | None:
    """Return the largest distance of closed form and simulated mean at the best flag probability."""
    if frame.empty:
        return None
    table = frame[frame["metric"].isin(["best F1-PA", "simulated F1-PA at the best p"])]
    wide = table.pivot(index="spacecraft", columns="metric", values="value")
    return from_exact(float(wide.diff(axis=1).iloc[:, -1].abs().max()), dataset="smap_msl_labels")


def flagging_everything(frame: pd.DataFrame) -> Measurement | None:
    """Return the larger F1 of flagging everything."""
    rows = _rows(frame, "F1 of flagging everything")
    return from_exact(float(rows["value"].max()), dataset="smap_msl_labels") if len(rows) else None


def detection_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of every metric over temperatures and missions, one row a detector."""
    rows = frame[frame["channel"].notna()] if len(frame) and "channel" in frame else pd.DataFrame()
    if rows.empty:
        return rows
    table = rows.pivot_table(index="detector", columns="metric", values="value", aggfunc="mean", sort=False)
    tops = _rows(frame, "top-3 in an event")
    table["top-3 in an event"] = tops.groupby("detector")["value"].sum() / tops.groupby("detector")["n"].sum()
    return table


def recall_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the share of events found, by kind (rows) and detector (columns)."""
    rows = _rows(frame, "recalled")
    if rows.empty:
        return pd.DataFrame()
    return rows.pivot_table(index="kind", columns="detector", values="value", aggfunc="mean", sort=False)


def hit_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return hit@1, hit@3, MRR and proxy-tolerant hit@1 of every explainer, one row each, beside chance."""
    rows = _rows(frame, "rank")
    if rows.empty:
        return pd.DataFrame()
    tolerant = _rows(frame, "rank, proxies count").groupby("explainer")["value"]
    ranks = rows.groupby("explainer")["value"]
    table = {
        "hit@1": ranks.apply(lambda r: (r <= 1).mean()),
        "hit@3": ranks.apply(lambda r: (r <= 3).mean()),
        "MRR": ranks.apply(lambda r: (1 / r).mean()),
        "hit@1, proxies count": tolerant.apply(lambda r: (r <= 1).mean()),
        "events": ranks.size(),
    }
    return pd.DataFrame(table).sort_values("hit@1", ascending=False)


def ratio_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the RMSE ratio to persistence of every temperature (rows) and variant (columns), mean over missions."""
    rows = _rows(frame, "ratio to persistence")
    if rows.empty:
        return pd.DataFrame()
    rows = rows.assign(variant=rows["target"] + " " + rows["mode"])
    return rows.pivot_table(index="channel", columns="variant", values="value", aggfunc="mean", sort=False)


def _totals(frame: pd.DataFrame, forecaster: str) -> pd.DataFrame:
    rows = frame[frame["forecaster"] == forecaster] if len(frame) else frame
    if rows.empty:
        return pd.DataFrame()
    counts = rows[rows["metric"].isin(["TP", "FP", "FN"])].pivot_table(
        index="seed", columns="metric", values="value", aggfunc="sum"
    )
    found = [rates(row["TP"], row["FP"], row["FN"]) for _, row in counts.iterrows()]
    errors = rows[rows["metric"] == "normalised error"].groupby("seed")["value"].mean()
    return counts[["TP", "FP", "FN"]].join(pd.DataFrame(found, counts.index)).assign(error=errors)


def _rows(frame: pd.DataFrame, metric: str, **columns: object) -> pd.DataFrame:
    if frame.empty:
        return pd.DataFrame(columns=["value", "seed", "n"])
    return where(frame, metric=metric, **columns)
