"""Base models against closed forms, other packages and each other."""

import lightgbm
import numpy as np
import pytest
import torch
from quantile_forest import RandomForestQuantileRegressor
from scipy import sparse
from scipy.stats import norm
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from statsmodels.regression.quantile_regression import QuantReg

from replicate.papers.quantile_aggregation import linear_programs, simple
from replicate.papers.quantile_aggregation.boosting import LightGBMQuantiles, XGBoostQuantiles
from replicate.papers.quantile_aggregation.catalogue import MODELS, PAPERS_SIX, make_model
from replicate.papers.quantile_aggregation.forests import QuantileForest, weighted_quantiles
from replicate.papers.quantile_aggregation.levels import even_levels
from replicate.papers.quantile_aggregation.linear import LinearQuantiles
from replicate.papers.quantile_aggregation.networks import (
    GaussianNetwork,
    JointQuantileNetwork,
    SimultaneousQuantileNetwork,
    pinball,
)
from replicate.papers.quantile_aggregation.replicas import Replicas
from replicate.papers.quantile_aggregation.scores import mean_pinball

LEVELS = np.array([0.1, 0.5, 0.9])
FAST = {"max_steps": 60, "check_every": 20}


def linear_data(n, seed=0, d=2):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x, x @ np.linspace(1, 0.5, d) + 0.5 * rng.standard_normal(n)


@pytest.fixture(scope="module")
def data():
    return linear_data(300), linear_data(100, 1), linear_data(4000, 2)


# networks


@pytest.mark.parametrize("kind", [GaussianNetwork, SimultaneousQuantileNetwork, JointQuantileNetwork])
def test_networks_learn_linear_data_with_normal_noise(data, kind):
    """Quantiles of a linear model with constant noise: shares below within a few points of the levels."""
    train, stop, (x, y) = data
    model = kind(levels=LEVELS, lr=3e-3, max_steps=800, check_every=100, dropout=0.0).fit(*train, validation=stop)
    q = model.predict_quantiles(x)
    assert np.mean(y[:, None] <= q, axis=0) == pytest.approx(LEVELS, abs=0.08)
    perfect = mean_pinball(y, (x @ [1, 0.5])[:, None] + 0.5 * np.array([-1.2816, 0, 1.2816]), LEVELS)
    assert mean_pinball(y, q, LEVELS) < 1.15 * perfect
    assert model.curve_.best_step <= 800


def test_gaussian_network_quantiles_are_normal():
    """Any level can be asked for, and levels are placed by the normal distribution."""
    train = linear_data(60)
    model = GaussianNetwork(**FAST).fit(*train)
    q = model.predict(train[0], [0.1586552539, 0.5, 0.8413447461])
    np.testing.assert_allclose(q[:, 2] - q[:, 1], q[:, 1] - q[:, 0], rtol=1e-4)
    assert (np.diff(q, axis=1) > 0).all()


def test_joint_network_is_increasing_and_knows_its_levels_only():
    """Its outputs belong to the levels of the fit; interpolating silently would invent quantiles."""
    x, y = linear_data(60)
    model = JointQuantileNetwork(levels=LEVELS, **FAST).fit(x, y)
    assert (np.diff(model.predict_quantiles(x), axis=1) >= 0).all()
    np.testing.assert_array_equal(model.predict(x, [0.9])[:, 0], model.predict_quantiles(x)[:, 2])
    np.testing.assert_array_equal(model.predict(x), model.predict_quantiles(x)[:, 1])
    with pytest.raises(ValueError, match=r"JointQuantileNetwork was not fitted for level 0\.3"):
        model.predict(x, [0.1, 0.3])


def test_simultaneous_loss_at_one_level_is_the_pinball_loss():
    """The level is an input; the loss at that level must be the usual one."""
    y, q = torch.tensor([1.0, -1.0]), torch.tensor([[0.0], [0.0]])
    assert pinball(y, q, torch.tensor([0.9])).flatten().tolist() == pytest.approx([0.9, 0.1])


def test_replicas_do_not_see_each_other():
    """A batched product that mixed replicas would leak one fold's targets into another's fit."""
    x, y = linear_data(80)
    subsets = [np.arange(80), np.arange(40), np.arange(40, 80)]
    model = JointQuantileNetwork(levels=LEVELS, **FAST)
    one = model.fit_subsets(x, y, subsets)
    changed = y.copy()
    changed[40:] += 100.0
    two = model.fit_subsets(x, changed, subsets)
    np.testing.assert_array_equal(one[1].predict_quantiles(x), two[1].predict_quantiles(x))
    assert not np.array_equal(one[2].predict_quantiles(x), two[2].predict_quantiles(x))


