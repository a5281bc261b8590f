"""What the spacecraft does: pointing, wheels, passes, instruments and heaters over time, with or without events."""

from dataclasses import dataclass

import numpy as np

from .events import PASS_HOURS, PASS_PERIOD, PASS_START, Event
from .network import INDEX
from .stepping import clipped_sum

FIELD_HOURS = 70 / 60
STRIP_FIELDS = 20
WHEELS = range(4)
COVARIATES = (
    *("saa_deg", "alpha_deg", "sun_flux", "slew_rate", "obs_mode", "hga_az", "hga_el"),
    *(f"rw{i + 1}_speed" for i in WHEELS),
    *(f"rw{i + 1}_current" for i in WHEELS),
    *("mps_flow_a", "mps_flow_b", "rcs_pulse", "sa_voltage", "sa_current", "bus_current", "bus_voltage"),
    *("batt_current", "batt_soc", "kband_tx", "xband_power", "ssmm_fill", "vis_exp", "vis_roe_power"),
    *("nisp_fwa_moves", "nisp_elec_power", "htr_fom3", "htr_nisp", "htr_svm", "htr_plm"),
)


@dataclass(frozen=True)
class Pointing:
    """Random pointing, one value a field of 70 minutes: solar aspect angle, roll (deg), slew rate (deg/s)."""

    saa: np.ndarray
    alpha: np.ndarray
    slew: np.ndarray


def draw_pointing(hours: float, rng: np.random.Generator) -> Pointing:
    """Draw the pointing of a mission: a slow walk over strips of 20 fields, small offsets between fields."""
    fields = int(hours / FIELD_HOURS) + 1
    strips = np.arange(fields) // STRIP_FIELDS
    walk = np.clip(96 + 0.5 * np.cumsum(rng.normal(0, 2, strips[-1] + 1)), 89, 104)
    roll = np.clip(rng.normal(0, 2.5, strips[-1] + 1), -5, 5)
    saa = walk[strips] + rng.normal(0, 0.4, fields)
    return Pointing(saa, roll[strips] + rng.normal(0, 0.2, fields), rng.uniform(0.05, 0.15, fields))


def covariates(hours: np.ndarray, pointing: Pointing, events: list[Event]) -> dict[str, np.ndarray]:
    """Return every covariate that no controller decides, without reporting noise, shape (n,) each.

    Besides the reported ones: ``load`` (A, added to the bus) and ``forced`` (SVM heater stuck on).
    ``bus_current`` is without the two controlled heaters.
    """
    c: dict[str, np.ndarray] = {}
    day, position = hours / 24, hours / FIELD_HOURS
    field = position.astype(int)
    phase = position - field
    slewing = phase * 70 < 5
    dither = (4 * phase) % 1
    c["saa_deg"] = _with_excursions(pointing.saa[field], hours, events)
    c["alpha_deg"] = pointing.alpha[field]
    c["sun_flux"] = 1366 / (1.01 * (1 - 0.0167 * np.cos(2 * np.pi * (day + 45) / 365.25))) ** 2
    c["slew_rate"] = np.where(slewing, pointing.slew[field], 0.0)
    c["obs_mode"] = np.where(slewing, 2.0, 1.0)
    c["hga_az"] = 20 * np.sin(2 * np.pi * day / 178) + 0.3 * c["alpha_deg"]
    c["hga_el"] = 15 * np.cos(2 * np.pi * day / 178) + 0.5 * (c["saa_deg"] - 96)
    _wheels(c, hours, field, events)
    c["mps_flow_a"] = 1 + 0.1 * np.abs(c["alpha_deg"])
    c["mps_flow_b"] = 1 + 0.02 * (c["saa_deg"] - 96)
    c["rcs_pulse"] = (hours % 720 < 1 / 3).astype(float)
    c["sa_voltage"] = 35 - 0.002 * (c["sun_flux"] - 1366)
    sun = c["sun_flux"] / 1366 * np.sin(np.radians(c["saa_deg"]))
    c["sa_current"] = 30 * sun * (1 - 0.02 * day / 365)
    c["kband_tx"] = _kband(hours, events)
    c["xband_power"] = np.full(len(hours), 10.0)
    rate = np.where(c["kband_tx"] > 0, -6.0, np.where(slewing, 0.0, 1.0)) / 24
    c["ssmm_fill"] = clipped_sum(rate * np.gradient(hours), 0.5, 0.02, 1.0)
    c["vis_exp"] = ((dither < 0.55) & ~slewing).astype(float)
    c["vis_roe_power"] = 60 + 20.0 * ((dither > 0.55) & (dither < 0.75)) + 25 * during(hours, events, "vis_power")
    c["nisp_fwa_moves"] = (dither < 0.08).astype(float)
    c["nisp_elec_power"] = 70 + 4.0 * (dither > 0.6) + 12 * during(hours, events, "nisp_power")
    c["htr_fom3"] = 10 * during(hours, events, "deice", largest=1.1)
    c["htr_plm"] = np.where((day.astype(int) % 7 == 6) & (hours % 24 >= 12) & (hours % 24 < 14), 2.0, 0.0)
    c["load"] = 4 * during(hours, events, "load_step")
    c["forced"] = during(hours, events, "svm_heater") > 0
    c["bus_current"] = _bus(c)
    return c


