"""Lower bounds: closed forms against quadrature, and nets that try to break them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from replicate.papers.bandlimited_random_nets import certificates as certs
from replicate.papers.bandlimited_random_nets import spaces
from replicate.papers.bandlimited_random_nets.activations import ACTIVATIONS
from replicate.papers.bandlimited_random_nets.hidden import HiddenLayer


def test_leak_against_reference_values():
    """Lost: the constant of the bound."""
    assert certs.spectral_leak([0.5, 1, 2], "gauss") == pytest.approx([6.561421305, 1.378429913, 0.023746372], abs=1e-9)
    assert certs.spectral_leak([0.5, 1, 2], "tanh") == pytest.approx([9.321011545, 0.904184541, 0.020602852], abs=1e-9)


@pytest.mark.parametrize("low", [0.3, 1.0, 2.2])
def test_leak_of_the_gaussian_against_quadrature(low):
    """Lost: the exponential integral of the closed form."""
    value, _ = integrate.quad(lambda w: ACTIVATIONS["gauss"].energy(w) / w, low, 30, epsabs=0, epsrel=1e-12)
    assert certs.spectral_leak(low, "gauss") == pytest.approx(2 * value, rel=1e-10)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_tail_of_the_gaussian_against_quadrature(m):
    """Lost: what the target has beyond a frequency, in one, two and three dimensions."""
    width, cut = 0.7, 1.3
    sphere = {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}[m]
    density = lambda r: (2 * np.pi * width**2) ** m * np.exp(-((width * r) ** 2)) * sphere * r ** (m - 1)  # noqa: E731
    value, _ = integrate.quad(density, cut, 40, epsabs=0, epsrel=1e-12)
    assert certs.gaussian_tail(cut, width, m=m) ** 2 == pytest.approx(value / (2 * np.pi) ** m, rel=1e-10)
    assert certs.gaussian_tail(0.0, width) ** 2 == pytest.approx(width * np.sqrt(np.pi))


def test_tail_of_the_mexican_hat_is_its_norm_at_zero():
    """Lost: the norm is (3 sqrt(pi) / 4) width."""
    assert certs.mexican_tail(0.0, 0.8) ** 2 == pytest.approx(0.8 * 3 * np.sqrt(np.pi) / 4)


def test_one_node_beyond_a_frequency_against_quadrature():
    """Lost: the finite-width bound's energy of a node, sqrt(pi) erfc(c / a) / a."""
    a, cut = 0.8, 1.5
    value, _ = integrate.quad(lambda w: 2 * np.pi / a**2 * np.exp(-((w / a) ** 2)), cut, 30, epsabs=0)
    assert 2 * value / (2 * np.pi) == pytest.approx(np.sqrt(np.pi) * special.erfc(cut / a) / a, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    product=st.floats(0.15, 1.5),
    width=st.floats(0.3, 3.0),
    nodes=st.integers(1, 12),
    size=st.floats(-1, 2),
    seed=st.integers(0, 2**31),
)
def test_no_net_beats_its_certificate(product, width, nodes, size, seed):
    """Lost: C4. Any weights in the box, any coefficients: the error on the line is never below the bound."""
    rng, bandwidth = np.random.default_rng(seed), product / width
    layer = spaces.line_layer(rng, bandwidth, nodes)
    c = rng.standard_normal(nodes) * 10**size
    x, step = spaces.line_nodes(layer, width)
    residual = np.exp(-((x / width) ** 2) / 2) - layer(x[:, None]) @ c
    error = np.sqrt(step * np.sum(residual**2))
    bound = certs.finite_width_bound(np.abs(c).sum(), bandwidth, width=width)
    assert error >= bound * (1 - 1e-9)


@pytest.mark.parametrize("product", [0.25, 0.5, 0.75, 0.95])
def test_fitted_nets_obey_the_bound_and_it_vanishes_at_the_critical_bandwidth(product):
    """Lost: C4 for least squares and ridge, and the critical bandwidth 1 / width."""
    width = 2.0
    layer = spaces.line_layer(np.random.default_rng(5), product / width, 80)
    for fit in spaces.fit_on_line(layer, width, [0.0, 1e-10, 1e-6, 1e-2]):
        bound = certs.finite_width_bound(fit.l1_norm, product / width, width=width) / fit.target_norm
        assert bound <= fit.error
    assert certs.finite_width_bound(1.0, 1.0 / width, width=width) < 1e-12
    assert certs.critical_bandwidth(width) == 0.5


def test_at_the_critical_bandwidth_one_node_is_the_target():
    """Lost: the sharpness of the critical bandwidth."""
    layer = HiddenLayer(np.array([[0.5]]), np.zeros(1), ACTIVATIONS["gauss"])
    (fit,) = spaces.fit_on_line(layer, 2.0, [0.0])
    assert fit.error < 1e-13
    assert fit.l1_norm == pytest.approx(1.0)


