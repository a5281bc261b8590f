"""The quadratic well against closed forms and the escape-theorem bound."""

import numpy as np
import pytest
from scipy import optimize

from replicate.papers.intrinsic_dimension import quadratic_well as well

SPECTRA = {
    "isotropic": np.ones(200),
    "flat part": np.concatenate([np.ones(120), np.zeros(80)]),
    "power law": 1 / np.arange(1.0, 201.0),
    "exponential": np.exp(-np.arange(200) / 10),
    "broad": np.logspace(-4, 2, 200),
}


def thresholds(curvatures, epsilon, n_draws=21):
    rng = np.random.default_rng(0)
    return well.threshold_dimensions(curvatures, epsilon=epsilon, distance=5.0, n_draws=n_draws, rng=rng)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("name", SPECTRA)
def test_threshold_does_not_exceed_escape_formula(name, epsilon):
    """Lost: the bound; the slack is two standard errors of the median of 21 draws plus rounding up."""
    empirical = thresholds(SPECTRA[name], epsilon)
    bound = well.escape_dimension(SPECTRA[name], epsilon=epsilon, distance=5.0)
    assert np.median(empirical) <= bound + 1 + 2 * 1.25 * empirical.std() / np.sqrt(empirical.size)


def test_isotropic_threshold_against_closed_form():
    """Lost: exact minimisation; the left-over distance^2 is R^2 (D - d)/D on average."""
    empirical = thresholds(np.ones(200), 1.0, n_draws=101)
    assert np.mean(empirical) == pytest.approx(200 * (1 - 2 / 25), abs=2.0)  # 4 standard errors


def test_small_well_needs_one_dimension_per_constraint():
    """Lost: the codimension limit, flat directions are free."""
    curvatures = SPECTRA["flat part"]
    assert set(thresholds(curvatures, 1e-9, n_draws=5)) <= {119, 120}
    assert well.escape_dimension(curvatures, epsilon=1e-9, distance=5.0) == pytest.approx(120, abs=1e-3)


def test_lowest_losses_against_numerical_minimisation():
    """Lost: agreement of the QR shortcut with a general least-squares solver."""
    curvatures = np.linspace(0.1, 2.0, 6)
    losses = well.lowest_losses(curvatures, distance=2.0, rng=np.random.default_rng(9))
    rng = np.random.default_rng(9)
    start = rng.standard_normal(6)
    start *= 2.0 / np.linalg.norm(start)
    basis = rng.standard_normal((6, 6))
    for dim in (1, 3, 5):
        residual = lambda t, dim=dim: np.sqrt(curvatures / 2) * (start + basis[:, :dim] @ t)  # noqa: E731
        found = optimize.least_squares(residual, np.zeros(dim), xtol=1e-14, ftol=1e-14, gtol=1e-14)
        assert losses[dim] == pytest.approx(found.cost * 2, rel=1e-8)


def test_losses_fall_with_dimension_to_zero():
    """Lost: nesting, and that the whole space contains the minimum."""
    losses = well.lowest_losses(SPECTRA["broad"], distance=5.0, rng=np.random.default_rng(1))
    assert (np.diff(losses) <= 1e-12).all()
    assert losses[-1] == pytest.approx(0.0, abs=1e-9)


def test_start_inside_the_well_needs_no_dimension():
    """Lost: the edge where the start already is a solution."""
    assert (thresholds(np.ones(10), 1e3) == 0).all()


def test_bad_arguments_are_explained():
    """Lost: a message for saddles and empty wells."""
    with pytest.raises(ValueError, match="no saddle directions"):
        well.escape_dimension([1.0, -1.0], epsilon=0.1, distance=1.0)
    with pytest.raises(ValueError, match=r"epsilon = 0.0 and distance = 1.0 must both be positive"):
        well.escape_dimension([1.0], epsilon=0.0, distance=1.0)
