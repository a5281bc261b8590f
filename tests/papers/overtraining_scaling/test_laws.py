"""The laws' algebra: three forms, the best M, slopes and limits."""

import numpy as np
import pytest

from replicate.papers.overtraining_scaling.laws import ErrorLaw, LossLaw, fit_error
from replicate.papers.overtraining_scaling.published import laws, table

LAW = LossLaw(1.84, 212, 367, 0.136)
C, M = np.geomspace(1e17, 1e23, 7), 80.0


def test_forms_agree():
    """(C, M) and (N, D) are the same point: C = 6ND, M = D/N."""
    n, d = np.sqrt(C / (6 * M)), np.sqrt(C * M / 6)
    np.testing.assert_allclose(LAW.at(C, M), LAW.at_size(n, d), rtol=1e-12)


@pytest.mark.parametrize("compute", [1e18, 1e21, 1e24])
def test_the_best_multiplier_has_the_lowest_loss_at_fixed_compute(compute):
    """Equation 10; it does not depend on compute."""
    best, near = LAW.best_multiplier, np.array([0.99, 1, 1.01])
    values = LAW.at(compute, best * near)
    assert values[1] == values.min()
    assert (values[2] - values[0]) / values[1] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("m", [1, 20, 640])
def test_lines_are_parallel(m):
    """d log(L - E) / d log C = -eta at every M."""
    slopes = np.diff(np.log(LAW.at(C, m) - LAW.E)) / np.diff(np.log(C))
    np.testing.assert_allclose(slopes, -LAW.eta, rtol=1e-10)


def test_the_error_law_has_its_limits():
    """eps for a useless model; it rises with the loss."""
    law = ErrorLaw(0.857, 2.21, 0.715)
    assert law.at(1e3) == pytest.approx(law.eps)
    assert np.all(np.diff(law.at(np.linspace(1, 6, 50))) > 0)


def test_a_constant_added_to_all_errors_moves_eps_alone():
    """Which tasks are averaged shifts chance, not the rate."""
    law, losses = ErrorLaw(0.857, 2.21, 0.715), np.linspace(2.2, 5.4, 8)
    errors = law.at(losses) + 0.003 * np.random.default_rng(0).standard_normal(8)
    base, moved = fit_error(losses, errors), fit_error(losses, errors + 0.05)
    np.testing.assert_allclose([moved.eps - 0.05, moved.k, moved.gamma], [base.eps, base.k, base.gamma], rtol=1e-6)


def test_published_tables_are_whole():
    """A lost row would make a claim easier."""
    assert len(table("coefficients")) == 21
    assert len(table("others")) == 20
    assert len(table("tasks")) == 30
    assert table("cells").groupby("target").size().to_dict() == {"error17": 92, "error46": 6, "loss": 92}
    assert laws()["C4"][0] == LossLaw(1.51, 141, 190, 0.121)