def heating(c: dict[str, np.ndarray]) -> np.ndarray:
    """Return the heating (n, 11), K/h, without the two controlled heaters and what the bus dissipates."""
    q = np.zeros((len(c["saa_deg"]), len(INDEX)))
    saa = np.radians(c["saa_deg"])
    q[:, INDEX["ssh_rear"]] = 40 * (c["sun_flux"] / 1366 * np.sin(saa) - 1)
    q[:, INDEX["svm_panel"]] = 3 * c["rcs_pulse"]
    q[:, INDEX["rwl1"]] = 12 * (c["rw1_current"] - 0.25)
    q[:, INDEX["twta"]] = 16 * c["kband_tx"]
    q[:, INDEX["plm_base"]] = -0.05 * np.cos(saa) + 0.1 * c["htr_plm"]
    q[:, INDEX["m2"]] = 0.01 * c["alpha_deg"]
    q[:, INDEX["fom3"]] = 2.9 * c["htr_fom3"]
    q[:, INDEX["nisp_det"]] = 0.2 * (c["nisp_elec_power"] - 71.6) + 0.03 * c["nisp_fwa_moves"]
    q[:, INDEX["vis_fpa"]] = 0.25 * (c["vis_roe_power"] - 64)
    return q


def during(hours: np.ndarray, events: list[Event], kind: str, largest: float = np.inf) -> np.ndarray:
    """Return the magnitude of the events of a kind while they last, else 0, shape (n,)."""
    out = np.zeros(len(hours))
    for event in events:
        if event.kind == kind:
            out[_span(hours, event)] = min(event.magnitude, largest)
    return out


def _span(hours: np.ndarray, event: Event) -> slice:
    return slice(*np.searchsorted(hours, [event.start - 1e-9, event.end - 1e-9]))


def _with_excursions(saa: np.ndarray, hours: np.ndarray, events: list[Event]) -> np.ndarray:
    out = saa.copy()
    for event in events:
        if event.kind == "saa_excursion":
            span = _span(hours, event)
            side = -1.0 if saa[span].mean() > 96.5 else 1.0  # towards the far side of the allowed 89-104 deg
            out[span] += side * 8 * event.magnitude
    return out


def _wheels(c: dict[str, np.ndarray], hours: np.ndarray, field: np.ndarray, events: list[Event]) -> None:
    """Add speeds and currents: momentum builds up and is off-loaded once a day, slews spin the wheels."""
    step = hours[1] - hours[0]
    for i in WHEELS:
        torque = 20 * (0.8 * np.sin(2 * np.pi * hours / 24 / 30 + i) + 0.3 * (c["saa_deg"] - 96) / 8)  # rpm/h
        momentum = np.cumsum(torque) * step
        day = np.floor((hours - 3 * i) / 24)  # off-loaded at 3i o'clock
        last = np.searchsorted(hours, np.maximum(24 * day + 3 * i, 0) - 1e-9)
        speed = 1500 + momentum - momentum[last] + 3000 * c["slew_rate"] * np.cos(1.7 * field + i)
        change = np.abs(np.diff(speed, prepend=speed[0])) / (60 * step)  # rpm per minute
        c[f"rw{i + 1}_speed"] = speed
        c[f"rw{i + 1}_current"] = 0.25 + 1e-4 * (np.abs(speed) - 1500) + 0.002 * change
    c["rw1_current"] += 0.6 * during(hours, events, "rw1_friction")


def _kband(hours: np.ndarray, events: list[Event]) -> np.ndarray:
    on = ((hours - PASS_START) % PASS_PERIOD < PASS_HOURS).astype(float)
    for event in events:
        if event.kind == "kband_long":
            on[_span(hours, event)] = 1.0
        if event.kind == "kband_missed":  # the whole pass, and only this one
            first, last = np.searchsorted(hours, [event.start - 1e-9, event.start + PASS_HOURS + 0.5])
            on[first:last] = 0.0
    return on


def _bus(c: dict[str, np.ndarray]) -> np.ndarray:
    wheels = sum(c[f"rw{i + 1}_current"] for i in WHEELS)
    instruments = (c["vis_roe_power"] - 60) / 28 + (c["nisp_elec_power"] - 70) / 28
    heaters = 0.1 * c["htr_fom3"] + c["htr_plm"] / 28
    return 18 + 4 * c["kband_tx"] + instruments + heaters + c["load"] + 0.5 * (wheels - 1)
