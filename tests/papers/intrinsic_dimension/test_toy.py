"""The toy problem against its closed form."""

import numpy as np
import pytest

from replicate.papers.intrinsic_dimension import toy


@pytest.mark.parametrize("dim", [1, 5, 9])
def test_residual_fraction_against_beta_law(dim):
    """Lost: isotropy of A P, or that the minimiser is exact."""
    _, p_value = toy.residual_test(dim, 400, rng=np.random.default_rng(dim))
    assert p_value > 0.001


def test_beta_law_has_the_mean_of_a_random_projection():
    """Lost: the meaning of the law, a d-dimensional subspace removes d/10 of the residual on average."""
    means = [toy.residual_law(dim).mean() for dim in range(1, 10)]
    np.testing.assert_allclose(means, 1 - np.arange(1, 10) / 10)


def test_ks_test_detects_a_wrong_dimension():
    """Lost: power, a test that passes everything."""
    rng = np.random.default_rng(0)
    sample = [toy.residual_fraction(4, rng=rng) for _ in range(400)]
    assert toy.stats.kstest(sample, toy.residual_law(5).cdf).pvalue < 1e-6


def test_transition_is_at_ten_and_sharp():
    """Lost: the claim of the paper, d_int90 = d_int100 = 10. With 300 draws the median at d = 9 is stable."""
    dims = [0, 5, 8, 9, 10, 11, 20]
    summary = toy.transition(dims, toy.performance(dims, 300, rng=np.random.default_rng(1)))
    assert (summary.d_int90, summary.d_int100) == (10, 10)
    assert summary.median_before < 0.35
    assert summary.minimum_after > 0.99


def test_performance_without_subspace_is_closed_form():
    """Lost: the scale of performance; with theta0 = 0 the mean squared target is 38.5."""
    np.testing.assert_allclose(toy.performance([0], 2, rng=np.random.default_rng(0)), np.exp(-38.5))


def test_group_sums_are_a_block_indicator():
    """Lost: which parameters belong to which group."""
    theta = np.repeat(np.arange(10.0), 100)
    np.testing.assert_array_equal(toy.group_sums(theta), 100 * np.arange(10.0))
    np.testing.assert_array_equal(toy.group_sums(np.column_stack([theta, -theta]))[:, 1], -100 * np.arange(10.0))


def test_transition_of_unsolved_grid_is_none():
    """Lost: a grid that never solves the problem must not give a number."""
    summary = toy.transition([1, 2], np.full((2, 3), 0.1))
    assert summary.d_int90 is None
    assert np.isnan(summary.minimum_after)


def test_draws_follow_the_seed():
    """Lost: reproducibility, or independence of seeds."""
    first, again, other = (toy.performance([5], 3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_bad_arguments_are_explained():
    """Lost: a message instead of a wrong number."""
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"dim = 1001 is outside 0..1000"):
        toy.residual_fraction(1001, rng=rng)
    with pytest.raises(ValueError, match="density only for 0 < d < 10"):
        toy.residual_law(10)
    with pytest.raises(ValueError, match="15 parameters, which 10 equal groups"):
        toy.group_sums(np.zeros(15))
    with pytest.raises(ValueError, match="3 rows for 2 dims"):
        toy.transition([1, 2], np.zeros((3, 2)))
