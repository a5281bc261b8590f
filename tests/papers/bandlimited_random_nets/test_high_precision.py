"""Least squares in many digits, against float64 where that is enough and against the reference measurement."""

import numpy as np
import pytest
from mpmath import mp

from replicate.papers.bandlimited_random_nets.hidden import draw
from replicate.papers.bandlimited_random_nets.high_precision import TooFewDigits, errors, features, least_squares
from replicate.papers.bandlimited_random_nets.paths import path
from replicate.papers.bandlimited_random_nets.targets import TARGETS


def nodes(width):
    """Return Chebyshev nodes and test points as in the reference measurement."""
    n = 2 * width + 20
    return (0.5 + 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n))[:, None], np.linspace(0, 1, 101)[:, None]


def exact(x):
    """Return four sine periods and the narrow bump in 120 digits."""
    with mp.workdps(120):
        return np.array([[mp.sin(8 * mp.pi * mp.mpf(v)), mp.exp(-((20 * (mp.mpf(v) - 0.5)) ** 2))] for v in x[:, 0]])


def test_well_conditioned_problem_against_float64():
    """Lost: the two precisions would not be the same method."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(30, 1))
    layer = draw(rng, 20.0, 5)
    y = np.sin(3 * x)
    found = least_squares(features(layer, x, 40), y, 40).astype(float)
    wanted = np.linalg.lstsq(layer(x), y)[0]
    assert found == pytest.approx(wanted, rel=1e-10)


def test_qr_against_exact_fractions():
    """Lost: digits beyond float64; a 6 x 6 Hilbert system has whole-number solutions."""
    with mp.workdps(60):
        hilbert = np.array([[mp.mpf(1) / (i + j + 1) for j in range(6)] for i in range(6)])
        wanted = np.array([[mp.mpf(v)] for v in (3, -1, 4, -1, 5, -9)])
        found = least_squares(hilbert, hilbert @ wanted, 60)
        assert max(abs(v) for v in (found - wanted).flat) < mp.mpf(10) ** -50


@pytest.mark.parametrize(
    ("width", "error", "bump", "norm"),
    [(10, 5.388e-1, None, 6.67e11), (20, 2.556e-4, 5.668e-2, 2.1e25), (30, 6.48e-10, None, 1.3e37)],
)
def test_120_digits_against_the_reference_measurement(width, error, bump, norm):
    """Lost: R1, the error over all widths is zero; same draws as the reference (weights, then biases)."""
    x, test = nodes(width)
    layer = draw(np.random.default_rng([7, width]), 1.0, width)
    found, size = errors(layer, x, exact(x), test, exact(test), 120)
    assert found[0] == pytest.approx(error, rel=2e-3)
    assert size[0] == pytest.approx(norm, rel=0.05)
    assert bump is None or found[1] == pytest.approx(bump, rel=1e-3)


def test_float32_and_float64_against_the_reference_measurement():
    """Lost: the walls that precision puts up; same draws as in 120 digits."""
    x, test = nodes(20)
    layer = draw(np.random.default_rng([7, 20]), 1.0, 20)
    for dtype, error, rank in ((np.float32, 0.670, (3, 5)), (np.float64, 0.535, (9, 12))):
        y, y_test = (TARGETS["sin4"](v).astype(dtype) for v in (x, test))
        (point,) = path(layer, x.astype(dtype), y, test.astype(dtype), y_test, widths=[20])
        assert point.test[0] == pytest.approx(error, rel=0.02)
        assert rank[0] <= point.rank <= rank[1]


def test_too_few_digits_are_said_not_cut():
    """Lost: 30 nodes of bandwidth 0.1 are dependent to 20 digits; a silent result would be noise."""
    x, _ = nodes(30)
    layer = draw(np.random.default_rng(0), 0.1, 30)
    with pytest.raises(TooFewDigits, match="to 20 digits: take more digits"):
        least_squares(features(layer, x, 20), np.sin(x), 20)


def test_too_few_samples_and_digits_below_double_are_refused():
    """Lost: an underdetermined system without a cut has no answer."""
    with pytest.raises(ValueError, match="3 samples for 5 nodes"):
        least_squares(np.ones((3, 5)), np.ones((3, 1)), 50)
    with pytest.raises(ValueError, match="digits is 5; it must be a whole number, 15 or above"):
        least_squares(np.ones((5, 3)), np.ones((5, 1)), 5)
