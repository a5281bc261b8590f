"""The checks behind C1 to C4: they pass where the theory holds and notice where it does not."""

import pytest

from replicate.papers.survival_models import identities
from replicate.papers.survival_models.distribution import APGW


@pytest.mark.parametrize("name", identities.MEMBERS)
def test_members_equal_their_closed_forms(name):
    """Lost: C1."""
    assert identities.member_error(name) < 1e-12


@pytest.mark.parametrize("name", identities.LIMITS)
def test_limits_are_reached(name):
    """Lost: C1, Gompertz and Weibull-exponential at kappa = 1e12."""
    assert 0 < identities.member_error(name) < 1e-10


def test_a_wrong_closed_form_is_noticed(monkeypatch):
    """Lost: the check itself."""
    member, closed_form = identities.MEMBERS["Weibull"]
    wrong = {"Weibull": (member, lambda t: closed_form(t) * (1 + 1e-9))}
    monkeypatch.setattr(identities, "MEMBERS", wrong)
    assert identities.member_error("Weibull") > 5e-10


@pytest.mark.parametrize(
    ("gamma", "kappa", "shape"),
    [
        (1, 1, "constant"),
        (2, 1, "increasing"),
        (0.5, 1, "decreasing"),
        (2, 0.1, "up-then-down"),
        (0.5, 4, "down-then-up"),
        (2, -0.5, "up-then-down"),
    ],
)
def test_shapes_are_read_off_the_hazard(gamma, kappa, shape):
    """Lost: C2; the numerical reading must not use the rule it is compared with."""
    assert identities.numerical_shape(APGW(phi=3.0, lambda_=0.2, gamma=gamma, kappa=kappa)) == shape


def test_the_rule_has_no_exceptions():
    """Lost: C2 on a coarse grid (the notebook uses 40 x 40)."""
    assert identities.shape_mismatches(12) == 0


@pytest.mark.parametrize(("gamma", "kappa"), [(2.0, 0.1), (1.5, -0.5), (0.5, 4.0)])
def test_turning_points(gamma, kappa):
    """Lost: C2, the closed form."""
    assert identities.turning_error(gamma, kappa) < 1e-5


@pytest.mark.parametrize("kappa", [-0.9, -0.3, -0.01])
def test_cured_share(kappa):
    """Lost: C3."""
    assert identities.cure_error(0.8, kappa) < 1e-12


@pytest.mark.parametrize("kappa", [-0.5, 0.0, 0.5, 1.0, 2.0])
def test_scale_effects_are_aft_and_ph_and_power_effects_neither(kappa):
    """Lost: C4."""
    errors = identities.effect_errors(kappa, 0.3)
    assert errors["aft"] < 1e-10
    assert errors["ph"] < 1e-10
    assert errors["power"] > 0.01
