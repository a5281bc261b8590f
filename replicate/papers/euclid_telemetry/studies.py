"""The studies of the notebook: which units a preset runs. Each takes the run and returns a tidy frame.

A study whose data are not at hand, or whose preset asks for none, returns an empty frame: its claims are *not run*.
"""

import pandas as pd

from replicate.datasets import telemetry_at_hand
from replicate.sweep import grid

from . import cubesats, nasa, opssat, pumps, solar_orbiter, testbed
from . import experiments as ex
from .detection import DETECTORS
from .seen import data_sets

_MISSION = ("days", "causal", "faults", "native_seconds", "step_minutes", "rounds", "depth", "patience", "folds")
_EXPLAIN = ("explain_rounds", "explain_depth", "interventional", "leave_out")


def forecasts(run) -> pd.DataFrame:
    """Compare Model 1's variants with persistence."""
    axes = grid(target=run.settings.targets, mode=run.settings.modes)
    return _missions(run, ex.forecasts, axes)


def short_grid(run) -> pd.DataFrame:
    """Repeat the forecasts on a 5-minute grid, where both of the paper's lags are exact."""
    axes = grid(target=["raw", "delta"], mode=["crossfit"]) if run.settings.short_grid else []
    return _missions(run, ex.forecasts, axes, step_minutes=5)


def depths(run) -> pd.DataFrame:
    """Repeat the first mission's forecasts with trees of other depths."""
    axes = grid(target=["raw", "delta"], mode=["crossfit"], depth=run.settings.depths)
    frame = _missions(run, ex.forecasts, axes, replicates=1, keep=("depth",))
    return frame[frame["metric"] == "ratio to persistence"] if len(frame) else frame


def detectors(run) -> pd.DataFrame:
    """Score every detector on the simulated missions."""
    wanted = DETECTORS if run.settings.detectors == ["all"] else run.settings.detectors
    return _missions(run, ex.detectors, grid(detector=wanted))


def attribution(run) -> pd.DataFrame:
    """Rank true causes by every explainer."""
    return _missions(run, ex.attribution, grid(features=run.settings.features), explain=True)


def top_anomalies(run) -> pd.DataFrame:
    """Make the paper's table for the first mission."""
    features = run.settings.features[-1:]
    return _missions(run, ex.top_anomalies, grid(features=features), explain=True, replicates=1)


def overview(run) -> pd.DataFrame:
    """Draw the first mission at a glance."""
    return _missions(run, ex.overview, [{}], replicates=1)


def closeups(run) -> pd.DataFrame:
    """Draw the surroundings of the first mission's strangest anomalies."""
    features = run.settings.features[-1:]
    return _missions(run, ex.closeups, grid(features=features), explain=True, replicates=1)


def shap_sample(run) -> pd.DataFrame:
    """Explain the wheel's temperature at many times of the first mission."""
    axes = grid(temperature=["rwl1"], features=run.settings.features[-1:])
    return _missions(run, ex.shap_sample, axes, explain=True, replicates=1)


def intervals(run) -> pd.DataFrame:
    """Measure the coverage of conformal residual bands."""
    return _missions(run, ex.intervals, grid(target=run.settings.targets))


def agreement(run) -> pd.DataFrame:
    """Compare top-3 lists after changing one open choice."""
    return _missions(run, ex.agreement, [{}])


def cubesat_panels(run) -> pd.DataFrame:
    """Rank the covariates of every CubeSat panel's heating."""
    wanted = telemetry_at_hand("birds")
    return run.sweep(ex.cubesat_panels, grid(satellite=cubesats.SATELLITES, panel=cubesats.PANELS) if wanted else [])


def testbed_faults(run) -> pd.DataFrame:
    """Rank the sensors of every testbed experiment."""
    found = testbed.experiments() if run.settings.testbed and telemetry_at_hand("skab") else {}
    return run.sweep(ex.testbed_faults, [{"file": name, "fault": kind} for name, kind in found.items()])


def nasa_threshold(run) -> pd.DataFrame:
    """Forecast and threshold NASA's channels."""
    s = run.settings
    if not (telemetry_at_hand("smap_msl") and telemetry_at_hand("smap_msl_labels")):
        return run.sweep(ex.nasa_threshold, [])
    names = list(nasa.labels().index)[: s.nasa_channels or None]
    parts = [names[i : i + 27] for i in range(0, len(names), 27)]
    simple = grid(forecaster=["mean", "persistence"], channels=parts)
    trained = grid(forecaster=["xgboost"], channels=parts)
    work = [(c, 0) for c in simple] + [(c, r) for c in trained for r in range(s.nasa_seeds)]
    return run.units(ex.nasa_threshold, work).drop(columns="channels", errors="ignore")


def nasa_stored(run) -> pd.DataFrame:
    """Recount the authors' stored LSTM run."""
    return run.sweep(ex.nasa_stored, [{}] if telemetry_at_hand("telemanom_run") else [])


def point_adjust(run) -> pd.DataFrame:
    """Let random scores play against point adjustment."""
    wanted = ["SMAP", "MSL"] if telemetry_at_hand("smap_msl_labels") else []
    return run.sweep(ex.point_adjust, grid(spacecraft=wanted, draws=[run.settings.random_draws]))


def opssat_detectors(run) -> pd.DataFrame:
    """Fit every detector to OPS-SAT's segments."""
    return run.sweep(ex.opssat_detectors, grid(detector=opssat.DETECTORS if telemetry_at_hand("opssat") else []))


def known_causes(run) -> pd.DataFrame:
    """Score the real temperatures of NAB."""
    wanted = list(pumps.SERIES) if run.settings.pumps and telemetry_at_hand("nab") else []
    return run.sweep(ex.known_causes, grid(series=wanted, detector=pumps.DETECTORS))


def solar_orbiter_days(run) -> pd.DataFrame:
    """Look at Solar Orbiter's temperatures."""
    wanted = list(solar_orbiter.TEMPERATURES) if telemetry_at_hand("solar_orbiter") else []
    return run.sweep(ex.solar_orbiter_days, grid(temperature=wanted))


def published_volumes(run) -> pd.DataFrame:
    """Read what TSB-AD published."""
    return run.sweep(ex.published_volumes, [{}] if telemetry_at_hand("tsb_ad") else [])


def missing_data(run) -> str:
    """Say once which real data sets are not at hand; their claims are *not run*."""
    return data_sets()


def _missions(
    run, unit, axes: list[dict], *, explain: bool = False, replicates=None, keep=(), **changed
) -> pd.DataFrame:
    """Run a unit on simulated missions; its fixed parameters are left out of the frame, but those to ``keep``."""
    names = (*_MISSION, *(_EXPLAIN if explain else ()))
    fixed = {name: getattr(run.settings, name) for name in names} | changed
    replicates = run.settings.missions if replicates is None else replicates
    frame = run.sweep(unit, [{**fixed, **axis} for axis in axes], replicates=replicates)
    return frame.drop(columns=[name for name in fixed if name not in keep], errors="ignore")
