"""The library class as a user meets it: scikit-learn's conventions, data frames, pipelines, errors."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from replicate.papers.quantile_aggregation.aggregator import QuantileAggregator
from replicate.papers.quantile_aggregation.forests import QuantileForest
from replicate.papers.quantile_aggregation.preprocess import Tabular
from replicate.papers.quantile_aggregation.scores import coverage, mean_pinball

FAST = {"models": ["QRF", "LQR"], "levels": [0.1, 0.5, 0.9], "folds": 3, "max_steps": 60, "lr": 5e-3}


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 2))
    return x, 10 + 5 * np.sin(2 * x[:, 0]) + (1 + x[:, 1]) * rng.standard_normal(n)


@pytest.fixture(scope="module")
def fitted():
    return QuantileAggregator(**{**FAST, "max_steps": 300}).fit(*rows(300))


def test_scikit_learn_conventions():
    """Pipelines, searches and clones rely on every one of these checks."""
    small = QuantileAggregator(
        [QuantileForest(trees=3)], levels=[0.25, 0.5, 0.75], max_steps=10, check_every=5, folds=2
    )
    failed = [c for c in check_estimator(small, on_fail=None, on_skip=None) if c["status"] == "failed"]
    assert not failed, [(c["check_name"], c["exception"]) for c in failed]


def test_predictions_have_the_units_and_order_of_the_target(fitted):
    """Standardisation must be undone; quantiles increase; without levels the median comes back."""
    x, y = rows(1000, 1)
    q = fitted.predict(x, [0.1, 0.5, 0.9])
    assert q.shape == (1000, 3)
    assert (np.diff(q, axis=1) >= 0).all()
    assert np.mean(y[:, None] <= q, axis=0) == pytest.approx([0.1, 0.5, 0.9], abs=0.12)
    np.testing.assert_array_equal(fitted.predict(x), q[:, 1])
    np.testing.assert_array_equal(fitted.predict(x, [0.9])[:, 0], q[:, 2])
    assert fitted.score(x, y) == pytest.approx(-mean_pinball(y, q, [0.1, 0.5, 0.9]))
    assert set(fitted.predict_base(x[:3])) == {"QRF", "LQR"}


@pytest.mark.parametrize(
    ("resolution", "local", "shape"),
    [
        ("coarse", False, (1, 2)),
        ("coarse", True, (5, 2)),
        ("medium", False, (1, 2, 3)),
        ("medium", True, (5, 2, 3)),
        ("fine", False, (1, 3, 2, 3)),
        ("fine", True, (5, 3, 2, 3)),
    ],
)
def test_all_six_variants_fit_and_show_their_weights(resolution, local, shape):
    """Weights are what a user looks at to see whom the aggregate trusts."""
    x, y = rows(60)
    model = QuantileAggregator(**FAST, resolution=resolution, local=local).fit(x, y)
    w = model.weights(x[:5])
    assert w.shape == shape
    axes = {"coarse": (1,), "medium": (1,), "fine": (2, 3)}[resolution]
    np.testing.assert_allclose(w.sum(axes), 1, atol=1e-5)


def test_weights_times_base_quantiles_are_the_prediction():
    """The documented axes of the weights must be the ones that were used."""
    x, y = rows(60)
    model = QuantileAggregator(**FAST, post="none").fit(x, y)
    z = np.stack(list(model.predict_base(x).values()), 1)
    np.testing.assert_allclose(
        np.einsum("ntpm,npm->nt", model.weights(x), z), model.predict(x, FAST["levels"]), rtol=1e-4
    )


def test_same_state_same_bytes():
    """random_state decides everything; clones carry it."""
    x, y = rows(60)
    model = QuantileAggregator(**FAST, random_state=3)
    one, two = model.fit(x, y).predict(x), clone(model).fit(x, y).predict(x)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, QuantileAggregator(**FAST, random_state=4).fit(x, y).predict(x))


def test_frames_with_gaps_and_categories_in_a_pipeline():
    """A user's own table: text columns and gaps go through `Tabular`."""
    x, y = rows(80)
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "kind": np.where(x[:, 0] > 0, "up", "down")}, index=range(5, 85))
    frame.iloc[3, 1] = np.nan
    pipeline = make_pipeline(Tabular(), QuantileAggregator(**FAST))
    assert pipeline.fit(frame, pd.Series(y)).predict(frame).shape == (80,)
    assert pipeline.predict(frame, levels=[0.1, 0.9]).shape == (80, 2)
    assert len(cross_val_score(pipeline, frame, y, cv=2)) == 2


def test_plain_frames_keep_their_names():
    """scikit-learn warns about swapped columns only if names are remembered."""
    x, y = rows(60)
    frame = pd.DataFrame(x, columns=["first", "second"])
    model = QuantileAggregator(**FAST).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["first", "second"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["second", "first"]])


