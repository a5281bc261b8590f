"""The APGW kernel against 60-digit arithmetic, printed golden values, its limits and its own derivative."""

import mpmath
import numpy as np
import pytest

from replicate.papers.survival_models import kernel

# spec 5.2, 50-digit arithmetic: kappa, H0 at z = 0.01, 1, 5, dH0/dkappa at z = 1, 5. One entry of the spec is a
# misprint: at kappa = 10, z = 5 it has 3.81089050704851; 60 digits give 3.8108895070485110 (derivative below).
GOLDEN = np.array(
    [
        [-0.9, 0.0091336785073851489, 0.098272912977675347, 0.10788303079170562, 0.95609679778216, 1.15752503154392],
        [-0.5, 0.0098524570233256908, 0.42264973081037424, 0.69848865542223638, 0.671414643184182, 1.79686077148742],
        [-1e-6, 0.0099503307543226888, 0.69314674718608195, 1.7917569056016449, 0.433374039205195, 2.56362568656422],
        [0, 0.0099503308531680828, 0.69314718055994531, 1.791759469228055, 0.433373687519046, 2.56362713367892],
        [1e-6, 0.0099503309520132812, 0.69314761393345699, 1.7917620328559122, 0.433373335833297, 2.56362858079321],
        [0.5, 0.0099833886584822812, 0.87298334620741689, 3.2449979983983982, 0.298043559224153, 3.22932652367692],
        [2, 0.010016666666666667, 1.1666666666666667, 9.1666666666666667, 0.12826330431586, 4.48995647656952],
        [10, 0.010041008422411168, 1.5259006703300103, 45.530026271265574, 0.015679539923284, 3.81088950704851],
        [1e6, 0.010050166983331064, 1.7182794693234543, 147.41070931621589, 2.3591302676612e-12, 2.44975559657046e-9],
    ]
)
HARD = [-1 + 1e-9, -0.999, -1e-8, -1e-14, 1e-300, 1e-14, 1e-8, 1 - 1e-12, 1, 1 + 1e-9, 1e4, 1e9, 1e12]
KAPPAS = np.array([*GOLDEN[:, 0], *HARD])


@pytest.fixture(autouse=True)
def sixty_digits():
    with mpmath.workdps(60):
        yield


def exact_cumulative(z, kappa):
    """H0 by its definition."""
    z, kappa = mpmath.mpf(float(z)), mpmath.mpf(float(kappa))
    if kappa == 0:
        return mpmath.log1p(z)
    return (kappa + 1) / kappa * mpmath.expm1(kappa * mpmath.log1p(z / (kappa + 1)))


def exact_phi(order, x):
    """The integral as a confluent hypergeometric function, int_0^1 r^j e^(r x) dr = M(j+1, j+2, x) / (j+1)."""
    return mpmath.hyp1f1(order + 1, order + 2, mpmath.mpf(float(x))) / (order + 1)


def relative_error(found, exact):
    return float(abs(mpmath.mpf(float(found)) / exact - 1))


@pytest.mark.parametrize("order", kernel.ORDERS)
def test_phi_against_the_integral(order):
    """Lost: digits of phi near 0, at the seam of series and recursion, or at large |x|."""
    x = np.array([*np.linspace(-3, 3, 121), -1e5, -800, -50, -1e-9, 1e-300, 1e-9, 30, 300, 709.9, 714])
    for at, found in zip(x, kernel.phi(order, x), strict=True):
        assert relative_error(found, exact_phi(order, at)) < 2e-15, at


def test_phi_at_its_limits():
    """Lost: phi_j(0) = 1 / (j + 1), 0 at -inf, inf instead of nan beyond the range, nan kept, the shape."""
    for order in kernel.ORDERS:
        assert kernel.phi(order, 0.0) == 1 / (order + 1)
        np.testing.assert_array_equal(kernel.phi(order, [-np.inf, 1e308, np.inf, np.nan]), [0, np.inf, np.inf, np.nan])
        assert kernel.phi(order, np.zeros((2, 3))).shape == (2, 3)
    with pytest.raises(ValueError, match=r"order = 3 is not one of \(0, 1, 2\)"):
        kernel.phi(3, 0.0)


def test_cumulative_against_the_printed_table():
    """Lost: agreement with the golden values, printed to 17 digits."""
    found = kernel.cumulative(np.log([0.01, 1, 5]), np.log1p(GOLDEN[:, :1]))
    np.testing.assert_allclose(found, GOLDEN[:, 1:4], rtol=1e-13)


def test_derivative_in_kappa_against_the_printed_table():
    """Lost: what the score rests on, dH0/dkappa = (u - s) phi_0 + u (k1 u - kappa s) phi_1."""
    z, kappa = np.array([1.0, 5.0]), GOLDEN[:, :1]
    k1 = kappa + 1
    u, s = np.log1p(z / k1), z / (k1 + z)
    found = (u - s) * kernel.phi(0, kappa * u) + u * (k1 * u - kappa * s) * kernel.phi(1, kappa * u)
    assert np.all(np.abs(found - GOLDEN[:, 4:]) * k1 / GOLDEN[:, 2:4] < 1e-12)


def test_corrected_entry_of_the_table():
    """Lost: the ground for departing from the printed dH0/dkappa at kappa = 10, z = 5 in the seventh digit."""
    exact = mpmath.diff(lambda kappa: (kappa + 1) / kappa * ((1 + 5 / (kappa + 1)) ** kappa - 1), mpmath.mpf(10))
    assert relative_error(GOLDEN[7, 5], exact) < 1e-14


