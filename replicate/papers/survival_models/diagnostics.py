"""Units that hold fitted models against public trials: curves, hazard ratios, residuals, cured shares."""

from typing import Any

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter, MixtureCureFitter, NelsonAalenFitter, WeibullFitter
from statsmodels.nonparametric.smoothers_lowess import lowess

from replicate.seeds import Seed

from .cases import CASES
from .selection import fit_structures

Rows = list[dict[str, Any]]
RECOMMENDED = ("b/lam", "t/phi", "ba/lam", "ta/phi")
EXTENDED = ("ba/lam", "ta/phi")  # an effect on the power shape bends the hazard ratio
POINTS = 25  # times on a curve
BAND = ("estimate", "lower", "upper")


def survival_curves(config: dict, seed: Seed) -> Rows:
    """Fit structures to a trial; return survival by group beside Kaplan-Meier with its 95 % band."""
    case, frame, fits = _fits(config, seed, RECOMMENDED)
    times, rows = np.linspace(0, frame["time"].max(), POINTS + 1), []
    for group, part in frame.groupby(case.groups(frame), sort=False):
        steps = KaplanMeierFitter().fit(part["time"], part["event"], timeline=times)
        table = pd.concat([steps.survival_function_, steps.confidence_interval_], axis=1)
        rows += _curve(table.set_axis(BAND, axis=1), group=group, model="Kaplan-Meier")
        for label, model in fits.items():
            rows += _curve(model.predict_mean_survival(part, times), group=group, model=label)
    return rows


def hazard_ratio(config: dict, seed: Seed) -> Rows:
    """Return the hazard ratio over time of a trial with two groups: APGW structures, Cox, no model.

    The last are scaled Schoenfeld residuals plus Cox's coefficient (Grambsch, Therneau 1994), smoothed by lowess.
    """
    case, frame, fits = _fits(config, seed, EXTENDED)
    (name,) = case.covariates
    low, high = np.quantile(frame.loc[frame["event"] == 1, "time"], [0.025, 0.975])
    times = np.linspace(low, high, POINTS)
    treated, control = (pd.DataFrame({name: [x]}) for x in (1, 0))
    rows = []
    for label, model in fits.items():
        rows += _curve(model.hazard_ratio(treated, control, times, ci=True)[0], model=label)
    cox = CoxPHFitter().fit(frame, "time", event_col="event")
    found = np.exp([cox.params_[name], *cox.confidence_intervals_.loc[name]])
    rows += _curve(pd.DataFrame([found] * 2, index=times[[0, -1]], columns=BAND), model="Cox")
    residuals = cox.compute_residuals(frame, kind="scaled_schoenfeld")[name]
    # it=0: residuals of a binary covariate have two branches, and robust weights would drop one
    smooth = lowess(cox.params_[name] + residuals, frame["time"].loc[residuals.index], frac=0.5, it=0, xvals=times)
    return rows + _curve(pd.DataFrame({"estimate": np.exp(smooth)}, index=times), model="Schoenfeld, smoothed")


def cox_snell(config: dict, seed: Seed) -> Rows:
    """Return the Nelson-Aalen estimate of the Cox-Snell residuals' cumulative hazard: x itself if the model is true."""
    _, frame, fits = _fits(config, seed, EXTENDED)
    rows = []
    for label, model in fits.items():
        steps = NelsonAalenFitter().fit(model.cox_snell_residuals(frame), frame["event"]).cumulative_hazard_
        kept = np.unique(np.linspace(0, len(steps) - 1, POINTS).astype(int))
        for metric, values in (("residual", steps.index), ("cumulative hazard", steps.iloc[:, 0].to_numpy())):
            rows += [
                {"model": label, "point": int(at), "metric": metric, "value": float(values[at])} for at in kept.tolist()
            ]
    return rows


def cured(config: dict, seed: Seed) -> Rows:
    """Return the cured share by group: APGW structures, a Weibull mixture cure model, and where Kaplan-Meier ends."""
    case, frame, fits = _fits(config, seed, (*RECOMMENDED, "b/both", "t/both"))
    rows = []
    for group, part in frame.groupby(case.groups(frame), sort=False):
        for label, model in fits.items():
            share = model.cure_fraction(part[list(case.covariates)].head(1), ci=True).iloc[0]
            rows += [{"group": group, "model": label, "metric": k, "value": float(share[k])} for k in BAND]
        mixture = MixtureCureFitter(base_fitter=WeibullFitter()).fit(part["time"], part["event"])
        limits = mixture.summary.loc["cured_fraction_", ["coef", "coef lower 95%", "coef upper 95%"]]
        name = "mixture cure, Weibull"
        rows += [
            {"group": group, "model": name, "metric": k, "value": float(v)} for k, v in zip(BAND, limits, strict=True)
        ]
        steps = KaplanMeierFitter().fit(part["time"], part["event"])
        end = [steps.survival_function_.iloc[-1, 0], *steps.confidence_interval_.iloc[-1]]
        name = "Kaplan-Meier at the last time"
        rows += [
            {"group": group, "model": name, "metric": k, "value": float(v)} for k, v in zip(BAND, end, strict=True)
        ]
    return rows


def _fits(config, seed, structures):
    case = CASES[config["case"]]
    frame = case.frame()
    search = {"starts": config["starts"], "seed": seed.integer("diagnostics"), "interior": True}
    columns = {"covariates": list(case.covariates), "duration_col": "time", "event_col": "event"}
    return case, frame, fit_structures(frame, structures, **columns, **search)


def _curve(table: pd.DataFrame, **what: str) -> Rows:
    return [
        {**what, "time": float(time), "metric": name, "value": float(value)}
        for time, values in table.iterrows()
        for name, value in values.items()
    ]
