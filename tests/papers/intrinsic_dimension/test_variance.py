"""Variance components of crossed designs against simulated truth and classical one- and two-way ANOVA."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.formula.api import ols

from replicate.papers.intrinsic_dimension import variance

TRUE = {
    "theta0": 4.0,
    "projection": 1.0,
    "order": 0.25,
    "theta0:projection": 0.5,
    "theta0:order": 0.0,
    "projection:order": 0.1,
    "residual": 0.3,
}
AXES = {"theta0": 0, "projection": 1, "order": 2}


def crossed(rng, shape=(3, 3, 3)):
    """Draw a table with the components of TRUE."""
    values = np.full(shape, 0.9)
    for name, size in TRUE.items():
        axes = AXES.values() if name == "residual" else [AXES[factor] for factor in name.split(":")]
        drawn = [length if axis in axes else 1 for axis, length in enumerate(shape)]
        values = values + np.sqrt(size) * rng.standard_normal(drawn)
    return values


def test_components_are_unbiased_for_known_truth():
    """Lost: unbiasedness; 1500 designs of 3 x 3 x 3, tolerance four standard errors."""
    rng = np.random.default_rng(0)
    draws = np.array([[part.variance for part in variance.components(crossed(rng))] for _ in range(1500)])
    names = [part.name for part in variance.components(crossed(rng))]
    assert names == list(TRUE)
    errors = 4 * draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - list(TRUE.values())) < errors).all()


def test_mean_squares_against_statsmodels():
    """Lost: agreement of sums of squares and degrees of freedom with a standard ANOVA table."""
    values = crossed(np.random.default_rng(1), shape=(3, 4, 2))
    rows = [(a, b, c, values[a, b, c]) for a, b, c in np.ndindex(values.shape)]
    frame = pd.DataFrame(rows, columns=["a", "b", "c", "y"])
    table = sm.stats.anova_lm(ols("y ~ (C(a) + C(b) + C(c)) ** 2", frame).fit())
    ours = variance.components(values)
    np.testing.assert_allclose([part.mean_square for part in ours], table["sum_sq"] / table["df"])
    assert [part.degrees for part in ours] == list(table["df"].astype(int))


def test_components_do_not_depend_on_level_order_or_mean():
    """Lost: invariance to relabelling seeds and to a shift of all accuracies."""
    values = crossed(np.random.default_rng(2))
    base = [part.variance for part in variance.components(values)]
    moved = [part.variance for part in variance.components(values[::-1, [1, 0, 2]] + 7)]
    np.testing.assert_allclose(moved, base, atol=1e-12)


def test_constant_table_has_no_variance():
    """Lost: zero variance is zero, not nan."""
    assert all(part.variance == pytest.approx(0, abs=1e-25) for part in variance.components(np.full((3, 3, 3), 0.9)))


def test_negative_estimates_are_kept():
    """Lost: unbiasedness would go if negative estimates were cut at zero silently."""
    rng = np.random.default_rng(3)
    parts = [variance.components(rng.standard_normal((3, 3, 3))) for _ in range(20)]
    assert any(part.variance < 0 for run in parts for part in run)


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.zeros((3, 3, 1)), np.full((2, 2, 2), np.nan)])
def test_incomplete_table_is_explained(values):
    """Lost: missing runs must be named, not averaged away."""
    with pytest.raises(ValueError, match="complete table with one axis per factor"):
        variance.components(values)
