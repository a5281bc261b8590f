"""The global contrastive losses: gradients of the estimators, moving averages, rules for temperatures, retrieval."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from replicate.papers.tempnet.contrastive import (
    MovingAverage,
    anchor_loss,
    clip_loss,
    differences,
    log_mean_exp,
    two_view_differences,
)
from replicate.papers.tempnet.dro import dual, dual_slope
from replicate.papers.tempnet.retrieval import partner_ranks, recall, retrieval_ranks
from replicate.papers.tempnet.temperatures import (
    FixedTemperature,
    GlobalTemperature,
    IndividualTemperatures,
    LearnedTemperature,
)
from replicate.papers.tempnet.tempnet import ContrastiveTempNet

B, RHO = 10, 1.2


def _similarity(seed=0, n=B):
    g = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(n, n, generator=g, dtype=torch.float64) - 1).requires_grad_()


def _tau(seed=1, n=B):
    return 0.05 + 0.2 * torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _others(h):
    return h[torch.isfinite(h)].reshape(len(h), -1)


def test_without_memory_it_is_the_batchs_own_objective():
    """gamma = 1: the surrogate's gradient is that of mean_i tau_i log mean_j exp(h_ij / tau_i) with constant tau."""
    s, tau = _similarity(), _tau()
    h = differences(s)
    log_u = MovingAverage(B, 1.0, dtype=torch.float64).update(torch.arange(B), log_mean_exp(h.detach(), tau))
    (ours,) = torch.autograd.grad(anchor_loss(h, tau, RHO, log_u=log_u).surrogate.mean(), s, retain_graph=True)
    (theirs,) = torch.autograd.grad((tau * log_mean_exp(h, tau)).mean(), s)
    assert torch.allclose(ours, theirs, atol=1e-14)


def test_first_visit_is_the_batchs_own_objective_too():
    """As in epoch 0 of the reference implementation, whatever gamma is."""
    s, tau = _similarity(), _tau()
    h = differences(s)
    log_g = log_mean_exp(h.detach(), tau)
    assert torch.equal(MovingAverage(B, 0.3, dtype=torch.float64).update(torch.arange(B), log_g), log_g)


def test_with_the_full_data_state_the_batch_gradient_is_the_global_one():
    """B = N and u at its full-data value: nothing is estimated."""
    s, tau = _similarity(), _tau()
    h = differences(s)
    average = MovingAverage(B, 0.2, dtype=torch.float64)
    for _ in range(50):
        log_u = average.update(torch.arange(B), log_mean_exp(h.detach(), tau))
    (ours,) = torch.autograd.grad(anchor_loss(h, tau, RHO, log_u=log_u).surrogate.sum(), s, retain_graph=True)
    (theirs,) = torch.autograd.grad(dual(_others(h), tau, RHO).sum(), s)
    assert torch.allclose(ours, theirs, atol=1e-12)


def test_slope_in_tau_against_the_dual_and_autograd():
    """G_i is the exact derivative of the robust dual."""
    s, tau = _similarity(), _tau().requires_grad_()
    h = differences(s).detach()
    found = anchor_loss(h, tau, RHO).tau_slope
    assert torch.allclose(found, dual_slope(_others(h), tau.detach(), RHO), atol=1e-12)
    (automatic,) = torch.autograd.grad(dual(_others(h), tau, RHO).sum(), tau)
    assert torch.allclose(found, automatic, atol=1e-12)
    assert not found.requires_grad


def test_slope_times_network_is_the_explicit_objectives_gradient():
    """mean_i G_i tau_i(w) has the gradient in w of the mean dual at tau(w)."""
    net = ContrastiveTempNet(6, prototypes=8, dropout=0.0, tau_min=0.05, tau_max=0.5).double()
    x = torch.randn(B, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    h = differences(_similarity()).detach()
    slopes = anchor_loss(h, net(x), RHO).tau_slope
    ours = torch.autograd.grad((slopes * net(x)).mean(), list(net.parameters()))
    theirs = torch.autograd.grad(dual(_others(h), net(x), RHO).mean(), list(net.parameters()))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, theirs, strict=True))


def test_log_domain_average_against_the_linear_one():
    """The same numbers, in float64 and where the linear form does not overflow."""
    average, linear = MovingAverage(3, 0.7, dtype=torch.float64), torch.full((3,), math.nan, dtype=torch.float64)
    for step in range(20):
        g = torch.rand(2, dtype=torch.float64, generator=torch.Generator().manual_seed(step)) + 0.01
        index = torch.tensor([step % 3, (step + 1) % 3])
        old = linear[index]
        linear[index] = torch.where(torch.isnan(old), g, 0.3 * old + 0.7 * g)
        average.update(index, g.log())
    assert torch.allclose(average.log_u.exp(), linear, rtol=1e-12)


def test_log_domain_average_survives_what_the_linear_one_cannot():
    """exp(h / tau) of 400 in float32: the reference's running maximum loses such a sample's gradient for good."""
    average = MovingAverage(1, 0.5)
    average.update(torch.tensor([0]), torch.tensor([400.0]))
    for _ in range(50):
        last = average.update(torch.tensor([0]), torch.tensor([2.0]))
    assert torch.isfinite(last).all()
    assert last.item() == pytest.approx(400 - 50 * math.log(2), abs=1)


