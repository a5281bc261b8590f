"""What is asked of a trained network: gradients of BatchNorm, symmetries, zeroing, silent channels, small gammas."""

import math

import pytest
import torch
from torch import nn

from replicate.papers.batchnorm_only.activity import activity_rows, zero_shares
from replicate.papers.batchnorm_only.affine import gammas, summary_rows
from replicate.papers.batchnorm_only.cifar_resnet import Block
from replicate.papers.batchnorm_only.network import network
from replicate.papers.batchnorm_only.norms import norm_layers
from replicate.papers.batchnorm_only.trained import train_network
from replicate.papers.batchnorm_only.training_unit import first
from replicate.papers.batchnorm_only.zeroing import zeroed, zeroing_rows
from replicate.resumable import accuracy
from replicate.seeds import Seed

SEED = Seed(0, 0)


@pytest.fixture
def found(tiny):
    return train_network(tiny, SEED)


def _inputs(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_batchnorm_gradients_are_the_sums():
    """dL/dgamma = sum dL/dy z_hat and dL/dbeta = sum dL/dy, over batch and pixels."""
    norm, z = nn.BatchNorm2d(3), _inputs(4, 3, 5, 5)
    weight = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    (norm(z) * weight).sum().backward()
    hat = (z - z.mean((0, 2, 3), keepdim=True)) / (z.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(norm.weight.grad, (weight * hat).sum((0, 2, 3)), atol=1e-4)
    assert torch.allclose(norm.bias.grad, weight.sum((0, 2, 3)), atol=1e-4)


def test_start_weights_have_he_variance():
    """N(0, 2 / fan_in), the output layer included: its frozen scale is part of the result."""
    model = network(32, SEED, width=2)
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() > 9000:
            wanted = 2 / layer.weight[0].numel()
            assert layer.weight.var().item() == pytest.approx(wanted, rel=6 * math.sqrt(2 / layer.weight.numel())), name
    output = model.output
    assert output.weight.var().item() == pytest.approx(2 / 128, rel=0.2)
    assert output.bias.abs().max() <= 1 / math.sqrt(128)


def test_negating_a_filter_and_its_gamma_changes_nothing():
    """Only the product of a feature's sign and its gamma's matters."""
    model, x = network(8, SEED).eval(), _inputs(2, 3, 8, 8)
    before = model(x)
    with torch.no_grad():
        model.stem.weight[3].neg_()
        model.norm.running_mean[3].neg_()
        model.norm.weight[3].neg_()
    assert torch.equal(model(x), before)


def test_the_scale_of_a_frozen_filter_is_irrelevant():
    """Batch statistics divide it out; only directions of random features count."""
    model, x = network(8, SEED).train(), _inputs(8, 3, 8, 8)
    before = model(x)
    with torch.no_grad():
        model.stem.weight.mul_(3.7)
    assert torch.allclose(model(x), before, atol=1e-3)


def test_a_block_without_second_norm_is_its_shortcut():
    """gamma = beta = 0 of the second norm leaves ReLU(x): a block can be switched off."""
    block = Block(4, 4, 1, nn.BatchNorm2d)
    with torch.no_grad():
        block.norm2.weight.zero_()
    x = _inputs(2, 4, 6, 6)
    assert torch.equal(block(x), x.relu())


def test_gamma_zero_makes_a_channel_constant():
    """The channel then carries beta whatever the image."""
    norm = nn.BatchNorm2d(2)
    with torch.no_grad():
        norm.weight[0], norm.bias[0] = 0, 0.3
    assert (norm(_inputs(4, 2, 3, 3))[:, 0] == 0.3).all()


def test_start_weights_are_paired_across_conditions(tiny):
    """Pairs need the same random features; another replicate has others."""
    one, two = network(8, SEED).state_dict(), network(8, SEED, norm_init="oneone").state_dict()
    assert torch.equal(one["stem.weight"], two["stem.weight"])
    assert torch.equal(one["output.weight"], two["output.weight"])
    assert not torch.equal(one["stem.weight"], network(8, Seed(0, 1)).state_dict()["stem.weight"])


@pytest.mark.parametrize(
    ("name", "low", "high", "beta"),
    [("uniform", 0, 1, 0), ("fixed", 1, 1, 0), ("oneone", 1, 1, 1), ("positivenegative", -1, 1, 0)],
)
def test_the_four_starts_of_batchnorm(name, low, high, beta):
    """As in the reference code: ranges of gamma, one value of beta."""
    model = network(32, SEED, norm_init=name)
    gamma = gammas(model)
    assert low <= gamma.min() <= gamma.max() <= high
    assert gamma.mean().item() == pytest.approx((low + high) / 2, abs=0.05)
    assert all((layer.bias == beta).all() for layer in norm_layers(model).values())


def test_zeroing_is_undone(found):
    """A network that was only asked must be the same afterwards."""
    before = {k: v.clone() for k, v in found.model.state_dict().items()}
    off = torch.zeros(len(gammas(found.model)), dtype=torch.bool)
    off[[0, 40]] = True
    with zeroed(found.model, off):
        assert (gammas(found.model) == 0).nonzero().flatten().tolist() == [0, 40]
    assert all(torch.equal(v, before[k]) for k, v in found.model.state_dict().items())


def test_zeroing_nothing_changes_nothing_and_everything_leaves_one_class(found):
    """With every gamma 0 the network ignores the image."""
    rows = list(zeroing_rows(found.model, found.test, torch.Generator(), draws=2, thresholds=(0.0, 1e9)))
    by = {(r["metric"], r.get("threshold")): r["value"] for r in rows}
    assert by["accuracy, small gammas zeroed", 0.0] == by["accuracy as trained", None]
    assert by["accuracy, random gammas zeroed", 0.0] == by["accuracy as trained", None]
    assert by["accuracy, small gammas zeroed", 1e9] == pytest.approx(0.1)
    assert by["accuracy as trained", None] == accuracy(found.model, found.test)


def test_silent_channels_are_found(found):
    """A channel with gamma 0 and a negative beta is dead inside a block."""
    block = found.model.blocks[0]
    with torch.no_grad():
        block.norm1.weight[:4], block.norm1.bias[:4] = 0, -1
        block.norm1.weight[4:8], block.norm1.bias[4:8] = 0, 1
    shares = zero_shares(found.model, found.test)["blocks.0.relu1"]
    assert (shares[:4] == 1).all()
    assert (shares[4:8] == 0).all()
    rows = {(r["metric"], r["place"]): r for r in activity_rows(found.model, found.test)}
    assert rows["dead channels", "inside"]["n"] == 16 + 16 + 32 + 64
    assert rows["dead channels", "block output"]["n"] == 16 + 32 + 64
    assert rows["dead channels", "inside"]["value"] >= 4 / 128


def test_shares_of_small_gammas(found):
    """Counted over all channels, shortcuts included, and by norm."""
    with torch.no_grad():
        for layer in norm_layers(found.model).values():
            layer.weight.fill_(0.5)
        found.model.norm.weight[:4] = torch.tensor([0.0, -0.005, 0.015, -0.2])
    rows = list(summary_rows(found.model))
    shares = {r["threshold"]: r["value"] for r in rows if r["metric"] == "small gammas"}
    assert [round(336 * shares[t]) for t in (0.001, 0.01, 0.02, 0.05, 0.1)] == [1, 2, 3, 3, 3]
    stem = next(r for r in rows if r["metric"] == "small gammas of a norm")
    assert (stem["layer"], stem["n"], stem["value"]) == (0, 16, 2 / 16)
    quantiles = [r["value"] for r in rows if r["metric"] == "quantile of gamma"]
    assert len(quantiles) == 101
    assert quantiles[0] == pytest.approx(-0.2)
    assert quantiles[-1] == 0.5


def test_the_first_images(found):
    """Zero means all."""
    assert len(first(found.test, 7)) == 7
    assert first(found.test, 0) is found.test