def test_coefficient_functions_obey_the_bound():
    """Lost: the bound for infinite width; g(a, b) is a bump in b on slopes up to the bandwidth, S[g] by quadrature."""
    bandwidth, width = 0.5, 1.0
    a, wa = np.polynomial.legendre.leggauss(60)
    a, wa = a * bandwidth, wa * bandwidth
    b, step = np.linspace(-12, 12, 481, retstep=True)
    x = np.linspace(-400, 400, 16001)
    for amplitude in (0.05, 0.2, 1.0):
        g = amplitude * np.exp(-(b**2) / 2)
        budget = np.sqrt(2 * bandwidth * np.sum(g**2) * step)
        made = np.zeros_like(x)
        for slope, weight in zip(a, wa, strict=True):
            # the integral over b of a Gaussian bump and a Gaussian node, in closed form
            made += weight * amplitude * np.sqrt(np.pi) * np.exp(-((slope * x) ** 2) / 4)
        error = np.sqrt(np.sum((np.exp(-(x**2) / 2) - made) ** 2) * (x[1] - x[0]))
        tail = lambda cut: certs.gaussian_tail(cut, width)  # noqa: E731
        bound = certs.infinite_width_bound(budget, bandwidth, tail, "gauss", cuts=np.linspace(0.1, 8, 400))
        assert 0 < bound <= error


def test_smallest_budget_is_the_inverse_of_the_bound():
    """Lost: the price list of norms."""
    tail = lambda cut: certs.gaussian_tail(cut, 1.0, m=2)  # noqa: E731
    options = {"bandwidth": 0.4, "tail": tail, "name": "gauss", "m": 2, "cuts": np.linspace(0.2, 8, 300)}
    budget = certs.smallest_budget(0.1, **options)
    assert certs.infinite_width_bound(budget, **options) == pytest.approx(0.1, rel=1e-6)
    assert certs.infinite_width_bound(budget / 2, **options) > 0.1


def test_bandlimited_activation_has_a_floor_that_no_coefficient_moves():
    """Lost: the literal analogy to bandlimited signals; against the tail of the target."""
    floor = certs.bandlimited_activation_floor(0.5, 1.2, 0.8)
    assert floor == pytest.approx(certs.gaussian_tail(0.6, 0.8) / certs.gaussian_tail(0.0, 0.8))


@pytest.mark.parametrize(
    ("bandwidth", "penalty", "error", "bound", "factor"),
    [
        (0.25, 1e-6, 4.07e-1, 3.07e-1, 1.3),
        (0.5, 1e-6, 7.35e-2, 3.28e-2, 1.3),
        (0.75, 1e-6, 6.37e-3, 5.1e-4, 2),
        (0.5, 1e-2, 2.18e-1, 1.16e-1, 1.3),
        (2, 1e-2, 2.0e-3, 0.0, 3),
    ],
)
def test_fits_on_a_fixed_window_against_the_reference_measurement(bandwidth, penalty, error, bound, factor):
    """Lost: comparability; window [-30, 30], slopes down to a twentieth of the bandwidth, 200 nodes, as there."""
    errors, bounds = [], []
    for seed in range(3):
        layer = spaces.line_layer(np.random.default_rng(seed), bandwidth, 200, slowest=0.05)
        (fit,) = spaces.fit_on_line(layer, 1.0, [penalty], window=30.0)
        errors.append(fit.error)
        bounds.append(certs.finite_width_bound(fit.l1_norm, bandwidth) / fit.target_norm)
    assert error / factor < np.median(errors) < error * factor
    assert bound / factor <= np.median(bounds) <= max(bound * factor, 1e-12)


def test_a_fixed_window_understates_the_error_of_wide_nodes():
    """Lost: why the window covers every node here."""
    layer = spaces.line_layer(np.random.default_rng(0), 0.25, 100, slowest=0.05)
    (inside,) = spaces.fit_on_line(layer, 1.0, [0.0], window=30.0)
    (everywhere,) = spaces.fit_on_line(layer, 1.0, [0.0])
    assert everywhere.error > inside.error


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: certs.spectral_leak(1.0, "relu"), "'relu' has no square-integrable spectrum"),
        (lambda: certs.spectral_leak([1.0, 0.0], "gauss"), "it must be above 0"),
        (lambda: certs.finite_width_bound(-1.0, 1.0), "l1_norm is -1.0; it must be a finite number, 0 or above"),
        (lambda: certs.finite_width_bound(np.nan, 1.0), "l1_norm is nan"),
        (lambda: certs.finite_width_bound(1.0, 0.0), "bandwidth is 0.0"),
        (lambda: certs.critical_bandwidth(0.0), "width is 0.0"),
    ],
)
def test_bounds_of_nonsense_are_refused(call, message):
    """Lost: a bound of NaN, which every error obeys."""
    with pytest.raises(ValueError, match=message):
        call()
