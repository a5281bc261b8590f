"""Trials, measures and figures on small data: rows, pairing, statistics against hand computation."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from replicate.papers.quantile_aggregation import (
    comparisons,
    experiments,
    figures,
    lesson,
    measures,
    studies,
    trial,
    tuning,
)
from replicate.papers.quantile_aggregation.catalogue import PAPERS_SIX, make_model
from replicate.papers.quantile_aggregation.gate_fit import GateSettings
from replicate.papers.quantile_aggregation.plan import VARIANTS
from replicate.seeds import Seed

CONFIG = {
    "dataset": "meats",
    "m": 9,
    "folds": 3,
    "models": ["QRF", "LGBM"],
    "network_steps": 20,
    "gate_steps": 40,
    "check_every": 20,
    "patience": 40,
    "draws": 0,
    "variants": list(VARIANTS),
    "studies": ["main", "isotonization", "controls", "conformal"],
}


@pytest.fixture(scope="module")
def rows():
    found = [{**r, "dataset": "meats", "seed": 0} for r in experiments.trial(CONFIG, Seed(0, 0), "cpu")]
    return pd.DataFrame(found)


def test_a_trial_reports_every_method_and_study(rows):
    """A method that fell out would make the others look better."""
    main = studies.study(rows, "main")
    scored = set(main[main["metric"] == "mean pinball"]["method"])
    assert scored == {"QRF", "LGBM", "Average", "Median", "Pool", "QRA", "FQRA", *VARIANTS}
    assert set(rows["study"]) == set(CONFIG["studies"])
    assert np.isfinite(rows["value"]).all() or np.isinf(rows["value"]).any()
    fits = rows[rows["metric"] == "base fits"]["value"]
    assert fits.tolist() == [6]
    coverages = main[main["metric"] == "coverage"]["value"]
    assert coverages.between(0, 1).all()


def test_figures_draw_from_these_rows(rows):
    """Every figure from real rows of every study, and none from nothing."""
    main, iso, controls, conformal = (studies.study(rows, s) for s in CONFIG["studies"])
    drawn = [
        figures.relative_wis(main),
        figures.variants(main),
        figures.isotonization(iso),
        figures.post_processing(main),
        figures.coverage(main, conformal),
        figures.controls(main, controls),
        figures.level_axis(main),
    ]
    assert all(isinstance(f, Figure) for f in drawn)
    empty = pd.DataFrame()
    assert figures.relative_wis(empty) is figures.isotonization(empty) is figures.controls(main, empty) is None
    assert len(lesson.summary(main)) == 13
    assert comparisons.rank_table(main).loc["local-fine", "critical differences from DQA"] == 0
    assert lesson.share_of_gate(main, controls).shape[1] == 2
    assert lesson.conditional_coverage(main).loc["local-fine"].between(0, 1).all()
    assert lesson.conditional_coverage(empty).empty
    assert len(lesson.intervals(conformal)) == 3


def test_a_plain_network_gets_as_many_parameters_as_the_gate(rows):
    """Otherwise the control would compare sizes, not ideas; and a band must need fewer."""
    main, controls = (studies.study(rows, s) for s in ("main", "controls"))
    sizes = controls[controls["metric"] == "parameters"].set_index("method")["value"]
    gate = main[(main["metric"] == "parameters") & (main["method"] == "local-fine")]["value"].item()
    assert sizes["plain network, equal size"] == pytest.approx(gate, rel=0.02)
    assert sizes["fine, band 1"] < sizes["fine, band 3"] < gate
    assert trial.equal_width(10 * 10 + 10 * (4 + 3 + 2) + 3, 4, 3) == 10


def test_claims_can_be_measured_from_these_rows(rows):
    """Each measure gives an interval around its estimate, or says nothing."""
    main, iso, _, conformal = (studies.study(rows, s) for s in CONFIG["studies"])
    rng = np.random.default_rng(0)
    for found in (
        measures.relative_wis(main, "QRA", rng),
        measures.best_base(main, rng),
        measures.order_of_variants(main, rng),
        measures.beaten(main),
        measures.isotonization_end(iso, "largest"),
        measures.coverage_slack(conformal),
        measures.typical_length_ratio(conformal),
        measures.undercovered(main, ("QRA", "FQRA")),
    ):
        assert found.ci_low <= found.estimate <= found.ci_high
    assert measures.hurt_sets(main, "sort").estimate == 0
    assert measures.hurt_sets(main, "pava").estimate == 0
    assert measures.gain_and_pve(main, rng) is None  # one set has no correlation
    assert measures.relative_wis(pd.DataFrame(), "QRA", rng) is None


def frame(values):
    """Return main rows from {(dataset, seed, method): loss}."""
    keys = pd.DataFrame([dict(zip(("dataset", "seed", "method"), k, strict=True)) for k in values])
    return keys.assign(metric="mean pinball", value=list(values.values()))


def test_relative_losses_are_paired_by_split_and_averaged_by_set():
    """Sets count equally, whatever their number of splits; ratios are taken within a split."""
    main = frame(
        {
            ("a", 0, "local-fine"): 1.0,
            ("a", 0, "QRA"): 2.0,
            ("a", 1, "local-fine"): 2.0,
            ("a", 1, "QRA"): 2.0,
            ("b", 0, "local-fine"): 4.0,
            ("b", 0, "QRA"): 2.0,
        }
    )
    table = measures.relative(main)
    assert measures.over_sets(table)["QRA"] == pytest.approx((1.5 + 0.5) / 2)
    assert measures.beaten(main).estimate == 0.5
    drawn = measures.resamples(table[["QRA"]], np.random.default_rng(0), draws=4000)
    assert drawn.mean() == pytest.approx(1.0, abs=0.03)
    assert {drawn.min(), drawn.max()} == {0.5, 2.0}


def test_ranks_and_critical_difference():
    """Nemenyi's constant for three methods is 2.343 (Demsar 2006, Table 5), and 1 is best."""
    values = {(s, 0, m): i + 0.1 for s in "abcdef" for i, m in enumerate(("local-fine", "QRA", "Average"))}
    mean, p_value, difference = comparisons.ranks(frame(values))
    assert mean.to_dict() == {"local-fine": 1.0, "QRA": 2.0, "Average": 3.0}
    assert p_value < 0.01
    assert difference == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 6)), abs=1e-3)


