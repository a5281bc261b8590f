"""Predictions on unseen subjects: splits that do not overlap, scores that know good from bad."""

import numpy as np
import pytest

from replicate.papers.survival_models import experiments, simulation, validation
from replicate.papers.survival_models.cases import CASES, available
from replicate.seeds import Seed


@pytest.fixture(scope="module")
def halves():
    """Return training and test tables of a simulated trial with a strong effect."""
    design = simulation.Design(0.5, effects={"lambda": 1.5})
    frame = simulation.draw(design, 1500, np.random.default_rng(0))
    return design, *validation.split(frame, np.random.default_rng(1))


def test_a_split_uses_every_subject_once(halves):
    """Lost: unseen subjects."""
    _, train, test = halves
    assert len(test) == 450
    assert sorted([*train.index, *test.index]) == list(range(1500))


@pytest.mark.parametrize("model", validation.MODELS)
def test_models_come_close_to_the_truth(halves, model):
    """Lost: a prediction that is turned round (rows for times) or upside down."""
    design, train, test = halves

    def truth(table, times):
        return np.array([design.distribution(x).survival(times) for x in table["x"]])

    best = validation.scores(truth, train, test)
    found = validation.scores(validation.fit(model, train, ["x"]), train, test)
    assert found["concordance"] == pytest.approx(best["concordance"], abs=0.02)
    assert found["integrated Brier score"] == pytest.approx(best["integrated Brier score"], abs=0.01)


def test_no_knowledge_scores_worse(halves):
    """Lost: the scores' direction."""
    _, train, test = halves
    good = validation.scores(validation.fit("Cox", train, ["x"]), train, test)
    coin = validation.scores(lambda table, times: np.full((len(table), len(times)), 0.5), train, test)
    assert coin["concordance"] == pytest.approx(0.5, abs=0.01)
    assert coin["integrated Brier score"] > good["integrated Brier score"] + 0.02


def test_models_share_a_split():
    """Lost: pairing; the split depends on trial and replicate, not on the model."""
    rows = [experiments.validate({"case": "lung", "model": m}, Seed(0, 1)) for m in ("Cox", "Weibull AFT", "Cox")]
    assert rows[0] == rows[2]
    assert rows[0][0]["value"] == pytest.approx(rows[1][0]["value"], abs=1e-9)  # one binary covariate: same ranking


def test_a_resample_chooses_one_structure():
    """Lost: the bootstrap of the choice."""
    config = {"case": "lung", "structures": ["0/lam", "b/lam", "t/phi"], "starts": 2}
    rows = experiments.bootstrap(config, Seed(0, 0))
    assert sum(row["value"] for row in rows) == 1
    assert rows == experiments.bootstrap(config, Seed(0, 0))


def test_data_that_cannot_be_had_are_left_out(monkeypatch):
    """Lost: offline runs; the claims of an absent trial are *not run*, not an error."""
    from replicate.datasets import Unavailable
    from replicate.papers.survival_models import cases

    def absent(name):
        raise Unavailable(name)

    assert available(["lung"]) == ["lung"]
    monkeypatch.setattr(cases, "load_survival", absent)
    assert available(list(CASES)) == []
