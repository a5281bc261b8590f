"""SelfDistilledRidge as a scikit-learn user meets it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from replicate.papers.self_distillation import published, toy
from replicate.papers.self_distillation.estimator import SelfDistilledRidge

X, Y = toy.INPUTS[:, None], toy.TARGETS
GRID = toy.GRID[:, None]
INF = float("inf")


@parametrize_with_checks(
    [SelfDistilledRidge(), SelfDistilledRidge(weight="gcv", steps=3), SelfDistilledRidge(weight=0.3, steps=INF)]
)
def test_scikit_learns_own_checks(estimator, check):
    """Lost: scikit-learn's conventions."""
    check(estimator)


@pytest.mark.parametrize("steps", [1, 2, 6, INF])
@pytest.mark.parametrize("weight", [0.0, 0.25])
def test_losses_of_the_toy_against_the_published_table(weight, steps):
    """Lost: the estimator computes what the paper's notebook does."""
    model = SelfDistilledRidge(0.2, weight=weight, steps=steps, gamma=80).fit(X, Y)
    loss = np.mean((model.predict(GRID) - toy.truth(toy.GRID)) ** 2)
    table = published.losses()
    cell = table[(table["actual_weight"] == weight) & (table["step"] == steps)]
    assert loss == pytest.approx(float(cell["loss"].iloc[0]), abs=5.1e-6)


@pytest.mark.parametrize("kernel", ["linear", "rbf", "laplacian", "polynomial"])
def test_one_step_is_kernel_ridge(kernel):
    """Lost: step 1, for every kernel's own parameters."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    options = {"kernel": kernel, "gamma": 0.3, "degree": 2, "coef0": 1.5}
    ours = SelfDistilledRidge(0.7, steps=1, **options).fit(x, y).predict(x[:5])
    assert ours == pytest.approx(KernelRidge(alpha=0.7, **options).fit(x, y).predict(x[:5]), abs=1e-10)


def test_precomputed_and_callable_kernels_give_the_same():
    """Lost: the three ways to name a kernel."""

    def gaussian(a, b):
        return float(np.exp(-80 * ((a - b) ** 2).sum()))

    options = {"weight": [0.2, 0.6], "steps": 3}
    named = SelfDistilledRidge(0.2, gamma=80, **options).fit(X, Y).predict(GRID)
    given = SelfDistilledRidge(0.2, kernel="precomputed", **options).fit(toy.kernel(toy.INPUTS, toy.INPUTS), Y)
    assert given.predict(toy.kernel(toy.GRID, toy.INPUTS)) == pytest.approx(named, abs=1e-12)
    called = SelfDistilledRidge(0.2, kernel=gaussian, **options).fit(X, Y).predict(GRID)
    assert called == pytest.approx(named, abs=1e-12)


def test_stages_end_at_the_prediction():
    """Lost: staged_predict, one array a step, 1-D targets staying 1-D."""
    model = SelfDistilledRidge(0.2, weight=0.25, steps=4, gamma=80).fit(X, Y)
    stages = list(model.staged_predict(GRID))
    assert len(stages) == 4
    assert stages[-1].shape == (101,)
    assert stages[-1] == pytest.approx(model.predict(GRID), abs=1e-14)
    with pytest.raises(ValueError, match="no last stage"):
        list(SelfDistilledRidge(weight=0.5, steps=INF).fit(X, Y).staged_predict(X))


def test_validation_weights_are_the_greedy_ones():
    """Lost: the closed form on held-out data, with and without bounds."""
    held_out = {"X_val": GRID, "y_val": toy.truth(toy.GRID)}
    free = SelfDistilledRidge(0.2, weight="validation", steps=3, gamma=80).fit(X, Y, **held_out)
    assert free.weights_ == pytest.approx([-0.621844, 0.330359], abs=1e-6)
    model = SelfDistilledRidge(0.2, weight="validation", steps=3, weight_bounds=(0, 1), gamma=80).fit(X, Y, **held_out)
    assert model.weights_ == pytest.approx([0, 0.135085], abs=1e-6)


def test_gcv_weight_and_degrees_of_freedom():
    """Lost: a choice without held-out data, its bounds, and the trace of the smoother."""
    model = SelfDistilledRidge(0.2, weight="gcv", gamma=80).fit(X, Y)
    assert model.weights_ == pytest.approx([2.018], abs=1e-3)
    assert model.effective_dof_ == pytest.approx(model.shrinkage_.sum())
    bounded = SelfDistilledRidge(0.2, weight="gcv", weight_bounds=(0, 1), gamma=80).fit(X, Y)
    assert bounded.weights_ == pytest.approx([1.0])


def test_it_works_in_pipelines_searches_and_clones():
    """Lost: the way people use estimators."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 4))
    y = x[:, 0] + 0.1 * rng.standard_normal(60)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SelfDistilledRidge(gamma=0.1)),
        {"selfdistilledridge__penalty": [0.1, 10.0], "selfdistilledridge__weight": [0.0, 0.5]},
        cv=3,
    ).fit(x, y)
    assert search.best_score_ > 0.5
    model = SelfDistilledRidge(0.5, weight=(0.1, 0.2), steps=3, kernel="linear")
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty": 0}, r"penalty \(lambda\) must be finite and > 0, found 0"),
        ({"penalty": -1.0}, "found -1"),
        ({"penalty": "0.1"}, "must be one number > 0, found '0.1'"),
        ({"penalty": [0.1, 1.0]}, "must be one number > 0"),
        ({"weight": "gcv", "weight_bounds": (1, 0)}, r"weight_bounds must be \(low, high\)"),
        ({"weight": "gcv", "weight_bounds": 1}, r"weight_bounds must be \(low, high\)"),
        ({"weight": np.nan}, r"weight \(alpha\) must be finite"),
        ({"weight": [0.1, np.inf], "steps": 3}, r"weight \(alpha\) must be finite"),
        ({"weight": [0.1, 0.2], "steps": 2}, "2 weights for steps=2: give one number, or 1"),
        ({"weight": "gvc"}, "did you mean 'gcv'"),
        ({"weight": "gcv", "steps": INF}, "needs one fixed weight"),
        ({"weight": "validation"}, "X_val and y_val belong to weight='validation'"),
        ({"weight": -0.7, "steps": INF, "gamma": 80, "penalty": 0.2}, "no limit"),
        ({"steps": 0}, "whole number >= 1"),
        ({"kernel": "sigmoid", "gamma": 5.0, "coef0": -3.0}, "not positive semi-definite"),
    ],
)
def test_bad_parameters_are_named(options, message):
    """Lost: a clear sentence instead of a number that means nothing."""
    with pytest.raises(ValueError, match=message):
        SelfDistilledRidge(**options).fit(X, Y)


def test_bad_data_are_named():
    """Lost: one sample, NaN, targets without their inputs."""
    with pytest.raises(ValueError, match="1 sample"):
        SelfDistilledRidge().fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="NaN"):
        SelfDistilledRidge().fit(np.where(X == 0.5, np.nan, X), Y)
    with pytest.raises(ValueError, match="NaN"):
        SelfDistilledRidge().fit(X, np.where(Y > 1, np.nan, Y))
    with pytest.raises(ValueError, match="give X_val and y_val together"):
        SelfDistilledRidge(weight="validation").fit(X, Y, X_val=X)
    with pytest.raises(ValueError, match="belong to weight='validation'"):
        SelfDistilledRidge().fit(X, Y, X_val=X, y_val=Y)
