"""What can go wrong: nine causes and four sensor faults, planned over a mission."""

from dataclasses import dataclass

import numpy as np

from .network import INDEX, TEMPERATURES


@dataclass(frozen=True)
class Kind:
    """A kind of event.

    Args:
        duration: shortest and longest, h.
        main: the temperature that shows it most; empty for sensor faults (any temperature).
        cause: the covariate that causes it; empty for sensor faults.
        proxies: covariates that move with the cause.
    """

    name: str
    duration: tuple[float, float]
    main: str = ""
    cause: str = ""
    proxies: tuple[str, ...] = ()


_BUS = ("bus_current",)
KINDS = {
    kind.name: kind
    for kind in (
        Kind("deice", (100 / 60, 100 / 60), "fom3", "htr_fom3", ("bus_current", "bus_voltage")),
        Kind("saa_excursion", (3, 8), "ssh_rear", "saa_deg", ("sa_current", "hga_el")),
        Kind("kband_long", (4, 8), "twta", "kband_tx", ("bus_current", "bus_voltage", "ssmm_fill")),
        Kind("kband_missed", (4, 4), "twta", "kband_tx", ("bus_current", "bus_voltage", "ssmm_fill")),
        Kind("rw1_friction", (3, 10), "rwl1", "rw1_current", _BUS),
        Kind("nisp_power", (2, 8), "nisp_det", "nisp_elec_power", ("bus_current", "htr_nisp")),
        Kind("vis_power", (2, 8), "vis_fpa", "vis_roe_power", _BUS),
        Kind("svm_heater", (3, 8), "svm_panel", "htr_svm", _BUS),
        Kind("load_step", (3, 8), "pcdu", "bus_current", ("bus_voltage", "batt_current")),
        Kind("s_spike", (1 / 6, 1 / 6)),
        Kind("s_step", (4, 12)),
        Kind("s_drift", (24, 48)),
        Kind("s_stuck", (6, 12)),
    )
}
CAUSAL = tuple(name for name, kind in KINDS.items() if kind.cause)
FAULTS = tuple(name for name, kind in KINDS.items() if not kind.cause)
PASS_PERIOD = 24 - 3.94 / 60  # h: a ground station's passes come 3.94 minutes earlier every day
PASS_START, PASS_HOURS = 8.0, 4.0


@dataclass(frozen=True)
class Event:
    """One event: hours since the start of the mission, relative magnitude, the temperature looked at."""

    kind: str
    start: float
    end: float
    magnitude: float
    temperature: str

    @property
    def causal(self) -> bool:
        """Whether the event has a cause among the covariates."""
        return bool(KINDS[self.kind].cause)

    @property
    def column(self) -> int:
        """The position of its temperature."""
        return INDEX[self.temperature]


def plan(days: float, counts: dict[str, int], rng: np.random.Generator, *, grid: float = 1 / 6) -> list[Event]:
    """Plan a mission: kinds shuffled into equal slots after a clean start, each beginning at 10-50 % of its slot.

    Args:
        days: length of the mission; the first 14 days (a fifth, if shorter than 70 days) stay clean.
        counts: how many events of each kind.
        rng: where slots, starts, durations, magnitudes U(0.7, 1.5) and faulty sensors come from.
        grid: starts and ends fall on multiples of it, h (10 min).
    """
    if unknown := sorted(set(counts) - set(KINDS)):
        raise ValueError(f"unknown kind of event {unknown[0]!r}; there are {', '.join(KINDS)}")
    kinds = [name for name, count in counts.items() for _ in range(count)]
    if not kinds:
        return []
    rng.shuffle(kinds)
    clean = 24 * min(14.0, days / 5)
    slot = (24 * days - clean) / len(kinds)
    events = []
    for number, name in enumerate(kinds):
        start = _on(clean + slot * (number + rng.uniform(0.1, 0.5)), grid)
        start = _at_a_pass(name, start, grid)
        length = max(_on(rng.uniform(*KINDS[name].duration), grid), grid)
        where = KINDS[name].main or TEMPERATURES[rng.integers(len(TEMPERATURES))]
        end = min(start + length, _on(24 * days, grid))
        events.append(Event(name, start, end, rng.uniform(0.7, 1.5), where))
    return sorted((e for e in events if e.start < e.end), key=lambda e: e.start)


def _on(hours: float, grid: float) -> float:
    return round(hours / grid) * grid


def _at_a_pass(name: str, start: float, grid: float) -> float:
    """Move an event of the transmitter to the next start (missed) or end (too long) of a pass."""
    if not name.startswith("kband"):
        return start
    first = PASS_START + (PASS_HOURS if name == "kband_long" else 0)
    passes = np.ceil((start - first) / PASS_PERIOD)
    return float(np.floor((first + passes * PASS_PERIOD) / grid) * grid)


def default_counts(each: int = 3) -> dict[str, int]:
    """Return the plan of the default mission: every kind ``each`` times (39 events for 3)."""
    return dict.fromkeys(KINDS, each)
