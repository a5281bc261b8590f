"""The search of d90 over a sweep: on synthetic accuracies with a known answer."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from replicate.papers.intrinsic_dimension.searches import find_d90


class Runs:
    """Stands for a sweep: binomial accuracies of a logistic curve that crosses 0.9 at ``truth``."""

    def __init__(self, truth, n=10_000):
        self.truth, self.n, self.work = truth, n, []

    def __call__(self, work):
        self.work += work
        rows = []
        for config, replicate in work:
            p = expit(logit(0.9) + 1.2 * np.log(config["dim"] / self.truth))
            value = np.random.default_rng(replicate).binomial(self.n, p) / self.n
            rows.append({**config, "seed": replicate, "metric": "test accuracy", "value": value, "n": self.n})
        return pd.DataFrame(rows)


def _find(runs, **changes):
    options = {"starts": [512, 1024], "budget": 12, "max_dim": 100_000, **changes}
    return find_d90(runs, {"network": "fc"}, **options)


@pytest.mark.parametrize("truth", [300, 750, 4000])
def test_the_truth_is_found_and_inside_the_interval(truth):
    """Lost: d90 itself."""
    frame, found = _find(Runs(truth))
    assert found.bracketed
    assert found.low < truth < found.high
    assert found.estimate == pytest.approx(truth, rel=0.1)
    assert len(frame) == found.n_runs <= 12


def test_every_run_has_streams_of_its_own():
    """Lost: independence; two runs of one replicate would share start, projection and order."""
    runs = Runs(750)
    frame, _ = _find(runs)
    assert [r for _, r in runs.work] == list(range(len(runs.work)))
    assert frame["seed"].tolist() == list(range(len(frame)))


def test_starts_are_cut_to_the_network():
    """Lost: small networks; d > D makes no sense."""
    frame, found = _find(Runs(10_000), max_dim=600)
    assert frame["dim"].max() == 600
    assert found.status == "below"


def test_another_threshold_and_metric():
    """Lost: random labels and CIFAR-10, which use both."""
    runs = Runs(750)
    _, easy = _find(runs, threshold=0.85)
    assert easy.estimate < 750 * np.exp((logit(0.85) - logit(0.9)) / 1.2) * 1.15
    assert easy.threshold == 0.85
