"""Weights: nesting, the fused head against plain autograd, training against exact optima."""

import numpy as np
import pytest
import torch

from replicate.papers.quantile_aggregation import linear_programs as programs
from replicate.papers.quantile_aggregation.averaging import RESOLUTIONS, average, fine_head, weights
from replicate.papers.quantile_aggregation.banded import Banded
from replicate.papers.quantile_aggregation.gate_fit import GateSettings, Sample, fit_gate, residuals
from replicate.papers.quantile_aggregation.gates import Global, Local, dropout
from replicate.papers.quantile_aggregation.levels import even_levels
from replicate.papers.quantile_aggregation.scores import mean_pinball
from replicate.papers.quantile_aggregation.training_curve import Schedule

Y = np.arange(1.0, 7)
LEVELS = np.array([0.25, 0.5, 0.75])
A = np.column_stack([Y - 1.5, Y - 0.5, Y + 0.3])
B = np.tile([2, 3.5, 5], (6, 1))
C = np.column_stack([0.5 * Y + 0.2, 0.5 * Y + 1.7, 0.5 * Y + 3])
Z = np.stack([A, B, C], 1)
NO_FEATURES = np.zeros((6, 1))


def base(n=8, p=3, m=5, seed=0):
    return torch.tensor(np.random.default_rng(seed).standard_normal((n, p, m)))


def test_zero_logits_average():
    """Coarse and medium start at Vincentization, fine at one constant for all levels."""
    z = base()
    for resolution in ("coarse", "medium"):
        torch.testing.assert_close(Global(3, 5, resolution).double()(None, z), z.mean(1))
    start = Global(3, 5, "fine").double()(None, z)
    torch.testing.assert_close(start, z.mean((1, 2))[:, None].expand(-1, 5))


def test_fine_contains_medium_contains_coarse():
    """If the index of models and levels were mixed up, fine could not copy medium."""
    z, coarse = base(), torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    medium = coarse[:, None].expand(3, 5)
    fine = torch.zeros(5, 3, 5, dtype=torch.float64)
    for k in range(5):
        fine[k, :, k] = medium[:, k]
    expected = torch.einsum("j,bjm->bm", coarse, z)
    torch.testing.assert_close(average(coarse[None], z, "coarse"), expected)
    torch.testing.assert_close(average(medium[None], z, "medium"), expected)
    torch.testing.assert_close(average(fine.reshape(1, 5, 15), z, "fine"), expected)


def test_one_hot_weights_return_a_base_model():
    """The simplest aggregate."""
    z = base()
    torch.testing.assert_close(average(torch.tensor([[0.0, 1, 0]]).double(), z, "coarse"), z[:, 1])


