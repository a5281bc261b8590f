"""Measures from frames whose answers are known by hand."""

import itertools
import math
from types import SimpleNamespace

import pandas as pd
import pytest

from replicate.papers.batchnorm_only import lesson, measures, published
from replicate.papers.batchnorm_only.measures import Networks
from replicate.papers.batchnorm_only.parameter_table import counts

KIND = {
    "family": "resnet",
    "depth": 14,
    "width": 1,
    "condition": "bn",
    "norm_init": "uniform",
    "norms": "batch",
    "disabled": 0.0,
    "decay": 1e-4,
    "epochs": 2,
}


def training(values, **changes):
    """Return the rows of trainings with these last accuracies in points, one a seed, and a better epoch before."""
    rows = []
    for seed, value in enumerate(values):
        last = {"metric": "accuracy", "value": value / 100, "step": 2, "split": "test", "n": 1000}
        first = {**last, "value": 0.99, "step": 1}
        train = {**last, "value": 0.5, "split": "train"}
        size = {"metric": "trained parameters", "value": 1120}
        rows += [{**KIND, **changes, "seed": seed, **row} for row in (last, first, train, size)]
    return rows


def probes(seed, share, zeroed=0.40, random=(0.2, 0.3), **changes):
    """Return the rows of a probed network: accuracy 41 % as trained."""
    rows = [
        {"metric": "small gammas", "value": share, "threshold": 0.01},
        {"metric": "accuracy as trained", "value": 0.41},
        {"metric": "accuracy, small gammas zeroed", "value": zeroed, "threshold": 0.01},
        *(
            {"metric": "accuracy, random gammas zeroed", "value": v, "threshold": 0.01, "draw": i}
            for i, v in enumerate(random)
        ),
    ]
    return [{**KIND, **changes, "seed": seed, **row} for row in rows]


def networks(*parts, depth=14):
    frame = pd.DataFrame(list(itertools.chain(*parts)))
    return Networks(frame, depth=depth, decay=1e-4, dataset="toy")


def test_the_last_epoch_counts_not_the_best():
    """Choosing the best epoch on the test set is worth about a point."""
    found = networks(training([40, 42, 44])).accuracies()
    assert (found.estimate, found.n_seeds, found.dataset) == (pytest.approx(42), 3, "toy")


def test_margins_are_paired_by_seed():
    """A common spread between seeds must cancel."""
    found = networks(training([40, 50, 60]), training([30, 40, 50], condition="random_k")).margin(
        {}, {"condition": "random_k"}
    )
    assert found.estimate == pytest.approx(10)
    assert found.ci_high - found.ci_low < 1e-6


def test_what_was_not_trained_is_not_measured():
    """A claim about ResNet-110 must stay 'not run' where there is none."""
    found = networks(training([40, 50, 60]))
    assert found.accuracies(depth=110) is None
    assert found.margin({}, {"condition": "all"}) is None
    assert found.ordering("depth", [14]) is None
    assert found.smallest_margin("bn", "random_k") is None
    assert found.cost_of_zeroing("small") is None
    assert found.share_margin({}, {"condition": "all"}) is None
    empty = Networks(pd.DataFrame(), depth=14, decay=1e-4, dataset="toy")
    assert empty.accuracies() is None
    assert empty.smallest_margin("bn", "random_k") is None


def test_other_decays_and_starts_do_not_mix_in():
    """The base network's mean must not include ablations."""
    found = networks(training([40, 42]), training([10, 10], decay=0.01), training([90, 90], norm_init="oneone"))
    assert found.accuracies().estimate == pytest.approx(41)
    assert found.accuracies(norm_init="oneone").estimate == pytest.approx(90)
    assert found.accuracies(decay=0.01).estimate == pytest.approx(10)


def test_the_smallest_margin_is_over_networks_and_seeds():
    """One lucky average must not hide a network where random weights win."""
    found = networks(
        training([40, 42]),
        training([20, 30], condition="random_k"),
        training([35, 35], depth=8),
        training([34, 20], depth=8, condition="random_k"),
        training([99, 99], depth=20),
    )
    assert found.smallest_margin("bn", "random_k").estimate == pytest.approx(1)


def test_the_ordering_is_as_weak_as_its_weakest_step():
    """Three depths, of which the second step is flat."""
    found = networks(
        training([30, 31, 32], depth=8), training([40, 41, 42]), training([40, 41, 42], depth=20)
    ).ordering("depth", [20, 8, 14])
    assert found.estimate == pytest.approx(0, abs=1e-9)
    rising = networks(training([30, 31, 32], depth=8), training([40, 41, 42])).ordering("depth", [8, 14])
    assert rising.estimate == pytest.approx(10)


def test_gains_are_compared_from_the_smallest_to_the_largest():
    """BatchNorm +10, shortcuts and output -2: a difference of 12."""
    found = networks(
        training([30, 31], depth=8),
        training([40, 41]),
        training([30, 31], depth=8, condition="shortcut_output"),
        training([28, 29], condition="shortcut_output"),
    )
    settings = SimpleNamespace(depths=[8, 14], widths=[], width_depth=8)
    assert measures.gain_over(found, "bn", "shortcut_output", "depth", settings).estimate == pytest.approx(12)
    assert measures.gain_over(found, "bn", "shortcut_output", "width", settings) is None


def test_shares_of_small_gammas():
    """In per cent; twice the share under 'all' is subtracted seed by seed."""
    found = networks(probes(0, 0.3), probes(1, 0.4), probes(0, 0.1, condition="all"), probes(1, 0.1, condition="all"))
    assert found.small_shares().estimate == pytest.approx(35)
    margin = found.share_margin({}, {"condition": "all"}, factor=2)
    assert margin.estimate == pytest.approx(15)