def test_a_replica_alone_is_the_same_network():
    """Predictions use one replica cut out of the batch."""
    module = Replicas(3, 2, 4, hidden=8, layers=2, generator=torch.Generator().manual_seed(0)).eval()
    x = torch.randn(1, 5, 2)
    torch.testing.assert_close(module(x)[1], module.only(1)(x)[0])


@pytest.mark.parametrize("name", [*PAPERS_SIX, "XGB", "LQR"])
def test_same_seed_same_bytes(name):
    """Every base model is a function of data and seed."""
    x, y = linear_data(60)
    model = make_model(name, LEVELS, 3, **FAST)
    np.testing.assert_array_equal(*(clone(model).fit(x, y).predict_quantiles(x) for _ in range(2)))


@pytest.mark.parametrize("name", MODELS)
def test_bad_input_is_refused(name):
    """NaN, wrong shapes, levels outside (0, 1): clear errors."""
    x, y = linear_data(20)
    model = make_model(name, LEVELS, 0, **FAST)
    holed = x.copy()
    holed[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(holed, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(x, y[:-1])
    with pytest.raises(ValueError, match="level 90 is not between 0 and 1"):
        clone(model).set_params(levels=[90]).fit(x, y)
    fitted = clone(model).fit(x, y)
    with pytest.raises(ValueError, match="features"):
        fitted.predict_quantiles(x[:, :1])


def test_unknown_model_names():
    """A misspelt model proposes the nearest."""
    with pytest.raises(ValueError, match="did you mean 'LGBM'"):
        make_model("LGB", LEVELS, 0)


# forests


def test_one_leaf_gives_sample_quantiles_at_plotting_positions():
    """With one tree, one leaf and no bootstrap the forest is the interpolated sample quantile at (i - 1/2) / n."""
    y = np.array([3.0, 1.0, 2.0, 10.0])
    forest = QuantileForest(trees=1, min_samples_leaf=4, bootstrap=False).fit(np.zeros((4, 1)), y)
    found = forest.predict([[0.0]], [0.05, 0.125, 0.25, 0.5, 0.9])[0]
    np.testing.assert_allclose(found, [1, 1, 1.5, 2.5, 10], atol=1e-12)


@pytest.mark.parametrize("extra", [False, True])
def test_weights_against_a_direct_computation(extra):
    """Sparse products against loops over trees and rows."""
    x, y = linear_data(60)
    forest = QuantileForest(trees=7, extra=extra, min_samples_leaf=5).fit(x, y)
    new = linear_data(9, 5)[0]
    trees, leaves, of_new = forest.forest_, forest.forest_.apply(x), forest.forest_.apply(new)
    direct = np.zeros((9, 60))
    for b, samples in enumerate(trees.estimators_samples_):
        counts = np.bincount(samples, minlength=60)
        for i in range(9):
            share = counts * (leaves[:, b] == of_new[i, b])
            direct[i] += share / share.sum() / 7
    np.testing.assert_allclose(forest.weights(new), direct, atol=1e-12)
    np.testing.assert_allclose(direct.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(forest.predict(new, LEVELS), [interpolated(y, w, LEVELS) for w in direct], atol=1e-12)


def interpolated(y: np.ndarray, weights: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the weighted quantiles of one sample by np.interp."""
    order = np.argsort(y)
    y, weights = y[order][weights[order] > 0], weights[order][weights[order] > 0]
    return np.interp(levels, (np.cumsum(weights) - weights / 2) / weights.sum(), y)


def test_weighted_quantiles_against_interpolation_row_by_row():
    """Many rows in one search against one np.interp a row; a row of a single weight is constant."""
    rng = np.random.default_rng(1)
    y = np.sort(rng.normal(size=300))
    weights = rng.exponential(size=(500, 300)) * (rng.random((500, 300)) < 0.1)
    weights[7], weights[7, 11], weights[0, 0] = 0.0, 2.0, 1.0
    levels = np.concatenate([[0.0, 1.0], even_levels(99)])
    found = weighted_quantiles(y, sparse.csr_matrix(weights), levels)
    np.testing.assert_allclose(found, [interpolated(y, w, levels) for w in weights], atol=1e-9)
    assert (found[7] == y[11]).all()


def test_forest_against_the_quantile_forest_package():
    """Same trees, same weights: the weighted mean is scikit-learn's, and the package's quantiles are next to ours."""
    x, y = linear_data(200)
    settings = {"min_samples_leaf": 8, "min_samples_split": 8, "random_state": 0, "max_features": 1.0}
    ours = QuantileForest(trees=50, seed=0).fit(x, y)
    theirs = RandomForestQuantileRegressor(50, max_samples_leaf=None, **settings).fit(x, y)
    new = linear_data(50, 3)[0]
    mean = RandomForestRegressor(50, **settings).fit(x, y).predict(new)
    np.testing.assert_allclose(ours.weights(new) @ y, mean, atol=1e-10)
    q = theirs.predict(new, quantiles=LEVELS.tolist(), weighted_quantile=True, interpolation="linear")
    gap = np.abs(ours.predict(new, LEVELS) - q)
    assert gap.max() < 0.25 * y.std()
    assert gap.mean() < 0.02 * y.std()  # other plotting positions, the same weights


# boosting and linear


def test_lightgbm_is_lightgbm():
    """One booster a level with the settings that are passed; nothing else happens to the data."""
    x, y = linear_data(120)
    ours = LightGBMQuantiles(levels=[0.3], trees=20, num_leaves=5).fit(x, y).predict(x, [0.3])[:, 0]
    model = lightgbm.LGBMRegressor(
        objective="quantile", alpha=0.3, n_estimators=20, num_leaves=5, min_child_samples=9, n_jobs=1, verbose=-1
    )
    np.testing.assert_allclose(ours, model.fit(x, y).predict(x), rtol=1e-9)


def test_xgboost_takes_all_levels_at_once():
    """Columns must come back in the order of the levels."""
    x, y = linear_data(400)
    q = XGBoostQuantiles(levels=LEVELS).fit(x, y).predict_quantiles(x)
    assert (q[:, 2] > q[:, 0]).mean() > 0.95
    assert np.mean(y[:, None] <= q, axis=0) == pytest.approx(LEVELS, abs=0.1)


def test_linear_quantiles_against_the_linear_program():
    """statsmodels iterates, HiGHS solves exactly: the losses must agree, and on generic data the coefficients."""
    x, y = linear_data(80)
    model = LinearQuantiles(levels=LEVELS).fit(x, y)
    for k, level in enumerate(LEVELS):
        exact = linear_programs.quantile_regression(x, y, level)
        design = np.column_stack([np.ones(80), x])
        losses = [mean_pinball(y, (design @ b)[:, None], [level]) for b in (exact, model.coef_[:, k])]
        assert losses[0] <= losses[1] + 1e-12
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
        np.testing.assert_allclose(model.coef_[:, k], exact, atol=0.05)


def test_qra_against_statsmodels():
    """QRA is linear quantile regression of y on the models' quantiles, level by level."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal(120)
    z = y[:, None, None] * 0.6 + rng.standard_normal((120, 3, 3))
    fitted = simple.fit_qra(z, y, LEVELS)
    for k, level in enumerate(LEVELS):
        design = np.column_stack([np.ones(120), z[:, :, k]])
        theirs = QuantReg(y, design).fit(q=level, max_iter=5000).params
        losses = [mean_pinball(y, (design @ b)[:, None], [level]) for b in (fitted.coefficients[:, k], theirs)]
        assert losses[0] <= losses[1] + 1e-12  # ours is exact, theirs iterates
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
        np.testing.assert_allclose(fitted.coefficients[:, k], theirs, atol=0.05)
    design = np.column_stack([np.ones(120), z[:, :, 0]])
    np.testing.assert_allclose(fitted.predict(z)[:, 0], design @ fitted.coefficients[:, 0], atol=1e-12)


def test_fqra_with_all_components_is_qra():
    """Principal components are a rotation; keeping all of them changes no prediction."""
    rng = np.random.default_rng(1)
    y = rng.standard_normal(90)
    z = y[:, None, None] + rng.standard_normal((90, 3, 2))
    full = simple.fit_fqra(z, y, LEVELS[:2], share=1.0)
    np.testing.assert_allclose(full.predict(z), simple.fit_qra(z, y, LEVELS[:2]).predict(z), atol=1e-6)
    few = simple.fit_fqra(z * [[[1.0], [1e-3], [1e-3]]], y, LEVELS[:2])
    assert few.axes.shape == (3, 1, 2)


def test_pool_of_equal_models_is_the_model_and_of_different_ones_is_wider():
    """Mixing distributions adds the distance of their centres to the spread; averaging quantiles does not."""
    levels = even_levels(19)
    q = norm.ppf(levels)
    np.testing.assert_allclose(simple.pool(np.stack([[q, q]]), levels)[0], q, atol=0.05)
    apart = np.stack([[q - 2, q + 2]])
    assert np.ptp(simple.pool(apart, levels)) > np.ptp(simple.average(apart)) + 2


def test_average_and_median():
    """Level by level over models."""
    z = np.array([[[1.0, 2], [3, 4], [8, 9]]])
    assert simple.average(z).tolist() == [[4, 5]]
    assert simple.median(z).tolist() == [[3, 4]]
