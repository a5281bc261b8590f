"""One training run: which random streams are shared, what is trained, what comes back."""

from math import sqrt

import pytest
import torch

from replicate.papers.intrinsic_dimension import experiments
from replicate.papers.intrinsic_dimension.trial import Trial
from replicate.seeds import Seed

CONFIG = {
    "dataset": "digits",
    "network": "fc",
    "width": 30,
    "depth": 1,
    "dim": 60,
    "projection": "one_hot",
    "optimizer": "adam",
    "rate": 0.1,
    "rate_scaling": "sqrt",
    "schedule": "cosine",
    "l2": 0.0,
    "epochs": 3,
    "batch": 50,
}
SEED = Seed(0, 1)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    """Lost: determinism, or seeds that do nothing."""
    torch.manual_seed(1)
    first = experiments.fc_search(CONFIG, SEED, device="cpu")
    torch.manual_seed(2)
    assert experiments.fc_search(CONFIG, SEED, device="cpu") == first
    others = {experiments.fc_search(CONFIG, Seed(0, i), device="cpu")[0]["value"] for i in range(4)}
    assert len(others) > 2
    assert experiments.fc_search(CONFIG, Seed(1, 1), device="cpu") != first


def test_training_in_a_subspace_learns_and_counts_its_test_examples():
    """Lost: learning; chance is 0.1."""
    (row,) = Trial({**CONFIG, "epochs": 10}, SEED).run()
    assert row["value"] > 0.6
    assert row["n"] == len(Trial(CONFIG, SEED).problem().test_labels)
    assert row["value"] * row["n"] == pytest.approx(round(row["value"] * row["n"]))


def test_direct_training_frees_all_parameters():
    """Lost: the baseline; it must beat a small subspace."""
    direct = Trial({**CONFIG, "dim": 0, "epochs": 20}, SEED)
    assert sum(p.numel() for p in direct.build().parameters() if p.requires_grad) == 64 * 30 + 30 + 30 * 10 + 10
    assert direct.run()[0]["value"] > Trial({**CONFIG, "epochs": 20}, SEED).run()[0]["value"] + 0.02


@pytest.mark.parametrize("change", [{"projection": "dense"}, {"projection": "sparse"}, {"dim": 90}])
def test_start_weights_are_shared_between_projections_and_dimensions(change):
    """Lost: pairing; kinds of projection are compared on the same start weights and order."""
    one, other = Trial(CONFIG, SEED), Trial({**CONFIG, **change}, SEED)
    torch.testing.assert_close(one.build().theta0, other.build().theta0, rtol=0, atol=0)
    assert not torch.equal(one.build().theta0, Trial(CONFIG, Seed(0, 2)).build().theta0)


def test_crossed_levels_replace_one_stream_alone():
    """Lost: the crossed design; a level of P must not change theta0."""
    plain, crossed = Trial(CONFIG, SEED), Trial(CONFIG, SEED, levels={"P": 5})
    assert crossed.recipe().theta0_seed == plain.recipe().theta0_seed
    assert crossed.recipe().projection_seed != plain.recipe().projection_seed
    assert crossed.recipe().projection_seed == Trial(CONFIG, Seed(0, 5)).recipe().projection_seed


@pytest.mark.parametrize(("scaling", "dim", "rate"), [("sqrt", 750, 0.1), ("sqrt", 3000, 0.05), ("none", 3000, 0.1)])
def test_rate_keeps_the_step_length_in_theta(scaling, dim, rate):
    """Lost: the recipe; Adam moves every coordinate of t by about the rate, theta by rate * sqrt(d)."""
    trial = Trial({**CONFIG, "rate_scaling": scaling, "dim": dim}, SEED)
    assert trial.rate() == pytest.approx(rate)
    assert scaling == "none" or trial.rate() * sqrt(dim) == pytest.approx(0.1 * sqrt(750))


def test_shuffled_labels_are_scored_on_the_training_set():
    """Lost: C6; memorising is accuracy on what was memorised, the test accuracy stays at chance."""
    config = {**CONFIG, "labels": "shuffled", "n_train": 100, "dim": 1500, "epochs": 100, "rate": 0.05}
    rows = {row["metric"]: row for row in experiments.random_labels_search(config, SEED, device="cpu")}
    assert rows["train accuracy"]["n"] == 100
    assert rows["train accuracy"]["value"] > 0.9
    assert rows["test accuracy"]["value"] < 0.3


def test_no_burn_in_is_plain_training():
    """Lost: the comparison's starting point."""
    start, end = experiments.burn_in({**CONFIG, "burn_in": 0}, SEED, device="cpu")
    assert (start["metric"], end["metric"]) == ("accuracy at start", "test accuracy")
    assert end == experiments.fc_search(CONFIG, SEED, device="cpu")[0]


def test_burn_in_starts_from_a_better_point():
    """Lost: burn-in; a few full-space steps already classify."""
    wide = {**CONFIG, "width": 200, "epochs": 1}
    before, after = (experiments.burn_in({**wide, "burn_in": n}, SEED, device="cpu")[0]["value"] for n in (0, 40))
    assert before < 0.3
    assert after > 0.5


def test_compression_counts_bytes_and_reloads_exactly():
    """Lost: C12."""
    rows = {row["metric"]: row["value"] for row in experiments.compression(CONFIG, SEED, device="cpu")}
    assert rows["identical outputs"] == 1
    assert rows["float32 size"] == 4 * (64 * 30 + 30 + 30 * 10 + 10)
    assert 4 * CONFIG["dim"] < rows["packed size"] < 4 * CONFIG["dim"] + 400
    assert rows["compression"] == rows["float32 size"] / rows["packed size"]


def test_small_nets_have_the_authors_shapes():
    """Lost: C7; widths and depths come from the authors' lists and vary."""
    sizes = set()
    for i in range(6):
        rows = {r["metric"]: r["value"] for r in experiments.small_nets(CONFIG, Seed(0, i), device="cpu")}
        sizes.add(rows["parameters"])
    widths, depths = (2, 3, 5, 8, 10, 15, 20, 25), (1, 2, 3, 4, 5)
    possible = {64 * w + w + (n - 1) * (w * w + w) + 10 * w + 10 for w in widths for n in depths}
    assert sizes <= possible
    assert len(sizes) > 2


@pytest.mark.parametrize("kind", ["dense", "sparse", "fastfood", "one_hot"])
def test_memory_of_a_projection_is_what_it_keeps(kind):
    """Lost: C9's memory; dense keeps 4 D d bytes, the others far less."""
    (row,) = experiments.projection_memory({"projection": kind, "D": 20_000, "dim": 200}, SEED)
    dense = 4 * 20_000 * 200
    assert (row["value"] == dense) if kind == "dense" else (row["value"] < dense / 50)
