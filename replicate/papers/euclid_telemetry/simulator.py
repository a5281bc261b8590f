"""A simulated mission with known causes: telemetry, events and which samples of which temperature they disturb.

The truth is a shadow trajectory: at the onset of every event with a cause, a copy of the state goes on without the
event. Where the temperatures differ by more than noise and by more than a quarter of the largest difference, they
are labelled. (A twin run without any event would be wrong: slow nodes stay different for days.)
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import schedule
from .events import KINDS, Event, default_counts, plan
from .network import LSB, REFERENCE, SIGMA, TEMPERATURES, propagator, steady_state
from .schedule import COVARIATES
from .stepping import advance

START = pd.Timestamp("2024-02-15", tz="UTC")  # the paper's period begins
SHADOW_HOURS = 72.0
_NOISE = {
    **{"mps_flow_a": 0.05, "mps_flow_b": 0.05, "sa_voltage": 0.1, "sa_current": 0.05, "bus_current": 0.05},
    **{"bus_voltage": 0.01, "xband_power": 0.2, "nisp_elec_power": 0.3},
}


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated mission.

    Args:
        telemetry: 11 temperatures (K) and 35 covariates over UTC time.
        events: one row each: kind, start, end, magnitude, temperature, cause (empty for sensor faults).
        labels: (n, 11) int8, 1 where an event disturbs a temperature.
        owner: (n, 11) int16, number of the event that disturbs it, -1 where none does.
        step_hours: reporting step.
    """

    telemetry: pd.DataFrame
    events: pd.DataFrame
    labels: np.ndarray
    owner: np.ndarray
    step_hours: float

    def window(self, number: int) -> np.ndarray:
        """Return the rows in which event ``number`` disturbs its own temperature, else those while it lasts."""
        event = self.events.iloc[number]
        rows = np.flatnonzero(self.owner[:, TEMPERATURES.index(event["temperature"])] == number)
        if len(rows):
            return rows
        return np.flatnonzero((self.telemetry.index >= event["start"]) & (self.telemetry.index < event["end"]))


