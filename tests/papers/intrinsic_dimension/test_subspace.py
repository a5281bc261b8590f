"""theta = theta0 + P t: exactness at t = 0, gradients, equality with direct training, invariances."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from replicate.papers.intrinsic_dimension.networks import network
from replicate.papers.intrinsic_dimension.orthogonal_paths import path_distance
from replicate.papers.intrinsic_dimension.projections import Projection, projection
from replicate.papers.intrinsic_dimension.subspace import Subspace, tensor_sizes
from replicate.training import make_optimizer, stream, train

F64 = torch.float64


def small_net(seed=0):
    return network("fc", generator=stream(seed, "theta0"), inputs=6, width=5, depth=2, classes=3).double()


def subspace(kind="fastfood", dim=20, module=None):
    module = module or small_net()
    full_dim = sum(tensor_sizes(module))
    dim = full_dim if kind == "identity" else dim
    return Subspace(module, projection(kind, full_dim, dim, seed=0, dtype=F64))


def data(n=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 6, generator=generator, dtype=F64), torch.randint(3, (n,), generator=generator)


def test_start_is_theta0_bit_for_bit():
    """Lost: t = 0 is the ordinary random initialisation."""
    module = small_net()
    model = subspace(module=module)
    assert torch.equal(model.theta(), torch.cat([p.flatten() for p in module.parameters()]))
    x, _ = data()
    assert torch.equal(model(x), module(x))


def test_only_t_is_trainable():
    """Lost: theta0 and P stay frozen, and the module passed in is not touched."""
    module = small_net()
    model = subspace(module=module)
    assert [n for n, p in model.named_parameters() if p.requires_grad] == ["t"]
    assert all(p.requires_grad for p in module.parameters())
    assert model.t.shape == (20,)
    assert not model.t.any()


@pytest.mark.parametrize("kind", ["dense", "sparse", "fastfood", "fastfood_stacked", "one_hot"])
def test_gradient_against_finite_differences(kind):
    """Lost: grad_t = P^T grad_theta through the whole network."""
    model = subspace(kind)
    x, y = data()

    def loss(t):
        weights = model.parameters_at(model.theta0 + model.projection(t))
        return F.cross_entropy(torch.func.functional_call(model.module, weights, (x,)), y)

    # Away from 0, where all biases sit exactly on a kink of some ReLU.
    t = 0.1 * torch.randn(20, generator=torch.Generator().manual_seed(1), dtype=F64)
    assert torch.autograd.gradcheck(loss, (t.requires_grad_(),))
    with torch.no_grad():
        model.t.copy_(t)
    F.cross_entropy(model(x), y).backward()
    torch.testing.assert_close(model.t.grad, torch.autograd.grad(loss(t), t)[0])


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_identity_reproduces_direct_training(name):
    """Lost: d = D with P = I is ordinary training, for any optimiser, including the l2 penalty."""
    module, (x, y) = small_net(), data()
    model = subspace("identity", module=module)
    for trained, parameters in ((module, module.parameters()), (model, [model.t])):
        optimizer = make_optimizer(name, parameters, lr=0.05)
        order = stream(0, "order")
        train(trained, x, y, epochs=5, batch_size=8, optimizer=optimizer, generator=order, l2=1e-3)
    direct = torch.cat([p.detach().flatten() for p in module.parameters()])
    torch.testing.assert_close(model.theta().detach(), direct, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_sgd_follows_the_direct_path_in_rotated_coordinates(seed):
    """Lost: C10, SGD with momentum commutes with an orthogonal P (float64 rounding only)."""
    assert path_distance("sgd", seed=seed) < 1e-10


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_coordinate_wise_optimisers_leave_the_direct_path(name):
    """Lost: C10, Adam and RMSProp depend on the coordinates."""
    assert path_distance(name, seed=0) > 0.01


class _Rows(Projection):
    """A projection with permuted rows."""

    def __init__(self, base, order):
        super().__init__(base.kind, base.full_dim, base.dim, seed=base.seed, order=order)
        self.base = base

    def matvec(self, t):
        return self.base.matvec(t)[self.order]

    def adjoint(self, g):
        return self.base.adjoint(torch.empty_like(g).index_copy_(0, self.order, g))


def permuted_columns(module, pixels):
    """Return the module with permuted first-layer columns, and the same permutation of the flat parameters."""
    other = copy.deepcopy(module)
    first = other.layers[0].weight
    with torch.no_grad():
        first.copy_(first[:, pixels])
    order = torch.arange(sum(tensor_sizes(module)))
    head = order[: first.numel()].view_as(first)[:, pixels]
    return other, torch.cat([head.flatten(), order[first.numel() :]])


def test_pixel_permutation_is_an_exact_invariance_of_the_fc_network():
    """Lost: the FC half of C5 is an identity in distribution; float64, so only the order of sums differs."""
    module, (x, y) = small_net(), data()
    pixels = torch.randperm(6, generator=torch.Generator().manual_seed(3))
    base = projection("fastfood", sum(tensor_sizes(module)), 20, seed=0, dtype=F64)
    other, order = permuted_columns(module, pixels)
    curves = []
    for model, inputs in ((Subspace(module, base), x), (Subspace(other, _Rows(base, order)), x[:, pixels])):
        optimizer = make_optimizer("sgd", [model.t], lr=0.1)
        options = {"epochs": 10, "batch_size": 8, "optimizer": optimizer, "generator": stream(0, "order")}
        curves.append(train(model, inputs, y, **options))
    torch.testing.assert_close(torch.tensor(curves[0]), torch.tensor(curves[1]), rtol=1e-9, atol=0)
    assert curves[0][-1] < 0.9 * curves[0][0]


def test_kernel_penalty_counts_kernels_once_without_one_half():
    """Lost: l2 * sum(w^2) over reconstructed kernels only, biases excluded."""
    model = subspace()
    with torch.no_grad():
        model.t.normal_(generator=torch.Generator().manual_seed(0))
    written = model.write_back()
    expected = sum(layer.weight.square().sum() for layer in written.layers)
    torch.testing.assert_close(model.kernel_penalty(), expected)
    model.kernel_penalty().backward()
    assert model.t.grad.any()


def test_write_back_is_an_ordinary_network():
    """Lost: the reconstructed network gives the same logits and can be trained further."""
    model = subspace()
    with torch.no_grad():
        model.t.fill_(0.3)
    written, (x, _) = model.write_back(), data()
    assert torch.equal(written(x), model(x))
    assert all(p.requires_grad for p in written.parameters())


def test_buffers_are_used_and_updated():
    """Lost: batch norm statistics of a network with buffers."""
    module = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    model = subspace("one_hot", module=module)
    x, _ = data()
    model(x)
    mean = model.module[1].running_mean
    torch.testing.assert_close(mean, 0.1 * module[0](x).mean(0).detach())
    assert not module[1].running_mean.any()


def test_a_projection_of_another_size():
    """Lost: the message when P was drawn for another network."""
    module = small_net()
    with pytest.raises(ValueError, match=r"projection has D = 84 rows but the module has 83 parameters"):
        Subspace(module, projection("one_hot", 84, 5, seed=0, dtype=F64))


def test_two_dtypes():
    """Lost: the message for a float32 projection of a float64 module, instead of silent promotion."""
    module = small_net()
    with pytest.raises(ValueError, match=r"need one dtype, found torch.float32, torch.float64; pass dtype="):
        Subspace(module, projection("one_hot", 83, 5, seed=0))
