"""Simulated trials: the censoring asked for, the truth they were drawn from."""

import numpy as np
import pytest
from scipy import stats

from replicate.papers.survival_models import simulation


@pytest.mark.parametrize("kappa", [-0.3, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("make", [simulation.s1, simulation.s2, lambda k: simulation.s3(k, "phi")])
def test_the_share_of_censored_times_is_the_designs(kappa, make):
    """Lost: the design; coverage and power depend on it. Four binomial standard errors."""
    design, n = make(kappa), 20_000
    frame = simulation.draw(design, n, np.random.default_rng(1))
    share = 1 - frame["event"].mean()
    assert share == pytest.approx(design.censored, abs=4 * np.sqrt(0.25 / n))


def test_event_times_follow_the_truth():
    """Lost: the truth; the cumulative hazard of uncensored times is standard exponential."""
    design, rng = simulation.s2(0.5), np.random.default_rng(2)
    for x in (0, 1):
        drawn = design.distribution(x).sample(4000, rng)
        assert stats.kstest(design.distribution(x).cumulative_hazard(drawn), "expon").pvalue > 1e-3


def test_effects_act_on_their_parameters():
    """Lost: S2 and S3; an effect on the wrong parameter would make the truth false."""
    both = [simulation.s2(0.5).distribution(x) for x in (0, 1)]
    assert float(both[1].lambda_ / both[0].lambda_) == pytest.approx(np.exp(0.5))
    assert float(both[1].gamma / both[0].gamma) == pytest.approx(np.exp(0.3))
    aft = [simulation.s3(1.0, "phi").distribution(x) for x in (0, 1)]
    assert float(aft[1].phi / aft[0].phi) == pytest.approx(np.exp(0.5))
    assert simulation.s3(1.0, "lambda").truth()["lambda", "x"] == 0.7
    assert simulation.s1(2.0).truth()["kappa", "Intercept"] == pytest.approx(np.log(3))


def test_draws_follow_the_generator():
    """Lost: determinism."""
    one, two, other = (simulation.draw(simulation.s2(0.5), 50, np.random.default_rng(s)) for s in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)


def test_another_truth_is_refused():
    """Lost: a helpful error."""
    with pytest.raises(ValueError, match=r"'lambda' .PH. or 'phi' .AFT."):
        simulation.s3(1.0, "gamma")
