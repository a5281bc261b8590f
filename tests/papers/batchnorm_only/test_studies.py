"""Studies: which trainings a preset runs, on which data, under which name; units and figures from tiny runs."""

import logging

import matplotlib
import pandas as pd
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from replicate.errors import UserError
from replicate.papers.batchnorm_only import (
    control_units,
    controls,
    feature_figures,
    figures,
    image_sets,
    studies,
    trained,
)
from replicate.papers.batchnorm_only import experiments as ex
from replicate.papers.batchnorm_only.measures import Networks
from replicate.papers.batchnorm_only.settings import full_config, training_config
from replicate.run import Run
from replicate.seeds import Seed

SEED = Seed(0, 0)


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test has drawn."""
    yield
    plt.close("all")


@pytest.fixture
def planned(monkeypatch):
    """Return the configurations a preset would train, without training."""

    def plan(preset, **changes):
        run = Run("batchnorm_only", preset=preset, device="cpu", **changes)
        seen = []
        monkeypatch.setattr(studies, "locate", lambda file: file)
        monkeypatch.setattr(run, "sweep", lambda unit, configs, replicates=1: seen.extend(configs) or pd.DataFrame())
        studies.networks(run)
        return seen

    return plan


def test_default_has_what_its_claims_need(planned):
    """Dropping a training would turn a verdict into 'not run' without anybody noticing."""
    kinds = {(c["depth"], c["width"], c["condition"], c["norm_init"]) for c in planned("default")}
    for needed in ("all", "bn", "output", "random_k", "all_but_bn", "shortcut_output"):
        assert (14, 1, needed, "uniform") in kinds
    assert {(8, 1, "bn", "uniform"), (8, 2, "bn", "uniform"), (14, 1, "bn", "oneone")} <= kinds
    assert len({c["decay"] for c in planned("default")}) == 2


def test_paper_has_every_network_and_condition(planned):
    """The whole of the paper: seven depths, six widths, four starts, VGGs."""
    configs = planned("paper", precision="fp32")
    resnets = {(c["depth"], c["width"]) for c in configs if c["family"] == "resnet"}
    assert {(866, 1), (434, 1), (14, 32)} <= resnets
    assert {c["norm_init"] for c in configs} == {"uniform", "fixed", "oneone", "positivenegative"}
    assert {c["depth"] for c in configs if c["family"] == "vgg"} == {11, 13, 16, 19}
    assert {c["disabled"] for c in configs} == {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}
    assert all((c["epochs"], c["batch"], c["schedule"], c["rate"]) == (160, 128, "steps", 0.1) for c in configs)


def test_overnight_is_one_training_at_the_papers_protocol(planned):
    """Anything else in it would make a night longer."""
    (config,) = planned("overnight")
    wanted = {"depth": 14, "width": 1, "condition": "bn", "epochs": 160, "rate": 0.1, "decay": 1e-4, "batch": 128}
    assert {k: config[k] for k in wanted} == wanted
    assert config["train_size"] == config["test_size"] == 0
    assert config["shrink"] == 1


def test_without_cifar10_mnist_stands_in_and_says_so(monkeypatch):
    """A silent stand-in would be a lie in every figure."""
    monkeypatch.setattr(studies, "locate", lambda file: None)
    run = Run("batchnorm_only", preset="default", device="cpu")
    assert studies.data_label(run) == "MNIST, 14 x 14"
    assert "STANDS IN for CIFAR-10, which is not at hand" in studies.data_note(run).to_string()


def test_jpeg_is_named_as_such(monkeypatch):
    """Other pixels, another name."""
    monkeypatch.setattr(studies, "locate", lambda file: "jpeg" in file or None)
    assert studies.data_label(Run("batchnorm_only", preset="default", device="cpu")) == "CIFAR-10 (JPEG q75), 16 x 16"
    overnight = Run("batchnorm_only", preset="overnight", device="cpu")
    assert studies.data_label(overnight) == "CIFAR-10 (JPEG q75)"


def test_probes_and_defaults_do_not_change_what_is_trained(planned):
    """A checkpoint must be found again however the configuration is written."""
    (config,) = planned("overnight")
    small = training_config(config)
    assert not {"probe", "draws", "probe_images", "norm_init", "disabled", "k", "batch"} & small.keys()
    assert training_config(full_config(small)) == small
    assert training_config({**config, "disabled": 0.5})["disabled"] == 0.5


def test_unknown_images_are_refused():
    """With the nearest name, and how many there are."""
    with pytest.raises(UserError, match=r"unknown data set 'CIFAR10': did you mean 'CIFAR-10'"):
        image_sets.image_sets("CIFAR10", 1, 0, 0, "cpu")
    with pytest.raises(UserError, match=r"MNIST has 60000 training images, 70000 were asked for"):
        image_sets.image_sets("MNIST", 1, 70_000, 0, "cpu")


def test_a_missing_data_set_says_where_to_get_it(monkeypatch):
    """At the preset paper nothing stands in: the error names the file and where to put it."""
    from replicate.datasets import Unavailable

    def unavailable():
        raise Unavailable("neither encoding of CIFAR-10 is at hand. images/cifar-10-python.tar.gz: set REPLICATE_DATA")

    monkeypatch.setattr(studies, "locate", lambda file: None)
    monkeypatch.setattr(studies, "load_cifar10", unavailable)
    with pytest.raises(Unavailable, match=r"neither encoding of CIFAR-10 is at hand.*set REPLICATE_DATA"):
        studies.data_label(Run("batchnorm_only", preset="paper", device="cpu"))


def _rows(unit, config, **labels):
    rows = unit(config, SEED, device="cpu")
    return [{**config, **labels, "seed": 0, **row} for row in rows]


def test_units_and_figures_from_tiny_trainings(tiny, monkeypatch):
    """Everything that is measured can be drawn, and nothing is drawn of what was not measured."""
    monkeypatch.setattr(controls, "image_sets", trained.image_sets)
    asked = {"probe": True, "draws": 2, "probe_images": 50}
    frame = pd.DataFrame()
    for changes in (
        {},
        {"condition": "all"},
        {"decay": 0.01},
        {"norm_init": "oneone", "probe": False},
        {"disabled": 0.5},
    ):
        rows = _rows(ex.training, {**full_config(tiny), **asked, **changes})
        frame = pd.concat([frame, pd.DataFrame(rows)])
    larger = pd.DataFrame(_rows(ex.training, {**full_config(tiny), **asked, "probe": False, "depth": 14}))
    networks = Networks(pd.concat([frame, larger], ignore_index=True), depth=8, decay=1e-4, dataset="toy")
    untrained = pd.DataFrame(_rows(control_units.untrained, tiny))
    assert untrained["value"].between(0, 0.5).all()
    subspace = pd.DataFrame(_rows(control_units.subspace, tiny))
    assert subspace.set_index("metric")["value"]["trained parameters"] == 672
    assert figures.conditions(networks, untrained, subspace).axes
    assert len(figures.over_size(networks, 8).axes) == 2
    assert figures.starts(networks).axes
    assert figures.disabled(networks).axes
    assert figures.learning_curves(pd.DataFrame(), networks).axes
    assert len(feature_figures.gammas(networks, 0.04).axes) == 3
    for draw in (feature_figures.by_layer, feature_figures.zeroing, feature_figures.activity):
        assert draw(networks).axes
    empty = Networks(pd.DataFrame(), depth=8, decay=1e-4, dataset="toy")
    assert figures.conditions(empty, pd.DataFrame(), pd.DataFrame()) is None
    assert figures.over_size(empty, 8) is None
    assert figures.learning_curves(pd.DataFrame(), empty) is None
    assert figures.starts(empty) is figures.disabled(empty) is feature_figures.gammas(empty) is None
    assert feature_figures.by_layer(empty) is feature_figures.zeroing(empty) is feature_figures.activity(empty) is None


def test_a_long_curve_shows_the_published_one(tiny):
    """The published points are the reason for training 160 epochs."""
    steps = [{"metric": "accuracy", "value": 0.4, "step": e, "split": s} for e in (1, 160) for s in ("train", "test")]
    curves = pd.DataFrame([{**tiny, "depth": 14, "seed": 0, **row} for row in steps])
    empty = Networks(pd.DataFrame(), depth=14, decay=1e-4, dataset="toy")
    (axes,) = figures.learning_curves(curves, empty).axes
    shown = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert any(48 > y > 27 for line in shown for y in line.get_ydata())


def test_the_same_seed_gives_the_same_bits_and_another_does_not(tiny, caplog):
    """Whatever ran before, in whatever order."""
    config = {**tiny, "probe": False, "draws": 0, "probe_images": 0}
    with caplog.at_level(logging.INFO, "replicate.training"):
        one, two = (ex.training(config, SEED, device="cpu") for _ in range(2))
    assert one == two
    assert one != ex.training(config, Seed(0, 1), device="cpu")
    assert "images/s" in caplog.text


def test_batchnorm_beats_random_weights_on_tiny_images(tiny):
    """The headline in a second: as many numbers, another place, and a large margin."""
    longer = {**tiny, "epochs": 30}
    found = {c: trained.train_network({**longer, "condition": c}, SEED).history[-1] for c in ("bn", "random_k", "all")}
    accuracy = {name: record["test accuracy"] for name, record in found.items()}
    assert accuracy["bn"] > accuracy["random_k"] + 0.03
    assert accuracy["all"] > accuracy["bn"] - 0.1


def test_learning_curve_keeps_every_gamma(tiny):
    """The overnight run's distribution is drawn from these rows."""
    frame = pd.DataFrame(ex.learning_curve(tiny, SEED, device="cpu"))
    assert (frame["metric"] == "gamma").sum() == (frame["metric"] == "beta").sum() == 336
    assert frame[frame["metric"] == "loss"]["step"].tolist() == [1, 2]
