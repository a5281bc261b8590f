"""What the notebook shows in its cells: short tables, rounded where they are read."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replicate.datasets import telemetry_at_hand

from . import cubesats, hardware_figures, measures, published
from .network import time_constants
from .pipeline import TelemetryPipeline
from .simulator import simulate


def own_telemetry() -> pd.DataFrame:
    """Return twelve days of simulated telemetry, standing in for a CSV file of one's own."""
    counts = {"deice": 1, "vis_power": 1, "kband_long": 1}
    return simulate(12, rng=np.random.default_rng(0), counts=counts).telemetry


def own_report(telemetry: pd.DataFrame) -> pd.DataFrame:
    """Return the report of a pipeline on two temperatures, as the notebook's first example makes it."""
    pipeline = TelemetryPipeline(["fom3", "vis_fpa"], step="10min", lags=("15min", "60min"), folds=3, top=1)
    covariates = telemetry.columns[11:]
    report = pipeline.fit(telemetry[["fom3", "vis_fpa", *covariates]]).report(causes=2)
    return report[["time", "parameter", "score", "cause 1", "cause 2"]].round({"score": 2})


def network_facts() -> pd.DataFrame:
    """Return the thermal network's own time constants, h."""
    return pd.DataFrame({"time constant, h": time_constants().round(3)}).T


def top_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the 33 anomalies as a person reads them: one row each, covariates with signed contributions."""
    if frame.empty:
        return pd.DataFrame()
    keys = ["temperature", "rank", "time"]
    rows = frame[frame["metric"].isin(["score", "z", "explained", "in an event"])]
    table = rows.pivot_table(index=keys, columns="metric", values="value", sort=False)
    events = rows.drop_duplicates(keys).set_index(keys)["event"]
    causes = frame[frame["metric"] == "contribution"].copy()
    causes["text"] = [f"{r.covariate} = {r.covariate_value:.4g} ({r.value:+.2g})" for r in causes.itertuples()]
    wide = causes.pivot_table(index=keys, columns="cause", values="text", aggfunc="first", sort=False)
    wide.columns = [f"cause {int(c)}" for c in wide.columns]
    out = table[["score", "z", "explained"]].join(wide).join(events.rename("true event")).reset_index()
    return out.assign(time=out["time"].str[:16])


def tidy(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a table with one row a ``metric``; ``name`` is what its index is called."""
    return (
        table.rename_axis(name).reset_index().melt(name, var_name="metric", value_name="value") if len(table) else table
    )


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a study without the bulk: no curve points, no per-covariate values."""
    if frame.empty:
        return frame
    bulky = {"contribution", "mean |SHAP|", "closed form", "simulated"}
    return frame[~frame["metric"].isin(bulky)].dropna(axis=1, how="all")


def ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Return RMSE ratios to persistence, rounded."""
    return measures.ratio_table(frame).round(2)


def wide(frame: pd.DataFrame, *rows: str) -> pd.DataFrame:
    """Return one row for each value of the columns ``rows`` and one column a metric."""
    if frame.empty:
        return pd.DataFrame()
    return frame.pivot_table(index=list(rows), columns="metric", values="value", sort=False).round(3)


def nasa_figure(frame: pd.DataFrame, stored: pd.DataFrame, paper) -> Figure | None:
    """Draw precision and recall beside the published ones, which ``paper`` (its toml) holds."""
    published = tuple(paper.claim(f"C5-lstm-{name}").published for name in ("precision", "recall"))
    return hardware_figures.nasa(measures.nasa_table(frame, stored), published)


def heating_figure() -> Figure | None:
    """Draw the +Y panel's warming against its own current on the three CubeSats; None without the data."""
    if not telemetry_at_hand("birds"):
        return None
    own, series = cubesats.COVARIATES.index("I_py"), {}
    for satellite in cubesats.SATELLITES:
        inputs, warming = cubesats.heating(satellite, "py")
        state = "failed" if (satellite, "py") in cubesats.FAILED else "healthy"
        series[f"{satellite}, +Y panel ({state})"] = inputs[:, own], warming
    return hardware_figures.heating(series)


def beyond(intervals: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """Return the coverage of 90 % bands by target, and the overlap of top-3 lists by change, as one short table."""
    covered = intervals[intervals["metric"] == "coverage"].groupby("target")["value"].mean()
    overlaps = agreement.groupby("change")["value"].mean()
    found = {**{f"coverage of 90 % bands, {k}": v for k, v in covered.items()}}
    found |= {f"overlap of top-3 lists, {k}": v for k, v in overlaps.items()}
    return pd.Series(found).round(2).to_frame("mean")


def solar_orbiter_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return, by temperature, the day of the largest change with gaps kept and removed, and the first driver."""
    if frame.empty:
        return pd.DataFrame()
    out = {}
    for name, rows in frame.groupby("temperature", sort=False):
        changes = rows[rows["metric"] == "daily change"].groupby("gaps", sort=False)
        first = {f"largest change, gaps {gaps}": _change(part.iloc[0]) for gaps, part in changes}
        size = rows[rows["metric"] == "mean |SHAP|"].set_index("covariate")["value"]
        along = rows[rows["metric"] == "Spearman's correlation"].set_index("covariate")["value"]
        top = size.idxmax()
        out[name] = {**first, "first driver": top, "its mean |SHAP|, K": size[top], "Spearman": along[top]}
    return pd.DataFrame(out).T.rename_axis("temperature")


def _change(row: pd.Series) -> str:
    return f"{row['day']}: {row['value']:.1f} K"


def beside_published(nasa: pd.DataFrame, pumps: pd.DataFrame, volumes: pd.DataFrame) -> pd.DataFrame:
    """Return mean VUS-PR of our forecasts' residuals beside TSB-AD's published detectors, by data set."""
    if nasa.empty or volumes.empty:
        return pd.DataFrame()
    ours = nasa[nasa["metric"] == "VUS-PR"].rename(columns={"forecaster": "detector"})
    if len(pumps):
        two = pumps[pumps["metric"] == "VUS-PR"].replace({"detector": {"XGBoost": "xgboost"}})
        ours = pd.concat([ours, two.assign(spacecraft="NAB")])
    return published.beside(ours, volumes).round(3)


def depth_table(depths: pd.DataFrame, forecasts: pd.DataFrame, depth: int) -> pd.DataFrame:
    """Return the mean ratio to persistence over temperatures by target and depth, the preset's own depth among them."""
    if depths.empty:
        return pd.DataFrame()
    first = forecasts["seed"] == forecasts["seed"].min()
    own = forecasts[first & (forecasts["metric"] == "ratio to persistence") & (forecasts["mode"] == "crossfit")]
    own = own[own["target"].isin(depths["target"])].assign(depth=depth)
    both = pd.concat([depths, own])
    return both.pivot_table(index="depth", columns="target", values="value", sort=True).round(3)
