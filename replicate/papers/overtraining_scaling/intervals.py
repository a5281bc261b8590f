"""How far a prediction may be off: linear theory, residual and pairs bootstrap, noise propagated through both laws.

None of this is in the paper, whose code gives no interval. Draws are rows; bounds are equal-tailed.
"""

import numpy as np
import pandas as pd
from scipy.stats import t as student

from .designs import LARGE
from .separable import Fit, Law, fit


def linear(fitted: Fit, x, *, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions at ``x`` and their half-widths, ``(m,)`` each, for a new run (I1).

    s^2 (1 + g' (J'J)^-1 g) with s^2 = SSE / (n - p) and Student's t on n - p degrees of freedom.

    Raises:
        ValueError: as many parameters as points.
    """
    df = fitted.residuals.shape[-1] - fitted.law.parameters
    if df < 1:
        raise ValueError(f"{fitted.law.parameters} parameters from as many points leave no residual: add a run")
    scale = np.sqrt(fitted.sse[0] / df)
    spread = np.sqrt(1 + amplification(fitted, x) ** 2)
    return fitted.predict(x)[0], student.ppf((1 + level) / 2, df) * scale * spread


def amplification(fitted: Fit, x) -> np.ndarray:
    """Return the standard error of the law at ``x`` in units of one run's noise, sqrt(g' (J'J)^-1 g), ``(m,)``.

    Infinite where the runs do not fix all parameters.
    """
    _, r = np.linalg.qr(fitted.jacobian(fitted.x)[0])
    slopes = fitted.jacobian(x)[0]
    if np.abs(np.diag(r)).min() < 1e-12 * np.abs(np.diag(r)).max():
        return np.full(len(slopes), np.inf)
    return np.linalg.norm(np.linalg.solve(r.T, slopes.T), axis=0)


def leverage(fitted: Fit) -> np.ndarray:
    """Return how much each fitted run draws the law to itself, ``(n,)`` in [0, 1]; they sum to the parameters."""
    return amplification(fitted, fitted.x) ** 2


def bounds(draws: np.ndarray, *, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Return equal-tailed percentiles of draws ``(b, m)``: low and high, ``(m,)``."""
    tail = 50 * (1 - level)
    low, high = np.percentile(draws, [tail, 100 - tail], axis=0)
    return low, high


def residual_bootstrap(fitted: Fit, x, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return predictions at ``x`` with fresh noise from refits to resampled relative residuals, ``(draws, m)`` (I2)."""
    curve = fitted.predict(fitted.x)[0]
    n = len(curve)
    relative = fitted.residuals[0] / curve
    relative = (relative - relative.mean()) * np.sqrt(n / (n - fitted.law.parameters))
    again = fit(fitted.law, fitted.x, curve * (1 + rng.choice(relative, (draws, n))))
    return again.predict(x) * (1 + rng.choice(relative, (draws, len(x))))


def pairs_bootstrap(law: Law, runs: pd.DataFrame, x, y, at, draws: int, rng: np.random.Generator):
    """Refit to resampled runs; return predictions at ``at`` ``(draws, m)`` and how many resamples were rejected.

    A resample needs five distinct runs, three sizes and two values of M, or the law cannot be fitted.
    """
    resamples: list[np.ndarray] = []
    rejected = 0
    while len(resamples) < draws:
        chosen = rng.integers(len(runs), size=len(runs))
        drawn = runs.iloc[chosen]
        enough = (len(set(chosen)) >= 5, drawn["size"].nunique() >= 3, drawn["M"].round(6).nunique() >= 2)
        if all(enough):
            resamples.append(chosen)
        else:
            rejected += 1
    kept = np.array(resamples)
    return fit(law, np.asarray(x)[kept], np.asarray(y)[kept]).predict(at), rejected


def run_noise(runs: pd.DataFrame, evaluation: str) -> float:
    """Return the noise of one run, as a standard deviation of log L, from runs that differ in M alone (I3).

    Pooled residual around a quadratic in log M, one a size, over runs below 1e9 parameters with M >= 10.
    """
    small = runs[(runs["N"] < LARGE) & (runs["M"] >= 10)]
    sums, freedom = 0.0, 0
    for _, size in small.groupby("size"):
        design = np.vander(np.log(size["M"].to_numpy()), 3)
        log_loss = np.log(size[evaluation].to_numpy())
        residual = log_loss - design @ np.linalg.lstsq(design, log_loss, rcond=None)[0]
        sums, freedom = sums + float((residual**2).sum()), freedom + len(size) - 3
    return float(np.sqrt(sums / freedom))


def propagated(fitted: Fit, x, sigma: float, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return predictions at ``x`` from refits to the curve with fresh log-normal noise, noise added again (I3)."""
    curve = fitted.predict(fitted.x)[0]
    again = fit(fitted.law, fitted.x, curve * np.exp(sigma * rng.standard_normal((draws, len(curve)))))
    return again.predict(x) * np.exp(sigma * rng.standard_normal((draws, len(x))))


def chained(fitted: Fit, losses: np.ndarray, noise: float, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return errors at simulated losses ``(draws, m)`` from refits of the error law to simulated errors (I4).

    ``noise`` is the standard deviation of one average: the larger of binomial noise and residual scatter.
    """
    curve = fitted.predict(fitted.x)[0]
    again = fit(fitted.law, fitted.x, curve + noise * rng.standard_normal((draws, len(curve))))
    return again.predict(losses[:, :, None]) + noise * rng.standard_normal(losses.shape)


def error_noise(fitted: Fit, binomial: np.ndarray) -> float:
    """Return that standard deviation: the larger of the mean binomial error and the residual one."""
    df = fitted.residuals.shape[-1] - fitted.law.parameters
    return float(max(np.sqrt((binomial**2).mean()), np.sqrt(fitted.sse[0] / df)))
