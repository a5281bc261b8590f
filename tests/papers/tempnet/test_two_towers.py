"""Two towers: every method trains and retrieves, repeats exactly, and its temperatures are looked at."""

import pytest
import torch

from replicate.papers.tempnet import experiments, measures
from replicate.papers.tempnet.pairs import load_pairs
from replicate.papers.tempnet.tower_temperatures import exact_rows, hit_row, temperature_rows
from replicate.papers.tempnet.towers import TwoTowers, build_towers
from replicate.papers.tempnet.two_towers import METHODS, SCHEDULED, ContrastiveTrial, embeddings, retrieval_rows
from replicate.seeds import Seed

TINY = {
    **{"pairs": "digits", "pairs_hash": "", "side": 8, "roll": 0, "towers": "small", "width": 32, "dim": 32},
    **{"batch": 128, "epochs": 3, "rate": 2e-3, "tau": 0.05, "rho": 2.5, "tau_rate": 1e-2, "gamma": 0.8},
    **{"tau_min": 0.01, "tau_max": 0.3, "rho_grid": [0.1, 2.0], "precision": "fp32", "tuning": False},
    "checkpoint_every": 0,
}


def _run(method, seed=0, **changes):
    trial = ContrastiveTrial({**TINY, "method": method, **changes}, Seed(0, seed))
    return trial, *trial.run()


def _metric(rows, name, **columns):
    return [r["value"] for r in rows if r["metric"] == name and all(r.get(k) == v for k, v in columns.items())]


@pytest.mark.parametrize("method", [*METHODS, *SCHEDULED])
def test_every_method_learns_to_retrieve(method):
    """Right halves of new digits for left ones, twice as often as by chance; temperatures within bounds."""
    trial, towers, rules = _run(method)
    rows, _ = retrieval_rows(towers, trial.data.test, "test")
    assert _metric(rows, "TR@10")[0] > 0.06
    assert _metric(rows, "IR@10")[0] > 0.06
    tau = _metric(temperature_rows(trial, towers, rules), "mean tau")
    assert all(0.01 <= value <= 0.3 for value in tau)
    assert len(tau) == 2


def test_same_seed_same_numbers_and_another_differs():
    """Start weights, order, augmentation and dropout are streams of the seed."""
    found = [retrieval_rows(_run("TempNet", seed)[1], load_pairs("digits", 8), "all")[0] for seed in (0, 0, 1)]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_methods_share_start_weights_and_test_set():
    """Pairs stay paired; the test set does not change with the seed."""
    trials = [ContrastiveTrial({**TINY, "method": m}, Seed(0, s)) for m, s in (("CLIP", 0), ("TempNet", 3))]
    assert torch.equal(trials[0].data.test.texts, trials[1].data.test.texts)
    other = ContrastiveTrial({**TINY, "method": "SogCLR"}, Seed(0, 0))
    batches = [trial._batches(1000) for trial in (trials[0], other)]
    assert all(torch.equal(a, b) for a, b in zip(*batches, strict=True))


def test_an_epoch_visits_every_sample_once():
    """But for the last incomplete batch."""
    batches = ContrastiveTrial({**TINY, "method": "CLIP", "epochs": 2}, Seed(0, 0))._batches(300)
    assert [len(b) for b in batches] == [128] * 4
    assert len(torch.cat(batches[:2]).unique()) == 256


def test_too_few_pairs_for_a_batch():
    """Instead of training on nothing."""
    with pytest.raises(ValueError, match="a batch of 128 pairs needs as many, the training set has 50"):
        ContrastiveTrial({**TINY, "method": "CLIP"}, Seed(0, 0))._batches(50)


def test_embeddings_are_unit_vectors():
    """Cosine similarities."""
    _, towers, _ = _run("CLIP", epochs=1)
    image, text = embeddings(towers, load_pairs("digits", 8))
    assert torch.allclose(image.norm(dim=-1), torch.ones(1), atol=1e-5)
    assert torch.allclose(text.norm(dim=-1), torch.ones(1), atol=1e-5)


def test_emoji_towers_and_padding():
    """Convolutions and the mean of word vectors; padding changes nothing."""
    pairs = load_pairs("emoji", 8).take(torch.arange(12))
    towers = build_towers("small", pairs, dim=16, width=4, generator=torch.Generator().manual_seed(0)).eval()
    longer = torch.nn.functional.pad(pairs.texts, (0, 5))
    assert torch.allclose(towers.text(pairs.texts), towers.text(longer), atol=1e-6)


