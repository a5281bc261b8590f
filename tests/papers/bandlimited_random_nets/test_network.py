"""The regressors as a user meets them: conventions, options, errors, determinism."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from replicate.papers.bandlimited_random_nets.network import RandomNet, RandomNetCV
from replicate.papers.bandlimited_random_nets.paths import width_path

X = np.linspace(0, 1, 120).reshape(-1, 1)
Y = np.sin(2 * np.pi * 4 * X[:, 0])


def test_bandwidth_decides_what_can_be_learnt():
    """Lost: the paper in two lines."""
    assert RandomNet(1, random_state=0).fit(X, Y).score(X, Y) < 0.6
    assert RandomNet(30, random_state=0).fit(X, Y).score(X, Y) > 0.999


def test_it_works_in_scikit_learns_tools():
    """Lost: clone, grid search and pipelines, what users of scikit-learn expect."""
    net = clone(RandomNet(5.0, 40, activation="tanh", penalty=1e-8, random_state=1))
    assert net.get_params()["bandwidth"] == 5.0
    search = GridSearchCV(net, {"bandwidth": [0.5, 20.0]}, cv=KFold(4, shuffle=True, random_state=0)).fit(X, Y)
    assert search.best_params_["bandwidth"] == 20.0
    piped = make_pipeline(StandardScaler(), net).fit(pd.DataFrame(X, columns=["x"]), pd.Series(Y))
    assert piped.predict(pd.DataFrame(X, columns=["x"])).shape == Y.shape


def test_several_targets_are_several_nets_on_one_layer():
    """Lost: multi-output."""
    both = RandomNet(10, 50, random_state=3).fit(X, np.c_[Y, Y**2])
    alone = RandomNet(10, 50, random_state=3).fit(X, Y**2)
    assert both.predict(X)[:, 1] == pytest.approx(alone.predict(X), abs=1e-3)


def test_the_same_seed_gives_the_same_net():
    """Lost: reproducibility; and different seeds must differ."""
    one, two, other = (RandomNet(10, 20, random_state=s).fit(X, Y).predict(X) for s in (5, 5, 6))
    assert (one == two).all()
    assert (one != other).any()


@pytest.mark.parametrize("penalty", [0.0, 1e-3])
def test_intercept_takes_up_any_constant(penalty):
    """Lost: the intercept is free of the penalty, so adding a constant shifts predictions by it."""
    options = {"penalty": penalty, "intercept": True, "random_state": 0}
    base, shifted = RandomNet(3, 15, **options).fit(X, Y), RandomNet(3, 15, **options).fit(X, Y + 1000)
    assert shifted.predict(X) - base.predict(X) == pytest.approx(1000, abs=1e-3)


def test_direct_links_learn_a_line_exactly():
    """Lost: Pao's form of the net."""
    x = np.random.default_rng(0).standard_normal((80, 3))
    y = x @ [1.0, -2.0, 3.0]
    net = RandomNet(2, 5, direct_links=True, random_state=0).fit(x, y)
    assert net.coefficients_[-3:] == pytest.approx([1, -2, 3], abs=1e-8)


def test_rank_and_norms_are_those_of_the_fit():
    """Lost: the effective width a user is shown."""
    net = RandomNet(1, 200, random_state=0).fit(X, Y)
    assert 8 <= net.rank_ <= 13
    assert net.l1_norm_ == pytest.approx(np.abs(net.coefficients_).sum())
    assert net.coefficient_norm_ == pytest.approx(np.linalg.norm(net.coefficients_))
    assert RandomNet(1, 200, rcond=1e-4, random_state=0).fit(X, Y).rank_ < net.rank_


def test_cross_validation_finds_a_bandwidth_that_works():
    """Lost: the remedy; and the errors it reports are those it chose by."""
    found = RandomNetCV((1, 10, 30), 60, folds=4).fit(X, Y)
    assert found.bandwidth_ in (10, 30)
    assert min(found.errors_, key=found.errors_.get) == found.bandwidth_
    assert found.score(X, Y) > 0.999
    assert (found.predict(X) == found.net_.predict(X)).all()


def test_blocked_folds_ask_for_extrapolation():
    """Lost: the meaning of blocks, contiguous pieces in the order given."""
    interleaved, blocks = (RandomNetCV((10,), 60, folds=4, blocked=b).fit(X, Y) for b in (False, True))
    assert blocks.errors_[10] > 100 * interleaved.errors_[10]


