"""The adapted power generalized Weibull distribution APGW(phi, lambda, gamma, kappa).

Burke, Jones and Noufaily (2020, arXiv 1901.03212): with ``z = (phi t)^gamma`` the cumulative hazard is
``H(t) = lambda H0(z; kappa)``, see `kernel`. phi scales time (AFT), lambda scales the hazard (PH), gamma is
the power shape, kappa chooses the distribution: 0 log-logistic or Burr XII, 1 Weibull, inf Gompertz type;
below 0 the distribution is defective, a share never fails. Shape rule, turning point and cure fraction were
derived from the hazard, they are not quoted.
"""

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from replicate.papers.survival_models import kernel

Parameter: TypeAlias = float | np.ndarray
SHAPES = ("constant", "increasing", "decreasing", "up-then-down", "down-then-up")


@dataclass(frozen=True)
class APGW:
    """APGW with ``phi > 0`` (1 / time), ``lambda_ > 0``, ``gamma > 0`` and ``kappa`` in (-1, inf].

    Parameters are scalars or arrays that broadcast with each other and with the times. Methods return
    float64 of the broadcast shape. Raises ValueError for parameters outside these ranges.

    >>> log_logistic = APGW(phi=0.5, gamma=2.0, kappa=0.0)
    >>> float(log_logistic.median), str(log_logistic.hazard_shape)
    (2.0, 'up-then-down')
    >>> round(float(APGW(kappa=-0.5).cure_fraction), 3)
    0.368
    """

    phi: Parameter = 1.0
    lambda_: Parameter = 1.0
    gamma: Parameter = 1.0
    kappa: Parameter = 1.0

    def __post_init__(self) -> None:
        """Store the parameters as float64 and check their ranges."""
        for name in ("phi", "lambda_", "gamma"):
            values = self._store(name)
            _require(f"APGW {name}", values, (values > 0) & (values < np.inf), "a finite number above 0")
        kappa = self._store("kappa")
        hint = "above -1, inf allowed; use special_cases.log_logistic_cure for the limit -1"
        _require("APGW kappa", kappa, kappa > -1, hint)
        try:
            self.shape  # noqa: B018
        except ValueError:
            found = ", ".join(f"{field.name} {np.shape(getattr(self, field.name))}" for field in fields(self))
            raise ValueError(f"APGW: parameters must broadcast with each other, found shapes {found}") from None

    def _store(self, name: str) -> np.ndarray:
        values = np.asarray(getattr(self, name), dtype=np.float64)
        object.__setattr__(self, name, values if values.ndim else float(values))
        return values

    @property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of the parameters, ``()`` for scalars."""
        return np.broadcast_shapes(*(np.shape(getattr(self, field.name)) for field in fields(self)))

    def cumulative_hazard(self, t: ArrayLike) -> np.ndarray:
        """Return ``H(t) = lambda H0((phi t)^gamma; kappa)`` for times ``t`` in [0, inf]; H(0) = 0."""
        return self.lambda_ * kernel.cumulative(self._log_z(_times(t)), self._nu)

    def survival(self, t: ArrayLike) -> np.ndarray:
        """Return ``S(t) = exp(-H(t))`` for times ``t`` in [0, inf]; S(inf) is the cure fraction."""
        return np.exp(-self.cumulative_hazard(t))

    def log_hazard(self, t: ArrayLike) -> np.ndarray:
        """Return ``log h(t)``, h = lambda gamma (z / t) h0(z), for ``t`` in [0, inf); its limit (maybe inf) at 0."""
        t = _times(t)
        _require("t", t, t < np.inf, "a finite time for the hazard")
        scale = np.log(self.lambda_) + np.log(self.gamma) + self.gamma * np.log(self.phi)
        return scale + xlogy(np.subtract(self.gamma, 1), t) + self._log_factor(t)

    def hazard(self, t: ArrayLike) -> np.ndarray:
        """Return the hazard rate ``h(t) = dH/dt`` (1 / time) for ``t`` in [0, inf); its limit (maybe inf) at 0."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_hazard(t))

    def density(self, t: ArrayLike) -> np.ndarray:
        """Return ``f(t) = h(t) S(t)`` (1 / time) for ``t`` in [0, inf]; it integrates to 1 - cure fraction."""
        t = _times(t)
        ends = t == np.inf
        with np.errstate(invalid="ignore", over="ignore"):
            cumulative = self.cumulative_hazard(t)
            value = np.exp(self.log_hazard(np.where(ends, 1.0, t)) - cumulative)
        return np.where(ends | (cumulative == np.inf), 0.0, value)[()]

    def hazard_ratio(self, other: "APGW", t: ArrayLike) -> np.ndarray:
        """Return ``h_self(t) / h_other(t)`` for ``t`` in [0, inf).

        ``exp(beta)`` for all t if only lambda differs; t^(difference in gamma) governs it at 0.
        """
        t = _times(t)
        _require("t", t, t < np.inf, "a finite time for the hazard")
        level = np.log(self.lambda_ / other.lambda_) + np.log(self.gamma / other.gamma)
        scale = self.gamma * np.log(self.phi) - other.gamma * np.log(other.phi)
        power = xlogy(np.subtract(self.gamma, other.gamma), t)
        with np.errstate(over="ignore"):
            return np.exp(level + scale + power + self._log_factor(t) - other._log_factor(t))

    def quantile(self, p: ArrayLike) -> np.ndarray:
        """Return the time by which a share ``p`` in [0, 1] has failed, inf where ``p`` exceeds 1 - cure fraction."""
        p = np.asarray(p, dtype=np.float64)
        _require("quantile: p", p, (p >= 0) & (p <= 1), "a probability in [0, 1]")
        with np.errstate(divide="ignore"):
            return self._time_of(-np.log1p(-p))

    def sample(self, size: int | tuple[int, ...] | None, rng: np.random.Generator) -> np.ndarray:
        """Draw times of shape ``size`` (None: the shape of the parameters) by inversion of H; cured are inf.

        Raises ValueError when the parameters do not broadcast to ``size``.
        """
        size = self.shape if size is None else tuple(np.atleast_1d(size).tolist())
        try:
            np.broadcast_to(np.empty(self.shape), size)
        except ValueError:
            hint = "append the shape of the parameters or pass None"
            raise ValueError(f"sample: parameters of shape {self.shape} do not fit size = {size}; {hint}") from None
        return self._time_of(rng.standard_exponential(size))

    @property
    def cure_fraction(self) -> np.ndarray:
        """S(inf) = exp(-lambda (kappa + 1) / |kappa|) for kappa < 0, else 0; free of phi and gamma."""
        return np.exp(-self.lambda_ * kernel.total(self._nu))

    @property
    def median(self) -> np.ndarray:
        """The time at which S = 1/2; inf if half or more are cured."""
        return self.quantile(0.5)

    @property
    def hazard_shape(self) -> np.ndarray:
        """One of `SHAPES`: h goes as t^(gamma - 1) near 0 and as t^(kappa gamma - 1) near inf."""
        start, end = np.subtract(self.gamma, 1), np.multiply(self.kappa, self.gamma) - 1
        rules = [(start == 0) & (end == 0), (start >= 0) & (end >= 0), (start <= 0) & (end <= 0), start > 0]
        return np.select(rules, SHAPES[:4], SHAPES[4])[()]

    @property
    def turning_point(self) -> np.ndarray:
        """Time of the hazard's maximum or minimum, nan where the hazard is monotone.

        ``(phi t)^gamma = k1 (gamma - 1) / (1 - kappa gamma)``, tending to ``(1 - gamma) / gamma`` at kappa = inf.
        """
        finite = np.where(np.isinf(self.kappa), 1.0, self.kappa)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (finite + 1) * np.subtract(self.gamma, 1) / (1 - finite * self.gamma)
            z = np.where(np.isinf(self.kappa), (1 - np.asarray(self.gamma)) / self.gamma, z)
            turns = (z > 0) & (z < np.inf)
            return np.where(turns, np.where(turns, z, 1.0) ** (1 / np.asarray(self.gamma)) / self.phi, np.nan)[()]

    @property
    def _nu(self) -> np.ndarray:
        return np.log1p(self.kappa)

    def _log_z(self, t: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return self.gamma * (np.log(self.phi) + np.log(t))

    def _log_factor(self, t: np.ndarray) -> np.ndarray:
        return kernel.log_hazard_factor(self._log_z(t), self._nu)

    def _time_of(self, cumulative: np.ndarray) -> np.ndarray:
        """Solve ``H(t) = cumulative`` for t."""
        z = kernel.inverse(np.divide(cumulative, self.lambda_), self.kappa)
        return z ** (1 / np.asarray(self.gamma)) / self.phi


def _times(t: ArrayLike) -> np.ndarray:
    t = np.asarray(t, dtype=np.float64)
    _require("t", t, t >= 0, "a time of 0 or later")
    return t


def _require(what: str, values: np.ndarray, valid: np.ndarray, allowed: str) -> None:
    """Raise ValueError naming the first value that is not ``valid`` (NaN never is) and its position."""
    if np.all(valid):
        return
    at = tuple(int(i) for i in np.argwhere(~np.asarray(valid))[0])
    where = f" at index {at}" if at else ""
    raise ValueError(f"{what} must be {allowed}; found {float(values[at])}{where}")