@pytest.mark.parametrize(("kind", "blocks"), [("resnet18", 2), ("resnet50", 4)])
def test_large_towers_build_and_embed(kind, blocks):
    """A residual network and a text transformer, on two pairs."""
    pairs = load_pairs("emoji", 32).take(torch.arange(2))
    towers = build_towers(kind, pairs, dim=16, width=64, generator=torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        image, text = towers(pairs.images[0], pairs.texts)
    assert image.shape == text.shape == (2, 16)
    assert torch.isfinite(image).all()
    assert len(towers.text.blocks.layers) == blocks


def test_width_of_a_text_transformer():
    """Its heads have 64 each."""
    pairs = load_pairs("emoji", 32).take(torch.arange(2))
    with pytest.raises(ValueError, match="width is 100; the text transformer's heads have 64 each"):
        build_towers("resnet18", pairs, dim=16, width=100, generator=torch.Generator())


def test_exact_temperatures_of_near_duplicates():
    """For small rho tau* follows the spread of similarities; rows come for every rho."""
    g = torch.Generator().manual_seed(0)
    image, text = (torch.nn.functional.normalize(torch.randn(60, 8, generator=g), dim=1) for _ in range(2))
    rows = exact_rows(image, text, torch.arange(60.0), [0.1, 1.0])
    means = _metric(rows, "mean tau*")
    assert means[0] > means[1] > 0


def test_few_pairs_have_no_optimum_for_a_large_rho():
    """Twelve pairs of the user's own: rho = 4 is more than log 11."""
    image, text = torch.nn.functional.normalize(
        torch.randn(2, 12, 4, generator=torch.Generator().manual_seed(0)), dim=2
    )
    rows = exact_rows(image, text, torch.arange(12.0), [0.5, 4.0])
    assert {row["at_rho"] for row in rows} == {0.5}


def test_hits_are_counted_by_concept():
    """One digit a concept over both directions and all styles."""
    ranks = {"TR": torch.tensor([[0, 1, 0], [0, 0, 4]]), "IR": torch.tensor([[0, 0, 1], [0, 2, 2]])}
    row = hit_row(ranks)
    assert row["hits"] == "421"
    assert row["queries"] == 4
    assert row["value"] == pytest.approx(7 / 12)


def test_units_return_rows_that_measures_read():
    """From a unit to a gap between methods."""
    import pandas as pd

    frames = []
    for method in ("CLIP", "TempNet"):
        config = {**TINY, "method": method}
        rows = experiments.contrastive(config, Seed(0, 0), device="cpu")
        frames.append(pd.DataFrame([{**config, "seed": 0, **row} for row in rows]))
    frame = pd.concat(frames)
    gap = measures.recall_gap(frame, "TempNet", "CLIP", "digits")
    assert gap.n_seeds == 1
    assert gap.dataset == "digits"
    import numpy as np

    low, middle, high = measures.bootstrap(frame, "TempNet", "CLIP", np.random.default_rng(0), draws=200)
    assert low <= middle <= high
    assert middle == pytest.approx(gap.estimate, abs=0.05)


def test_unknown_method_names_the_nearest():
    """A misspelt method would otherwise train something else."""
    with pytest.raises(ValueError, match="unknown method 'SogCRL'; did you mean 'SogCLR'"):
        ContrastiveTrial({**TINY, "method": "SogCRL"}, Seed(0, 0))
    with pytest.raises(ValueError, match="unknown towers 'smal'; did you mean 'small'"):
        build_towers("smal", load_pairs("digits", 8), dim=8, width=8, generator=torch.Generator())


class _Killed(Exception):
    pass


@pytest.mark.parametrize("method", ["iSogCLR", "TempNet", "CLIP, learnable tau"])
def test_killed_training_goes_on_bit_for_bit(method, monkeypatch, tmp_path):
    """Towers, moving averages, temperatures, optimisers and generators are all in the checkpoint."""
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))
    _, whole, _ = _run(method, roll=1, checkpoint_every=100)
    original, calls = TwoTowers.forward, []

    def dies(self, *args):
        calls.append(1)
        if len(calls) == 20:
            raise _Killed
        return original(self, *args)

    monkeypatch.setattr(TwoTowers, "forward", dies)
    with pytest.raises(_Killed):
        _run(method, roll=1, checkpoint_every=7)
    _, resumed, _ = _run(method, roll=1, checkpoint_every=7)
    steps = 3 * (1438 // 128)
    assert len(calls) == 20 + steps - 14
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
