"""Which parameters are trained: counts, masks, gradients that are never computed."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from replicate.papers.batchnorm_only.conditions import CONDITIONS, MASKED, count, disable_features, roles, trainable
from replicate.papers.batchnorm_only.network import empty, network
from replicate.papers.batchnorm_only.norms import NORMS, norm_layers
from replicate.seeds import Seed

SEED = Seed(0, 0)
SIZES = {  # ResNet-14: total 175,258, BatchNorm 1,120, output 650, shortcut 2,560
    "all": 175_258,
    "all_but_bn": 174_138,
    "bn": 1_120,
    "gamma": 560,
    "beta": 560,
    "output": 650,
    "shortcut": 2_560,
    "bn_output": 1_770,
    "bn_shortcut": 3_680,
    "bn_shortcut_output": 4_330,
    "shortcut_output": 3_210,
    "none": 0,
    "random_k": 1_120,
    "random_global": 1_120,
    "random_layer": 1_120,
}


@pytest.fixture(scope="module")
def model():
    return network(14, SEED)


def _select(model, condition):
    return trainable(model, condition, generator=torch.Generator().manual_seed(0))


def _backward(model, selection):
    model.zero_grad(set_to_none=True)
    loss = model(torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))).square().sum()
    if selection.parameters:
        loss.backward()


@pytest.mark.parametrize("condition", SIZES)
def test_the_number_of_trained_parameters(model, condition):
    """The comparison is about counts: one layer more or less in a condition would spoil it."""
    assert set(SIZES) == {*CONDITIONS, *MASKED}
    assert _select(model, condition).size == SIZES[condition]


@pytest.mark.parametrize("condition", SIZES)
def test_frozen_parameters_get_no_gradient(model, condition):
    """Whatever has a gradient may be moved by an optimiser, and costs a pass to compute."""
    selection = _select(model, condition)
    _backward(model, selection)
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (name in selection.parameters), name


def test_shortcut_norms_belong_to_batchnorm(model):
    """192 of ResNet-14's 1,120 parameters; the paper's first version counted them elsewhere."""
    found = roles(model)
    shortcut = [n for n in found if ".shortcut." in n and found[n] in ("gamma", "beta")]
    assert sum(dict(model.named_parameters())[n].numel() for n in shortcut) == 192


def test_autograd_skips_the_gradients_of_frozen_weights(model):
    """BatchNorm only needs the gradients of activations, two of three passes; output only needs next to none."""

    def flops(condition):
        selection = _select(model, condition)
        with FlopCounterMode(display=False) as counter:
            _backward(model, selection)
        return counter.get_total_flops()

    forward, bn, everything = flops("none"), flops("bn"), flops("all")
    assert flops("output") < 1.01 * forward
    assert 1.85 < bn / forward < 2.0
    assert 2.85 < everything / forward < 3.0


@pytest.mark.parametrize("k", [1, 2, 5])
def test_random_k_marks_k_weights_of_every_output_channel(model, k):
    """Without replacement, in every convolution, shortcuts and stem included."""
    selection = trainable(model, "random_k", k=k, generator=torch.Generator().manual_seed(0))
    assert len(selection.masks) == 15
    for mask in selection.masks.values():
        assert (mask.flatten(1).sum(1) == k).all()


def test_random_weights_are_drawn_uniformly():
    """Each weight of a filter is as likely as another."""
    conv = nn.Sequential(nn.Conv2d(2, 20_000, 3))
    mask = trainable(conv, "random_k", generator=torch.Generator().manual_seed(0)).masks["0.weight"]
    share = mask.flatten(1).mean(0)
    assert (share - 2 / 18).abs().max() < 5 * (2 / 18 / 20_000) ** 0.5


def test_random_layer_takes_one_convolution(model):
    """Concentrated instead of spread: the other end of random_global."""
    assert len(_select(model, "random_layer").masks) == 1
    assert len(_select(model, "random_global").masks) > 5


def test_decay_and_momentum_leave_masked_weights_alone(model):
    """One step with a huge decay: trained entries follow SGD's rule, the others keep their bits."""
    selection = _select(model, "random_k")
    optimizer = selection.sgd(lr=0.1, momentum=0.9, weight_decay=0.5)
    name, weight = next(iter(selection.parameters.items()))
    before = weight.detach().clone()
    _backward(model, selection)
    gradient = weight.grad.clone()
    selection.mask_gradients(0.5)
    optimizer.step()
    mask = selection.masks[name].bool()
    expected = before - 0.1 * (gradient + 0.5 * before)
    assert torch.allclose(weight[mask], expected[mask])
    assert torch.equal(weight[~mask], before[~mask])


