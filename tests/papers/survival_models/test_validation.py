"""Predictions on unseen subjects: splits that do not overlap, scores that know good from bad."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from replicate.papers.survival_models import experiments, simulation, trial_figures, validation
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


def test_calibration_compares_groups_of_equal_risk(halves):
    """Lost: which subjects are compared; the truth is calibrated, the truth turned round is not."""
    design, train, test = halves
    held = validation.held_out(train, test)
    time = held.times[held.middle]
    truth = np.array([float(design.distribution(x).survival(time)) for x in held.table["x"]])
    table = validation.calibration(held, truth, 4)
    assert len(table) == 2  # one binary covariate: two predictions
    assert table["n"].sum() == len(test)
    assert ((table["lower"] < table["predicted"]) & (table["predicted"] < table["upper"])).all()
    assert len(validation.calibration(held, np.full(len(test), 0.5), 4)) == 1
    assert len(validation.calibration(held, np.linspace(0, 1, len(test)), 4)) == 4
    turned = validation.calibration(held, truth.max() + truth.min() - truth, 4)
    assert (turned["predicted"] - turned["observed"]).abs().max() > 0.2


def test_scores_over_time_end_in_the_totals(halves):
    """Lost: the weights of the Brier score's integral, or the horizon of the concordance."""
    design, train, test = halves

    def truth(table, times):
        return np.array([design.distribution(x).survival(times) for x in table["x"]])

    held = validation.held_out(train, test)
    found, survival = validation.scores(truth, train, test), truth(held.table, held.times)
    brier = validation.brier_over_time(held, survival)
    assert brier.min() < found["integrated Brier score"] < brier.max()
    assert validation.concordance_over_time(held, survival)[-1] == pytest.approx(found["concordance"])


def test_a_fit_that_does_not_converge_is_counted(monkeypatch):
    """Lost: a failed model among the scores, or the whole run."""
    from lifelines.exceptions import ConvergenceError

    def fails(train, covariates):
        raise ConvergenceError("no")

    monkeypatch.setitem(validation.MODELS, "fails", fails)
    rows = experiments.validate({"case": "lung", "model": "fails"}, Seed(0, 0))
    assert [(row["metric"], row["value"]) for row in rows] == [("fitted", 0)]


def test_the_transfer_figure_draws_calibration_and_scores():
    """Lost: the picture of the external validation; nothing is drawn from nothing."""
    groups = [
        {"model": m, "group": g, "metric": f"{name} survival", "value": v}
        for m in trial_figures.SHOWN
        for g in range(3)
        for name, v in (("predicted", g / 4), ("observed", g / 4), ("lower", g / 5), ("upper", g / 3))
    ]
    times = [
        {"model": m, "time": t, "metric": metric, "value": 0.2 * t}
        for m in trial_figures.SHOWN
        for t in (1.0, 2.0)
        for metric in ("Brier score at time", "concordance up to time")
    ]
    drawn = trial_figures.transfer(pd.DataFrame(groups + times))
    assert [len(axes.get_lines()) for axes in drawn.axes[1:]] == [5, 5]
    plt.close(drawn)
    assert trial_figures.transfer(pd.DataFrame()) is None