def test_own_models_and_mappings():
    """A user's settings are kept; levels are the aggregator's."""
    x, y = rows(60)
    models = {"small": QuantileForest(trees=5), "large": QuantileForest(trees=20), "line": "LQR"}
    model = QuantileAggregator(**{**FAST, "models": models}).fit(x, y)
    assert model.names_ == ["small", "large", "line"]
    assert model.stacked_.models["small"].trees == 5
    assert models["small"].levels is None
    with pytest.raises(ValueError, match="two base models are called 'QuantileForest'"):
        QuantileAggregator(models=[QuantileForest(), QuantileForest()]).fit(x, y)


def test_cross_calibration_reaches_its_guarantee_without_rows_of_its_own():
    """CV+ must cover new rows at least as often as its theorem says, in the unit of the target, and change nothing."""
    aggregator = QuantileAggregator(**FAST)
    intervals = aggregator.cross_calibrate(*rows(300))
    assert not hasattr(aggregator, "gate_")
    x, y = rows(2000, 6)
    ends = intervals.predict(x, alpha=0.2)
    assert ends.shape == (2000, 2)
    assert intervals.guarantee(0.2) == pytest.approx(0.6 - min(2 * (2 / 3) / 81, (1 - 3 / 240) / 4))
    assert intervals.guarantee(0.2) < coverage(y, ends[:, 0], ends[:, 1]) < 0.95
    with pytest.raises(ValueError, match=r"0\.05"):
        intervals.predict(x, alpha=0.1)


def test_cross_calibration_needs_three_folds():
    """With two folds, leaving out a pair leaves nothing to fit."""
    with pytest.raises(ValueError, match=r"folds is 2.*at least 3"):
        QuantileAggregator(**{**FAST, "folds": 2}).cross_calibrate(*rows(60))


def test_calibration_reaches_its_guarantee(fitted):
    """Split CQR on fresh rows: coverage of new rows within three errors of nominal, and the guarantee is stated."""
    intervals = fitted.calibrate(*rows(400, 5), alpha=0.2)
    x, y = rows(4000, 6)
    ends = intervals.predict(x)
    assert coverage(y, *ends.T) == pytest.approx(0.8, abs=3 * (0.16 / 400) ** 0.5 + 0.01)
    assert intervals.guarantee == pytest.approx((0.8, 0.8 + 1 / 401))
    assert fitted.calibrate(*rows(3, 7), alpha=0.2).margin == np.inf
    with pytest.raises(ValueError, match=r"level 0\.05 is not among"):
        fitted.calibrate(x, y, alpha=0.1)


def changed(x, y, what):
    x, y = x.copy(), y.copy()
    if what == "nan":
        x[2, 1] = np.nan
    if what == "constant":
        y[:] = 7.0
    if what == "short":
        x, y = x[:3], y[:3]
    if what == "lengths":
        y = y[:-1]
    if what == "flat":
        x = x[:, 0]
    return x, y


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nan", "contains NaN"),
        ("constant", r"the target is constant \(7\)"),
        ("short", "n_samples = 3: 2 training rows cannot be divided into 3 folds"),
        ("lengths", "inconsistent numbers of samples"),
        ("flat", "Expected 2D array"),
    ],
)
def test_bad_data_is_refused(what, message):
    """Each common mistake in plain words."""
    with pytest.raises(ValueError, match=message):
        QuantileAggregator(**FAST).fit(*changed(*rows(60), what))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": [0.5, 1.5]}, "level 1.5 is not between 0 and 1"),
        ({"levels": [0.9, 0.5]}, "strictly increasing"),
        ({"resolution": "finest"}, "no resolution 'finest': did you mean 'fine'"),
        ({"margin": "adaptve"}, "did you mean 'adaptive'"),
        ({"post": "isotonic"}, "no isotonizer|no isotonizing layer"),
        ({"models": ["QRF", "LGMB"]}, "did you mean 'LGBM'"),
        ({"models": []}, "at least one name"),
        ({"models": "QRF"}, "models must be a list"),
        ({"validation": 20}, "share of the rows, between 0 and 1"),
        ({"validation_mode": "leaky"}, "no validation mode 'leaky'"),
        ({"folds": 1}, "at least 2"),
        ({"patience": 0}, "at least 1"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    """Found at fit, with what is allowed."""
    with pytest.raises(ValueError, match=message):
        QuantileAggregator(**{**FAST, **settings}).fit(*rows(40))


def test_levels_that_were_not_fitted(fitted):
    """Quantiles between the levels are not invented."""
    with pytest.raises(ValueError, match=r"level 0\.3 is not among the 3 levels; the nearest is"):
        fitted.predict(rows(3)[0], [0.3])
    with pytest.raises(TypeError, match="base model 'int' is a int"):
        QuantileAggregator(**{**FAST, "models": [3]}).fit(*rows(40))
