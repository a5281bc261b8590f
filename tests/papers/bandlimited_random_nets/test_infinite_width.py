"""The operator: spectrum and floors against reference values, limits of random nets, duality."""

import numpy as np
import pytest
from scipy import optimize

from replicate.papers.bandlimited_random_nets import infinite_width
from replicate.papers.bandlimited_random_nets.factorisation import Factorisation
from replicate.papers.bandlimited_random_nets.hidden import draw
from replicate.papers.bandlimited_random_nets.targets import sharp


@pytest.fixture(scope="module")
def spectra():
    """Return spectra of bandwidth 1, 10 and 50 at the reference's resolution (100 nodes up to 10)."""
    return {b: infinite_width.spectrum(b, nodes=100 if b < 50 else 160) for b in (1, 10, 50)}


def test_singular_values_against_the_reference_measurement(spectra):
    """Lost: the operator; lambda = 1 on [0, 1]."""
    wanted = [5.21923e-1, 3.72346e-2, 9.20749e-4, 5.04189e-5, 1.86857e-6, 1.13559e-7]
    assert spectra[1].values[:6] == pytest.approx(wanted, rel=2e-5)


def test_trace_against_a_double_integral(spectra):
    """Lost: the probability measure; the squared singular values sum to the mean of sigma^2."""
    rng = np.random.default_rng(0)
    a, b, x = rng.uniform(-10, 10, 400_000), rng.uniform(-10, 10, 400_000), rng.uniform(size=400_000)
    mean = np.mean((1 / (1 + np.exp(-(a * x - b)))) ** 2)
    assert np.sum(spectra[10].values ** 2) == pytest.approx(mean, rel=5e-3)


@pytest.mark.parametrize(
    ("bandwidth", "counts", "floor"),
    [(1, (3, 6, 10, 11), 6.19e-2), (10, (10, 21, 33, 36), 3.78e-2), (50, (32, 78, 126, 141), 2.99e-5)],
)
def test_effective_widths_and_floors_against_the_reference_measurement(spectra, bandwidth, counts, floor):
    """Lost: R2, the prediction of the plateau."""
    found = spectra[bandwidth]
    widths = [found.effective_width(eps) for eps in (1e-4, 1e-8, 1e-12, 256 * 2.0**-52)]
    assert np.abs(np.subtract(widths, counts)).max() <= 1
    assert found.floor(sharp(found.x)) == pytest.approx(floor, rel=0.05)


@pytest.mark.parametrize(
    ("bandwidth", "budget", "error"),
    [
        *((1, 1, 9.517e-2), (1, 10, 9.132e-2), (1, 100, 8.134e-2), (1, 1e4, 7.282e-2)),
        *((10, 1, 7.966e-2), (10, 100, 6.133e-2), (10, 1e4, 5.783e-2), (50, 10, 5.152e-2), (50, 1e4, 1.389e-2)),
    ],
)
def test_norm_budgets_against_the_reference_measurement(spectra, bandwidth, budget, error):
    """Lost: E_B."""
    found = spectra[bandwidth]
    assert found.budget_error(sharp(found.x), budget) == pytest.approx(error, rel=1e-3)


def test_norm_budget_against_the_dual_problem(spectra):
    """Lost: strong duality, max over mu of sum mu f^2 / (s^2 + mu) - mu B^2."""
    found = spectra[10]
    parts = found.functions.T @ (np.sqrt(found.weights) * sharp(found.x))
    for budget in (0.5, 30.0, 1e6):
        dual = lambda t, b=budget: (  # noqa: E731
            np.exp(t) * b**2 - np.sum(np.exp(t) * parts**2 / (found.values**2 + np.exp(t)))
        )
        best = optimize.minimize_scalar(dual, bounds=(-60, 5), method="bounded", options={"xatol": 1e-9})
        assert found.budget_error(sharp(found.x), budget) == pytest.approx(np.sqrt(-best.fun), rel=1e-4)


def test_more_norm_never_hurts_and_more_penalty_never_helps(spectra):
    """Lost: monotonicity of E_B and of E_mu."""
    found = spectra[10]
    f = sharp(found.x)
    assert (np.diff([found.budget_error(f, b) for b in np.geomspace(1e-2, 1e8, 30)]) <= 1e-12).all()
    assert (np.diff([found.ridge_error(f, mu) for mu in [0, *np.geomspace(1e-16, 1e2, 30)]]) >= -1e-12).all()
    assert found.budget_error(f, 0) == pytest.approx(np.sqrt(np.sum(found.weights * f**2)))


@pytest.mark.parametrize(("bandwidth", "limit"), [(10, 6.1593e-2), (1, 8.0817e-2)])
def test_wide_random_nets_reach_the_operators_ridge_error(spectra, bandwidth, limit):
    """Lost: that the operator is the limit of the nets; H / sqrt(d), d = 4,000, penalty 1e-8."""
    found = spectra[bandwidth]
    f, root = sharp(found.x), np.sqrt(found.weights)
    wanted = found.ridge_error(f, 1e-8)
    assert wanted == pytest.approx(limit, rel=1e-3)
    layer = draw(np.random.default_rng(0), bandwidth, 4000)
    h = root[:, None] * layer(found.x[:, None]) / np.sqrt(4000)
    c = Factorisation(h).solve(root * f, 4000, penalty=1e-8 / len(f)).coefficients
    assert np.linalg.norm(h @ c - root * f) == pytest.approx(wanted, rel=0.02)


def test_wider_boxes_see_more(spectra):
    """Lost: nested boxes have nested ranges; the count at a precision grows with the bandwidth."""
    counts = [spectra[b].effective_width() for b in (1, 10, 50)]
    assert counts == sorted(counts)


def test_other_intervals_scale_like_the_bandwidth():
    """Lost: the user's own interval; for a symmetric box only the inputs' size matters, not their sign."""
    right = infinite_width.spectrum(5, interval=(0, 2), points=64, nodes=40)
    left = infinite_width.spectrum(5, interval=(-2, 0), points=64, nodes=40)
    assert right.values[:10] == pytest.approx(left.values[:10], rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: infinite_width.spectrum(0), "bandwidth is 0"),
        (lambda: infinite_width.spectrum(1, interval=(1, 0)), "it must go from a smaller to a larger"),
        (lambda: infinite_width.spectrum(1, "sigmoit"), "did you mean 'sigmoid'"),
    ],
)
def test_operators_that_make_no_sense_are_refused(call, message):
    """Lost: NaN spectra."""
    with pytest.raises(ValueError, match=message):
        call()


def test_targets_must_be_given_at_the_nodes(spectra):
    """Lost: a shape error from deep inside, or a broadcast."""
    with pytest.raises(ValueError, match="target has 5 rows, the inputs have 256"):
        spectra[1].floor(np.zeros(5))
    with pytest.raises(ValueError, match="1 NaN or infinite values of 256"):
        spectra[1].floor(np.r_[np.nan, np.zeros(255)])
    with pytest.raises(ValueError, match="penalty is -1"):
        spectra[1].ridge_error(np.zeros(256), -1)
