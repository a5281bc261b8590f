"""Predictions on subjects a model has not seen: discrimination, Brier score and calibration of many models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import (
    CoxPHFitter,
    GeneralizedGammaRegressionFitter,
    KaplanMeierFitter,
    LogLogisticAFTFitter,
    LogNormalAFTFitter,
    WeibullAFTFitter,
)
from lifelines.exceptions import ConvergenceError
from sklearn.base import clone
from sksurv.ensemble import RandomSurvivalForest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import brier_score, concordance_index_ipcw
from sksurv.util import Surv

from .regression import MultiParameterRegression

Predict = Callable[[pd.DataFrame, np.ndarray], np.ndarray]


def split(frame: pd.DataFrame, rng: np.random.Generator, *, share: float = 0.3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a training and a test table, ``share`` of the rows in the test."""
    order = rng.permutation(len(frame))
    size = round(share * len(frame))
    return frame.iloc[order[size:]], frame.iloc[order[:size]]


def fit(model: str, train: pd.DataFrame, covariates: Sequence[str]) -> Predict | None:
    """Fit one of `MODELS` and return its prediction: (table, times) -> survival, shape ``(n, len(times))``.

    None where the package says that its fit did not converge.
    """
    try:
        return MODELS[model](train, list(covariates))
    except ConvergenceError:
        return None


@dataclass(frozen=True, eq=False)
class Held:
    """Subjects held out, and the times at which predictions for them are judged.

    ``known`` and ``seen`` are scikit-survival's outcomes of the training and the test subjects, the latter cut
    where the training times end; ``table`` holds the test rows, ``times`` 40 points between the 10 % and 80 %
    quantiles of their times.
    """

    known: np.ndarray
    seen: np.ndarray
    table: pd.DataFrame
    times: np.ndarray

    @property
    def middle(self) -> int:
        """Return the position of the middle time."""
        return len(self.times) // 2


def held_out(train: pd.DataFrame, test: pd.DataFrame) -> Held:
    """Return the test subjects as the scores need them."""
    last = min(train["time"].max(), test["time"].max())
    event = test["event"].where(test["time"] < last, 0)
    table = test.assign(event=event, time=test["time"].clip(upper=last * (1 - 1e-9)))
    known, seen = (Surv.from_dataframe("event", "time", t.astype({"event": bool})) for t in (train, table))
    low, high = np.quantile(table["time"], [0.1, 0.8])
    return Held(known, seen, table, np.linspace(low, high, 40))


def scores(predict: Predict, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, float]:
    """Return how well predicted survival orders the test subjects and how close it comes to what happened to them.

    The IPCW concordance (Uno et al. 2011), the integrated Brier score (Graf et al. 1999; both with the censoring
    distribution of ``train``) and the `calibration` error at the middle time, by four groups of predicted survival,
    weighted by their sizes. Risk is 1 - S at the middle time.
    """
    held = held_out(train, test)
    survival = predict(held.table, held.times)
    concordance = concordance_index_ipcw(held.known, held.seen, 1 - survival[:, held.middle], tau=held.times[-1])[0]
    brier = np.trapezoid(brier_over_time(held, survival), held.times) / np.ptp(held.times)
    groups = calibration(held, survival[:, held.middle], 4)
    error = np.average((groups["predicted"] - groups["observed"]).abs(), weights=groups["n"])
    return {
        "concordance": float(concordance),
        "integrated Brier score": float(brier),
        "calibration error": float(error),
    }


def brier_over_time(held: Held, survival: np.ndarray) -> np.ndarray:
    """Return the IPCW Brier score at each time; ``survival`` is ``(n, len(held.times))``."""
    return brier_score(held.known, held.seen, survival, held.times)[1]


def concordance_over_time(held: Held, survival: np.ndarray) -> np.ndarray:
    """Return the IPCW concordance up to each time, with 1 - S at that time as risk."""
    pairs = zip(held.times, survival.T, strict=True)
    return np.array([concordance_index_ipcw(held.known, held.seen, 1 - s, tau=t)[0] for t, s in pairs])


def calibration(held: Held, survival: np.ndarray, groups: int) -> pd.DataFrame:
    """Compare predicted with observed survival at the middle time.

    ``survival`` ``(n,)``. One row a group of subjects with similar predictions (fewer where predictions are equal):
    mean ``predicted``, Kaplan-Meier ``observed`` with its 95 % limits ``lower`` and ``upper``, and ``n``.
    """
    distinct, code = np.unique(survival, return_inverse=True)
    if len(distinct) > groups:
        code = pd.qcut(survival, groups, labels=False, duplicates="drop")
    rows, time = [], held.times[held.middle]
    for group in np.unique(code):
        inside = code == group
        part = held.table[inside]
        curve = KaplanMeierFitter().fit(part["time"], part["event"])
        lower, upper = curve.confidence_interval_.asof(time)
        observed = float(curve.survival_function_at_times(time).iloc[0])
        predicted = float(survival[inside].mean())
        rows.append(
            {"predicted": predicted, "observed": observed, "lower": lower, "upper": upper, "n": int(inside.sum())}
        )
    return pd.DataFrame(rows)


def _apgw(fixed: dict[str, float], parameters: Sequence[str]):
    def fitted(train: pd.DataFrame, covariates: list[str]) -> Predict:
        formulas = {name: " + ".join(covariates) for name in parameters}
        model = MultiParameterRegression(fixed=fixed)
        model.fit(train, "time", event_col="event", formulas=formulas, starts=4, interior=True)
        return lambda table, times: model.predict_survival_function(table, times=times).to_numpy().T

    return fitted


def _lifelines(fitter, **options):
    def fitted(train: pd.DataFrame, covariates: list[str]) -> Predict:
        model = fitter().fit(train[["time", "event", *covariates]], "time", event_col="event", **options)
        return lambda table, times: model.predict_survival_function(table[covariates], times=times).to_numpy().T

    return fitted


def _generalised_gamma(train: pd.DataFrame, covariates: list[str]) -> Predict:
    regressors = {"mu_": " + ".join(covariates), "sigma_": "1", "lambda_": "1"}
    return _lifelines(GeneralizedGammaRegressionFitter, regressors=regressors)(train, covariates)


def _scikit_survival(estimator):
    def fitted(train: pd.DataFrame, covariates: list[str]) -> Predict:
        model = clone(estimator).fit(
            train[covariates], Surv.from_dataframe("event", "time", train.astype({"event": bool}))
        )

        def predict(table: pd.DataFrame, times: np.ndarray) -> np.ndarray:
            return np.array([step(times) for step in model.predict_survival_function(table[covariates])])

        return predict

    return fitted


MODELS = {
    "APGW b/lam": _apgw({"phi": 1.0}, ("lambda",)),
    "APGW ba/lam": _apgw({"phi": 1.0}, ("lambda", "gamma")),
    "APGW ta/phi": _apgw({"lambda": 1.0}, ("phi", "gamma")),
    "Weibull AFT": _lifelines(WeibullAFTFitter),
    "log-logistic AFT": _lifelines(LogLogisticAFTFitter),
    "log-normal AFT": _lifelines(LogNormalAFTFitter),
    "generalised gamma AFT": _generalised_gamma,
    "Cox": _lifelines(CoxPHFitter),
    "Cox (scikit-survival)": _scikit_survival(CoxPHSurvivalAnalysis(ties="efron")),
    "random survival forest": _scikit_survival(RandomSurvivalForest(100, min_samples_leaf=15, random_state=0)),
}
