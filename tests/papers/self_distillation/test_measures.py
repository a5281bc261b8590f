"""Measurements from tidy rows, worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replicate.papers.self_distillation import measures

EMPTY = pd.DataFrame()


def test_largest_and_smallest_pick_rows():
    """Lost: which rows a claim is about."""
    frame = pd.DataFrame({"metric": ["a", "a", "b"], "k": [1, 2, 1], "value": [3.0, 5.0, 9.0]})
    assert measures.largest(frame, "a").estimate == 5
    assert measures.largest(frame, "a", k=1).estimate == 3
    assert measures.smallest(frame, "a", k=[1, 2]).estimate == 3
    assert measures.largest(frame, "c") is None
    assert measures.largest(EMPTY, "a") is None


def test_best_step_looks_at_the_first_steps_only():
    """Lost: C2: a minimum among the six published steps."""
    frame = pd.DataFrame({"metric": "loss", "weight": 0.0, "step": [1, 2, 3, 4], "value": [4.0, 2.0, 3.0, 1.0]})
    assert measures.best_step(frame, weight=0.0, steps=3).estimate == 2


def test_rate_error_is_the_largest_relative_one():
    """Lost: C6."""
    rows = [
        {"weight": w, "metric": m, "value": v}
        for w, pair in {0.25: (0.50, 0.51), 0.35: (0.40, 0.40)}.items()
        for m, v in zip(("predicted rate", "measured rate"), pair, strict=True)
    ]
    assert measures.rate_error(pd.DataFrame(rows), weights=[0.25, 0.35]).estimate == pytest.approx(0.02)


def spectra():
    """Return two ratios over three steps at two weights, and their limits."""
    paths = {0.0: {1: [1.1, 1.21, 1.331], 2: [1.2, 1.44, 1.728]}, 0.25: {1: [1.1, 1.2, 1.15], 2: [1.2, 1.3, 1.32]}}
    rows = [
        {"metric": "ratio", "weight": w, "k": k, "step": t, "value": v}
        for w, by_k in paths.items()
        for k, values in by_k.items()
        for t, v in enumerate(values, 1)
    ]
    ends = {1: 1.12, 2: 1.33}
    return pd.DataFrame(rows + [{"metric": "limit ratio", "weight": 0.25, "k": k, "value": v} for k, v in ends.items()])


def test_growth_damping_and_fall_of_ratios():
    """Lost: C7."""
    assert measures.smallest_growth(spectra(), weight=0.0).estimate == pytest.approx(0.1)
    assert measures.damping(spectra(), weight=0.25, step=2).estimate == pytest.approx(1.2 / 1.21)
    assert measures.largest_fall(spectra(), weight=0.25).estimate == pytest.approx(0.08)


def test_grid_distance_is_in_spacings_and_excess_signed():
    """Lost: C8."""
    weights = np.linspace(-1, 1, 5)
    rows = [{"metric": "loss", "weight": w, "value": (w - 0.1) ** 2} for w in weights]
    rows += [{"metric": "optimal weight", "value": 0.1}, {"metric": "loss at the optimal weight", "value": 0.0}]
    frame = pd.DataFrame(rows).assign(step=2, teacher_weight=1.0)
    assert measures.grid_distance(frame).estimate == pytest.approx(0.1 / 0.5)
    assert measures.grid_excess(frame).estimate == pytest.approx(-0.01)


def networks():
    """Return accuracies of three seeds, two decays, at the last of two steps."""
    rows, gains = [], {0: 0.02, 1: 0.01, 2: 0.03}
    for seed, gain in gains.items():
        for decay in (0.0, 1e-3):
            for alpha, value in (("0", 0.8), ("1", 0.9), ("estimated", 0.85 + gain)):
                row = {"seed": seed, "decay": decay, "alpha": alpha, "teacher": "soft", "split": "test"}
                rows += [{**row, "step": 2, "metric": "accuracy", "value": 0.1}]
                rows += [{**row, "step": 3, "metric": "accuracy", "value": value}]
                rows += [{**row, "step": 3, "metric": "trainings", "value": 2 if alpha == "estimated" else 1}]
    return pd.DataFrame(rows)


def test_estimated_weight_against_the_grid_is_paired_by_seed():
    """Lost: C9; decays are averaged within a seed, so n is the number of seeds."""
    found = measures.estimated_against_grid(networks())
    interval = stats.ttest_1samp([0.02, 0.01, 0.03], 0).confidence_interval(0.95)
    assert found.n_seeds == 3
    assert (found.ci_low, found.ci_high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert found.dataset == "digits"
    assert measures.estimated_against_grid(EMPTY) is None
    assert measures.trainings_saved(networks()).estimate == 1.0
    assert measures.trainings_saved(EMPTY) is None


def test_the_decay_is_tuned_on_validation_data_within_a_seed():
    """Lost: the control of networks: chosen by validation error, scored on the test set."""
    cells = {(0, 0.0): (0.5, 0.8), (0, 1e-3): (0.4, 0.7), (1, 0.0): (0.3, 0.6), (1, 1e-3): (0.9, 0.9)}
    rows = []
    for (seed, decay), (error, accuracy) in cells.items():
        row = {"seed": seed, "decay": decay}
        rows += [{**row, "metric": "squared error", "split": "validation", "value": error}]
        rows += [{**row, "metric": "accuracy", "split": "test", "value": accuracy}]
        rows += [{**row, "metric": "squared error", "split": "test", "value": 0.0}]
    found = measures.tuned_accuracies(pd.DataFrame(rows))
    assert found["decay"].to_dict() == {0: 1e-3, 1: 0.0}
    assert found["accuracy"].to_dict() == {0: 0.7, 1: 0.6}


def images(protocol="fair"):
    """Return accuracies of two seeds."""
    rows = []
    for seed, shift in ((0, 0.0), (1, 0.02)):
        for weight, value in (("0.6", 0.90), ("1", 0.88)):
            row = {"seed": seed, "weight": weight, "step": 5, "dataset": "CIFAR-10", "protocol": protocol}
            rows += [{**row, "metric": "accuracy", "value": value + (shift if weight == "0.6" else 0)}]
            rows += [{**row, "metric": "accuracy, epoch selected on test", "value": value + shift + 0.01}]
    return pd.DataFrame(rows)


def test_images_are_compared_within_seeds():
    """Lost: C10: pairs, the data set in the measurement, no optimism where the test set chose anyway."""
    found = measures.between_weights(images(), "0.6", "1")
    assert found.estimate == pytest.approx(0.03)
    assert found.dataset == "CIFAR-10"
    assert measures.between_weights(images(), "0.7", "1") is None
    assert measures.between_weights(EMPTY, "0.6", "1") is None
    assert measures.optimism(images()).estimate == pytest.approx(0.015)
    assert measures.optimism(images("script")) is None
    assert measures.optimism(EMPTY) is None
