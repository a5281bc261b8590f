"""The exact solver: bounds, ties, shapes, types, errors, and another root finder."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from replicate.papers.tempnet.dro import dual, temper
from replicate.papers.tempnet.temperature_solver import exact_temperature


def _rows(rows, n, seed=0, dtype=torch.float64):
    return torch.randn(rows, n, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("rho", [0.01, 0.7, 2.0, 3.6])
def test_root_against_brentq(rho):
    """Another bracketing solver on KL - rho."""
    for row in _rows(20, 50):
        theirs = brentq(
            lambda tau, row=row: temper(row, tau).divergence.item() - rho, 1e-4, 1e3, xtol=1e-13, rtol=1e-13
        )
        assert exact_temperature(row, rho).item() == pytest.approx(theirs, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 40),
    scale=st.floats(-6, 6),
    share=st.floats(0.001, 0.999),
    seed=st.integers(0, 10**6),
)
def test_optimum_over_all_scales(n, scale, share, seed):
    """From logits of 1e-6 to 1e6 and rho next to both ends: KL = rho, and no neighbour is better."""
    h, rho = _rows(4, n, seed) * 10**scale, share * math.log(n)
    best = exact_temperature(h, rho)
    assert (best > 0).all()
    assert temper(h, best).divergence.tolist() == pytest.approx([rho] * 4, abs=1e-9)
    value = dual(h, best, rho)
    slack = 1e-9 * (h.amax(1) - h.amin(1))
    assert (dual(h, best * 1.01, rho) >= value - slack).all()
    assert (dual(h, best / 1.01, rho) >= value - slack).all()


def test_bounds_hold_and_are_reached():
    """Peaked rows hit the upper bound, flat ones the lower."""
    h = torch.tensor([[100.0, 0, 0, 0], [0.01, 0, 0, 0], [1.0, 0.5, 0, 0]], dtype=torch.float64)
    tau = exact_temperature(h, 0.7, tau_min=0.2, tau_max=3.0)
    assert tau[:2].tolist() == [3.0, 0.2]
    assert 0.2 < tau[2] < 3.0
    assert tau[2] == pytest.approx(exact_temperature(h[2], 0.7).item())


@pytest.mark.parametrize("rho", [math.log(2), 1.0])
def test_rows_without_interior_optimum_get_the_lower_bound(rho):
    """k equal largest entries leave KL below log(n / k): two of four reach log 2 only in the limit."""
    tied = torch.tensor([[0.0, 0, -1, -2], [3.0, 3, 3, 3]], dtype=torch.float64)
    assert exact_temperature(tied, rho).tolist() == [0, 0]
    assert exact_temperature(tied, rho, tau_min=0.1).tolist() == [0.1, 0.1]
    assert exact_temperature(tied[:1], 0.6).item() > 0


def test_scaling_and_shifts():
    """tau*(c z + b) = c tau*(z)."""
    h = _rows(30, 20)
    assert torch.allclose(exact_temperature(5 * h - 3, 1.0), 5 * exact_temperature(h, 1.0), rtol=1e-10)


def test_shapes_and_no_rows():
    """Any leading shape; none at all is not an error."""
    h = _rows(24, 10)
    assert torch.equal(exact_temperature(h.reshape(2, 3, 4, 10), 1.0).flatten(), exact_temperature(h, 1.0))
    assert exact_temperature(h[:0], 1.0).shape == (0,)
    assert exact_temperature(h[0], 1.0).shape == ()


def test_chunks_do_not_show(monkeypatch):
    """Rows are solved in pieces that fit the cache; a row's answer may not depend on its piece."""
    from replicate.papers.tempnet import temperature_solver as module

    h = _rows(100, 10)
    whole = exact_temperature(h, 1.0)
    monkeypatch.setattr(module, "_CHUNK", 70)
    assert torch.allclose(exact_temperature(h, 1.0), whole, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.02), (torch.float16, 3e-3)])
def test_lower_precision(dtype, tolerance):
    """Half precision is solved in float32: only the rounding of the logits is left."""
    h = 5 * _rows(200, 64)
    found = exact_temperature(h.to(dtype), 2.0)
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), exact_temperature(h, 2.0), rtol=tolerance)


@pytest.mark.parametrize("rho", [0.0, -1.0, math.log(8), 9.0])
def test_impossible_rho_is_refused(rho):
    """With the limit, and what to call instead."""
    with pytest.raises(ValueError, match=r"strictly between 0 and log 8 = 2\.0794.*rho_for_entropy\(8, H\)"):
        exact_temperature(torch.zeros(1, 8), rho)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0)])
def test_impossible_bounds_are_refused(low, high):
    """Both values are named."""
    with pytest.raises(ValueError, match=r"tau_min is .* and tau_max .*; need 0 <= tau_min < tau_max"):
        exact_temperature(torch.zeros(1, 8), 1.0, tau_min=low, tau_max=high)


def test_one_class_is_refused():
    """A single candidate has no temperature."""
    with pytest.raises(ValueError, match="at least 2 candidates"):
        exact_temperature(torch.zeros(3, 1), 0.5)


def test_nan_is_refused():
    """Not solved for 100 steps and returned as a number."""
    h = _rows(5, 8)
    h[3, 2] = math.nan
    with pytest.raises(ValueError, match="1 of 5 rows hold NaN, the first is row 3"):
        exact_temperature(h, 1.0)
