"""The simulated mission: its size, its truth, its reproducibility."""

import numpy as np
import pandas as pd
import pytest

from replicate.papers.euclid_telemetry.events import CAUSAL, FAULTS, KINDS, plan
from replicate.papers.euclid_telemetry.missions import coarsened
from replicate.papers.euclid_telemetry.network import LSB, SIGMA, TEMPERATURES, propagator, step_response
from replicate.papers.euclid_telemetry.schedule import COVARIATES
from replicate.papers.euclid_telemetry.simulator import simulate
from replicate.papers.euclid_telemetry.stepping import advance, clipped_sum


def test_the_paper_s_size(mission):
    """11 temperatures, 35 covariates, 182 days every ten minutes, 39 events."""
    assert mission.telemetry.shape == (182 * 144, 46)
    assert (len(TEMPERATURES), len(set(COVARIATES))) == (11, 35)
    assert mission.events["kind"].value_counts().to_dict() == dict.fromkeys(KINDS, 3)
    assert np.isfinite(mission.telemetry.to_numpy()).all()


def test_same_seed_same_bytes_other_seed_other_values():
    """Results would not be reproducible otherwise."""
    a, b, c = (simulate(5, rng=np.random.default_rng(s)).telemetry.to_numpy() for s in (1, 1, 2))
    assert a.tobytes() == b.tobytes() != c.tobytes()


def test_without_events_nothing_is_disturbed():
    """The shadow of a mission without events is the mission itself."""
    quiet = simulate(5, rng=np.random.default_rng(0), counts={})
    assert not quiet.labels.any()
    assert quiet.events.empty


def test_every_event_disturbs_its_own_temperature(mission):
    """An event nobody could see would make recall meaningless."""
    for number, event in mission.events.iterrows():
        column = TEMPERATURES.index(event["temperature"])
        assert (mission.owner[:, column] == number).any(), event["kind"]


def test_events_follow_a_clean_start(mission):
    """Fourteen days without events, then one a slot."""
    first = mission.telemetry.index[0] + pd.Timedelta("14D")
    assert (mission.events["start"] >= first).all()
    assert not mission.labels[: 14 * 144].any()


def test_labels_are_rare_as_in_the_reference(mission):
    """Label shares of 0.5 to 8 % a channel; a full twin run would label more than half."""
    share = mission.labels.mean(axis=0)
    assert (share > 0.003).all()
    assert (share < 0.1).all()


def test_readings_are_multiples_of_their_least_significant_bit(mission):
    """Quantisation sets the noise floor of the quiet channels."""
    values = mission.telemetry[list(TEMPERATURES)].to_numpy(float) / LSB
    np.testing.assert_allclose(values, np.round(values), atol=0.02)  # float32 at 320 K


def test_spike_and_step_have_the_size_they_claim():
    """25 sigma times the magnitude, on the reading alone."""
    clean = simulate(10, rng=np.random.default_rng(3), counts={})
    for kind in ("s_spike", "s_step"):
        found = simulate(10, rng=np.random.default_rng(3), counts={kind: 1})
        event = found.events.iloc[0]
        column = TEMPERATURES.index(event["temperature"])
        rows = found.owner[:, column] == 0
        near = found.telemetry.iloc[:, column].to_numpy()
        jump = np.median(near[rows]) - np.median(near[np.roll(rows, -rows.sum() - 1)])
        size = 25 * SIGMA[column] * event["magnitude"]
        spread = np.ptp(clean.telemetry.iloc[:, column].to_numpy())
        assert abs(jump - size) < spread
        assert rows.sum() == (
            1 if kind == "s_spike" else round((event["end"] - event["start"]) / pd.Timedelta("10min"))
        )


def test_a_frozen_sensor_repeats_its_value():
    """s_stuck holds the last reading."""
    found = simulate(10, rng=np.random.default_rng(1), counts={"s_stuck": 1})
    column = TEMPERATURES.index(found.events["temperature"].iloc[0])
    assert np.ptp(found.telemetry.iloc[:, column].to_numpy()[found.owner[:, column] == 0]) == 0


