"""Simulated trials with known truth: designs S1 to S3 (ours; the paper's own designs are not known)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import log

import numpy as np
import pandas as pd
from scipy import integrate, optimize

from .distribution import APGW

LAMBDA, GAMMA = 0.8, 1.5
CENSORED = 0.30  # share of censored times
CENSORED_CURED = 0.45  # with a cure fraction more is censored whatever the follow-up


@dataclass(frozen=True)
class Design:
    """A trial: the truth on the link scales, and how many are censored.

    Args:
        kappa: the baseline's distribution, > -1.
        phi: horizontal scale at x = 0.
        effects: coefficient of the binary covariate x by parameter ("phi", "lambda", "gamma").
        balanced: whether there is a covariate x ~ Bernoulli(1/2) at all.
    """

    kappa: float
    phi: float = 1.0
    effects: Mapping[str, float] = field(default_factory=dict)

    @property
    def censored(self) -> float:
        """Share of censored times the follow-up is chosen for."""
        return CENSORED_CURED if self.kappa < 0 else CENSORED

    def truth(self) -> dict[tuple[str, str], float]:
        """Return the true coefficients on the link scale by (parameter, term)."""
        values = {"phi": log(self.phi), "lambda": log(LAMBDA), "gamma": log(GAMMA), "kappa": log(self.kappa + 1)}
        found = {(name, "Intercept"): value for name, value in values.items()}
        return found | {(name, "x"): value for name, value in self.effects.items()}

    def distribution(self, x: int) -> APGW:
        """Return the distribution of the event time at covariate ``x`` (0 or 1)."""
        factor = {name: np.exp(self.effects.get(name, 0.0) * x) for name in ("phi", "lambda", "gamma")}
        return APGW(self.phi * factor["phi"], LAMBDA * factor["lambda"], GAMMA * factor["gamma"], self.kappa)


def s1(kappa: float) -> Design:
    """Baseline alone, phi = 1."""
    return Design(kappa)


def s2(kappa: float) -> Design:
    """Effects on lambda (0.5) and gamma (0.3), phi = 1: hazards that are not proportional."""
    return Design(kappa, effects={"lambda": 0.5, "gamma": 0.3})


def s3(kappa: float, truth: str) -> Design:
    """One scale effect, phi = 1.2: ``truth`` is "lambda" (0.7, PH) or "phi" (0.5, AFT)."""
    sizes = {"lambda": 0.7, "phi": 0.5}
    if truth not in sizes:
        raise ValueError(f"truth = {truth!r} must be 'lambda' (PH) or 'phi' (AFT)")
    return Design(kappa, phi=1.2, effects={truth: sizes[truth]})


def draw(design: Design, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a trial of ``n`` subjects: columns ``time``, ``event`` (0/1) and ``x`` (0/1).

    Censoring times are uniform on (0, c), c such that the design's share is censored on average.
    """
    x = rng.integers(0, 2, n)
    times = np.where(x == 1, design.distribution(1).sample(n, rng), design.distribution(0).sample(n, rng))
    end = rng.uniform(0, follow_up(design.kappa, design.phi, tuple(sorted(design.effects.items()))), n)
    return pd.DataFrame({"time": np.minimum(times, end), "event": (times <= end).astype(int), "x": x})


@lru_cache(maxsize=64)
def follow_up(kappa: float, phi: float, effects: tuple[tuple[str, float], ...]) -> float:
    """Return c such that uniform censoring on (0, c) censors the design's share."""
    design = Design(kappa, phi, dict(effects))
    arms = [design.distribution(x) for x in (0, 1)]

    def below(log_time: float) -> float:  # survival times the Jacobian of the logarithm
        return float(np.mean([arm.survival(np.exp(log_time)) for arm in arms])) * np.exp(log_time)

    def excess(log_end: float) -> float:
        area, _ = integrate.quad(below, log_end - 40, log_end, limit=400, points=[log_end - 10, log_end - 3])
        return area / np.exp(log_end) - design.censored

    return float(np.exp(optimize.brentq(excess, log(1e-3), log(1e4), xtol=1e-10)))
