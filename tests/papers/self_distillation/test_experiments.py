"""Units: the same rows for the same seed, reference values of the redrawn toy, small chains end to end."""

import numpy as np
import pytest

from replicate.papers.self_distillation import experiments as ex
from replicate.seeds import Seed

NETWORK = {"noise": 0.4, "width": 8, "batch": 200, "rate": 3e-3, "epochs": 2, "decay": 1e-3}


def values(rows, metric, **where):
    """Return the values of a metric in the order of the rows."""
    return [r["value"] for r in rows if r["metric"] == metric and all(r.get(k) == v for k, v in where.items())]


@pytest.mark.parametrize(
    ("weight", "wanted", "end", "share"),
    [
        (0.0, [0.14713, 0.11764, 0.11039, 0.11559, 0.12819, 0.14523], 0.49505, (0.910, 0.442)),
        (0.25, [0.14713, 0.12314, 0.11534, 0.11325, 0.11318, 0.11372], 0.11652, (0.922, 0.785)),
        (0.35, [0.14713, 0.12569, 0.11881, 0.11653, 0.11581, 0.11562], 0.11575, (0.930, 0.849)),
        (0.5, [0.14713, 0.12989, 0.12496, 0.12339, 0.12286, 0.12267], 0.12256, (0.936, 0.897)),
    ],
)
def test_redrawn_toy_against_reference_values(weight, wanted, end, share):
    """Lost: 2,000 draws of default_rng(2021), as the base seed 0 must give."""
    rows = ex.monte_carlo({"weight": weight, "draws": 2000}, Seed(0, 0))
    assert values(rows, "mean loss") == pytest.approx(wanted, abs=6e-6)
    assert values(rows, "limit mean loss") == pytest.approx([end], abs=6e-6)
    better = values(rows, "share better than step 1")
    assert (better[0], better[4]) == pytest.approx(share, abs=6e-4)


def test_controls_of_the_redrawn_toy_against_reference_values():
    """Lost: best common penalty .658 (.115071), best common weight -.978 (.108087), oracle of each draw .101602."""
    found = {r["metric"]: r["value"] for r in ex.monte_carlo_controls({"draws": 2000}, Seed(0, 0))}
    assert found["tuned ridge: loss"] == pytest.approx(0.115071, abs=1e-6)
    assert found["tuned ridge: penalty"] == pytest.approx(0.658, abs=0.01)
    assert found["common weight"] == pytest.approx(-0.978, abs=1e-3)
    assert found["common weight: loss"] == pytest.approx(0.108087, abs=1e-6)
    assert found["weight of each draw: loss"] == pytest.approx(0.101602, abs=1e-6)
    assert found["weight of each draw: median"] == pytest.approx(-0.842, abs=1e-3)
    assert found["weight of each draw: share below 0"] == pytest.approx(0.82, abs=0.005)


def test_controls_of_the_toy_against_reference_values():
    """Lost: best ridge .575298 (.149586716), best constant weight .10 after 3 steps (.148738)."""
    found = {r["metric"]: r["value"] for r in ex.toy_controls({}, Seed(0, 0))}
    assert found["tuned ridge: loss"] == pytest.approx(0.149586716, abs=1e-6)
    assert found["tuned ridge: penalty"] == pytest.approx(0.575298, rel=0.01)
    assert found["best constant weight: loss"] == pytest.approx(0.148738, abs=1e-6)
    assert (found["best constant weight: weight"], found["best constant weight: step"]) == (0.1, 3)


def test_convergence_against_reference_values():
    """Lost: C6: rates and steps to 1e-3 (31, 16, 11, 7)."""
    for weight, steps, rate in ((0.1, 31, None), (0.25, 16, 0.679930), (0.35, 11, 0.589273), (0.5, 7, None)):
        rows = ex.convergence({"weight": weight, "steps": 50}, Seed(0, 0))
        assert values(rows, "steps to 1e-3") == [steps]
        predicted, measured = values(rows, "predicted rate")[0], values(rows, "measured rate")[0]
        assert measured == pytest.approx(predicted, rel=1e-6)
        assert rate is None or predicted == pytest.approx(rate, abs=1e-6)


def test_figures_read_off_agree_at_the_legends_weights_only():
    """Lost: the published plots are those of alpha = 0 and 0.25."""
    rows = ex.published_figures({}, Seed(0, 0))
    assert max(values(rows, "difference", weight=0.0) + values(rows, "difference", weight=0.25)) <= 6e-3
    assert max(values(rows, "difference", weight=0.35)) > 0.02


@pytest.mark.parametrize(
    ("unit", "config"),
    [
        (ex.exact, {"check": "stick breaking"}),
        (ex.ratio_rule, {"cases": 20}),
        (ex.monte_carlo, {"weight": 0.3, "draws": 20}),
        (ex.diabetes, {"penalties": [0.5], "weights": [0.5], "steps": 3}),
        (ex.finite_width, {"noise": 0.4, "penalty": 1.0, "width": 16}),
        (ex.constrained, {"kernel": "bending"}),
    ],
)
def test_same_seed_same_rows(unit, config):
    """Lost: units depend on configuration and seed alone."""
    assert unit(config, Seed(0, 1)) == unit(config, Seed(0, 1))


def test_other_seeds_are_other_splits():
    """Lost: replicates that are copies of one another."""
    config = {"penalties": [0.5], "weights": [0.5], "steps": 2}
    assert len({ex.diabetes(config, Seed(b, r))[0]["value"] for b, r in ((0, 0), (0, 1), (1, 0))}) == 3


def test_small_networks_have_every_chain_and_say_what_they_cost():
    """Lost: the bookkeeping of C9: chains, splits, trainings, estimated weights within reach."""
    config = {**NETWORK, "weights": [0.0, 1.0], "steps": 3, "teacher": "soft"}
    rows = ex.small_networks(config, Seed(0, 0), device="cpu")
    chains = {(r["alpha"], r["step"]) for r in rows}
    assert chains == {("first", 1)} | {(a, s) for a in ("0", "1", "estimated") for s in (2, 3)}
    assert values(rows, "trainings", alpha="estimated") == [2, 2]
    assert values(rows, "trainings", alpha="0") == [1, 1]
    assert all(0 <= w <= 1 for w in values(rows, "weight", alpha="estimated"))
    assert np.isfinite(values(rows, "raw weight")).all()
    assert len(values(rows, "accuracy", alpha="0", step=2)) == 3


def test_tuned_networks_start_like_the_chains():
    """Lost: a control that shares first network and data with what it controls."""
    chains = ex.small_networks({**NETWORK, "weights": [1.0], "steps": 2, "teacher": "soft"}, Seed(0, 0), device="cpu")
    shared = {k: v for k, v in NETWORK.items() if k != "decay"}
    control = ex.tuned_networks({**shared, "decays": [0.0, 1e-3]}, Seed(0, 0), device="cpu")
    first = values(chains, "squared error", alpha="first")
    assert values(control, "squared error", decay=1e-3) == first
    assert values(control, "squared error", decay=0.0) != first


def test_ratio_rule_is_never_wrong():
    """Lost: C7's exact rule, and that ratios do fall in many steps."""
    wrong, falls = ex.ratio_rule({"cases": 100}, Seed(0, 0))
    assert wrong["value"] == 0
    assert 0.2 < falls["value"] < 0.9
