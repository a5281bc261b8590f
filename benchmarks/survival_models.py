"""How fast are the survival fits, against what a user would use instead?

Large n, one thread: the log-logistic AFT against lifelines' LogLogisticAFTFitter, APGW t/phi against lifelines'
GeneralizedGammaRegressionFitter on Weibull times (which both families contain), and both against the R way of doing
it: the textbook likelihood, a generic optimiser with numerical gradients and a numerically differentiated Hessian
(what `optim(..., hessian = TRUE)` or the authors' `nlm` do). Every fit ends with standard errors. Ours starts once,
as the peers do, and eight times, as the library does by default. Runs alternate; seconds and ratios are medians.
Small n: all 32 structures of one trial. Largest n: a million rows with 13 coefficients, then seconds over n.
"""

import argparse
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import GeneralizedGammaRegressionFitter, LogLogisticAFTFitter
from rich.console import Console
from rich.table import Table
from scipy import optimize
from statsmodels.tools.numdiff import approx_hess

from replicate.datasets import load_survival
from replicate.papers.survival_models import simulation
from replicate.papers.survival_models.likelihood import Model, Observed
from replicate.papers.survival_models.newton import maximise
from replicate.papers.survival_models.selection import selection_table

Fit = Callable[[], float]  # fits with standard errors and returns the log-likelihood


@dataclass(frozen=True)
class Trial:
    """Simulated times with standard normal covariates ``names`` that shift log time."""

    frame: pd.DataFrame
    names: list[str]

    @property
    def observed(self) -> Observed:
        """Return times and events."""
        return Observed(self.frame["time"].to_numpy(), self.frame["event"].to_numpy(float))

    @property
    def design(self) -> np.ndarray:
        """Return covariates with an intercept in front, ``(n, p)``."""
        return np.column_stack([np.ones(len(self.frame)), self.frame[self.names]])


def trial(n: int, covariates: int, kappa: float, seed: int = 0) -> Trial:
    """Return a trial whose baseline is log-logistic-like (``kappa`` 0: Burr XII) or Weibull (``kappa`` 1)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, covariates))
    effects = np.linspace(-0.3, 0.3, covariates)
    times = np.exp(-x @ effects) * simulation.Design(kappa).distribution(0).sample(n, rng)
    end = rng.uniform(0, 6, n)
    names = [f"x{i}" for i in range(covariates)]
    frame = pd.DataFrame(x, columns=names).assign(time=np.minimum(times, end), event=(times <= end).astype(int))
    return Trial(frame, names)


def ours(data: Trial, *, free_kappa: bool, starts: int) -> Fit:
    """Return our fit of an AFT regression with ``kappa`` 0 (log-logistic) or free (t/phi)."""
    observed, x = data.observed, data.design
    ones = np.ones((len(x), 1))
    designs = {"tau": x, "alpha": ones} | ({"nu": ones} if free_kappa else {})
    model = Model(designs, {"beta": 0.0} if free_kappa else {"beta": 0.0, "nu": 0.0})

    def fit() -> float:
        found = maximise(observed, model, starts=starts)
        assert np.isfinite(found.standard_errors).all()
        return found.value

    return fit


def generic(data: Trial, *, free_kappa: bool) -> Fit:
    """Return the fit by BFGS on the textbook likelihood with numerical gradient and Hessian."""
    observed, x = data.observed, data.design
    log_time, event = np.log(observed.time), observed.event

    def negative(theta: np.ndarray) -> float:
        z = np.exp(np.exp(theta[x.shape[1]]) * (x @ theta[: x.shape[1]] + log_time))
        kappa = np.expm1(theta[-1]) if free_kappa else 0.0
        base = 1 + z / (kappa + 1)
        total = np.log(base) if kappa == 0 else (kappa + 1) / kappa * (base**kappa - 1)
        log_hazard = theta[x.shape[1]] + np.log(z) - log_time + (kappa - 1) * np.log(base)
        return float(total.sum() - event @ log_hazard)

    def fit() -> float:
        start = np.full(x.shape[1] + 1 + free_kappa, 0.01)
        with np.errstate(over="ignore", invalid="ignore"):
            found = optimize.minimize(negative, start, method="BFGS", options={"gtol": 1e-3})
            np.sqrt(np.diag(np.linalg.inv(approx_hess(found.x, negative))))
        return -float(found.fun)

    return fit


def lifelines(data: Trial, *, generalised_gamma: bool) -> Fit:
    """Return lifelines' fit; nan where it does not converge."""
    fitter = GeneralizedGammaRegressionFitter() if generalised_gamma else LogLogisticAFTFitter()
    regressors = {"mu_": " + ".join(data.names), "sigma_": "1", "lambda_": "1"}

    def fit() -> float:
        options = {"regressors": regressors} if generalised_gamma else {}
        try:
            return float(fitter.fit(data.frame, "time", event_col="event", **options).log_likelihood_)
        except Exception as error:  # a failed fit is a result
            print(f"{type(fitter).__name__}: {type(error).__name__}", file=sys.stderr)
            return float("nan")

    return fit


