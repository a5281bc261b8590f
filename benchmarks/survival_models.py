"""How fast are the survival fits, against what a user would use instead?

Large n, one thread: the log-logistic AFT against lifelines' LogLogisticAFTFitter, the Weibull AFT against torchsurv's
likelihood under L-BFGS, APGW t/phi against lifelines' GeneralizedGammaRegressionFitter on Weibull times (which both
families contain), and all against the R way of doing it: the textbook likelihood, a generic optimiser with numerical
gradients and a numerically differentiated Hessian (what `optim(..., hessian = TRUE)` or the authors' `nlm` do). Fits
end with standard errors (torchsurv's does not). Ours starts once, as the peers do, and eight times, as the library does
by default. They agree where log-likelihoods do, to 1e-3; a generalised gamma is another family and agrees within 2.
Small n: all 32 structures of one trial. Largest n: a million rows with 13 coefficients.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from harness import alone, alternate, compared, missing, write
from scipy import optimize
from statsmodels.tools.numdiff import approx_hess

from replicate import memory
from replicate.datasets import load_survival
from replicate.papers.survival_models import simulation
from replicate.papers.survival_models.likelihood import Model, Observed
from replicate.papers.survival_models.newton import maximise
from replicate.papers.survival_models.selection import selection_table

PAPER = "survival_models"
BFGS, TORCHSURV = "SciPy's BFGS, numerical derivatives", "torchsurv's Weibull loss, L-BFGS"
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


def ours(data: Trial, kappa: float | None, starts: int) -> Fit:
    """Return our fit of an AFT regression with ``kappa`` 0 (log-logistic), 1 (Weibull) or None: free (t/phi)."""
    observed, x = data.observed, data.design
    ones = np.ones((len(x), 1))
    designs = {"tau": x, "alpha": ones} | ({"nu": ones} if kappa is None else {})
    model = Model(designs, {"beta": 0.0} if kappa is None else {"beta": 0.0, "nu": np.log1p(kappa)})

    def fit() -> float:
        found = maximise(observed, model, starts=starts)
        assert np.isfinite(found.standard_errors).all()
        return found.value

    return fit


def generic(data: Trial, kappa: float | None) -> Fit:
    """Return the fit by BFGS on the textbook likelihood with numerical gradient and Hessian."""
    observed, x = data.observed, data.design
    log_time, event = np.log(observed.time), observed.event

    def negative(theta: np.ndarray) -> float:
        z = np.exp(np.exp(theta[x.shape[1]]) * (x @ theta[: x.shape[1]] + log_time))
        k = np.expm1(theta[-1]) if kappa is None else kappa
        base = 1 + z / (k + 1)
        total = np.log(base) if k == 0 else (k + 1) / k * (base**k - 1)
        log_hazard = theta[x.shape[1]] + np.log(z) - log_time + (k - 1) * np.log(base)
        return float(total.sum() - event @ log_hazard)

    def fit() -> float:
        start = np.full(x.shape[1] + 1 + (kappa is None), 0.01)
        with np.errstate(over="ignore", invalid="ignore"):
            found = optimize.minimize(negative, start, method="BFGS", options={"gtol": 1e-3})
            np.sqrt(np.diag(np.linalg.inv(approx_hess(found.x, negative))))
        return -float(found.fun)

    return fit


def lifelines(data: Trial, name: str) -> Fit:
    """Return the fit of one of lifelines' regressions; nan where it does not converge."""
    import lifelines as package

    fitter, options = getattr(package, name)(), {}
    if name == "GeneralizedGammaRegressionFitter":
        options["regressors"] = {"mu_": " + ".join(data.names), "sigma_": "1", "lambda_": "1"}

    def fit() -> float:
        try:
            return float(fitter.fit(data.frame, "time", event_col="event", **options).log_likelihood_)
        except Exception as error:  # a failed fit is a result
            print(f"{name}: {type(error).__name__}: {error}")
            return float("nan")

    return fit


