"""Simulated missions on the analysis grid, and their scores, computed once a process."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from replicate.seeds import Seed

from .boosting import Trees
from .events import CAUSAL, FAULTS, KINDS
from .forecast import forecast
from .network import TEMPERATURES
from .schedule import COVARIATES
from .simulator import Simulation, simulate

LAGS = ("15min", "60min")


@dataclass(frozen=True, eq=False)
class Mission:
    """A simulated mission on the analysis grid.

    Args:
        simulation: events, labels and telemetry on the grid.
        values: (n, 11) temperatures, K. covariates: (n, 35).
        step: of the grid.
    """

    simulation: Simulation
    values: np.ndarray
    covariates: pd.DataFrame
    step: pd.Timedelta

    @property
    def labels(self) -> np.ndarray:
        """(n, 11) 0/1: where an event disturbs a temperature."""
        return self.simulation.labels

    @property
    def day(self) -> int:
        """Steps in a day."""
        return int(pd.Timedelta("1D") // self.step)

    def steps(self, lag: str) -> int:
        """Return a lag in steps, rounded up."""
        return int(-(-pd.Timedelta(lag) // self.step))

    def causes(self, number: int, *, proxies: bool = False) -> list[int]:
        """Return the positions of the covariates that would be right for event ``number``."""
        kind = KINDS[self.simulation.events["kind"].iloc[number]]
        return [COVARIATES.index(name) for name in (kind.cause, *(kind.proxies if proxies else ()))]


def mission(config: dict, seed: Seed) -> Mission:
    """Return the mission of a configuration: days, causal, faults, native_seconds, step_minutes."""
    names = ("days", "causal", "faults", "native_seconds", "step_minutes")
    return _mission(*(config[name] for name in names), seed)


@lru_cache(maxsize=4)
def _mission(days: int, causal: int, faults: int, native_seconds: int, step_minutes: int, seed: Seed) -> Mission:
    counts = dict.fromkeys(CAUSAL, causal) | dict.fromkeys(FAULTS, faults)
    found = simulate(
        days,
        rng=seed.rng("mission", days, causal, faults),
        counts=counts,
        step_seconds=min(native_seconds, 60),
        report_seconds=min(native_seconds, 60 * step_minutes),
    )
    found = coarsened(found, step_minutes)
    values = found.telemetry[list(TEMPERATURES)].to_numpy(float)
    step = pd.Timedelta(minutes=step_minutes)
    return Mission(found, values, found.telemetry[list(COVARIATES)], step)


def coarsened(simulation: Simulation, minutes: int) -> Simulation:
    """Return a simulation averaged to a grid of ``minutes``; a bin is labelled where any of its samples is."""
    every = round(minutes / 60 / simulation.step_hours)
    if every <= 1:
        return simulation
    telemetry = simulation.telemetry
    n = len(telemetry) // every
    means = np.empty((n, telemetry.shape[1]), dtype=np.float32)
    for i in range(telemetry.shape[1]):
        means[:, i] = telemetry.iloc[: n * every, i].to_numpy().reshape(n, every).mean(axis=1, dtype=float)
    owner = simulation.owner[: n * every].reshape(n, every, -1).max(axis=1)
    index = telemetry.index[: n * every : every]
    frame = pd.DataFrame(means, pd.DatetimeIndex(index, name="time"), telemetry.columns)
    return Simulation(frame, simulation.events, (owner >= 0).astype(np.int8), owner, minutes / 60)


def model_one(config: dict, seed: Seed, device: str = "cpu") -> Trees:
    """Return the hyper-parameters of Model 1: rounds, depth, patience."""
    return Trees(config["rounds"], config["depth"], patience=config["patience"], device=device, seed=seed.replicate)


def model_two(config: dict, seed: Seed, device: str = "cpu") -> Trees:
    """Return the hyper-parameters of Model 2: explain_rounds, explain_depth."""
    shape = config["explain_rounds"], config["explain_depth"]
    return Trees(*shape, columns=0.8, device=device, seed=seed.replicate)


def residuals(config: dict, seed: Seed, target: str, mode: str, device: str = "cpu") -> np.ndarray:
    """Return signed residuals of Model 1 on a mission, (n, 11), NaN where nothing is forecast."""
    names = ("days", "causal", "faults", "native_seconds", "step_minutes", "rounds", "depth", "patience", "folds")
    return _residuals(tuple((name, config[name]) for name in names), seed, target, mode, device)


@lru_cache(maxsize=24)  # 2 MB each; every experiment asks for them again
def _residuals(items: tuple, seed: Seed, target: str, mode: str, device: str) -> np.ndarray:
    config = dict(items)
    one = mission(config, seed)
    lags = [one.steps(lag) for lag in LAGS]
    options = {"target": target, "mode": mode, "folds": config["folds"], "day": one.day}
    trees = model_one(config, seed, device)
    columns = [forecast(one.values, i, lags, trees=trees, **options) for i in range(len(TEMPERATURES))]
    return one.values - np.column_stack(columns)
