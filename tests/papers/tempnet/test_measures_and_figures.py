"""From rows to measurements and pictures, on frames made by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from replicate.papers.tempnet import figures, lesson, measures, pair_figures, studies

EMPTY = pd.DataFrame()


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def _scratch(offsets, seeds=4):
    """NLL rows: each method its offset at tau = 1, half of it at its own temperature, seeds apart by 1."""
    rows = []
    for method, offset in offsets.items():
        for seed in range(seeds):
            for evaluation, factor in (("1", 1.0), ("global", 1.0), (measures.OWN[method], 0.5)):
                noise = 1e-3 * ((seed * 7 + len(method)) % 5)
                value = 2 + seed + factor * offset + noise
                if (evaluation, factor) != ("1", 0.5):
                    rows.append(
                        {"method": method, "evaluation": evaluation, "seed": seed, "metric": "NLL", "value": value}
                    )
    for step in (0, 10):
        for metric in ("mean tau", "mean |KL - rho|"):
            rows.append({"method": "DRO", "seed": 0, "step": step, "metric": metric, "value": 1.0})
    return pd.DataFrame(rows)


FALLING = {"CE": 0.3, "DRO": 0.2, "TempNet": 0.1, "DRO + TempNet": 0.0}


def test_ladder_holds_where_every_step_falls():
    """The paper's ordering, seeds far apart but paired."""
    frame = _scratch(FALLING)
    found = measures.ladder(frame, "1")
    assert found.ci_low > 0
    assert measures.step_of_ladder(frame, "CE", "DRO", "1").estimate == pytest.approx(0.1, abs=0.01)
    assert measures.over_cross_entropy(frame, "1").estimate == pytest.approx(-0.3, abs=0.01)


def test_ladder_breaks_at_its_weakest_step():
    """One rung in the wrong order is enough."""
    assert measures.ladder(_scratch({**FALLING, "TempNet": 0.25}), "1").ci_high < 0


def test_own_temperature_is_the_one_trained_with():
    """Cross-entropy at 1, solved temperatures at tau*, networks at theirs."""
    gain = measures.over_cross_entropy(_scratch({"CE": 0.0, "DRO + TempNet": 0.4}), "own")
    assert gain.estimate == pytest.approx(0.2, abs=0.01)


def test_transfer_is_a_ratio_by_seed():
    """0.6 of 0.8 is three quarters."""
    rows = [
        {"trained_on": on, "seed": s, "evaluation": "TempNet", "metric": "Spearman(tau, tau*)", "value": v}
        for s in range(3)
        for on, v in (("own", 0.8), ("other", 0.6))
    ]
    assert measures.transfer(pd.DataFrame(rows)).estimate == pytest.approx(0.75)


def _pairs(recalls, seeds=3):
    rows = []
    for method, value in recalls.items():
        for seed in range(seeds):
            found = {"TR@1": value, "IR@1": value, "TR@5": 2 * value, "mean R@1": value + 0.01 * seed}
            named = {"method": method, "seed": seed, "rho": 2.5, "hits": None, "queries": None}
            rows += [{**named, "metric": m, "value": v} for m, v in found.items()]
            hits = "".join("4" if i < 100 * value else "0" for i in range(100))
            rows.append({**named, "metric": "hits at 1", "value": value, "hits": hits, "queries": 4})
            for rho, sign in ((0.1, 0.5), (5.0, -0.5)):
                size = {"metric": "Spearman(tau*, group size)", "value": sign, "at_rho": rho, "direction": "image"}
                rows.append({**named, **size, "split": "train"})
    return pd.DataFrame(rows)


RECALLS = {"CLIP": 0.2, "SogCLR": 0.25, "iSogCLR": 0.3, "TempNet": 0.4}


def test_recall_ladder_and_gaps():
    """The smallest of three steps, and a single one."""
    frame = _pairs(RECALLS)
    assert measures.recall_ladder(frame, "emoji").estimate == pytest.approx(0.05)
    found = measures.recall_gap(frame, "TempNet", "CLIP", "emoji")
    assert found.estimate == pytest.approx(0.2)
    assert found.dataset == "emoji"


def test_bootstrap_covers_the_difference_and_knows_a_tie():
    """Concepts are resampled in pairs: equal answers differ by exactly nothing."""
    frame = _pairs(RECALLS)
    low, middle, high = measures.bootstrap(frame, "TempNet", "CLIP", np.random.default_rng(0))
    assert low < 0.2 < high
    assert middle == pytest.approx(0.2, abs=0.02)
    assert measures.bootstrap(frame, "CLIP", "CLIP", np.random.default_rng(0)).tolist() == [0, 0, 0]


def test_size_sign_is_smallest_minus_largest_rho():
    """0.5 at rho 0.1, -0.5 at 5."""
    assert measures.size_sign(_pairs(RECALLS), "emoji").estimate == pytest.approx(1.0)


def test_chosen_setting_is_the_best_on_tuning_concepts():
    """And the first of equals."""
    rows = [
        {"method": m, "metric": "mean R@1", "tau": t, "rho": 2.5, "tau_rate": 0.01, "value": v}
        for m in ("CLIP", "TempNet")
        for t, v in ((0.03, 0.1), (0.05, 0.3), (0.1, 0.3))
    ]
    found = studies.chosen(pd.DataFrame(rows))
    assert found["CLIP"] == {"tau": 0.05, "rho": 2.5, "tau_rate": 0.01}
    assert set(found) == {"CLIP", "TempNet"}


def test_settings_are_an_equal_budget():
    """No method may choose among more than another."""
    assert {len(settings) for settings in studies.SETTINGS.values()} == {3}


