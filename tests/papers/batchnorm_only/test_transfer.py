"""Transfer: two arms that differ in frozen weights alone; grey images; where features are learned."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from replicate.datasets import Unavailable
from replicate.device_images import on_device
from replicate.errors import UserError
from replicate.papers.batchnorm_only import feature_figures, grey_images, lesson, measures, studies, transfer
from replicate.papers.batchnorm_only.conditions import roles
from replicate.papers.batchnorm_only.network import network
from replicate.run import Run
from replicate.seeds import Seed

SEED = Seed(0, 0)
CONFIG = {
    "target": "target",
    "source": "source",
    "shrink": 1,
    "train_size": 0,
    "test_size": 0,
    "depth": 8,
    "width": 1,
    "epochs": 2,
    "schedule": "one_cycle",
    "rate": 0.3,
    "decay": 1e-4,
    "precision": "fp32",
}


def _patterns(seed):
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 256, (10, 8, 8))
    labels = np.arange(300) % 10
    images = np.clip(patterns[labels] + rng.normal(0, 40, (300, 8, 8)), 0, 255).astype(np.uint8)
    numbers = {"pad": 1, "mean": 0.5, "std": 0.3, "mirror": False}
    return on_device(images[:200], labels[:200], **numbers), on_device(images[200:], labels[200:], **numbers)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Replace the image sets by noisy patterns of 8 x 8, others in source and target."""
    sets = {"source": _patterns(0), "target": _patterns(1)}
    monkeypatch.setattr(transfer, "grey_sets", lambda name, *args: sets[name])
    return sets


def _affine(model):
    by_role = roles(model)
    state = model.state_dict()
    return {n: v for n, v in state.items() if "running" in n or by_role.get(n) in ("gamma", "beta")}


def test_only_the_frozen_weights_differ_between_the_arms():
    """Gamma, beta and statistics that the source had tuned would be part of what was learned."""
    random, learned = (transfer.start(CONFIG, SEED, "cpu") for _ in range(2))
    row = transfer.learn(learned, {**CONFIG, "epochs": 8}, SEED, "cpu")
    assert (row["metric"], row["n"]) == ("source accuracy", 100)
    assert row["value"] > 0.25  # chance: 0.1
    for name, value in _affine(random).items():
        assert torch.equal(value, _affine(learned)[name]), name
    for name in ("stem.weight", "blocks.0.conv1.weight", "output.weight"):
        assert not torch.equal(random.state_dict()[name], learned.state_dict()[name]), name
    begun = network(8, SEED, channels=1).state_dict()
    assert all(torch.equal(value, begun[name]) for name, value in random.state_dict().items())


def test_only_gamma_and_beta_move_on_the_target(tiny):
    """The features are to be judged as they are."""
    model = transfer.start(CONFIG, SEED, "cpu")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    size, history = transfer.fit(model, "bn", tiny["target"][0], CONFIG, SEED, "cpu", part="target")
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {name for name, role in roles(model).items() if role in ("gamma", "beta")}
    assert size == 672
    assert [record["epoch"] for record in history] == [1, 2]


def test_the_arms_are_paired(monkeypatch):
    """Where learning changes nothing, the same start, images and crops must give the same numbers."""
    monkeypatch.setattr(transfer, "learn", lambda *args: {"metric": "source accuracy", "value": 0.1})
    random = transfer.transfer({**CONFIG, "features": "random"}, SEED, device="cpu")
    source, *learned = transfer.transfer({**CONFIG, "features": "learned"}, SEED, device="cpu")
    assert source["metric"] == "source accuracy"
    assert learned == random
    assert transfer.transfer({**CONFIG, "features": "random"}, Seed(0, 1), device="cpu") != random


def test_a_killed_transfer_goes_on_to_the_same_numbers(tmp_path, monkeypatch):
    """Source and target are both trained for hours at the paper's protocol."""
    config = {**CONFIG, "features": "learned"}
    whole = transfer.transfer(config, SEED, device="cpu")
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))
    monkeypatch.setattr(transfer, "KEPT_FROM", 1)
    with monkeypatch.context() as patch:
        patch.setattr(transfer, "is_evaluated", _interrupt)  # in the first epoch on the target
        with pytest.raises(KeyboardInterrupt):
            transfer.transfer(config, SEED, device="cpu")
    assert len(list((tmp_path / "checkpoints" / "batchnorm_only").glob("*.pt"))) == 1
    assert transfer.transfer(config, SEED, device="cpu") == whole
    assert transfer.transfer(config, SEED, device="cpu") == whole  # from two finished checkpoints


def _interrupt(*args):
    raise KeyboardInterrupt


def test_unknown_features_are_refused():
    """With the nearest name."""
    with pytest.raises(ValueError, match=r"unknown features 'learnt'; did you mean 'learned'"):
        transfer.transfer({**CONFIG, "features": "learnt"}, SEED, device="cpu")


