"""The paper's propositions, and that the checks could fail."""

import numpy as np
import pytest
from scipy.stats import norm

from replicate.papers.quantile_aggregation import propositions as checks
from replicate.papers.quantile_aggregation.isotonic import sweep


def test_propositions_1_and_2():
    """Sorting and PAVA never hurt; the same search finds that the sweep does."""
    rng = np.random.default_rng(0)
    for isotonize in checks.ISOTONIZED.values():
        assert checks.largest_increase(isotonize, rng, n=5000) <= 1e-12
    assert checks.largest_increase(sweep, rng, n=5000) > 0.01
    assert checks.sorting_excess(rng, n=2000) <= 1e-12
    assert checks.sweep_increase(2.75) == pytest.approx(1 / 30, abs=1e-12)


def test_proposition_3_and_the_pool():
    """Quantile averages of normals are normal; the pool is not."""
    assert checks.shape_error() < 1e-8
    assert checks.pool_error() < 1e-11
    assert (1 + 1.5 * norm.ppf(0.9)) == pytest.approx(2.922327348317, abs=1e-12)


def test_proposition_4():
    """Equal means; variances 2.25 against 3.5."""
    found = checks.moments()
    assert found["mean difference"] < 1e-12
    assert found["excess 2"] == pytest.approx(2.25 - 3.5)
    assert found["excess 4"] < 0
    assert found["excess 6"] < 0


def test_proposition_4_by_simulation():
    """The quadrature against draws, three Monte-Carlo errors."""
    rng = np.random.default_rng(0)
    u = rng.uniform(size=200_000)
    average = 1 + 1.5 * norm.ppf(u)
    pool = np.where(rng.uniform(size=200_000) < 0.5, norm.ppf(u), 2 + 2 * norm.ppf(u))
    for draws, variance in ((average, 2.25), (pool, 3.5)):
        squares = (draws - 1) ** 2
        assert squares.mean() == pytest.approx(variance, abs=3 * squares.std() / np.sqrt(200_000))


def test_proposition_5():
    """Tail densities over the heavier component's."""
    ratios = checks.tail_ratios()
    assert (np.diff(ratios["quantile average"]) < 0).all()
    assert ratios["quantile average"][-1] < 1e-4
    np.testing.assert_allclose(ratios["pool"], 0.5, atol=1e-4)
