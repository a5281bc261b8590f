"""The branches that only the preset paper takes, shortened: byte pairs, residual towers, CIFAR-10, bf16."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from replicate import paper
from replicate.datasets import Unavailable, load_help_topics
from replicate.errors import UserError
from replicate.papers.tempnet import experiments, studies, unimodal
from replicate.papers.tempnet.corpora import Corpus, load_corpus
from replicate.papers.tempnet.two_towers import METHODS, SCHEDULED
from replicate.seeds import Seed

SEED = Seed(0, 0)
SHORT = {
    **{"lm_width": 16, "lm_depth": 1, "lm_heads": 2, "lm_context": 24, "lm_batch": 4, "lm_steps": 6, "lm_windows": 12},
    **{"frozen_steps": 5, "frozen_batch": 32, "frozen_windows": 8, "fine_steps": 3, "verse_questions": 6},
    **{"vocabulary": 400, "target": 3.0, "frozen_targets": [3.0], "checkpoint_every": 2, "precision": "bf16"},
    **{"side": 64, "tower_width": 64, "tower_dim": 16, "pair_batch": 8, "epochs": 1},
    **{"image_train": 32, "image_test": 32, "image_batch": 16, "image_epochs": 1},
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Trained models are kept on disk: not among the user's."""
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))


@pytest.fixture
def configurations(tmp_path):
    """Return a function of a study's name: what the preset, shortened, on texts and pictures here, hands to units."""
    for name, start in (("own", 0), ("other", 200_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(load_help_topics()[start : start + 40_000], "utf-8")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(24):
        colour = (10 * i, 255 - 10 * i, 128)
        Image.new("RGB", (70, 64), colour).save(pictures / f"{i:02}.png")
        (pictures / f"{i:02}.txt").write_text(f"colour number {i} of many" + " indeed" * (i % 3))
    own = {"text": str(tmp_path / "own"), "other_text": str(tmp_path / "other"), "pairs": str(pictures)}
    settings = SimpleNamespace(**{**paper.load("tempnet").preset("paper").parameters, **SHORT, **own})

    def of(study: str, *given) -> list[dict]:
        found: list[dict] = []
        run = SimpleNamespace(settings=settings, device="cpu")
        run.sweep = lambda unit, configs, **options: found.extend(configs)
        run.units = lambda unit, work: found.extend(config for config, _ in work)
        getattr(studies, study)(run, *given)
        return found

    return of


def _values(rows):
    assert rows
    values = np.array([row["value"] for row in rows], float)
    assert np.isfinite(values).all()
    return {row["metric"] for row in rows}


@pytest.mark.parametrize("study", ["scratch", "fine_tuning", "frozen", "verses"])
def test_language_studies_run_on_byte_pairs(configurations, study):
    """Each unit of the study, on texts of the user's own, in bf16, with checkpoints."""
    for config in configurations(study):
        metrics = _values(getattr(experiments, study)(config, SEED, device="cpu"))
        assert "answers right" in metrics if study == "verses" else "NLL per character" in metrics


def test_a_passage_of_byte_pairs_is_shown_as_text(configurations):
    """Its tokens, put together, are a piece of the held-out text."""
    (config,) = configurations("passage")
    rows = experiments.passage(config, SEED, device="cpu")
    read = "".join(row["read"] for row in rows if row["metric"] == "tau" and row["part"] == "passage")
    corpus = load_corpus(config["text"], "bpe", config["vocabulary"])
    assert len(read) > 24
    assert read in "".join(corpus.vocabulary.decode(corpus.validation))


def test_every_method_trains_residual_towers(configurations):
    """ResNet-18 of 64 pixels and the text transformer on own pictures: the methods and later work's schedules."""
    configs = configurations("tower_tuning")
    assert {config["method"] for config in configs} == {*METHODS, *SCHEDULED}
    assert (configs[0]["towers"], configs[0]["side"], configs[0]["precision"]) == ("resnet18", 64, "bf16")
    for method in ("CLIP, learnable tau", "SogCLR, cosine gamma", "TempNet"):
        config = next(c for c in configs if c["method"] == method)
        assert "mean R@1" in _values(experiments.tower_tuning(config, SEED, device="cpu"))
    assert {"hits at 1", "mean tau"} <= _values(experiments.contrastive(config, SEED, device="cpu"))


def test_images_alone_train_a_residual_encoder_in_colour(configurations, monkeypatch):
    """CIFAR-10 in the encoding at hand, by the name resolved once."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (64, 32, 32, 3), dtype=np.uint8), np.arange(64) % 10
    parts = {"train_images": images, "test_images": images, "train_labels": labels, "test_labels": labels}
    data = SimpleNamespace(name="CIFAR-10 (JPEG q75)", **parts)
    asked = []
    monkeypatch.setattr(studies, "load_cifar10", lambda: data)
    monkeypatch.setattr(unimodal, "load_cifar10", lambda name, fallback: asked.append((name, fallback)) or data)
    config = configurations("unimodal")[-1]
    assert (config["method"], config["encoder"]) == ("TempNet", "resnet18")
    assert _values(experiments.unimodal(config, SEED, device="cpu")) == {"probe accuracy", "mean tau", "sd of tau"}
    assert asked == [("CIFAR-10 (JPEG q75)", False)]


def test_images_alone_are_left_out_where_there_are_none(configurations, monkeypatch):
    """No encoding of CIFAR-10 at hand: an empty study, not a failure after hours."""

    def nowhere():
        raise Unavailable("neither encoding is at hand")

    monkeypatch.setattr(studies, "load_cifar10", nowhere)
    assert configurations("unimodal") == []


def _configuration_of(preset):
    settings = SimpleNamespace(**paper.load("tempnet").preset(preset).parameters)
    return studies.towers_configuration(SimpleNamespace(settings=settings, device="cpu"))


def test_missing_sheets_stop_before_any_unit(monkeypatch):
    """Emoji of 64 pixels are not embedded; with those of 16 nothing is asked for."""

    def nowhere(side):
        raise Unavailable(f"emoji/google_{side}.png is not on this machine")

    monkeypatch.setattr(studies, "load_emoji", nowhere)
    assert _configuration_of("default")["side"] == 16
    with pytest.raises(UserError, match=r"emoji of 64 pixels are not at hand: give -p side=32.*google_64\.png is not"):
        _configuration_of("paper")


@pytest.mark.parametrize("name", ["smoke", "default", "paper"])
def test_target_entropies_are_below_a_uniform_guess(name):
    """rho = log V - target must be positive; the claims are judged at one of the targets swept."""
    p = paper.load("tempnet").preset(name).parameters
    size = (
        p["vocabulary"] if p["token_unit"] == "bpe" else len(Corpus.split("".join(map(chr, range(33, 99)))).vocabulary)
    )
    assert max(p["target"], *p["frozen_targets"]) < math.log(size)
    assert p["target"] in p["frozen_targets"]
    assert p["towers"] == "small" or p["tower_width"] % 64 == 0


def test_gradients_reach_every_parameter_of_residual_towers():
    """A part without a gradient would keep its start weights, and stall processes that share a batch."""
    from replicate.papers.tempnet.pairs import load_pairs
    from replicate.papers.tempnet.towers import build_towers

    pairs = load_pairs("emoji", 32).take(torch.arange(6))
    towers = build_towers("resnet18", pairs, dim=8, width=64, generator=torch.Generator().manual_seed(0))
    image, text = towers(pairs.images[0], pairs.texts)
    (image @ text.T).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in towers.parameters())
