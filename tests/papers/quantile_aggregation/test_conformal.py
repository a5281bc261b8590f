"""Conformal intervals: ranks, exact coverage laws, jackknife+, the nested scheme."""

import math

import numpy as np
import pytest
from scipy.stats import beta

from replicate.papers.quantile_aggregation import conformal
from replicate.papers.quantile_aggregation.catalogue import make_model
from replicate.papers.quantile_aggregation.gate_fit import GateSettings
from replicate.papers.quantile_aggregation.nested_cv import fit_nested
from replicate.papers.quantile_aggregation.training_curve import Schedule


def test_conformity_is_the_distance_outside():
    """Negative inside, positive outside."""
    found = conformal.conformity([0.0, 1.5, 3.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0])
    assert found.tolist() == [1.0, -0.5, 1.0]


def test_ranks_survive_rounding_and_small_samples():
    """(1 - 0.2) * 10 is 8, not 9; too few rows give the whole line, never a clamped rank."""
    assert conformal.split_rank(9, 0.2) == 8
    assert conformal.split_margin(np.arange(9.0), 0.2) == 7
    assert conformal.split_margin(np.arange(3.0), 0.2) == math.inf
    assert conformal.split_margin(np.arange(4.0), 0.2) == 3
    low, high = conformal.cv_plus(np.zeros((2, 1)), np.zeros((2, 1)), [0, 0, 1], np.ones(3), 0.2)
    assert (low[0], high[0]) == (-math.inf, math.inf)


def test_split_coverage_follows_its_beta_law():
    """Given the calibration rows, coverage is Beta(k, n + 1 - k); its mean is the guarantee."""
    n, alpha, repeats = 39, 0.2, 2000
    k = conformal.split_rank(n, alpha)
    rng = np.random.default_rng(0)
    margins = [conformal.split_margin(rng.uniform(size=n), alpha) for _ in range(repeats)]  # coverage of U(0, 1) scores
    error = 3 * beta(k, n + 1 - k).std() / math.sqrt(repeats)
    assert np.mean(margins) == pytest.approx(k / (n + 1), abs=error)
    low, high = conformal.split_guarantee(n, alpha)
    assert low <= k / (n + 1) <= high


def test_cv_plus_with_n_folds_is_the_jackknife_plus():
    """Each training row its own fold: order statistics over rows, computed here one by one."""
    rng = np.random.default_rng(0)
    n, alpha = 19, 0.2
    lower, upper = rng.standard_normal((n, 4)) - 1, rng.standard_normal((n, 4)) + 1
    scores = rng.standard_normal(n)
    low, high = conformal.cv_plus(lower, upper, np.arange(n), scores, alpha)
    for j in range(4):
        assert low[j] == sorted(lower[:, j] - scores)[math.floor(alpha * (n + 1)) - 1]
        assert high[j] == sorted(upper[:, j] + scores)[math.ceil((1 - alpha) * (n + 1)) - 1]


def test_cv_plus_covers():
    """Least squares with 5 folds: coverage at least its guarantee, and about nominal."""
    rng, alpha, hits = np.random.default_rng(0), 0.2, []
    for _ in range(200):
        x, y = rng.standard_normal(41), rng.standard_normal(41)
        x, y, new, target = x[:40], 0.5 * x[:40] + y[:40], x[40], 0.5 * x[40] + y[40]
        fold = np.arange(40) % 5
        slopes = np.array([x[fold != k] @ y[fold != k] / (x[fold != k] @ x[fold != k]) for k in range(5)])
        scores = np.abs(y - slopes[fold] * x)
        ends = conformal.cv_plus((slopes * new)[:, None], (slopes * new)[:, None], fold, scores, alpha)
        hits.append(ends[0][0] <= target <= ends[1][0])
    assert np.mean(hits) >= conformal.cv_plus_guarantee(40, 5, alpha)
    assert np.mean(hits) == pytest.approx(0.8, abs=0.09)


def test_cv_plus_guarantee_is_one_minus_two_alpha():
    """The guarantee is weaker than the nominal coverage, and the text says so."""
    assert conformal.cv_plus_guarantee(10**6, 10**6, 0.1) == pytest.approx(0.8, abs=2e-3)
    assert conformal.cv_plus_guarantee(300, 5, 0.2) < 0.6


def test_nested_intervals():
    """A 50 % interval may not stick out of the 80 % one."""
    low, high = np.array([[0.0, 0.5], [0.0, -1.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])
    fixed_low, _, changed = conformal.nested(low, high)
    assert fixed_low.tolist() == [[0.0, 0.0], [0.0, -1.0]]
    assert changed == 0.5


@pytest.mark.parametrize("alpha", [0, 1, 20])
def test_alpha_is_checked(alpha):
    """Coverage in per cent would give intervals of the wrong level."""
    with pytest.raises(ValueError, match="miscoverage between 0 and 1"):
        conformal.split_margin([1.0], alpha)


class Counting:
    """Counts fits of a base model by the rows they leave out."""

    def __init__(self, model, log):
        self.model, self.log = model, log

    def fit_subsets(self, x, y, subsets, validation=None):
        self.log += [len(s) for s in subsets]
        return self.model.fit_subsets(x, y, subsets, validation=validation)


def test_nested_scheme_counts_its_fits_and_hides_the_held_out_fold():
    """K(K-1)/2 + K fits, and targets of fold k change nothing that predicts fold k."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 2))
    y, stop = x[:, 0] + 0.3 * rng.standard_normal(60), (x[:20] + 0.1, x[:20, 0])
    levels = np.array([0.1, 0.5, 0.9])
    settings = GateSettings("medium", True, schedule=Schedule(20, 20, 20))
    log = []

    def fit(targets):
        model = Counting(make_model("QRF", levels, 0), log)
        return fit_nested({"QRF": model}, (x, targets), stop, levels, settings, [1, 2, 3], folds=3)

    stacked, found = fit(y)
    assert found.fits == 6
    assert sorted(log) == [20, 20, 20, 40, 40, 40, 60]
    changed = np.where(found.fold == 1, y + 3, y)
    _, other = fit(changed)
    np.testing.assert_array_equal(found.held_out[found.fold == 1], other.held_out[found.fold == 1])
    assert not np.array_equal(found.held_out[found.fold == 0], other.held_out[found.fold == 0])
    low, high = found.intervals(x, 0.2)
    assert (low < high).all()
    assert stacked.z_train.shape == (60, 1, 3)
