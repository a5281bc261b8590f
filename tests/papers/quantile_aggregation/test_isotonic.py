"""Isotonizers: the worked example, properties, Proposition 2, scikit-learn; the same as layers with gradients."""

import numpy as np
import pytest
import torch
from sklearn.isotonic import IsotonicRegression

from replicate.papers.quantile_aggregation import isotonic, isotonic_layers
from replicate.papers.quantile_aggregation.levels import even_levels
from replicate.papers.quantile_aggregation.scores import mean_pinball, pinball

Q = np.array([[1.0, 3, 2, 4, 3.5]])
FIXED = {"sort": [1, 2, 3, 3.5, 4], "pava": [1, 2.5, 2.5, 3.75, 3.75], "sweep": [1, 2, 2, 4, 4]}
LOSSES = {  # y: raw, sort, pava, sweep
    0: (1.15, 1.10, 1.125, 1.033333),
    2: (0.35, 0.30, 0.325, 0.233333),
    2.75: (0.275, 0.225, 0.200, 0.308333),
    3: (0.25, 0.20, 0.225, 0.333333),
    5: (0.95, 0.90, 0.925, 0.933333),
}
names = pytest.mark.parametrize("name", ["sort", "pava", "sweep"])


def crossing(n=200, m=15, seed=0):
    return np.random.default_rng(seed).standard_normal((n, m)) + np.linspace(-1, 1, m)


@names
def test_worked_example(name):
    """Each isotonizer on one crossing vector, by hand."""
    np.testing.assert_allclose(isotonic.isotonizer(name)(Q)[0], FIXED[name], atol=1e-15)


@pytest.mark.parametrize("y", LOSSES)
def test_losses_of_the_worked_example(y):
    """At y = 2.75 and 3 the sweep is worse than doing nothing."""
    for name, expected in zip(("none", "sort", "pava", "sweep"), LOSSES[y], strict=True):
        assert mean_pinball([y], isotonic.isotonizer(name)(Q), even_levels(5)) == pytest.approx(expected, abs=1e-6)


@names
def test_properties(name):
    """Increasing, idempotent, the identity (bit by bit) on increasing input."""
    q, isotonize = crossing(), isotonic.isotonizer(name)
    fixed = isotonize(q)
    assert (np.diff(fixed, axis=1) >= 0).all()
    np.testing.assert_array_equal(isotonize(fixed), fixed)
    np.testing.assert_array_equal(isotonize(np.sort(q, 1)), np.sort(q, 1))
    assert isotonize(q[:, :1]).shape == (200, 1)
    assert isotonize(q[0]).shape == (15,)


def test_sort_keeps_values_and_pava_keeps_the_mean():
    """What each may not change."""
    q = crossing()
    np.testing.assert_allclose(isotonic.pava(q).mean(1), q.mean(1), atol=1e-14)
    np.testing.assert_array_equal(np.sort(q, 1), isotonic.sort(q))


def test_pava_against_scikit_learn():
    """Pooling all rows at once must find the same projection, ties and long blocks included."""
    falling = -np.arange(15.0)[None]
    q = np.concatenate([crossing(60), falling, np.zeros((1, 15)), np.round(crossing(60, seed=1))])
    theirs = [IsotonicRegression().fit_transform(np.arange(15), row) for row in q]
    np.testing.assert_allclose(isotonic.pava(q), theirs, atol=1e-12)


@pytest.mark.parametrize("name", ["sort", "pava"])
def test_proposition_2_holds_for_every_single_sample(name):
    """'Never hurts' would be false in a single counter-example."""
    rng = np.random.default_rng(3)
    for m in (2, 9, 19):
        q, y, levels = (
            crossing(3000, m, seed=m) * rng.uniform(0, 2, (3000, 1)),
            rng.standard_normal(3000),
            even_levels(m),
        )
        change = pinball(y, isotonic.isotonizer(name)(q), levels).sum(1) - pinball(y, q, levels).sum(1)
        assert change.max() <= 1e-12
        assert change.min() < -0.1


@names
def test_layers_are_the_same_maps(name):
    """Training with another isotonizer than the one evaluated would be a different method."""
    q = crossing(40)
    np.testing.assert_allclose(isotonic_layers.layer(name)(torch.tensor(q)).numpy(), isotonic.isotonizer(name)(q))


@names
def test_layers_have_the_gradient_of_finite_differences(name):
    """A detached sort or block average would train on the wrong slope."""
    q = torch.tensor(crossing(6, 7), requires_grad=True)
    assert torch.autograd.gradcheck(isotonic_layers.layer(name), (q,), eps=1e-7, atol=1e-6)


def test_pava_layer_multiplies_by_a_projection():
    """Its Jacobian averages within blocks: rows sum to 1, and applying it twice changes nothing."""
    q = torch.tensor(crossing(1, 9)[0])
    jacobian = torch.autograd.functional.jacobian(lambda v: isotonic_layers.pava(v[None])[0], q)
    np.testing.assert_allclose(jacobian.sum(1), 1, atol=1e-14)
    np.testing.assert_allclose(jacobian @ jacobian, jacobian, atol=1e-14)
    assert torch.linalg.matrix_rank(jacobian) < 9


def test_unknown_names_propose_the_nearest():
    """A misspelt isotonizer must not mean none."""
    with pytest.raises(ValueError, match="did you mean 'pava'"):
        isotonic.isotonizer("pav")
    with pytest.raises(ValueError, match="did you mean 'sweep'"):
        isotonic_layers.layer("sweeps")
