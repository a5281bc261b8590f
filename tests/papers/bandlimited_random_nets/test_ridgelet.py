"""The ridgelet transform: closed forms, Plancherel, reconstruction."""

import numpy as np
import pytest

from replicate.papers.bandlimited_random_nets import ridgelet

WIDTH = 0.7


@pytest.fixture(scope="module")
def line():
    """Return nodes and weights of the trapezoidal rule for functions of width 0.7."""
    x = np.linspace(-8, 8, 641)
    return x, np.full(len(x), x[1] - x[0])


def test_transform_of_a_gaussian_against_its_closed_form(line):
    """Lost: the transform."""
    x, w = line
    a, b = np.linspace(-6, 6, 13), np.linspace(-9, 9, 21)
    found = ridgelet.transform(np.exp(-(x**2) / (2 * WIDTH**2)), x, w, a, b)
    assert found == pytest.approx(ridgelet.gaussian_transform(a[:, None], b[None, :], WIDTH), abs=1e-12)


def test_energy_by_slope_against_its_closed_form(line):
    """Lost: the shares outside a box; E(0) = 4.0927210776713 is the reference value."""
    x, w = line
    b = np.linspace(-60, 60, 4001)
    for a in (0.0, 0.8, 3.0):
        (row,) = ridgelet.transform(np.exp(-(x**2) / (2 * WIDTH**2)), x, w, np.array([a]), b)
        assert np.sum(row**2) * (b[1] - b[0]) == pytest.approx(ridgelet.gaussian_energy(a, WIDTH), rel=1e-9)
    assert ridgelet.gaussian_energy(0.0, WIDTH) == pytest.approx(4.0927210776713, rel=1e-12)


def test_total_energy_is_plancherels():
    """Lost: ||R[f]||^2 = 2 pi ||f||^2; 7.795659 is the reference value."""
    a = np.linspace(-4000, 4000, 4_000_001)
    total = np.trapezoid(ridgelet.gaussian_energy(a, WIDTH), a)
    assert total == pytest.approx(7.795659, abs=1e-5)
    assert total == pytest.approx(ridgelet.ADMISSIBILITY * WIDTH * np.sqrt(np.pi), rel=1e-7)


def test_shares_outside_against_reference_values_and_quadrature():
    """Lost: C5's premise."""
    wanted = {0.5: 0.522500, 1: 0.234101, 2: 0.048812, 5: 0.002192}
    for bandwidth, share in wanted.items():
        assert ridgelet.gaussian_share_outside(bandwidth, WIDTH) == pytest.approx(share, abs=1e-6)
    for product, share in {0.5: 0.9463, 0.8: 0.7598, 1: 0.6023, 2: 0.1413}.items():
        assert ridgelet.mexican_share_outside(product, 1.0) == pytest.approx(share, abs=1e-4)


def test_shares_outside_against_the_closed_forms(line):
    """Lost: the table of shares, and the second closed form, derived for C5."""
    x, w = line
    places = [0.5, 1.0, 2.0, 5.0]
    found = ridgelet.shares_outside(np.exp(-(x**2) / (2 * WIDTH**2)), x, w, places)
    assert found == pytest.approx([ridgelet.gaussian_share_outside(v, WIDTH) for v in places], abs=1e-9)
    hat = (1 - (x / WIDTH) ** 2) * np.exp(-(x**2) / (2 * WIDTH**2))
    found = ridgelet.shares_outside(hat, x, w, places)
    assert found == pytest.approx([ridgelet.mexican_share_outside(v, WIDTH) for v in places], abs=1e-9)


def test_synthesis_of_the_transform_is_the_function():
    """Lost: S[R[f]] = <<rho, rho>> f, the reconstruction formula, within 1 % on a wide grid."""
    a, b = np.linspace(-40, 40, 801), np.linspace(-120, 120, 1201)
    coefficients = ridgelet.gaussian_transform(a[:, None], b[None, :], WIDTH)
    x = np.linspace(-2, 2, 41)
    found = ridgelet.synthesis(coefficients, a, b, (a[1] - a[0]) * (b[1] - b[0]), x) / ridgelet.ADMISSIBILITY
    assert found == pytest.approx(np.exp(-(x**2) / (2 * WIDTH**2)), abs=0.01)


def test_several_functions_at_once(line):
    """Lost: the map of three targets in one pass."""
    x, w = line
    values = np.stack([np.exp(-(x**2)), np.cos(x) * np.exp(-(x**2))], axis=1)
    a, b = np.array([0.5, 2.0]), np.array([-1.0, 0.0, 1.0])
    found = ridgelet.transform(values, x, w, a, b)
    assert found.shape == (2, 3, 2)
    assert found[..., 1] == pytest.approx(ridgelet.transform(values[:, 1], x, w, a, b))


def test_boxes_must_have_a_size():
    """Lost: a share of NaN."""
    with pytest.raises(ValueError, match="bandwidth is 0"):
        ridgelet.gaussian_share_outside(0, 1.0)