def torchsurv(data: Trial) -> Fit:
    """Return the Weibull fit with torchsurv's loss, linear in the covariates, by PyTorch's L-BFGS."""
    import torch
    from torchsurv.loss.weibull import neg_log_likelihood_weibull

    torch.set_num_threads(1)
    x = torch.from_numpy(data.design)
    event, times = (torch.from_numpy(data.frame[c].to_numpy()) for c in ("event", "time"))
    event = event.bool()

    def fit() -> float:
        theta = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([theta], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            parameters = torch.stack([x @ theta[:-1], theta[-1].expand(len(x))], 1)
            value = neg_log_likelihood_weibull(parameters, event, times, reduction="mean", checks=False)
            value.backward()
            return value

        optimizer.step(loss)
        return -float(loss()) * len(x)

    return fit


def compare(
    name: str, size: str, fits: dict[str, Fit], peers: dict[str, Callable[[], Fit]], rounds: int, slack: float
) -> None:
    """Time all fits alternately and write a row for each peer and number of our starts."""
    rows, there = [], {}
    for peer, make in peers.items():
        try:
            there[peer] = make()
        except ImportError as error:
            rows.append(missing(f"{name}, 1 start", PAPER, size, peer, f"not run: {error}", target=">= 10"))
    spent, values = alternate(fits | there, rounds, clock=time.process_time, warm=0)
    for starts in fits:
        for peer in there:
            off = values[peer] - values[starts]
            agree = f"yes: log-likelihoods to {abs(off):.0e}" if abs(off) < slack else f"no: theirs is {off:+.3g}"
            target = ">= 10" if starts == "1 start" else ""
            pair = spent[starts], spent[peer]
            rows.append(compared(f"{name}, {starts}", PAPER, size, *pair, peer, target=target, agree=agree))
    write(rows)


def regressions(n: int, rounds: int) -> None:
    """Write the rows of the three regressions with five covariates on log time."""
    size = f"n = {n:,}, 5 covariates"
    three = {"log-logistic AFT": (0.0, 0.0), "Weibull AFT": (1.0, 1.0), "APGW t/phi": (None, 1.0)}
    theirs = {"log-logistic AFT": "LogLogisticAFTFitter", "Weibull AFT": "WeibullAFTFitter"}
    for name, (fitted, true) in three.items():
        data = trial(n, 5, true)
        fits = {f"{k} start{'s' * (k > 1)}": ours(data, fitted, k) for k in (1, 8)}
        peers = {BFGS: lambda d=data, k=fitted: generic(d, k)}
        peer = theirs.get(name, "GeneralizedGammaRegressionFitter")
        peers[f"lifelines' {peer}"] = lambda d=data, p=peer: lifelines(d, p)
        if name == "Weibull AFT":
            peers[TORCHSURV] = lambda d=data: torchsurv(d)
        compare(name, size, fits, peers, rounds if name in theirs else 1, 1e-3 * n**0.5 if name in theirs else 2.0)


def largest(n: int) -> list:
    """Return the rows of a fit of n rows with 13 coefficients (seven on lambda, five on gamma, kappa)."""
    data = trial(n, 6, 0.0)
    model = Model({"beta": data.design, "alpha": data.design[:, :5], "nu": np.ones((n, 1))}, {"tau": 0.0})
    observed = data.observed
    memory.reset_peak()
    before = memory.peak_mib()
    spent, found = alternate({"ours": lambda: maximise(observed, model, starts=8)}, 1, clock=time.process_time, warm=0)
    name, size = "regression with 13 coefficients, 8 starts", f"n = {n:,}"
    peak = memory.peak_mib() - before
    return [
        alone(name, PAPER, size, spent["ours"][0], "s", agree=found["ours"].status),
        alone(f"memory of a {name}", PAPER, size, peak, "MiB"),
    ]


def main() -> None:
    """Measure and write all rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="n = 10,000 instead of 100,000, and no million")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    lung = load_survival("lung").frame[["time", "event", "female"]]
    settings = {"covariates": "female", "duration_col": "time", "event_col": "event"}
    ways = {"ours": lambda: selection_table(lung, **settings)}
    spent, _ = alternate(ways, options.rounds, clock=time.process_time)
    name = "all 32 structures of a trial, 8 starts each"
    write([alone(name, PAPER, f"lung trial, n = {len(lung)}", float(np.median(spent["ours"])), "s")])
    regressions(10_000 if options.quick else 100_000, options.rounds)
    for n in (10_000,) if options.quick else (10_000, 100_000, 1_000_000):
        write(largest(n))


if __name__ == "__main__":
    main()
