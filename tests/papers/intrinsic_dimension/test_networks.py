"""Parameter counts published for the paper's networks, the initialisation, and the fast LeNet stages."""

import math

import pytest
import torch
from scipy.stats import kstest, truncnorm
from torch.nn import functional as F

from replicate.papers.intrinsic_dimension.convpool import first_stage, relu_max_pool
from replicate.papers.intrinsic_dimension.networks import LocallyConnected, network
from replicate.training import stream

CIFAR = {"channels": 3, "side": 32}
COUNTS = [
    ("fc", {"width": 200, "depth": 2}, 199_210),
    ("fc", {"width": 50, "depth": 1}, 39_760),
    ("fc", {"width": 400, "depth": 5}, 959_610),
    ("fc", {"inputs": 3072}, 656_810),
    ("fc", {"inputs": 4, "width": 20, "classes": 2}, 562),
    ("lenet", {}, 44_426),
    ("lenet", CIFAR, 62_006),
    ("untied_lenet", {}, 286_334),
    ("untied_lenet", CIFAR, 658_238),
    ("fc_lenet", {}, 3_640_574),
    ("fc_lenet", CIFAR, 16_397_726),
    ("fctied_lenet", {}, 193_370),
    ("fctied_lenet", CIFAR, 297_734),
    ("lucky_lenet", {}, 13_116),
]


@pytest.mark.parametrize(("name", "sizes", "count"), COUNTS)
def test_parameter_count_against_the_paper(name, sizes, count):
    """Lost: the architectures themselves; every published D."""
    module = network(name, generator=stream(0, "theta0"), **sizes)
    assert sum(p.numel() for p in module.parameters()) == count


@pytest.mark.parametrize("name", ["fc", "lenet", "untied_lenet", "fc_lenet", "fctied_lenet"])
def test_images_of_any_shape_give_logits(name):
    """Lost: shuffled pixels may arrive flat."""
    module = network(name, generator=stream(0, "theta0"))
    x = torch.rand(2, 1, 28, 28, generator=stream(0, "x"))
    assert module(x).shape == (2, 10)
    assert torch.equal(module(x), module(x.flatten(1)))


def test_he_normal_against_scipy():
    """Lost: Keras' he_normal, a normal truncated at two standard deviations with variance 2/fan_in."""
    weight = network("fc", generator=stream(0, "theta0")).layers[0].weight.detach().flatten().double()
    sd = math.sqrt(2 / 784) / truncnorm.std(-2, 2)
    assert kstest(weight[:20_000].numpy() / sd, truncnorm(-2, 2).cdf).pvalue > 1e-3
    assert weight.var().item() == pytest.approx(2 / 784, rel=0.02)  # 156,800 draws: 5 standard errors are 0.015


def test_length_of_theta0_against_the_specification():
    """Lost: |theta0| = sqrt(820) = 28.6 of 784-200-200-10."""
    module = network("fc", generator=stream(0, "theta0"))
    length = torch.cat([p.flatten() for p in module.parameters()]).norm().item()
    assert length == pytest.approx(math.sqrt(820), rel=0.01)


@pytest.mark.parametrize("name", ["lenet", "untied_lenet"])
def test_every_kernel_has_variance_two_over_fan_in(name):
    """Lost: fan-in of convolutions, untied ones included (25 inputs, not 25 x 576 as Keras counts)."""
    module = network(name, generator=stream(0, "theta0"))
    for layer, fan_in in ((module.conv2, 150), (module.head.layers[0], 256)):
        assert layer.weight.var().item() == pytest.approx(2 / fan_in, rel=0.1)
        assert not layer.bias.any()


def test_glorot_uniform_limits():
    """Lost: SqueezeNet's initialisation, uniform within sqrt(6 / (fan_in + fan_out))."""
    module = network("fc", generator=stream(0, "theta0"), init="glorot_uniform")
    weight, limit = module.layers[0].weight, math.sqrt(6 / 984)
    assert 0.999 * limit < weight.abs().max().item() <= limit
    assert weight.var().item() == pytest.approx(limit**2 / 3, rel=0.02)


def test_generator_determines_the_weights_and_nothing_global_is_used():
    """Lost: determinism, and independence of the global generator."""
    before = torch.get_rng_state()
    first, again, other = (network("lenet", generator=stream(s, "theta0")) for s in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "lenett"}, "unknown network 'lenett'; did you mean 'lenet'"),
        ({"name": "fc", "init": "he"}, "unknown initialisation 'he'"),
    ],
)
def test_unknown_names(options, message):
    """Lost: the hint at the nearest name."""
    with pytest.raises(ValueError, match=message):
        network(options.pop("name"), generator=stream(0, "theta0"), **options)


def test_locally_connected_with_equal_kernels_is_a_convolution():
    """Lost: the order of positions and kernel entries."""
    layer = LocallyConnected(2, 3, 3, 6)
    kernel = torch.randn(3, 2, 3, 3, generator=stream(0, "w"))
    with torch.no_grad():
        layer.weight.copy_(kernel.view(3, -1).t().expand(16, -1, -1))
        layer.bias.copy_(torch.randn(3, 1, 1, generator=stream(0, "b")).expand(3, 4, 4))
    x = torch.randn(5, 2, 6, 6, generator=stream(0, "x"))
    expected = F.conv2d(x, kernel, layer.bias[:, 0, 0])
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def plain_stage(x, weight, bias):
    return F.relu(F.max_pool2d(F.conv2d(x, weight, bias), 2))


@pytest.mark.parametrize(("channels", "side", "kernel"), [(1, 28, 5), (3, 32, 5), (2, 8, 3), (2, 9, 3), (1, 8, 2)])
def test_first_stage_against_pytorch(channels, side, kernel):
    """Lost: outputs and gradients of the fast stage; a black border gives exact ties, as in MNIST."""
    draw = stream(0, "stage")
    x = torch.rand(4, channels, side, side, generator=draw, dtype=torch.float64)
    x[..., : side // 3] = 0
    weight = torch.randn(6, channels, kernel, kernel, generator=draw, dtype=torch.float64).requires_grad_()
    bias = torch.randn(6, generator=draw, dtype=torch.float64).requires_grad_()
    fast, plain = first_stage(x, weight, bias), plain_stage(x, weight, bias)
    torch.testing.assert_close(fast, plain)
    grad = torch.randn(plain.shape, generator=draw, dtype=torch.float64)
    for ours, theirs in zip(*(torch.autograd.grad(y, (weight, bias), grad) for y in (fast, plain)), strict=True):
        torch.testing.assert_close(ours.sum(), theirs.sum())
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("side", [4, 5])
def test_relu_max_pool_against_pytorch(side):
    """Lost: the gradient goes to the first of equal maxima, and odd sides are cut."""
    h = torch.randint(-2, 3, (3, 2, side, side), generator=stream(0, "h")).double().requires_grad_()
    fast, plain = relu_max_pool(h), F.relu(F.max_pool2d(h, 2))
    assert torch.equal(fast, plain)
    grad = torch.randn(plain.shape, generator=stream(0, "g"), dtype=torch.float64)
    assert torch.equal(torch.autograd.grad(fast, h, grad)[0], torch.autograd.grad(plain, h, grad)[0])


def test_images_too_small_for_lenet_are_named():
    """Lost: a helpful error; the 8 x 8 digits fit the fully connected net only."""
    with pytest.raises(ValueError, match="at least 16 x 16 pixels, found 8 x 8"):
        network("lenet", generator=stream(0, "theta0"), side=8)
