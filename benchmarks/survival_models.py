"""How fast are the survival fits, against what a user would use instead?

Large n: APGW and its log-logistic sub-model against lifelines' LogLogisticAFTFitter and
GeneralizedGammaRegressionFitter, and against a generic quasi-Newton (SciPy's L-BFGS-B with a numerical gradient, as
R's optim would) on our likelihood. Small n: all 32 structures of one trial. Every fit reports its log-likelihood;
ours with standard errors, from one and from eight starts, the others from one start.
"""

import argparse
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd
from lifelines import GeneralizedGammaRegressionFitter, LogLogisticAFTFitter
from rich.console import Console
from rich.table import Table
from scipy import optimize

from replicate.datasets import load_survival
from replicate.papers.survival_models import simulation
from replicate.papers.survival_models.likelihood import Model, Observed, evaluate
from replicate.papers.survival_models.newton import maximise
from replicate.papers.survival_models.selection import selection_table


def trial(n: int, covariates: int, seed: int = 0) -> tuple[pd.DataFrame, list[str]]:
    """Return a simulated log-logistic trial with standard normal covariates that shift log time."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, covariates))
    effects = np.linspace(-0.3, 0.3, covariates)
    times = np.exp(-x @ effects) * simulation.Design(0.0).distribution(0).sample(n, rng)
    end = rng.uniform(0, 6, n)
    names = [f"x{i}" for i in range(covariates)]
    frame = pd.DataFrame(x, columns=names).assign(time=np.minimum(times, end), event=(times <= end).astype(int))
    return frame, names


def designs(frame: pd.DataFrame, names: list[str]) -> tuple[Observed, np.ndarray, np.ndarray]:
    """Return the observations, the design with intercept and the intercept alone."""
    ones = np.ones((len(frame), 1))
    observed = Observed(frame["time"].to_numpy(), frame["event"].to_numpy(float))
    return observed, np.hstack([ones, frame[names].to_numpy()]), ones


def timed(call) -> tuple[float, object]:
    """Return seconds and result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def generic(observed: Observed, model: Model) -> float:
    """Return the log-likelihood reached by L-BFGS-B with finite differences from the same start."""
    start = np.full(model.n_parameters, 0.01)
    found = optimize.minimize(lambda theta: -evaluate(theta, observed, model, order=0).value, start, method="L-BFGS-B")
    return -float(found.fun)


def compare(n: int, covariates: int) -> list[tuple[str, float, float]]:
    """Return (fit, seconds, log-likelihood) for one trial of n subjects."""
    frame, names = trial(n, covariates)
    observed, x, ones = designs(frame, names)
    log_logistic = Model({"tau": x, "alpha": ones}, {"beta": 0.0, "nu": 0.0})
    free = Model({"tau": x, "alpha": ones, "nu": ones}, {"beta": 0.0})
    rows = []
    for label, model in (("log-logistic AFT, ours", log_logistic), ("APGW t/phi, ours", free)):
        for starts in (1, 8):
            seconds, found = timed(lambda model=model, starts=starts: maximise(observed, model, starts=starts))
            rows.append((f"{label}, {starts} start{'s' * (starts > 1)}", seconds, found.value))
    for label, model in (
        ("log-logistic AFT, generic optimiser", log_logistic),
        ("APGW t/phi, generic optimiser", free),
    ):
        seconds, value = timed(lambda model=model: generic(observed, model))
        rows.append((label, seconds, value))
    for label, fitter in (
        ("log-logistic AFT, lifelines", LogLogisticAFTFitter()),
        ("generalised gamma, lifelines", GeneralizedGammaRegressionFitter()),
    ):
        rows.append((label, *_lifelines(fitter, frame, names)))
    return rows


def _lifelines(fitter, frame: pd.DataFrame, names: list[str]) -> tuple[float, float]:
    options = {}
    if isinstance(fitter, GeneralizedGammaRegressionFitter):
        options["regressors"] = {"mu_": " + ".join(names), "sigma_": "1", "lambda_": "1"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            seconds, found = timed(lambda: fitter.fit(frame, "time", event_col="event", **options))
        except Exception as error:  # a failed fit is a result
            print(f"{type(fitter).__name__}: {type(error).__name__}: {error}", file=sys.stderr)
            return float("nan"), float("nan")
    return seconds, float(found.log_likelihood_)


def largest(n: int) -> None:
    """Fit n rows with 13 coefficients (six covariates on lambda and five on gamma) and print time and memory."""
    frame, names = trial(n, 6)
    observed, x, ones = designs(frame, names)
    model = Model({"beta": x, "alpha": x[:, :5], "nu": ones}, {"tau": 0.0})
    seconds, found = timed(lambda: maximise(observed, model, starts=8))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"ba/lam, n = {n:,}, p = {model.n_parameters}: {seconds:.2f} s, {found.status}, process peak {peak:.0f} MiB")


def main() -> None:
    """Print all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="n = 10,000 instead of 100,000 and 1,000,000")
    quick = parser.parse_args().quick
    lung = load_survival("lung").frame[["time", "event", "female"]]
    settings = {"covariates": "female", "duration_col": "time", "event_col": "event"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds, _ = timed(lambda: selection_table(lung, **settings))
    print(f"32 structures of the lung trial (n = {len(lung)}), 8 starts each: {seconds:.2f} s")
    largest(10_000 if quick else 1_000_000)
    n = 10_000 if quick else 100_000
    table = Table(title=f"n = {n:,}, 5 covariates on log time, one thread")
    for column in ("fit", "seconds", "log-likelihood"):
        table.add_column(column)
    for label, seconds, value in compare(n, 5):
        table.add_row(label, f"{seconds:.2f}", f"{value:.4f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