def test_grey_is_luma_against_pillow():
    """Pillow rounds in integers: one grey level apart at most."""
    colours = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    theirs = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colours])
    ours = grey_images.grey(colours)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    assert grey_images.grey(theirs) is theirs


def test_digits_and_mnist_in_grey():
    """Normalised by their own pixels, digits spread over 0 ... 255 and not made smaller."""
    train, test = grey_images.grey_sets("digits", 2, 500, 100, "cpu")
    assert (train.side, len(train), len(test), train.mirror) == ((8, 8), 500, 100, False)
    assert train.padded.max() == 255
    inputs, _ = train.plain(0, 500)
    assert abs(inputs.mean().item()) < 1e-4
    assert inputs.std().item() == pytest.approx(1, abs=1e-3)
    larger, _ = grey_images.grey_sets("MNIST", 2, 100, 50, "cpu")
    assert (larger.side, larger.pad) == ((14, 14), 1)
    with pytest.raises(UserError, match=r"unknown data set 'fashion': .*Fashion-MNIST"):
        grey_images.grey_sets("fashion", 1, 0, 0, "cpu")


def test_the_source_is_never_the_target(monkeypatch):
    """Fashion-MNIST where it can be had, else MNIST; a download only where one is allowed."""

    def unavailable():
        raise Unavailable("no network")

    monkeypatch.setattr(grey_images, "fashion_mnist_at_hand", lambda: False)
    monkeypatch.setattr(grey_images, "load_fashion_mnist", unavailable)
    assert grey_images.source_for("MNIST", download=True) == "digits"
    assert grey_images.source_for("CIFAR-10", download=False) == "MNIST"
    assert grey_images.source_for("CIFAR-10", download=True) == "MNIST"
    monkeypatch.setattr(grey_images, "load_fashion_mnist", lambda: SimpleNamespace(name="Fashion-MNIST"))
    assert grey_images.source_for("CIFAR-10", download=True) == "Fashion-MNIST"
    monkeypatch.setattr(grey_images, "fashion_mnist_at_hand", lambda: True)
    assert grey_images.source_for("CIFAR-10", download=False) == "Fashion-MNIST"


@pytest.mark.parametrize(
    ("preset", "pairs"), [("smoke", 1), ("default", 0), ("gpu", 3), ("overnight", 0), ("paper", 5)]
)
def test_which_preset_has_a_transfer(preset, pairs, monkeypatch):
    """The preset default has no time for it, and says 'not run'."""
    run, seen = Run("batchnorm_only", preset=preset, device="cpu", precision="fp32"), []
    monkeypatch.setattr(studies, "locate", lambda file: file)
    monkeypatch.setattr(studies, "source_for", lambda target, download: "Fashion-MNIST")
    monkeypatch.setattr(run, "sweep", lambda unit, configs, replicates: seen.append((configs, replicates)))
    studies.transfer(run)
    assert [replicates for _, replicates in seen] == ([pairs] if pairs else [])
    for configs, _ in seen:
        assert [c["features"] for c in configs] == ["random", "learned"]
        assert {k: v for k, v in configs[0].items() if k != "features"} == {
            k: v for k, v in configs[1].items() if k != "features"
        }


def _frame():
    kind = {"source": "Fashion-MNIST", "target": "CIFAR-10", "epochs": 2}
    rows = [
        {"features": features, "seed": seed, "metric": "accuracy", "step": step, "value": value, "split": "test"}
        for features, values in (("random", (0.30, 0.32)), ("learned", (0.35, 0.38)))
        for seed, last in enumerate(values)
        for step, value in ((1, 0.9), (2, last))
    ]
    rows += [{"features": f, "seed": 0, "metric": "trained parameters", "value": 1000} for f in transfer.FEATURES]
    rows += [{"features": "learned", "seed": s, "metric": "source accuracy", "value": 0.8} for s in (0, 1)]
    return pd.DataFrame([{**kind, **row} for row in rows])


def test_the_value_of_learning_is_paired_and_per_trained_number():
    """5 and 6 points: 5.5, of a thousand numbers as much; the last epoch counts."""
    found = measures.value_of_learning(_frame())
    assert (found.estimate, found.n_seeds) == (pytest.approx(5.5), 2)
    assert found.dataset == "Fashion-MNIST -> CIFAR-10, grey"
    table = lesson.transfers(_frame())["transfer"]
    assert table["points a thousand trained numbers"] == "+5.5 (1,000 trained)"
    assert table["BatchNorm only around random features"] == "31.0 %"
    assert table["accuracy on the source, everything trained"] == "80.0 %"
    assert measures.value_of_learning(pd.DataFrame()) is None
    assert measures.value_of_learning(_frame().query("features == 'random'")) is None
    assert lesson.transfers(pd.DataFrame()).empty


def test_the_figure_has_a_line_a_seed():
    """And one for the mean of each arm, and chance; nothing is drawn of nothing."""
    (axes,) = feature_figures.transfer(_frame()).axes
    assert len(axes.lines) == 2 * (2 + 1) + 1
    assert feature_figures.transfer(pd.DataFrame()) is None
    plt.close("all")
