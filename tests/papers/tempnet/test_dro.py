"""The dual and its optimum, against golden values, autograd, limits and another solver."""

import math

import pytest
import torch
from scipy.optimize import minimize
from scipy.special import rel_entr

from replicate.papers.tempnet import identities
from replicate.papers.tempnet.dro import (
    dual,
    dual_curvature,
    dual_slope,
    rho_for_entropy,
    target_entropy,
    temper,
)
from replicate.papers.tempnet.temperature_solver import exact_temperature

H = torch.tensor([-1.0, -0.5, -0.25, 0.0], dtype=torch.float64)
GOLDEN = [  # rho, tau*, minimum of f, p*: computed independently in float64
    (0.1, 0.7438943916, -0.2794458771, (0.104882, 0.205403, 0.287449, 0.402266)),
    (0.5, 0.2494543793, -0.1166447696, (0.011945, 0.088649, 0.241501, 0.657905)),
    (1.0, 0.1143221849, -0.0306927527, (0.000141, 0.011205, 0.099797, 0.888857)),
    (1.3, 0.0610919681, -0.0042431600, (0.000000, 0.000274, 0.016424, 0.983302)),
]
TEMPERED = [  # tau, tau log mean exp(h / tau), KL
    (0.05, -0.0689766958, 1.3456201887),
    (0.1, -0.1301155419, 1.0813343254),
    (0.5, -0.3198635460, 0.1933152431),
    (1.0, -0.3735265364, 0.0590410126),
    (5.0, -0.4239815300, 0.0026716839),
]


@pytest.mark.parametrize(("rho", "tau", "value", "p"), GOLDEN)
def test_optimum_against_golden_values(rho, tau, value, p):
    """The four published digits of everything downstream rest on these."""
    best = exact_temperature(H, rho)
    assert best.item() == pytest.approx(tau, abs=1e-10)
    assert dual(H, best, rho).item() == pytest.approx(value, abs=1e-10)
    assert temper(H, best).mean.item() == pytest.approx(value, abs=1e-10)
    assert torch.softmax(H / best, 0).tolist() == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(("tau", "value", "divergence"), TEMPERED)
def test_soft_maximum_and_divergence_against_golden_values(tau, value, divergence):
    """The two quantities the dual is made of."""
    found = temper(H, tau)
    assert found.soft_maximum.item() == pytest.approx(value, abs=1e-10)
    assert found.divergence.item() == pytest.approx(divergence, abs=1e-10)


@pytest.mark.parametrize("check", identities.CHECKS)
def test_identity_holds_on_random_problems(check):
    """Each identity at 1e-6 in float64: slopes, curvature, duality, label-freeness, limits, scaling, estimators."""
    error = identities.CHECKS[check](50, torch.Generator().manual_seed(3))
    assert 0 <= error < 1e-6


def test_dual_equals_the_constrained_maximum_against_scipy():
    """Strong duality against a general solver that knows nothing of temperatures."""
    h, rho = H.numpy(), 0.5

    constraints = [
        {"type": "eq", "fun": lambda p: p.sum() - 1},
        {"type": "ineq", "fun": lambda p: rho - rel_entr(p, 0.25).sum()},
    ]
    start = [0.1, 0.2, 0.3, 0.4]  # at the uniform distribution the divergence has no slope
    found = minimize(lambda p: -(p @ h), start, bounds=[(1e-9, 1)] * 4, constraints=constraints)
    assert dual(H, exact_temperature(H, rho), rho).item() == pytest.approx(-found.fun, abs=1e-5)


def test_lower_bound_tau0_is_the_answer_where_the_ball_is_not_reached():
    """With tau0 > 0 the optimum is tau0 whenever KL at tau0 is within rho, else KL = rho."""
    assert exact_temperature(H, 0.5, tau_min=0.6).item() == 0.6
    assert exact_temperature(H, 0.5, tau_min=0.1).item() == pytest.approx(0.2494543793, abs=1e-10)


@pytest.mark.parametrize(("rho", "factor"), [(1e-4, 0.01), (1e-3, 0.03), (1e-2, 0.1)])
def test_small_rho_against_the_gaussian_limit(rho, factor):
    """tau* sqrt(2 rho) / sd(h) tends to 1 as rho does to 0."""
    h = torch.randn(5000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ratio = exact_temperature(h, rho) * math.sqrt(2 * rho) / h.std(correction=0)
    assert ratio.item() == pytest.approx(1, abs=factor)


def test_curvature_is_positive_and_zero_for_a_constant_row():
    """A row without spread has no unique temperature."""
    assert dual_curvature(H, 0.3) > 0
    assert dual_curvature(torch.zeros(4, dtype=torch.float64), 0.3) == 0
    assert dual_slope(torch.zeros(4), 0.3, 0.7) == pytest.approx(0.7)


def test_huge_logits_and_tiny_temperatures_stay_finite():
    """|logits| of 1e4 over tau of 0.005, in float32: shifted by the maximum before the division."""
    h = torch.tensor([[1e4, -1e4, 9.9e3], [0.0, 0.0, -1e4]])
    found = temper(h, torch.tensor([0.005, 0.005]))
    assert all(torch.isfinite(values).all() for values in found)
    assert found.soft_maximum.tolist() == pytest.approx([1e4, 0.0], abs=0.01)
    assert found.divergence.tolist() == pytest.approx([math.log(3), math.log(1.5)], abs=1e-5)


def test_target_entropy_and_rho_are_inverse():
    """The portable way to choose rho, on the authors' settings."""
    assert target_entropy(50304, 8.0) == pytest.approx(2.83, abs=0.005)
    assert target_entropy(32000, 8.5) == pytest.approx(1.87, abs=0.005)
    assert rho_for_entropy(50304, target_entropy(50304, 8.0)) == pytest.approx(8.0)


@pytest.mark.parametrize("entropy", [0, -1, math.log(50), 5])
def test_impossible_target_entropy_is_refused(entropy):
    """The message must name the range."""
    with pytest.raises(ValueError, match=r"strictly between 0 and log 50 = 3\.9120"):
        rho_for_entropy(50, entropy)


def test_nan_is_refused():
    """And the row is named."""
    with pytest.raises(ValueError, match="h: 1 of 2 rows hold NaN, the first is row 1"):
        temper(torch.tensor([[0.0, 1.0], [0.0, math.nan]]), 1.0)