def simulate(
    days: int = 182,
    *,
    rng: np.random.Generator,
    counts: dict[str, int] | None = None,
    step_seconds: int = 60,
    report_seconds: int = 600,
) -> Simulation:
    """Simulate a mission like Euclid's.

    Args:
        days: length; 182 is the paper's period.
        rng: the only source of randomness.
        counts: events by kind (`events.KINDS`); None = three of each, 39 in all; ``{}`` = none.
        step_seconds: step of the thermal network.
        report_seconds: reporting step, a multiple of ``step_seconds`` that divides 600 s or is a multiple of it.

    Raises:
        ValueError: steps that do not fit, or an unknown kind of event.
    """
    if days <= 0 or report_seconds % step_seconds or (86400 % report_seconds):
        raise ValueError(
            f"days={days}, step_seconds={step_seconds}, report_seconds={report_seconds}: days must be positive, the "
            "reporting step a multiple of the step and a divisor of a day, e.g. 60 and 600, or 10 and 10"
        )
    events = plan(days, default_counts() if counts is None else counts, rng)
    hours = np.arange(days * 86400 // step_seconds) * (step_seconds / 3600)
    pointing = schedule.draw_pointing(24.0 * days, rng)
    causal = [event for event in events if event.causal]
    free = schedule.covariates(hours, pointing, [])
    free_inputs = schedule.heating(free), free["bus_current"], free["forced"]
    actual = schedule.covariates(hours, pointing, causal) if causal else free
    del free
    inputs = (schedule.heating(actual), actual["bus_current"], actual["forced"]) if causal else free_inputs
    steps = report_seconds // step_seconds
    base = steady_state(_uncontrolled(free_inputs[0]).mean(axis=0))
    onsets = np.array([np.searchsorted(hours, event.start - 1e-9) for event in causal], dtype=int)
    network = propagator(step_seconds / 3600)
    means, duty, power, states = advance(base, base, network, inputs, steps=steps, marks=np.unique(onsets))
    values = np.empty((len(means), len(TEMPERATURES) + len(COVARIATES)), dtype=np.float32)
    _report(values[:, len(TEMPERATURES) :], actual, duty, power, steps, rng)
    del actual
    altered = _read(values[:, : len(TEMPERATURES)], means, base, events, report_seconds / 3600, rng)
    owner = np.full(means.shape, -1, dtype=np.int16)
    shadow = _Shadow(base, network, free_inputs, steps, dict(zip(np.unique(onsets), states, strict=True)))
    shadow.label(owner, means, events, step_seconds / 3600)
    owner = np.where(altered >= 0, altered, owner)
    index = pd.date_range(START, periods=len(means), freq=pd.Timedelta(seconds=report_seconds), name="time")
    telemetry = pd.DataFrame(values, index, [*TEMPERATURES, *COVARIATES], copy=False)
    return Simulation(telemetry, _table(events), (owner >= 0).astype(np.int8), owner, report_seconds / 3600)


@dataclass(frozen=True, eq=False)
class _Shadow:
    """What would have been: the state at every onset goes on with the inputs of a mission without events."""

    base: np.ndarray
    network: tuple[np.ndarray, np.ndarray]
    inputs: tuple[np.ndarray, np.ndarray, np.ndarray]
    steps: int
    states: dict[int, np.ndarray]

    def label(self, owner: np.ndarray, means: np.ndarray, events: list[Event], step_hours: float) -> None:
        """Write the number of each event with a cause where it disturbs a temperature."""
        starts = [event.start for event in events]
        for number, event in enumerate(events):
            if not event.causal:
                continue
            following = [s for s in starts if s > event.start]
            until = min([event.start + SHADOW_HOURS, *following[:1]])
            first, last = (round(h / step_hours) // self.steps * self.steps for h in (event.start, until))
            last = min(last, len(self.inputs[1]))
            shadow, *_ = advance(
                self.states[first], self.base, self.network, self.inputs, steps=self.steps, start=first, stop=last
            )
            rows = slice(first // self.steps, last // self.steps)
            difference = np.abs(means[rows] - shadow)
            peak = difference.max(axis=0)
            disturbed = (difference > np.maximum(3 * SIGMA, 0.25 * peak)) & (peak > 5 * SIGMA)
            owner[rows][disturbed] = number


def _uncontrolled(heating: np.ndarray) -> np.ndarray:
    """Leave out what the base state does not include: the detectors' and the bus's own dissipation."""
    out = heating.copy()
    out[:, TEMPERATURES.index("nisp_det")] = 0
    return out


def _mean(values: np.ndarray, steps: int) -> np.ndarray:
    return values.reshape(-1, steps).mean(axis=1) if steps > 1 else values


def _report(out: np.ndarray, c: dict, duty, power, steps: int, rng: np.random.Generator) -> None:
    """Write the covariates as reported into ``out`` (rows, 35): means over the reporting step, some with noise.

    Takes what it has used out of ``c``: at 10 s every array weighs 13 MB.
    """
    column = {name: i for i, name in enumerate(COVARIATES)}
    bus = _mean(c.pop("bus_current"), steps) + 3 * duty + power / 28
    values = {"htr_svm": duty, "htr_nisp": power, "bus_current": bus, "bus_voltage": 28 - 0.02 * (bus - 20)}
    for name in COVARIATES:
        if name not in {"batt_current", "batt_soc"}:
            clean = values.pop(name) if name in values else _mean(c.pop(name), steps)
            out[:, column[name]] = clean + (rng.normal(0, _NOISE[name], len(duty)) if name in _NOISE else 0)
    battery = out[:, column["sa_current"]] - out[:, column["bus_current"]]
    out[:, column["batt_current"]] = battery
    out[:, column["batt_soc"]] = np.clip(100 - 0.5 * np.maximum(0, 5 - battery), 0, 100)


def _read(out: np.ndarray, means: np.ndarray, base: np.ndarray, events: list[Event], step: float, rng) -> np.ndarray:
    """Write readings in K into ``out`` (n, 11): noisy, faulty, rounded; return the fault at each (-1 = none)."""
    altered = np.full(means.shape, -1, dtype=np.int16)
    for i in range(means.shape[1]):
        values = REFERENCE[i] - base[i] + means[:, i] + rng.normal(0, SIGMA[i], len(means))
        for number, event in enumerate(events):
            if not event.causal and event.column == i:
                span = slice(round(event.start / step), min(round(event.end / step), len(values)))
                _disturb(values, span, event, 25 * SIGMA[i] * event.magnitude)
                altered[span, i] = number
        out[:, i] = np.round(values / LSB[i]) * LSB[i]
    return altered


def _disturb(values: np.ndarray, span: slice, event: Event, size: float) -> None:
    """Let a sensor fail: frozen, drifting away by ``size``, or off by ``size``."""
    if event.kind == "s_stuck":
        values[span] = values[span.start]
    elif event.kind == "s_drift":
        values[span] += size * np.linspace(0, 1, span.stop - span.start)
    else:
        values[span] += size


def _table(events: list[Event]) -> pd.DataFrame:
    rows = [
        {
            "kind": event.kind,
            "start": (START + pd.Timedelta(hours=event.start)).round("s"),
            "end": (START + pd.Timedelta(hours=event.end)).round("s"),
            "magnitude": event.magnitude,
            "temperature": event.temperature,
            "cause": KINDS[event.kind].cause,
        }
        for event in events
    ]
    return pd.DataFrame(rows, columns=["kind", "start", "end", "magnitude", "temperature", "cause"])