@pytest.mark.parametrize(("n", "p", "m"), [(8, 3, 5), (1, 2, 2), (64, 6, 99)])
def test_fused_head_against_plain_autograd(n, p, m):
    """Values and gradients of the hand-written backward pass, across block sizes."""
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(n, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    w = torch.randn(m * p * m, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    b = torch.randn(m * p * m, dtype=torch.float64, generator=generator, requires_grad=True)
    z = base(n, p, m)
    plain = average(weights((h @ w.t() + b).view(n, m, p * m), "fine"), z, "fine")
    fused = fine_head(h, w, b, z)
    torch.testing.assert_close(fused, plain)
    slope = torch.randn(n, m, dtype=torch.float64, generator=generator)
    ours, theirs = (torch.autograd.grad((q * slope).sum(), (h, w, b)) for q in (fused, plain))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_fused_head_survives_huge_logits():
    """exp would overflow without subtracting the maximum."""
    z = base(2, 2, 3)
    bias = torch.full((18,), 1e4, dtype=torch.float64)
    out = fine_head(torch.zeros(2, 4).double(), torch.zeros(18, 4).double(), bias, z)
    torch.testing.assert_close(out, z.mean((1, 2))[:, None].expand(-1, 3))


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_local_weights_are_distributions(resolution):
    """Outputs must stay between the smallest and the largest base quantile."""
    gate = Local(3, 5, resolution, features=2, generator=torch.Generator().manual_seed(0)).eval()
    x, z = torch.randn(6, 2), base(6).float()
    w = gate.weights(x)
    sums = w.sum(-1 if resolution == "fine" else 1)
    torch.testing.assert_close(sums, torch.ones_like(sums))
    q = gate(x, z)
    assert (q <= z.amax((1, 2))[:, None] + 1e-6).all()
    assert (q >= z.amin((1, 2))[:, None] - 1e-6).all()
    torch.testing.assert_close(q, average(w, z, resolution))


def test_unknown_resolution():
    """A misspelt resolution is named."""
    with pytest.raises(ValueError, match="did you mean 'medium'"):
        Global(2, 2, "medum")


def test_dropout_keeps_the_mean():
    """Scaling by 1 / (1 - rate) keeps the expected input of the next layer."""
    out = dropout(torch.ones(200, 500), 0.25, torch.Generator().manual_seed(0))
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert out.mean().item() == pytest.approx(1, abs=0.01)


def test_linear_programs_on_the_worked_example():
    """Losses and optimal weights known by hand and by an independent solver."""
    losses = [mean_pinball(Y, q, LEVELS) for q in (A, B, C, Z.mean(1), np.median(Z, 1))]
    assert losses == pytest.approx([0.2333333, 0.6111111, 0.3583333, 0.3490741, 0.3611111], abs=1e-7)
    coarse, medium = programs.coarse_weights(Z, Y, LEVELS), programs.medium_weights(Z, Y, LEVELS)
    assert coarse == pytest.approx([1, 0, 0], abs=1e-9)
    assert pytest.approx(np.array([[1, 0, 0], [0.7058824, 0, 0.2941176], [1, 0, 0]]), abs=1e-7) == medium.T
    assert mean_pinball(Y, np.einsum("npm,pm->nm", Z, medium), LEVELS) == pytest.approx(0.2112745, abs=1e-7)


def test_more_flexible_optima_are_not_worse():
    """fine <= medium <= coarse <= best single model on training rows; non-crossing costs something or nothing."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal(40)
    z = np.sort(y[:, None, None] * np.array([0.2, 0.5, 0.0])[:, None] + rng.standard_normal((40, 3, 4)), axis=2)
    levels = even_levels(4)
    fine = np.einsum("tk,nk->nt", programs.fine_weights(z, y, levels), z.reshape(40, -1))
    medium, coarse = programs.medium_weights(z, y, levels), programs.coarse_weights(z, y, levels)
    ordered = [fine, np.einsum("npm,pm->nm", z, medium), np.einsum("npm,p->nm", z, coarse)]
    found = [mean_pinball(y, q, levels) for q in ordered] + [min(mean_pinball(y, z[:, j], levels) for j in range(3))]
    assert found == sorted(found)
    tied = programs.medium_weights(z, y, levels, noncrossing=True)
    q = np.einsum("npm,pm->nm", z, tied)
    assert (np.diff(q, axis=1) >= -1e-9).all()
    assert found[1] - 1e-9 <= mean_pinball(y, q, levels) <= found[2] + 1e-9
    np.testing.assert_allclose(programs.coarse_weights(z, y, levels, noncrossing=True), coarse, atol=1e-7)


@pytest.mark.parametrize(("resolution", "optimum"), [("coarse", 0.2333333), ("medium", 0.2112745)])
def test_gradients_reach_the_linear_program(resolution, optimum):
    """Softmax weights trained by gradients must find the exact optimum."""
    schedule = Schedule(3000, 3000, 3000)
    settings = GateSettings(
        resolution, False, margin="none", post="none", lr=0.05, weight_decay=0.0, batch=6, schedule=schedule
    )
    gate = fit_gate(Sample(NO_FEATURES, Z, Y), None, LEVELS, settings, torch.Generator())
    assert mean_pinball(Y, gate.raw(NO_FEATURES, Z), LEVELS) == pytest.approx(optimum, abs=1e-3)


def sine(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 1))
    y = np.where(x[:, 0] > 0, 1.0, -1.0) + 0.1 * rng.standard_normal(n)
    levels = even_levels(5)
    spread = np.linspace(-0.2, 0.2, 5)
    z = np.stack([np.full((n, 5), 1.0) + spread, np.full((n, 5), -1.0) + spread], 1)
    return Sample(x, z, y), levels


def test_local_weights_learn_where_each_model_is_right():
    """The reason for local weights: global ones cannot switch models between x < 0 and x > 0."""
    (train, levels), (stop, _), (test, _) = (sine(n, s) for n, s in ((300, 0), (100, 1), (200, 2)))
    found = {}
    for local in (True, False):
        settings = GateSettings("coarse", local, schedule=Schedule(600, 50, 600), lr=3e-3)
        gate = fit_gate(train, stop, levels, settings, torch.Generator().manual_seed(0))
        found[local] = mean_pinball(test.y, gate.predict(test.x, test.z), levels)
    assert found[True] < 0.4 * found[False]


@pytest.mark.parametrize("layer", ["sort", "pava", "sweep"])
def test_training_through_isotonizing_layers(layer):
    """Every layer must train without NaN and improve on the start."""
    (train, levels), (stop, _) = sine(200, 0), sine(100, 1)
    settings = GateSettings("fine", True, layer=layer, post=layer, margin="adaptive", margin_scale=0.1)
    short = GateSettings(**{**vars(settings), "schedule": Schedule(200, 50, 200)})
    gate = fit_gate(train, stop, levels, short, torch.Generator().manual_seed(0))
    q = gate.predict(stop.x, stop.z)
    assert (np.diff(q, axis=1) >= 0).all()
    assert mean_pinball(stop.y, q, levels) < 0.8 * mean_pinball(stop.y, stop.z.mean(1), levels)


def test_the_penalty_reduces_crossings():
    """Fine weights without a penalty cross; that is what the penalty is for."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 3))
    y = x[:, 0] + rng.standard_normal(300)
    levels = even_levels(9)
    z = np.sort(rng.standard_normal((300, 2, 9)), 2) + 0.5 * x[:, :1, None]
    rates = {}
    for margin in ("none", "single"):
        settings = GateSettings(
            "fine", True, margin=margin, margin_scale=0.01, penalty_weight=10.0, schedule=Schedule(300, 300, 300)
        )
        gate = fit_gate(Sample(x, z, y), None, levels, settings, torch.Generator().manual_seed(0))
        rates[margin] = (np.diff(gate.raw(x, z), axis=1) < 0).mean()
    assert rates["single"] < 0.5 * rates["none"]


def test_same_generator_same_bytes():
    """Start, dropout and batches all come from the generator that is passed."""
    (train, levels), (stop, _) = sine(100, 0), sine(50, 1)
    settings = GateSettings("fine", True, schedule=Schedule(40, 20, 40))
    one, two, other = (fit_gate(train, stop, levels, settings, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.raw(stop.x, stop.z), two.raw(stop.x, stop.z))
    assert not np.array_equal(one.raw(stop.x, stop.z), other.raw(stop.x, stop.z))


def test_residuals_use_the_central_level():
    """Adaptive margins measure the spread around the models' median."""
    np.testing.assert_allclose(residuals(Sample(NO_FEATURES, Z, Y), LEVELS), Y - np.median(Z[:, :, 1], axis=1))


def test_a_band_over_all_levels_is_fine_and_a_band_of_none_is_medium():
    """The banded weights must contain both ends: same outputs from the same logits, nothing from outside the levels."""
    generator = torch.Generator().manual_seed(0)
    p, m, x = 2, 4, torch.randn(5, 3, generator=generator)
    z = torch.randn(5, p, m, generator=generator).sort(2).values
    wide = Banded(p, m, m - 1, features=3, rate=0.0, generator=generator)
    w = wide.weights(x)
    np.testing.assert_allclose(w.detach().sum((2, 3)), 1, rtol=1e-5)
    full = torch.zeros(5, m, p, m)
    for t in range(m):
        full[:, t] = w[:, t, :, m - 1 - t : 2 * m - 1 - t]
    np.testing.assert_allclose(full.sum((2, 3)).detach(), 1, rtol=1e-5)
    np.testing.assert_allclose(
        wide(x, z).detach(), torch.einsum("btpm,bpm->bt", full, z).detach(), rtol=1e-4, atol=1e-6
    )
    narrow = Banded(p, m, 0, features=3, rate=0.0, generator=generator)
    medium = torch.einsum("bmpk,bpm->bm", narrow.weights(x), z)
    np.testing.assert_allclose(narrow(x, z).detach(), medium.detach(), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"band is 4; with 4 levels it lies in 0 ... 3"):
        Banded(p, m, 4, features=3)