def test_clip_loss_against_pytorch():
    """Symmetric cross-entropy with the diagonal as labels."""
    s = _similarity()
    rows = F.cross_entropy(s / 0.07, torch.arange(B))
    assert clip_loss(s, 0.07).item() == pytest.approx((rows + F.cross_entropy(s.T / 0.07, torch.arange(B))).item() / 2)


def test_two_views_have_twice_the_candidates():
    """One modality: all other samples in both views, neither the anchor nor its positive."""
    h = two_view_differences(_similarity(0), _similarity(1))
    assert h.shape == (B, 2 * B)
    assert (torch.isfinite(h).sum(1) == 2 * (B - 1)).all()
    assert h[0, 1].item() == pytest.approx((_similarity(0)[0, 1] - _similarity(1)[0, 0]).item())


def test_extreme_similarities_in_half_precision_range():
    """tau at its lower bound: weights are formed in the log domain."""
    s = torch.full((4, 4), -1.0)
    s[0, 1] = 1.0
    found = anchor_loss(differences(s.requires_grad_()), torch.full((4,), 0.005), RHO)
    found.surrogate.sum().backward()
    assert torch.isfinite(s.grad).all()
    assert torch.isfinite(found.tau_slope).all()


def test_nan_similarities_are_refused():
    """A diverged encoder must not train the temperatures."""
    s = _similarity().detach()
    s[2, 2] = math.nan
    with pytest.raises(ValueError, match="similarities: 1 of 10 rows hold NaN, the first is row 2"):
        anchor_loss(differences(s), _tau(), RHO)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: differences(torch.zeros(3, 4)), r"square matrix of 2 or more pairs, got \(3, 4\)"),
        (lambda: differences(torch.zeros(1, 1)), "2 or more pairs"),
        (lambda: MovingAverage(3, 0.0), r"gamma is 0; .* must lie in \(0, 1\]"),
        (lambda: clip_loss(torch.zeros(3, 3), 0.0), "tau is 0; a temperature must be above 0"),
        (lambda: FixedTemperature(-1.0), "tau is -1"),
        (
            lambda: GlobalTemperature(start=0.5, tau_min=0.01, tau_max=0.3),
            "must lie between tau_min 0.01 and tau_max 0.3",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    """Each says what was found and what is allowed."""
    with pytest.raises(ValueError, match=message):
        call()


def test_individual_temperatures_by_hand():
    """iSogCLR: clipped slope into the momentum, a step, the bounds; other samples stay."""
    rule = IndividualTemperatures(4, start=0.02, rate=0.01, beta=0.5, clip=5.0)
    index = torch.tensor([1, 3])
    assert rule(index, torch.zeros(2, 1)).tolist() == pytest.approx([0.02, 0.02])
    rule.learn(torch.tensor([1.0, -100.0]))
    assert rule.tau.tolist() == pytest.approx([0.02, 0.015, 0.02, 0.045])
    rule.learn(torch.tensor([1.0, -100.0]))
    assert rule.tau.tolist() == pytest.approx([0.02, 0.0075, 0.02, 0.05])


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_learned_temperatures_follow_the_slope(slope):
    """A positive slope means that a smaller temperature has a smaller loss."""
    for model in (
        ContrastiveTempNet(4, prototypes=5, dropout=0.0, generator=torch.Generator().manual_seed(0)),
        GlobalTemperature(start=0.02, tau_min=0.005, tau_max=0.05),
    ):
        rule = LearnedTemperature(model, rate=1e-2)
        x = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
        before = rule(torch.arange(6), x).mean()
        for _ in range(5):
            rule(torch.arange(6), x)
            rule.learn(torch.full((6,), slope))
        assert (rule(torch.arange(6), x).mean() - before) * slope < 0


def test_learned_temperatures_send_no_gradient_to_the_encoder():
    """Embeddings are constants to the temperature."""
    x = torch.randn(6, 4).requires_grad_()
    rule = LearnedTemperature(nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), rate=1e-2)
    assert not rule(torch.arange(6), x).requires_grad
    rule.learn(torch.ones(6))
    assert x.grad is None


def test_ranks_and_recall():
    """A partner with one better candidate has rank 1; ties count against it."""
    s = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.5, 0.1], [0.3, 0.3, 0.3]])
    assert partner_ranks(s).tolist() == [0, 1, 2]
    assert recall(partner_ranks(s), 1) == pytest.approx(1 / 3)
    assert recall(partner_ranks(s), 2) == pytest.approx(2 / 3)


def test_a_collapsed_encoder_retrieves_nothing():
    """All embeddings equal: every rank is the last."""
    same = F.normalize(torch.ones(5, 3), dim=1)
    ranks = retrieval_ranks(same, same)
    assert all((r == 4).all() for r in ranks.values())


def test_perfect_embeddings_retrieve_everything():
    """And both directions agree."""
    x = torch.eye(5)
    assert all(recall(r, 1) == 1 for r in retrieval_ranks(x, x).values())
