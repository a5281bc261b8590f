"""Fitted models held against the data: residuals, curves, hazard ratios, cured shares and their figures."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter, NelsonAalenFitter
from matplotlib import pyplot as plt
from scipy import stats

from replicate.papers.survival_models import diagnostics, simulation, trial_figures
from replicate.papers.survival_models.cases import CASES
from replicate.papers.survival_models.regression import MultiParameterRegression
from replicate.seeds import Seed

LUNG = {"case": "lung", "starts": 2}


def rows_of(unit, config=LUNG):
    return pd.DataFrame(unit(config, Seed(0, 0))).assign(case=config["case"])


@pytest.fixture(scope="module")
def simulated():
    """Return a large trial and the model it was drawn from, fitted."""
    frame = simulation.draw(simulation.s2(0.5), 4000, np.random.default_rng(0))
    model = MultiParameterRegression().fit(frame, "time", "event", formulas={"lambda": "x", "gamma": "x"}, starts=3)
    return frame, model


def test_residuals_of_a_true_model_are_unit_exponential(simulated):
    """Lost: the cumulative hazard of each subject at its own time and covariates."""
    frame, model = simulated
    residuals = model.cox_snell_residuals(frame)
    assert residuals.mean() == pytest.approx(frame["event"].mean(), abs=1e-3)  # score equation of log lambda
    steps = NelsonAalenFitter().fit(residuals, frame["event"]).cumulative_hazard_.iloc[:, 0]
    inside = steps[steps.index < 1.5]
    assert np.abs(inside - inside.index).max() < 0.08
    one = model.predict_cumulative_hazard(frame.iloc[[7]], [frame["time"].iloc[7]]).iloc[0, 0]
    assert residuals.iloc[7] == pytest.approx(one, rel=1e-12)


def test_residuals_give_back_what_was_survived_before_entry(simulated):
    """Lost: left truncation; two halves of one follow-up add up to the whole."""
    frame, model = simulated
    whole = model.cox_snell_residuals(frame)
    late = MultiParameterRegression().fit(
        frame.assign(entry=frame["time"] / 2), "time", "event", "entry", {"lambda": "x", "gamma": "x"}, starts=1
    )
    late.optimum_ = model.optimum_
    first = model.cox_snell_residuals(frame.assign(time=frame["time"] / 2))
    second = late.cox_snell_residuals(frame.assign(entry=frame["time"] / 2))
    assert np.allclose(first + second, whole, rtol=1e-10)


def test_curves_are_kaplan_meier_beside_the_fits():
    """Lost: the right group, or the steps, in the picture."""
    rows = rows_of(diagnostics.survival_curves)
    frame = CASES["lung"].frame()
    women = frame[frame["female"] == 1]
    steps = KaplanMeierFitter().fit(women["time"], women["event"])
    shown = rows[(rows["group"] == "female") & (rows["model"] == "Kaplan-Meier") & (rows["metric"] == "estimate")]
    assert np.allclose(shown["value"], steps.survival_function_at_times(shown["time"]))
    fitted = rows[(rows["group"] == "female") & (rows["model"] == "ba/lam")]
    assert np.abs(fitted["value"].to_numpy() - shown["value"].to_numpy()).max() < 0.1
    assert len(rows["group"].unique()) == 2


def test_hazard_ratios_agree_where_the_models_do():
    """Lost: which group is on top, or the scale of Cox's line and of the residuals."""
    rows = rows_of(diagnostics.hazard_ratio)
    estimates = rows[rows["metric"] == "estimate"].groupby("model")["value"]
    cox = CoxPHFitter().fit(CASES["lung"].frame(), "time", "event").hazard_ratios_["female"]
    assert estimates.get_group("Cox").tolist() == pytest.approx([cox, cox])
    assert np.log(estimates.get_group("ba/lam")).mean() == pytest.approx(np.log(cox), abs=0.25)
    smooth = np.log(estimates.get_group("Schoenfeld, smoothed"))
    assert smooth.mean() == pytest.approx(np.log(cox), abs=0.25)  # residuals have mean zero


def test_a_trend_of_the_hazard_ratio_shows_in_the_smoothed_residuals(monkeypatch):
    """Lost: Grambsch and Therneau's scaling; where the truth rises, the curve without a model must rise."""
    frame = simulation.draw(simulation.s2(2.0), 3000, np.random.default_rng(1))[["time", "event", "x"]]

    class Simulated:
        covariates = ("x",)

        def frame(self):
            return frame

    monkeypatch.setitem(CASES, "simulated", Simulated())
    rows = rows_of(diagnostics.hazard_ratio, {"case": "simulated", "starts": 2})
    wide = rows[rows["metric"] == "estimate"].pivot(index="time", columns="model", values="value").dropna(how="all")
    both = wide[["ba/lam", "Schoenfeld, smoothed"]].dropna()
    inner = np.log(both.iloc[2:-4])
    assert stats.spearmanr(inner["ba/lam"], inner["Schoenfeld, smoothed"]).statistic > 0.8
    assert np.abs(inner["ba/lam"] - inner["Schoenfeld, smoothed"]).mean() < 0.25


def test_cured_shares_stand_between_what_they_should():
    """Lost: shares outside [0, 1], or arms that differ where the structure says that they cannot (t/phi)."""
    rows = rows_of(diagnostics.cured)
    shares = rows[rows["metric"] == "estimate"].pivot(index="model", columns="group", values="value")
    assert shares.loc["t/phi", "female"] == pytest.approx(shares.loc["t/phi", "reference"])
    assert ((shares >= 0) & (shares < 0.2)).all(axis=None)
    assert len(shares) == 8  # six structures, a mixture cure model, Kaplan-Meier


@pytest.mark.parametrize(
    ("unit", "figure"),
    [
        (diagnostics.survival_curves, trial_figures.survival_curves),
        (diagnostics.hazard_ratio, trial_figures.hazard_ratio),
        (diagnostics.cox_snell, trial_figures.cox_snell),
    ],
)
def test_figures_draw_a_panel_a_trial_and_nothing_from_nothing(unit, figure):
    """Lost: runs without data, or a panel."""
    assert figure(pd.DataFrame()) is None
    rows = rows_of(unit)
    drawn = figure(pd.concat([rows, rows.assign(case="gbsg")]))
    assert [axes.get_title() for axes in drawn.axes] == ["NCCTG lung cancer", "GBSG breast cancer"]
    plt.close(drawn)


def test_groups_are_named_by_the_covariate_that_marks_them():
    """Lost: which curve is whose."""
    case = CASES["vet_cell"]
    frame = case.frame()
    groups = case.groups(frame)
    assert groups.value_counts().to_dict() == {"smallcell": 48, "reference": 35, "adeno": 27, "large": 27}
    assert (frame.loc[groups == "adeno", "adeno"] == 1).all()