def test_the_cost_of_zeroing():
    """As trained minus zeroed, in points; random draws are averaged within a seed."""
    found = networks(probes(0, 0.3), probes(1, 0.3, zeroed=0.41))
    assert found.cost_of_zeroing("small").estimate == pytest.approx(0.5)
    assert found.cost_of_zeroing("random").estimate == pytest.approx(16)
    assert found.cost_of_zeroing("random").n_seeds == 2


def test_the_random_subspace_is_paired_with_batchnorm():
    """Its seeds are the same replicates."""
    controls = pd.DataFrame({"metric": "accuracy", "value": [0.2, 0.3], "seed": [0, 1]})
    assert measures.against(networks(training([40, 50, 60])), controls).estimate == pytest.approx(20)
    assert measures.against(networks(training([40])), pd.DataFrame()) is None


def test_table_1_is_met_to_its_last_digit():
    """All 17 networks: totals, and shares of BatchNorm, output and shortcuts."""
    table = published.table1()
    rows = [
        {**{c: row[c] for c in ("family", "depth", "width")}, "metric": part, "value": n}
        for _, row in table.iterrows()
        for part, n in counts(row["family"], row["depth"], row["width"]).items()
    ]
    assert len(table) == 17
    found = measures.largest_miscount(pd.DataFrame(rows), table).estimate
    assert 0.5 < found < 0.7  # one entry is cut off instead of rounded: 696,618 as 696K
    wrong = table.assign(total=["174K", *table["total"][1:]])
    assert measures.largest_miscount(pd.DataFrame(rows), wrong).estimate > 1


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(18, 9_600), (34, 17_024), (50, 53_120), (101, 105_344), (200, 176_000)],
)
def test_imagenet_counts(depth, expected):
    """ResNet-200 is not torchvision's; its bottlenecks are."""
    totals = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 200: 64_673_832}
    found = counts("imagenet", depth)
    assert (found["total"], found["BatchNorm"]) == (totals[depth], expected)
    assert found["output"] == (513_000 if depth < 50 else 2_049_000)
    assert found["shortcut"] == (172_032 if depth < 50 else 2_768_896)


def test_closed_forms_of_the_counts():
    """BN = 14 W (2 D + 1), shortcut = 10 W^2, output = 40 W + 10, total as in the appendix of counts."""
    for depth, width in ((8, 1), (20, 3), (44, 2)):
        d, w = (depth - 2) // 6, 16 * width
        found = counts("resnet", depth, width)
        bn, shortcut, output = 14 * w * (2 * d + 1), 10 * w * w, 40 * w + 10
        assert (found["BatchNorm"], found["shortcut"], found["output"]) == (bn, shortcut, output)
        assert found["total"] == 27 * w + w * w * (378 * d - 80) + bn + output


def test_kept_tables_leave_out_what_never_varies():
    """Thirty columns of one value would make a table unreadable."""
    frame = pd.DataFrame({"paper": "x", "a": [1, 2], "b": 3, "metric": "m", "value": [0.1, 0.2], "seed": 0})
    assert list(measures.compact(frame)) == ["a", "metric", "value", "seed"]


def test_tables_of_the_lesson():
    """Rounded, with intervals, one row a kind of training."""
    found = networks(training([40, 42, 44]), training([30, 30, 31], condition="output"), probes(0, 0.25))
    table = lesson.accuracies(found)
    assert table["accuracy %"].tolist() == ["42.0", "30.3"]
    assert table["seeds"].tolist() == [3, 3]
    small = lesson.small_gammas(found)
    assert small["|gamma| < 0.01 in %"].tolist() == ["25.0"]
    assert math.isnan(lesson.matched(found.frame))
    assert found.share_margin({"decay": lesson.matched(found.frame)}, {}) is None
    assert lesson.matched(networks(probes(0, 0.2), probes(0, 0.3, decay=0.01)).frame) == 0.01


def test_differences_of_the_lesson_are_paired():
    """As many rows as there are other conditions, signs as in the sentence."""
    table = lesson.margins(networks(training([40, 50, 60]), training([30, 40, 50], condition="output")))
    assert table.to_numpy().tolist() == [["output only", "+10.0", "10.0 to 10.0", 3]]
    assert lesson.margins(Networks(pd.DataFrame(), depth=14, decay=1e-4, dataset="toy")).empty


def test_the_spread_of_a_crossed_design_is_split():
    """Start weights shift accuracy by 0, 3, 6 points, data orders by 0, 1: nothing is left for the pair."""
    rows = [row for i in range(3) for j in range(2) for row in training([30 + 3 * i + j], init=i, order=j)]
    found = lesson.spread(pd.DataFrame(rows))["standard deviation in points"]
    assert found.to_dict() == {"start weights": "3.00", "data order": "0.71", "the pair": "0.00"}
    assert lesson.spread(pd.DataFrame()).empty


def test_published_values_of_the_paper_and_of_others_are_kept_apart():
    """A re-run must never be drawn as the paper."""
    paper = published.of_paper(published.accuracies(), depth=14, width=1, condition="bn")
    assert paper["accuracy"].tolist() == [48.1]
    assert len(published.accuracies()[published.accuracies()["condition"] == "bn"]) > 20
    assert published.curves().query("depth == 14 and epoch == 160")["accuracy"].tolist() == [46.0]
