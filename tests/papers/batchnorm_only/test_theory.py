"""Closed forms: decay alone, linear maps from random features, random subspaces."""

import numpy as np
import pytest
import torch

from replicate.papers.batchnorm_only.decay_null import matched_decay, rates, shrink_factor, small_by_decay
from replicate.papers.batchnorm_only.expressivity import khatri_rao, reconstruct
from replicate.papers.batchnorm_only.network import network
from replicate.papers.batchnorm_only.subspace import RandomSubspace
from replicate.schedules import one_cycle, step_drops
from replicate.seeds import Seed

CIFAR = rates(step_drops([80 * 391, 120 * 391]), 160 * 391, 0.1)
IMAGENET = rates(step_drops([30 * 1252, 60 * 1252, 80 * 1252], warmup=5 * 1252), 90 * 1252, 0.4)


def test_decay_alone_over_the_papers_schedules():
    """kappa = 0.036805 on CIFAR-10: 27.2 % of useless gammas fall below 0.01; on ImageNet all do."""
    kappa = shrink_factor(CIFAR, decay=1e-4)
    assert kappa == pytest.approx(0.036805, abs=1e-6)
    assert small_by_decay(kappa) == pytest.approx(0.2717, abs=1e-4)
    assert shrink_factor(IMAGENET, decay=1e-4) == pytest.approx(1.99e-7, rel=0.01)
    assert small_by_decay(1.99e-7) == 1


def test_the_recursion_is_what_torch_does():
    """Momentum and decay in torch's order, on a parameter whose loss has no gradient."""
    gamma = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([gamma], lr=1.0, momentum=0.9, weight_decay=1e-2)
    steps = rates(one_cycle(50), 50, 0.3)
    for rate in steps:
        optimizer.param_groups[0]["lr"] = rate
        gamma.grad = torch.zeros_like(gamma)
        optimizer.step()
    assert gamma.item() == pytest.approx(shrink_factor(steps, decay=1e-2), rel=1e-12)


def test_the_matched_decay_shrinks_as_wanted():
    """About 3.3 (1 - mu) / sum(rates), and exact."""
    own = rates(one_cycle(628), 628, 0.3)
    kappa = shrink_factor(CIFAR, decay=1e-4)
    decay = matched_decay(own, kappa)
    assert shrink_factor(own, decay=decay) == pytest.approx(kappa, rel=1e-9)
    assert decay == pytest.approx(3.5e-3, rel=0.1)
    with pytest.raises(ValueError, match=r"shrink factor is 1.5; it must lie strictly between 0 and 1"):
        matched_decay(own, 1.5)


@pytest.mark.parametrize("steps", [1, 2, 5, 24, 200])
@pytest.mark.parametrize("kappa", [0.9, 0.0368, 1e-4])
def test_a_matched_decay_exists_for_short_schedules_too(steps, kappa):
    """Smoke trains for a few dozen steps, where momentum overshoots at large decays."""
    own = np.full(steps, 0.1)
    assert shrink_factor(own, decay=matched_decay(own, kappa)) == pytest.approx(kappa, rel=1e-6)


def test_without_a_rate_nothing_shrinks():
    """A division by zero would be no explanation."""
    with pytest.raises(ValueError, match="all 3 rates are zero"):
        matched_decay([0.0, 0.0, 0.0], 0.01)


def test_khatri_rao_is_the_map_written_out():
    """vec(W2 diag(gamma) W1) = M gamma."""
    rng = np.random.default_rng(0)
    outer, inner, gamma = rng.standard_normal((3, 7)), rng.standard_normal((7, 4)), rng.standard_normal(7)
    np.testing.assert_allclose(khatri_rao(outer, inner) @ gamma, (outer @ np.diag(gamma) @ inner).reshape(-1))


@pytest.mark.parametrize(("c0", "c2"), [(4, 3), (2, 5), (1, 1)])
def test_as_many_features_as_entries_are_enough_and_one_fewer_is_not(c0, c2):
    """The threshold of the theory, in float64."""
    rng = np.random.default_rng(1)
    target = rng.standard_normal((c2, c0))
    for features, exact in ((c0 * c2, True), (2 * c0 * c2, True), (c0 * c2 - 1, False)):
        if features == 0:
            continue
        found = reconstruct(target, rng.standard_normal((c2, features)), rng.standard_normal((features, c0)))
        assert (found.error < 1e-10) if exact else (found.error > 1e-3)
        assert found.gamma.shape == (features,)


def test_shapes_that_do_not_chain_are_refused():
    """An einsum error would not say which matrix is meant."""
    with pytest.raises(
        ValueError, match=r"target \(2, 2\) = outer \(2, 3\) x diag\(gamma\) x inner \(4, 2\) does not fit"
    ):
        reconstruct(np.ones((2, 2)), np.ones((2, 3)), np.ones((4, 2)))


def test_the_projection_is_orthogonal():
    """Projecting twice is projecting once; dimension d; what is cut off is orthogonal to what stays."""
    model = torch.nn.Linear(5, 4)
    space = RandomSubspace(model, 6, torch.Generator().manual_seed(0))
    matrix = torch.stack([space.project(row) for row in torch.eye(24)])
    assert torch.allclose(matrix, matrix.T, atol=1e-6)
    assert torch.allclose(matrix @ matrix, matrix, atol=1e-6)
    assert torch.linalg.matrix_rank(matrix) == 6


def test_weights_never_leave_the_subspace():
    """After steps with projected gradients the way back to the start lies in the subspace."""
    model = network(8, Seed(0, 0))
    space = RandomSubspace(model, 50, torch.Generator().manual_seed(0))
    start = torch.cat([p.detach().reshape(-1).clone() for p in space.parameters])
    optimizer = torch.optim.SGD(space.parameters, lr=0.1, momentum=0.9)
    for seed in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed))).square().mean().backward()
        space.project_gradients()
        optimizer.step()
    moved = torch.cat([p.detach().reshape(-1) for p in space.parameters]) - start
    assert moved.norm() > 0.01
    assert torch.allclose(space.project(moved), moved, atol=1e-5)
    with pytest.raises(ValueError, match="a subspace of 0 dimensions in"):
        RandomSubspace(model, 0, torch.Generator())