@pytest.mark.parametrize("kappa", KAPPAS)
def test_cumulative_against_sixty_digits(kappa):
    """Lost: 13 digits at any kappa, where the power formula keeps none (1e-14) or five (1e9)."""
    for z in (1e-30, 1e-8, 0.01, 1, 5, 50):
        found = kernel.cumulative(np.log(z), np.log1p(kappa))
        assert relative_error(found, exact_cumulative(z, kappa)) < 1e-13, z


def test_power_formula_is_no_substitute():
    """Lost: the reason for the kernel; the definition evaluated in float64 fails at both ends."""
    for kappa, size in ((1e-14, 1e-3), (1e-8, 1e-10), (1e9, 1e-9)):
        naive = (kappa + 1) / kappa * ((1 + 5 / (kappa + 1)) ** kappa - 1)
        assert relative_error(naive, exact_cumulative(5, kappa)) > size


def test_limits_in_kappa():
    """Lost: log(1 + z) at kappa = 0, z at 1, e^z - 1 at inf, in H0, log h0 and the inverse."""
    z = np.array([1e-9, 0.3, 1, 7])
    for kappa, closed, log_h0 in (
        (0.0, np.log1p(z), -np.log1p(z)),
        (1.0, z, 0 * z),
        (np.inf, np.expm1(z), z),
    ):
        nu = np.log1p(kappa)
        np.testing.assert_allclose(kernel.cumulative(np.log(z), nu), closed, rtol=1e-14)
        np.testing.assert_allclose(kernel.log_hazard_factor(np.log(z), nu), log_h0, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(kernel.inverse(closed, kappa), z, rtol=1e-14)


@pytest.mark.filterwarnings("error")
def test_extreme_arguments():
    """Lost: finite results where z or k1 overflows; nothing may warn or turn into nan."""
    found = kernel.cumulative([-np.inf, -800, 500, np.inf], [[-0.5], [0], [np.log(1.5)], [800], [np.inf]])
    np.testing.assert_allclose(found[:2], [[0, 0, 1 / np.expm1(0.5), 1 / np.expm1(0.5)], [0, 0, 500, np.inf]])
    assert found[2, 2] == pytest.approx(3 * (np.exp(250) / np.sqrt(1.5) - 1))
    np.testing.assert_array_equal(found[3:], [[0, 0, np.inf, np.inf]] * 2)
    assert kernel.log_hazard_factor(500.0, np.log1p(-0.5)) == pytest.approx(-1.5 * (500 + np.log(2)))
    assert kernel.log_hazard_factor(500.0, np.inf) == np.exp(500.0)
    assert np.isnan(kernel.cumulative([np.nan, 0, np.inf], [0, np.nan, np.nan])).all()


@pytest.mark.parametrize("kappa", [-0.9, -0.5, 0, 1e-9, 0.5, 1, 2, 1e4, np.inf])
def test_log_hazard_factor_is_the_derivative(kappa):
    """Lost: d/dz H0 = h0, by central differences in log z."""
    log_z, step, nu = np.linspace(-3, 1.5, 10), 1e-5, np.log1p(kappa)
    slope = (kernel.cumulative(log_z + step, nu) - kernel.cumulative(log_z - step, nu)) / (2 * step)
    np.testing.assert_allclose(slope / np.exp(log_z), np.exp(kernel.log_hazard_factor(log_z, nu)), rtol=1e-8)


@pytest.mark.parametrize("kappa", KAPPAS)
def test_inverse_round_trip(kappa):
    """Lost: simulation and quantiles; checked where H0 is not flat, against the condition of the problem."""
    z = np.array([0, 1e-8, 0.01, 1, 5])
    y = kernel.cumulative(np.log(np.maximum(z, 1e-300)), np.log1p(kappa))
    condition = np.maximum(1, y / (np.maximum(z, 1e-300) * np.exp((kappa - 1) * np.log1p(z / (kappa + 1)))))
    assert np.all(np.abs(kernel.inverse(y, kappa) - z) <= 1e-13 * z * condition + 1e-299)


def test_inverse_is_the_kernel_at_the_reciprocal():
    """Lost: H0^-1(y; kappa) = H0(y; 1 / kappa)."""
    y, kappa = np.array([0.01, 1, 6]), np.array([[0.1], [0.5], [1], [3]])
    np.testing.assert_allclose(kernel.inverse(y, kappa), kernel.cumulative(np.log(y), np.log1p(1 / kappa)), rtol=1e-13)


@pytest.mark.filterwarnings("error")
def test_inverse_beyond_the_total_is_infinite():
    """Lost: the cured; a cumulative hazard that is never reached has no time."""
    kappa = np.array([-0.999, -0.5, -1e-2])
    total = kernel.total(np.log1p(kappa))
    np.testing.assert_allclose(total, (kappa + 1) / -kappa, rtol=1e-13)
    assert np.isfinite(kernel.inverse(total * 0.99, kappa)).all()
    np.testing.assert_array_equal(kernel.inverse(total * (1 + 1e-12), kappa), np.inf)
    np.testing.assert_array_equal(kernel.inverse(np.inf, [-0.5, 0, 0.5, 1, np.inf]), np.inf)
    np.testing.assert_array_equal(kernel.total([0.0, 1.0, np.inf]), np.inf)