def test_norms_can_be_exempt_from_decay(model):
    """Today's common practice, and the control for what decay does to gamma."""
    groups = _select(model, "all").sgd(lr=0.1, momentum=0.9, weight_decay=1e-4, norm_decay=0.0).param_groups
    assert {g["weight_decay"]: sum(p.numel() for p in g["params"]) for g in groups} == {1e-4: 174_138, 0.0: 1_120}


def test_slimming_pulls_every_gamma_towards_zero(model):
    """The gradient of an L1 penalty is its sign, on gamma alone."""
    selection = _select(model, "bn")
    for parameter in selection.parameters.values():
        parameter.grad = torch.zeros_like(parameter)
    selection.shrink_gamma(0.5)
    for name, parameter in selection.parameters.items():
        wanted = 0.5 * parameter.sign() if selection.roles[name] == "gamma" else torch.zeros_like(parameter)
        assert torch.equal(parameter.grad, wanted)


def test_disabled_features_stay_off():
    """gamma = beta = 0 for a share of every norm's channels, and no gradient brings them back."""
    model = network(8, SEED)
    selection = disable_features(model, trainable(model, "bn"), 0.25, torch.Generator().manual_seed(0))
    for layer in norm_layers(model).values():
        off = (layer.weight == 0) & (layer.bias == 0)
        assert off.sum() == round(0.25 * len(off))
    _backward(model, selection)
    selection.mask_gradients(1e-4)
    for name, mask in selection.masks.items():
        assert (selection.parameters[name].grad[mask == 0] == 0).all()
    assert selection.size == 672 * 3 // 4
    with pytest.raises(ValueError, match=r"share of disabled features is 1.5; it must lie in \[0, 1\]"):
        disable_features(model, selection, 1.5, torch.Generator())


@pytest.mark.parametrize("norms", sorted(set(NORMS) - {"batch"}))
def test_every_normalisation_has_the_same_trained_numbers(norms):
    """The ablation compares what normalises, with gamma and beta per channel throughout."""
    model = network(8, SEED, norms=norms)
    selection = trainable(model, "bn")
    assert selection.size == 672
    _backward(model, selection)


def test_torchvision_networks_have_the_same_roles():
    """The selection must work on a user's own network."""
    from torchvision.models import resnet18

    with torch.device("meta"):
        model = resnet18()
    assert [count(model, [r]) for r in ("gamma", "beta", "output", "shortcut")] == [4_800, 4_800, 513_000, 172_032]


def test_mistakes_are_told(model):
    """A misspelt condition must not train something else."""
    with pytest.raises(ValueError, match="unknown condition 'bn_outputs'; did you mean 'bn_output'"):
        trainable(model, "bn_outputs")
    with pytest.raises(ValueError, match="draws at random: pass generator"):
        trainable(model, "random_k")
    with pytest.raises(ValueError, match=r"k = 28 weights per channel, but a channel of stem.weight has only 27"):
        trainable(model, "random_k", k=28, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"no CIFAR ResNet of depth 15: .*take 14 or 20"):
        empty(15)
    with pytest.raises(ValueError, match=r"take 8 or 14"):
        empty(2)
    with pytest.raises(ValueError, match="no VGG of depth 12; did you mean '1"):
        empty(12, family="vgg")
    with pytest.raises(ValueError, match="unknown family of networks 'resnets'; did you mean 'resnet'"):
        empty(14, family="resnets")
    with pytest.raises(ValueError, match="unknown normalisation 'layers'; did you mean 'layer'"):
        empty(14, norms="layers")
    with pytest.raises(ValueError, match="unknown start of BatchNorm 'unifrom'; did you mean 'uniform'"):
        network(8, SEED, norm_init="unifrom")