def test_deicing_warms_the_mirror_by_the_open_loop_response():
    """The largest disturbance on fom3 is the network's own response to 2.9 K/h per watt."""
    found = simulate(8, rng=np.random.default_rng(5), counts={"deice": 1})
    event = found.events.iloc[0]
    heating = np.zeros(11)
    heating[TEMPERATURES.index("fom3")] = 29 * min(event["magnitude"], 1.1)
    wanted = step_response(heating, 100 / 60)[TEMPERATURES.index("fom3")]
    series = found.telemetry["fom3"]
    assert series.max() - series.median() == pytest.approx(wanted, rel=0.05)  # 10-minute means, after the end it cools


def test_compiled_stepping_against_a_plain_loop():
    """The kernel is the loop one would write."""
    rng = np.random.default_rng(0)
    ad, bd = propagator(1 / 60)
    heating, bus = rng.normal(size=(60, 11)), 20 + rng.normal(size=60)
    forced = rng.uniform(size=60) < 0.3
    base = rng.normal(size=11)
    means, duty, power, marked = advance(base, base, (ad, bd), (heating, bus, forced), steps=10, marks=[0, 25])
    x, states, duties, powers, expected = base.copy(), [], [], [], []
    for s in range(60):
        if s in (0, 25):
            expected.append(x.copy())
        d = 1.0 if forced[s] else np.clip(0.5 - 0.15 * (x[1] - base[1]), 0, 1)
        p = np.clip(1 - 2 * (x[9] - base[9]), 0, 3)
        q = heating[s].copy()
        q[1] += 1.2 * (d - 0.5)
        q[3] += 0.6 * (bus[s] + 3 * d + p / 28 - 20.5)
        q[9] += 0.5 * (p - 1)
        x = ad @ x + bd @ q
        states.append(x)
        duties.append(d)
        powers.append(p)
    np.testing.assert_allclose(means, np.reshape(states, (6, 10, 11)).mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(duty, np.reshape(duties, (6, 10)).mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(power, np.reshape(powers, (6, 10)).mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(marked, expected, atol=1e-12)


def test_clipped_sum_stays_within_its_bounds():
    """A full memory does not overflow."""
    np.testing.assert_allclose(clipped_sum(np.array([0.5, 0.5, -2.0, 0.1]), 0.3, 0.0, 1.0), [0.8, 1.0, 0.0, 0.1])


def test_coarsening_keeps_means_and_any_label():
    """A bin is disturbed when any of its samples is."""
    fine = simulate(3, rng=np.random.default_rng(0), counts={"deice": 1}, report_seconds=60)
    coarse = coarsened(fine, 10)
    np.testing.assert_allclose(
        coarse.telemetry["fom3"].to_numpy(), fine.telemetry["fom3"].to_numpy().reshape(-1, 10).mean(axis=1), rtol=1e-6
    )
    assert (coarse.labels == fine.labels.reshape(-1, 10, 11).max(axis=1)).all()
    assert coarse.telemetry.index[1] - coarse.telemetry.index[0] == pd.Timedelta("10min")


def test_finer_steps_change_nothing_but_noise():
    """The network is stepped exactly: 20 s and 60 s differ by how inputs are sampled, far below the noise."""
    a, b = (simulate(4, rng=np.random.default_rng(0), counts={}, step_seconds=s).telemetry for s in (20, 60))
    assert np.abs(a["plm_base"] - b["plm_base"]).max() < 0.03
    assert np.abs(a["twta"] - b["twta"]).max() < 0.5


def test_steps_that_do_not_fit_are_refused():
    """600 s cannot be made of steps of 7 s."""
    with pytest.raises(ValueError, match="multiple of the step"):
        simulate(2, rng=np.random.default_rng(0), step_seconds=7)
    with pytest.raises(ValueError, match="no multiple"):
        advance(
            np.zeros(11), np.zeros(11), propagator(1 / 60), (np.zeros((5, 11)), np.zeros(5), np.zeros(5, bool)), steps=2
        )


def test_unknown_kinds_are_refused():
    """A misspelt kind would silently give a mission without it."""
    with pytest.raises(ValueError, match="unknown kind of event 'deise'"):
        plan(10, {"deise": 1}, np.random.default_rng(0))


def test_every_cause_and_proxy_is_a_covariate():
    """An attribution could never hit a name that does not exist."""
    for name in CAUSAL:
        assert {KINDS[name].cause, *KINDS[name].proxies} <= set(COVARIATES)
        assert KINDS[name].main in TEMPERATURES
    assert len(CAUSAL) == 9
    assert len(FAULTS) == 4
