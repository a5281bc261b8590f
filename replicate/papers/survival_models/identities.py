"""What must hold exactly: members, hazard shapes, cure fraction, AFT and PH effects; each check returns its error."""

from collections.abc import Callable

import numpy as np
from scipy import optimize

from . import special_cases as named
from .distribution import APGW

TIMES = np.geomspace(1e-3, 1e2, 200)
_LOG_Z = np.arange(-60.0, 60.5, 0.5)  # wide enough for both ends of any hazard on the grid
_FLAT = 1e-9  # a log hazard that changes less over half a unit of log time is constant

# The closed forms are written out here, independently of the constructors they are compared with.
MEMBERS: dict[str, tuple[APGW, Callable[[np.ndarray], np.ndarray]]] = {
    "Weibull": (named.weibull(shape=1.7, scale=2.0), lambda t: (t / 2) ** 1.7),
    "exponential": (named.exponential(rate=0.4), lambda t: 0.4 * t),
    "log-logistic": (named.log_logistic(shape=1.7, scale=2.0), lambda t: np.log1p((t / 2) ** 1.7)),
    "Burr XII": (named.burr_xii(c=1.7, d=0.6, scale=2.0), lambda t: 0.6 * np.log1p((t / 2) ** 1.7)),
    "Lomax": (named.lomax(c=0.6, scale=2.0), lambda t: 0.6 * np.log1p(t / 2)),
    "power generalised Weibull": (
        named.power_generalized_weibull(sigma=2.0, eta=1.7, g=2.5),
        lambda t: np.expm1(np.log1p((t / 2) ** 1.7) / 2.5),
    ),
    "linear hazard": (named.linear_hazard(intercept=0.3, slope=0.1), lambda t: 0.3 * t + 0.1 * t**2 / 2),
    "cure, Burr XII latency": (
        named.cure(cure_fraction=0.3, c=1.7, d=0.6, scale=2.0),
        lambda t: -np.log(0.3) * -np.expm1(-0.6 * np.log1p((t / 2) ** 1.7)),
    ),
}
LIMITS: dict[str, tuple[APGW, Callable[[np.ndarray], np.ndarray]]] = {
    "Gompertz": (APGW(phi=0.05, lambda_=0.6, gamma=1.0, kappa=1e12), lambda t: 0.6 * np.expm1(0.05 * t)),
    "Weibull-exponential": (
        APGW(phi=0.05, lambda_=0.6, gamma=0.8, kappa=1e12),
        lambda t: 0.6 * np.expm1((0.05 * t) ** 0.8),
    ),
}


def member_error(name: str) -> float:
    """Return the largest relative error of a member's cumulative hazard over `TIMES`."""
    member, closed_form = (MEMBERS | LIMITS)[name]
    expected = closed_form(TIMES)
    return float(np.max(np.abs(member.cumulative_hazard(TIMES) / expected - 1)))


def numerical_shape(distribution: APGW) -> str:
    """Return the shape of a hazard read off its values, in the words of `APGW.hazard_shape`."""
    slopes = np.diff(distribution.log_hazard(np.exp(_LOG_Z / distribution.gamma) / distribution.phi))
    signs = np.sign(np.where(np.abs(slopes) < _FLAT, 0.0, slopes))
    turns = signs[signs != 0]
    if not turns.size:
        return "constant"
    if (turns == turns[0]).all():
        return "increasing" if turns[0] > 0 else "decreasing"
    return "up-then-down" if turns[0] > 0 else "down-then-up"


def shape_mismatches(points: int) -> int:
    """Return how many of ``points`` x ``points`` members have another hazard shape than the rule says."""
    gammas, kappas = np.geomspace(0.3, 3.0, points), np.linspace(-0.9, 3.1, points)
    members = [APGW(gamma=g, kappa=k) for g in gammas for k in kappas]
    return sum(str(member.hazard_shape) != numerical_shape(member) for member in members)


def turning_error(gamma: float, kappa: float) -> float:
    """Return the relative distance of the turning point's closed form from a numerical search."""
    member = APGW(phi=0.7, lambda_=1.3, gamma=gamma, kappa=kappa)
    sign = -1.0 if gamma > 1 else 1.0
    guess = float(np.log(member.turning_point))
    found = optimize.minimize_scalar(
        lambda u: sign * float(member.log_hazard(np.exp(u))),
        bounds=(guess - 2, guess + 2.5),
        method="bounded",
        options={"xatol": 1e-11},
    )
    return abs(np.expm1(found.x - guess))


def cure_error(lambda_: float, kappa: float) -> float:
    """Return the error of the survival function far out against exp(-lambda (kappa + 1)/|kappa|)."""
    member = APGW(lambda_=lambda_, gamma=1.5, kappa=kappa)
    return float(abs(member.survival(1e300) - np.exp(-lambda_ * (kappa + 1) / abs(kappa))))


def effect_errors(kappa: float, effect: float) -> dict[str, float]:
    """Return how far scale effects are from AFT and PH, and how far a power effect is from both.

    Keys: ``aft`` (largest relative deviation of the quantile ratio from exp(-effect), phi alone), ``ph`` (of the
    hazard ratio from exp(effect), lambda alone), ``power`` (smaller of the ranges of log hazard ratio and log
    quantile ratio, gamma alone).
    """
    base = {"phi": 0.7, "lambda_": 1.3, "gamma": 1.4, "kappa": kappa}
    plain = APGW(**base)
    aft, ph, power = (APGW(**base | {p: base[p] * np.exp(effect)}) for p in ("phi", "lambda_", "gamma"))
    share = np.linspace(0.02, 0.98, 49) * (1 - float(plain.cure_fraction))
    times = np.geomspace(0.05, 20, 60)
    log_quantiles = np.log(power.quantile(share) / plain.quantile(share))
    return {
        "aft": float(np.max(np.abs(aft.quantile(share) / plain.quantile(share) * np.exp(effect) - 1))),
        "ph": float(np.max(np.abs(ph.hazard_ratio(plain, times) * np.exp(-effect) - 1))),
        "power": float(min(np.ptp(np.log(power.hazard_ratio(plain, times))), np.ptp(log_quantiles))),
    }
