"""Networks: parameter counts of the paper's Table 1, start weights, symmetries of BatchNorm."""

import pytest
import torch

from replicate.papers.batchnorm_only import conditions
from replicate.papers.batchnorm_only.network import empty, network
from replicate.seeds import Seed

# depth, width: total, BatchNorm, output, shortcut; exact integers that round to the paper's Table 1
RESNETS = {
    (14, 1): (175_258, 1_120, 650, 2_560),
    (32, 1): (466_906, 2_464, 650, 2_560),
    (56, 1): (855_770, 4_256, 650, 2_560),
    (110, 1): (1_730_714, 8_288, 650, 2_560),
    (218, 1): (3_480_602, 16_352, 650, 2_560),
    (434, 1): (6_980_378, 32_480, 650, 2_560),
    (866, 1): (13_979_930, 64_736, 650, 2_560),
    (14, 2): (696_618, 2_240, 1_290, 10_240),
    (14, 4): (2_777_674, 4_480, 2_570, 40_960),
    (14, 8): (11_093_130, 8_960, 5_130, 163_840),
    (14, 16): (44_337_418, 17_920, 10_250, 655_360),
    (14, 32): (177_279_498, 35_840, 20_490, 2_621_440),
}
VGGS = {11: (9_231_114, 5_504), 13: (9_416_010, 5_888), 16: (14_728_266, 8_448), 19: (20_040_522, 11_008)}


def _counts(model):
    parts = [conditions.count(model, wanted) for wanted in (("gamma", "beta"), ("output",), ("shortcut",))]
    return (conditions.count(model), *parts)


@pytest.mark.parametrize(("depth", "width"), RESNETS)
def test_resnet_counts_against_table_1(depth, width):
    """A layer too many, a bias or a padded shortcut would change the count."""
    assert _counts(empty(depth, width=width)) == RESNETS[depth, width]


@pytest.mark.parametrize("depth", VGGS)
def test_vgg_counts(depth):
    """Biases in the convolutions, one linear layer of 5,130."""
    total, norms, output, _ = _counts(empty(depth, family="vgg"))
    assert (total, norms, output) == (*VGGS[depth], 5_130)


def test_start_of_batchnorm_is_not_skipped():
    """The reference code's first public commit skipped it: gamma stayed 1."""
    model = network(110, Seed(0, 0))
    gamma = torch.cat([p.detach() for n, p in model.named_parameters() if conditions.roles(model)[n] == "gamma"])
    assert abs(gamma.mean() - 0.5) < 0.02
    assert 0 <= gamma.min() <= gamma.max() <= 1
    assert abs((gamma < 0.01).float().mean() - 0.01) < 0.006
