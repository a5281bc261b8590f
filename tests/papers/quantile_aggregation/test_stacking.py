"""Stacking: split sizes, folds, and that no row is predicted by a model that has seen it."""

import numpy as np
import pytest

from replicate.papers.quantile_aggregation.catalogue import make_model
from replicate.papers.quantile_aggregation.stacking import contiguous_folds, leaking_validation, leave_out, split, stack

LEVELS = np.array([0.25, 0.5, 0.75])


def rows(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2))
    return x, x[:, 0] + 0.5 * rng.standard_normal(n)


def models():
    return {name: make_model(name, LEVELS, 0, max_steps=20, check_every=10) for name in ("QRF", "LGBM", "DQR", "CGN")}


def test_split_is_72_18_10():
    """Disjoint, complete, and of the paper's sizes."""
    parts = split(1000, np.random.default_rng(0))
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [720, 180, 100]
    assert sorted(np.concatenate([parts.train, parts.validation, parts.test])) == list(range(1000))
    assert len(parts.fitting) == 900
    small = split(5, np.random.default_rng(0))
    assert min(map(len, (small.train, small.validation, small.test))) >= 1


def test_folds_are_contiguous_and_complete():
    """The paper's folds are blocks of the shuffled rows."""
    folds = contiguous_folds(11, 3)
    assert [f.tolist() for f in folds] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert leave_out(folds, 0, 2).tolist() == [4, 5, 6, 7]
    with pytest.raises(ValueError, match="4 rows cannot be divided into 5 folds"):
        contiguous_folds(4, 5)
    with pytest.raises(ValueError, match="at least 2"):
        contiguous_folds(4, 1)


def test_out_of_fold_quantiles_do_not_depend_on_the_folds_own_targets():
    """The defining property of stacking: change y in fold k, and fold k's quantiles stay the same, bit by bit."""
    (x, y), stop = rows(90, 0), rows(30, 1)
    changed = y.copy()
    fold = contiguous_folds(90, 3)[1]
    changed[fold] = changed[fold][::-1] + 5.0
    # a validation loss would pass a little of the change on to the number of steps of networks: fix it
    before, after = (stack(models(), (x, t), stop, LEVELS, folds=3) for t in (y, changed))
    np.testing.assert_array_equal(before.z_train[fold][:, :2], after.z_train[fold][:, :2])
    assert not np.array_equal(before.z_train, after.z_train)


def test_networks_out_of_fold_too():
    """The same for networks, whose number of steps is held fixed."""
    (x, y), stop = rows(90, 0), None
    changed = y.copy()
    folds = contiguous_folds(90, 3)
    changed[folds[0]] += 5.0
    model = make_model("DQR", LEVELS, 0, max_steps=20, check_every=10)
    subsets = [np.arange(90), *(leave_out(folds, k) for k in range(3))]
    before, after = (model.fit_subsets(x, t, subsets, validation=stop)[1] for t in (y, changed))
    np.testing.assert_array_equal(before.predict_quantiles(x), after.predict_quantiles(x))


def test_shapes_and_models():
    """One column a model, in the order given; test quantiles come from the fit to the whole train part."""
    train, stop = rows(60, 0), rows(20, 1)
    found = stack(models(), train, stop, LEVELS, folds=3)
    assert found.z_train.shape == (60, 4, 3)
    np.testing.assert_array_equal(found.quantiles(stop[0]), found.z_validation)
    np.testing.assert_array_equal(found.models["QRF"].predict_quantiles(stop[0]), found.z_validation[:, 0])


def test_the_original_validation_leaks():
    """Quantiles of models that have seen the validation rows look better than they are; networks are the same."""
    train, stop = rows(200, 0), rows(60, 1)
    clean = stack(models(), train, stop, LEVELS, folds=3)
    leaking = stack(models(), train, stop, LEVELS, folds=3, mode="paper_code")
    np.testing.assert_array_equal(leaking.z_validation, leaking_validation(models(), clean, train, stop))
    np.testing.assert_array_equal(clean.z_validation[:, 2:], leaking.z_validation[:, 2:])
    np.testing.assert_array_equal(clean.z_train, leaking.z_train)
    for j in (0, 1):
        in_sample, out = (np.abs(stop[1] - s.z_validation[:, j, 1]).mean() for s in (leaking, clean))
        assert in_sample < 0.95 * out
    with pytest.raises(ValueError, match="did you mean 'paper_code'"):
        stack(models(), train, stop, LEVELS, mode="paper-code")