@pytest.mark.parametrize(
    "call",
    [
        lambda: measures.largest(EMPTY, check="slope"),
        lambda: measures.mean(EMPTY, "NLL"),
        lambda: measures.ladder(EMPTY, "1"),
        lambda: measures.step_of_ladder(EMPTY, "CE", "DRO", "1"),
        lambda: measures.over_cross_entropy(EMPTY, "own"),
        lambda: measures.transfer(EMPTY),
        lambda: measures.recall_gap(EMPTY, "TempNet", "CLIP", ""),
        lambda: measures.recall_ladder(EMPTY, ""),
        lambda: measures.size_sign(EMPTY, ""),
        lambda: measures.follows_gain(EMPTY, EMPTY),
        lambda: figures.ablation(EMPTY),
        lambda: figures.scatter(EMPTY, 1.0),
        lambda: figures.passage(EMPTY),
        lambda: figures.tradeoff(EMPTY),
        lambda: figures.curves(EMPTY),
        lambda: pair_figures.retrieval(EMPTY),
        lambda: pair_figures.temperatures(EMPTY),
        lambda: pair_figures.sizes(EMPTY),
        lambda: pair_figures.extremes(EMPTY, np.zeros((1, 2, 2, 3))),
    ],
)
def test_a_study_that_did_not_run_measures_nothing(call):
    """Its claims are *not run*, its figures are left out."""
    assert call() is None


def test_misspelt_column_is_an_error_not_an_empty_frame():
    """An unknown column would otherwise select nothing, and a claim would silently be not run."""
    with pytest.raises(KeyError, match="evaluated"):
        measures.where(_scratch(FALLING), evaluated="1")


def test_dual_figure_marks_the_minima_on_the_lines_rho():
    """A dot beside its crossing would be a wrong solver."""
    left, right = figures.duals().axes
    dots = [line for line in right.lines if line.get_marker() == "o"]
    assert [float(dot.get_ydata()[0]) for dot in dots] == [0.1, 0.5, 1.0, 1.3]
    assert len([line for line in left.lines if line.get_marker() == "o"]) == 4


def test_ablation_figure_has_a_dot_a_seed():
    """Four methods, at three or four temperatures, four seeds."""
    (axes,) = figures.ablation(_scratch(FALLING)).axes
    dots = sum(len(line.get_xdata()) for line in axes.lines)
    assert dots == len(measures.where(_scratch(FALLING), metric="NLL"))
    assert [label.get_text() for label in axes.get_xticklabels()] == list(measures.LADDER)


def test_curves_and_retrieval_draw():
    """Lines for what is there, points for every method."""
    assert len(figures.curves(_scratch(FALLING)).axes[0].lines) == 1
    panels = pair_figures.retrieval(_pairs(RECALLS)).axes
    assert [label.get_text() for label in panels[0].get_xticklabels()] == list(RECALLS)


def test_passage_figure_shows_white_space_and_both_tokens():
    """The token being predicted is the one whose temperature is shown."""
    rows = [
        {"part": "passage", "place": i, "read": r, "predicted": p, "metric": m, "value": 0.5 + i}
        for i, (r, p) in enumerate(zip("a \n", " \nb", strict=True))
        for m in ("tau", "tau*", "entropy")
    ]
    top, _ = figures.passage(pd.DataFrame(rows)).axes
    assert [text.get_text() for text in top.texts] == ["a", "␣", "␣", "¶", "¶", "b"]
    assert {text.get_rotation() for text in top.texts} == {0}


def test_passage_of_long_tokens_stands_upright_and_ends_at_48():
    """Side by side they would cover each other."""
    rows = [
        {"part": "passage", "place": i, "read": " the", "predicted": " end\n", "metric": m, "value": 0.5 + i}
        for i in range(60)
        for m in ("tau", "tau*", "entropy")
    ]
    top, bottom = figures.passage(pd.DataFrame(rows)).axes
    assert len(top.texts) == 2 * 48
    assert {text.get_text() for text in top.texts} == {"␣the", "␣end¶"}
    assert {text.get_rotation() for text in top.texts} == {90}
    assert bottom.get_xlim()[1] == 47.5


def test_extremes_show_the_smallest_first():
    """Half in each row, titles are temperatures."""
    rows = [
        {
            "method": "TempNet",
            "seed": 0,
            "metric": "tau of an image",
            "place": i,
            "caption": "c",
            "value": 0.01 * (i + 1),
        }
        for i in range(6)
    ]
    figure = pair_figures.extremes(pd.DataFrame(rows), np.zeros((6, 4, 4, 1), np.uint8))
    assert [axes.get_title() for axes in figure.axes] == ["0.010", "0.020", "0.030", "0.040", "0.050", "0.060"]


def test_published_effects_against_hand_computation():
    """GPT-2 from scratch: 0.80 points, about one standard error; Lambada 2.36 of 3.63."""
    found = lesson.published_effects().loc["GPT-2 from scratch"]
    gain, error, ratio, fall, fall_error, _ = found
    assert gain == pytest.approx(0.80, abs=0.005)
    assert error == pytest.approx((2 * (1.1**2 + 0.4**2 + 1.0**2 + 1.1**2 + 1.6**2)) ** 0.5 / 5, rel=1e-6)
    assert ratio == pytest.approx(1.1, abs=0.1)
    assert fall == pytest.approx(2.36)
    assert fall_error == pytest.approx(3.63, abs=0.01)


def test_library_example_has_the_sign_of_theory():
    """The peaked row gets the highest tau*."""
    tau = lesson.as_a_library()["tau*"]
    assert tau["peaked"] > tau["sloping"] > tau["nearly flat"]