def timed(call: Callable) -> tuple[float, object]:
    """Return seconds and result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def compare(title: str, fits: dict[str, Fit], slow: dict[str, Fit], repeats: int, console: Console) -> None:
    """Time all fits alternately (``slow`` ones once) and print medians and each peer's seconds over ours."""
    seconds: dict[str, list[float]] = {name: [] for name in (*fits, *slow)}
    values = {}
    for number in range(repeats):
        for name, fit in (fits | slow if number == 0 else fits).items():
            spent, values[name] = timed(fit)
            seconds[name].append(spent)
    mine = [name for name in fits if name.startswith("ours")]
    table = Table("fit", "seconds", *(f"x {name}" for name in mine), "log-likelihood", title=title)
    for name, spent in seconds.items():
        ratios = [
            statistics.median(a / b for a, b in zip(spent, seconds[own], strict=False)) for own in mine if name != own
        ]
        cells = [""] * len(mine) if name in mine else [f"{ratio:.1f}" for ratio in ratios]
        table.add_row(name, f"{statistics.median(spent):.3f}", *cells, f"{values[name]:.4f}")
    console.print(table)


def largest(n: int) -> None:
    """Fit n rows with 13 coefficients (seven on lambda, five on gamma, kappa) and print time and memory."""
    data = trial(n, 6, 0.0)
    model = Model({"beta": data.design, "alpha": data.design[:, :5], "nu": np.ones((n, 1))}, {"tau": 0.0})
    observed = data.observed
    seconds, found = timed(lambda: maximise(observed, model, starts=8))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"ba/lam, n = {n:>9,}, p = {model.n_parameters}: {seconds:.2f} s, {found.status}, process peak {peak:.0f} MiB"
    )


def main() -> None:
    """Print all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="n = 10,000 instead of 100,000 and 1,000,000")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    console = Console(width=None if sys.stdout.isatty() else 120)
    lung = load_survival("lung").frame[["time", "event", "female"]]
    settings = {"covariates": "female", "duration_col": "time", "event_col": "event"}
    seconds, _ = timed(lambda: selection_table(lung, **settings))
    print(f"32 structures of the lung trial (n = {len(lung)}), 8 starts each: {seconds:.2f} s")
    for n in (1_000, 10_000) if quick else (1_000, 10_000, 100_000, 1_000_000):
        largest(n)
    n = 10_000 if quick else 100_000
    for name, kappa, free in (("log-logistic AFT", 0.0, False), ("APGW t/phi and generalised gamma", 1.0, True)):
        data = trial(n, 5, kappa)
        fits = {f"ours, {k} start{'s' * (k > 1)}": ours(data, free_kappa=free, starts=k) for k in (1, 8)}
        fits["BFGS on the textbook likelihood"] = generic(data, free_kappa=free)
        peer = {"lifelines": lifelines(data, generalised_gamma=free)}
        fits, slow = (fits, peer) if free else (fits | peer, {})
        compare(f"{name}, n = {n:,}, 5 covariates on log time", fits, slow, 5, console)


if __name__ == "__main__":
    main()
