"""Images alone: views, the two-view losses, the probe, and what is refused."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from replicate.errors import UserError
from replicate.papers.tempnet.encoders import build_encoder, linear_probe
from replicate.papers.tempnet.unimodal import METHODS, UnimodalTrial
from replicate.papers.tempnet.views import ViewDraws, draw_views, view
from replicate.seeds import Seed

CONFIG = {
    "images": "MNIST",
    "train_size": 256,
    "test_size": 128,
    "encoder": "small",
    "dim": 16,
    "batch": 64,
    "epochs": 1,
    "rate": 2e-3,
    "precision": "fp32",
    "tau": 0.1,
    "rho": 0.3,
    "tau_rate": 3e-3,
    "gamma": 0.8,
    "tau_min": 0.05,
    "tau_max": 0.7,
}


def whole(n: int, mirrored: float = 1.0) -> ViewDraws:
    """Return the draws that change nothing but mirror."""
    crops = torch.tensor([[1.0, 1.0, 0.0, 0.0]]).repeat(n, 1)
    return ViewDraws(crops, torch.full((n,), mirrored), torch.ones(n, 3))


def test_the_whole_image_is_its_own_view():
    """No crop, no colours: bilinear sampling at the pixels' centres."""
    images = torch.rand(5, 3, 9, 9)
    assert torch.allclose(view(images, whole(5)), images, atol=1e-5)
    assert torch.allclose(view(images, whole(5, -1.0)), images.flip(-1), atol=1e-5)


def test_a_crop_shows_its_part_of_the_image():
    """A quarter of the area at the upper left: brightness rises downwards, so the crop is darker than the image."""
    images = torch.linspace(0, 1, 16).view(1, 1, 16, 1).expand(1, 3, 16, 16).contiguous()
    draws = ViewDraws(torch.tensor([[0.5, 0.5, -0.5, -0.5]]), torch.ones(1), torch.ones(1, 3))
    cut = view(images, draws)
    assert cut.max() < 0.52
    assert torch.allclose(cut.mean(), images[..., :8, :].mean(), atol=0.01)


def test_views_stay_inside_the_image_and_without_colour_all_channels_agree():
    """Crops never leave the image; saturation 0 is grey."""
    draws = draw_views(500, torch.Generator().manual_seed(0))
    sides, centres = draws.crops[:, :2], draws.crops[:, 2:]
    assert (centres.abs() + sides <= 1 + 1e-6).all()
    assert (sides.prod(1) > 0.1).all()
    grey = draws.colours[:, 2] == 0
    assert 0.1 < grey.float().mean() < 0.3
    seen = view(torch.rand(500, 3, 8, 8), draws)
    assert torch.allclose(seen[grey][:, 0], seen[grey][:, 1], atol=1e-6)
    assert seen.min() >= 0
    assert seen.max() <= 1


def test_digits_are_not_mirrored():
    """A mirrored digit is another sign."""
    draws = draw_views(200, torch.Generator().manual_seed(0), mirror=False)
    assert (draws.mirrored == 1).all()


def test_the_probe_is_scikit_learns_logistic_regression():
    """Same objective: mean cross-entropy + penalty |W|^2 is C = 1 / (2 n penalty)."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 5)) * 2
    labels = rng.integers(0, 3, 600)
    x = (centres[labels] + rng.normal(size=(600, 5))).astype(np.float32)
    x = (x - x[:400].mean(0)) / x[:400].std(0, ddof=1)
    theirs = LogisticRegression(C=1 / (2 * 400 * 1e-3), max_iter=500).fit(x[:400], labels[:400])
    parts = torch.tensor(x), torch.tensor(labels)
    ours = linear_probe(parts[0][:400], parts[1][:400], parts[0][400:], parts[1][400:])
    assert abs(ours - theirs.score(x[400:], labels[400:])) <= 0.01


@pytest.mark.parametrize("method", METHODS)
def test_every_rule_trains_and_scores_its_features(method):
    """Fixed rules keep their temperature, the others stay within their bounds; one seed gives one result."""
    rows, again = (UnimodalTrial({**CONFIG, "method": method}, Seed(0, 0)).rows() for _ in range(2))
    assert rows == again
    found = {row["metric"]: row["value"] for row in rows}
    assert found["probe accuracy"] > 0.3
    if method in ("InfoNCE", "SogCLR"):
        assert found["mean tau"] == pytest.approx(0.1)
        assert found["sd of tau"] < 1e-6
    else:
        assert 0.05 <= found["mean tau"] <= 0.7


def test_methods_share_start_weights_and_views():
    """SogCLR without memory is InfoNCE: nothing else differs between the two."""
    without = UnimodalTrial({**CONFIG, "method": "SogCLR", "gamma": 1.0}, Seed(0, 1)).rows()
    assert without == UnimodalTrial({**CONFIG, "method": "InfoNCE"}, Seed(0, 1)).rows()


def test_the_residual_encoder_keeps_small_images_large():
    """No early down-sampling: 32 x 32 pixels end as 4 x 4."""
    encoder = build_encoder("resnet18", 3, 8, torch.Generator().manual_seed(0)).eval()
    sizes = []
    encoder.body.layer4.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-2:]))
    with torch.no_grad():
        assert encoder(torch.rand(2, 3, 32, 32)).shape == (2, 8)
    assert sizes == [(4, 4)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "SimCLR"}, "unknown method 'SimCLR'"),
        ({"images": "CIFAR-11"}, "unknown images 'CIFAR-11'"),
        ({"encoder": "resnet"}, "unknown encoder 'resnet'"),
        ({"batch": 1000}, "a batch of 1000 images needs as many, the training set has 256"),
    ],
)
def test_what_cannot_be_done_is_said(changes, words):
    """Before anything is trained."""
    with pytest.raises(UserError, match=words):
        UnimodalTrial({**CONFIG, "method": "SogCLR", **changes}, Seed(0, 0)).rows()
