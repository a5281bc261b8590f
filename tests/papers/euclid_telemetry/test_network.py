"""The thermal network against closed forms and reference responses."""

import numpy as np
import pytest

from replicate.papers.euclid_telemetry import network
from replicate.papers.euclid_telemetry.network import INDEX


def heated(name, rate):
    """Return a heating of one node, K/h."""
    out = np.zeros(11)
    out[INDEX[name]] = rate
    return out


def test_time_constants_against_the_reference_eigenvalues():
    """A wrong coupling or sign would move them."""
    wanted = [0.652, 1.000, 1.152, 1.531, 1.815, 2.216, 2.598, 4.973, 10.811, 12.500, 13.758]
    np.testing.assert_allclose(network.time_constants(), wanted, atol=6e-4)
    assert np.isreal(np.linalg.eigvals(network.rate_matrix())).all()


def test_propagator_against_reference_values():
    """One step of 60 s is the matrix exponential."""
    ad, _ = network.propagator(1 / 60)
    np.testing.assert_allclose(np.diag(ad)[:3], [0.98347145, 0.99656196, 0.98565951], atol=1e-8)
    assert np.abs(np.linalg.eigvals(ad)).max() == pytest.approx(0.99878933, abs=1e-8)
    assert ad[0, 0] == pytest.approx(np.exp(-1 / 60))  # the sunshield is coupled to nothing behind it


def test_open_loop_responses_against_reference_values():
    """De-icing, a transmitter left on and a sticking wheel warm what they should by how much they should."""
    deice = network.step_response(heated("fom3", 29), 100 / 60)
    wanted = {"fom3": 34.0106, "plm_base": 0.3046, "m1": 0.0053, "vis_fpa": 0.0073}
    for name, value in wanted.items():
        assert deice[INDEX[name]] == pytest.approx(value, abs=6e-5), name
    on = network.step_response(heated("twta", 16), 4)
    assert on[INDEX["twta"]] == pytest.approx(10.426, abs=6e-4)
    assert on[INDEX["svm_panel"]] == pytest.approx(0.1253, abs=6e-5)
    assert network.step_response(heated("rwl1", 7.2), 6)[INDEX["rwl1"]] == pytest.approx(8.2858, abs=6e-5)


def test_steady_state_against_reference_values():
    """The heat of the sunshield spreads to every node."""
    wanted = [40.0, 3.9496, 0.9114, 0.9114, 0.5152, 1.2523, 0.4696, 0.4062, 0.1391, 0.1633, 0.1138]
    np.testing.assert_allclose(network.steady_state(heated("ssh_rear", 40)), wanted, atol=6e-5)


def test_two_half_steps_equal_one():
    """Stepping is exact, so the step does not matter."""
    rng = np.random.default_rng(0)
    x, q = rng.normal(size=11), rng.normal(size=11)
    whole, half = network.propagator(0.2), network.propagator(0.1)
    once = half[0] @ x + half[1] @ q
    np.testing.assert_allclose(half[0] @ once + half[1] @ q, whole[0] @ x + whole[1] @ q, atol=1e-12)