def test_order_of_variants_is_kendalls_tau():
    """In the paper's order 1, reversed -1."""
    for sign in (1, -1):
        values = {("a", s, v): 1 + sign * 0.1 * i + 0.01 * s for s in (0, 1) for i, v in enumerate(VARIANTS)}
        found = measures.order_of_variants(frame(values), np.random.default_rng(0))
        assert found.estimate == pytest.approx(sign)


def test_same_seed_same_rows_and_splits_are_shared():
    """Bytes must not depend on anything but configuration and seed."""
    small = {**CONFIG, "studies": ["main"], "variants": ["local-fine"], "models": ["QRF", "CGN"], "m": 3}
    one, two = (experiments.trial(small, Seed(0, 1), "cpu") for _ in range(2))
    assert one == two
    assert one != experiments.trial(small, Seed(0, 2), "cpu")


def test_ground_truth_excess_is_small_and_not_negative():
    """Gradients cannot beat the exact optimum and must come near it."""
    config = {**CONFIG, "steps": 600, "m": 5, "models": ["QRF", "QXT"]}
    found = pd.DataFrame(experiments.ground_truth(config, Seed(0, 0)))
    excess = found[found["metric"] == "relative excess of gradients"]["value"]
    assert len(excess) == 2
    assert excess.between(-1e-6, 0.02).all()


def test_tuning_prefers_what_validates_best():
    """A grid with one sensible and one absurd value."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((150, 1))
    y = x[:, 0] + 0.1 * rng.standard_normal(150)
    parts = (x[:100], y[:100]), (x[100:], y[100:])
    space = {"min_samples_leaf": [5, 80]}
    levels = np.array([0.1, 0.5, 0.9])
    chosen = tuning.tune(make_model("QRF", levels, 0), space, 2, *parts, levels, rng)
    assert chosen.min_samples_leaf == 5
    assert tuning.tune(chosen, space, 0, *parts, levels, rng) is chosen


def test_draws_are_without_replacement_and_spaces_name_real_parameters():
    """A misspelt hyperparameter would be an error in the middle of a long run."""
    space = {"a": [1, 2, 3], "b": [1, 2]}
    found = tuning.draws(space, 6, np.random.default_rng(0))
    assert len({tuple(d.values()) for d in found}) == 6
    assert len(tuning.draws(space, 20, np.random.default_rng(0))) == 6
    for name in PAPERS_SIX:
        assert set(tuning.BASE_SPACES[name]) <= set(make_model(name, [0.5], 0).get_params())
    for margin in ("none", "single", "vector", "adaptive"):
        for local in (True, False):
            settings = GateSettings(margin=margin, local=local)
            assert set(tuning.gate_space(settings)) <= set(vars(settings))


def test_the_papers_list_has_34_registered_sets():
    """The paper preset would silently run on fewer."""
    from replicate.datasets import regression_names

    assert len(set(studies.PAPERS_SETS)) == 34
    assert set(studies.PAPERS_SETS) <= set(regression_names())