def test_width_path_on_own_arrays_against_single_fits():
    """Lost: the sweep a user runs; each row is the net of that width."""
    rng = np.random.default_rng(0)
    x, xt = rng.uniform(-1, 1, (150, 2)), rng.uniform(-1, 1, (60, 2))
    y, yt = (np.exp(-4 * np.sum(v**2, axis=1)) for v in (x, xt))
    table = width_path(x, y, xt, yt, widths=[10, 40], bandwidth=4, random_state=9)
    assert list(table.columns) == ["width", "train_rmse", "test_rmse", "rank", "coefficient_norm"]
    net = RandomNet(4, 40, random_state=9).fit(x, y)
    assert table["test_rmse"][1] == pytest.approx(np.sqrt(np.mean((net.predict(xt) - yt) ** 2)), rel=1e-3)
    assert table["test_rmse"][1] < table["test_rmse"][0]


BAD = np.where(np.arange(120) == 7, np.nan, Y)


@pytest.mark.parametrize(
    ("options", "x", "y", "message"),
    [
        ({"bandwidth": 0}, X, Y, "bandwidth is 0; it must be a finite number above 0"),
        ({"bandwidth": np.nan}, X, Y, "bandwidth is nan"),
        ({"bandwidth": "wide"}, X, Y, "bandwidth is 'wide'"),
        ({"width": 0}, X, Y, "width is 0; it must be a whole number, 1 or above"),
        ({"penalty": -1e-3}, X, Y, "penalty is -0.001; it must be a finite number, 0 or above"),
        ({"penalty": np.inf}, X, Y, "penalty is inf"),
        ({"rcond": -1.0}, X, Y, "rcond is -1.0"),
        ({"activation": "relo"}, X, Y, "unknown activation 'relo'; did you mean 'relu'"),
        ({"placement": "place"}, X, Y, "unknown placement 'place'; did you mean 'placed'"),
        ({}, X[:, 0], Y, r"X has shape \(120,\); .*X.reshape\(-1, 1\)"),
        ({}, X[:1], Y[:1], "X has 1 samples of 1 variables; at least 2 samples"),
        ({}, X[:, :0], Y, "X has 120 samples of 0 variables"),
        ({}, BAD[:, None], Y, "X holds 1 NaN or infinite values of 120; drop or impute them first"),
        ({}, X, BAD, "y holds 1 NaN or infinite values of 120"),
        ({}, X, Y[:-1], "y has 119 rows, the inputs have 120"),
        ({}, X, Y.reshape(2, 30, 2), r"y has shape \(2, 30, 2\)"),
    ],
)
def test_bad_input_is_refused_in_plain_words(options, x, y, message):
    """Lost: a LinAlgError, a silent NaN, or a broadcast."""
    with pytest.raises(ValueError, match=message):
        RandomNet(**options).fit(x, y)


def test_predictions_need_a_fit_and_the_same_variables():
    """Lost: an AttributeError, or a matrix product that happens to fit."""
    with pytest.raises(ValueError, match="not fitted yet; call fit"):
        RandomNet().predict(X)
    with pytest.raises(ValueError, match="not fitted yet; call fit"):
        RandomNetCV().predict(X)
    with pytest.raises(ValueError, match="X has 2 variables, the net was fitted on 1"):
        RandomNet(random_state=0).fit(X, Y).predict(np.c_[X, X])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 1}, "folds is 1; it must be a whole number from 2 to the 120 samples"),
        ({"folds": 121}, "folds is 121"),
        ({"bandwidths": ()}, "bandwidths is empty"),
        ({"bandwidths": (1, -1)}, "bandwidth is -1"),
    ],
)
def test_bad_choices_are_refused(options, message):
    """Lost: a minimum over nothing."""
    with pytest.raises(ValueError, match=message):
        RandomNetCV(**options).fit(X, Y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": []}, "widths is empty"),
        ({"widths": [0]}, "a width is 0"),
        ({"X_test": np.ones((3, 2))}, "X has 1 variables, X_test 2"),
        ({"y_test": np.ones((120, 2))}, "y has 1 targets, y_test 2"),
        ({"y_test": Y[:5]}, "y_test has 5 rows"),
    ],
)
def test_bad_paths_are_refused(change, message):
    """Lost: a table of the wrong thing."""
    arguments = {"X": X, "y": Y, "X_test": X, "y_test": Y, "widths": [5], "bandwidth": 1.0, **change}
    with pytest.raises(ValueError, match=message):
        width_path(**arguments)
