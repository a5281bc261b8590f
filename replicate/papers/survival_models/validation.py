"""Predictions on subjects a model has not seen: concordance and Brier score of parametric models and Cox's."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, LogLogisticAFTFitter, WeibullAFTFitter
from sksurv.metrics import concordance_index_ipcw, integrated_brier_score
from sksurv.util import Surv

from .regression import MultiParameterRegression

Predict = Callable[[pd.DataFrame, np.ndarray], np.ndarray]


def split(frame: pd.DataFrame, rng: np.random.Generator, *, share: float = 0.3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a training and a test table, ``share`` of the rows in the test."""
    order = rng.permutation(len(frame))
    size = round(share * len(frame))
    return frame.iloc[order[size:]], frame.iloc[order[:size]]


def fit(model: str, train: pd.DataFrame, covariates: Sequence[str]) -> Predict:
    """Fit one of `MODELS` and return its prediction: (table, times) -> survival, shape ``(n, len(times))``."""
    return MODELS[model](train, list(covariates))


def scores(predict: Predict, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, float]:
    """Return the IPCW concordance (Uno et al. 2011) and the integrated Brier score (Graf et al. 1999) on ``test``.

    Both use the censoring distribution of ``train``; the Brier score is integrated between the 10 % and 80 %
    quantiles of the test times, at 40 times. Risk is 1 - S at the middle one.
    """
    last = min(train["time"].max(), test["time"].max())
    test = test.assign(
        event=test["event"].where(test["time"] < last, 0), time=test["time"].clip(upper=last * (1 - 1e-9))
    )
    known, seen = (Surv.from_dataframe("event", "time", t.astype({"event": bool})) for t in (train, test))
    times = np.linspace(*np.quantile(test["time"], [0.1, 0.8]), 40)
    survival = predict(test, times)
    concordance = concordance_index_ipcw(known, seen, 1 - survival[:, 20], tau=times[-1])[0]
    brier = integrated_brier_score(known, seen, survival, times)
    return {"concordance": float(concordance), "integrated Brier score": float(brier)}


def _apgw(fixed: dict[str, float], parameters: Sequence[str]):
    def fitted(train: pd.DataFrame, covariates: list[str]) -> Predict:
        formulas = {name: " + ".join(covariates) for name in parameters}
        model = MultiParameterRegression(fixed=fixed)
        model.fit(train, "time", event_col="event", formulas=formulas, starts=4, interior=True)
        return lambda table, times: model.predict_survival_function(table, times=times).to_numpy().T

    return fitted


def _lifelines(fitter):
    def fitted(train: pd.DataFrame, covariates: list[str]) -> Predict:
        model = fitter().fit(train[["time", "event", *covariates]], "time", event_col="event")
        return lambda table, times: model.predict_survival_function(table[covariates], times=times).to_numpy().T

    return fitted


MODELS = {
    "APGW b/lam": _apgw({"phi": 1.0}, ("lambda",)),
    "APGW ba/lam": _apgw({"phi": 1.0}, ("lambda", "gamma")),
    "APGW ta/phi": _apgw({"lambda": 1.0}, ("phi", "gamma")),
    "Weibull AFT": _lifelines(WeibullAFTFitter),
    "log-logistic AFT": _lifelines(LogLogisticAFTFitter),
    "Cox": _lifelines(CoxPHFitter),
}
