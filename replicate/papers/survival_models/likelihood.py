"""Log-likelihood of the APGW regression with closed-form score and Hessian.

Burke, Jones and Noufaily (2020), arXiv 1901.03212. With ``z = (phi t)^gamma`` and ``k1 = kappa + 1`` the
cumulative hazard is ``lambda H0(z)``, ``H0 = (k1/kappa)((1 + z/k1)^kappa - 1)``, written here without a
branch as ``H0 = k1 u phi_0(kappa u)``, ``u = log(1 + z/k1)``: smooth through ``kappa = 0`` and ``1``, and
finite where ``z`` itself overflows. The four parameters have log links and designs of their own. A row
that enters late (left truncation) gives back the hazard cumulated before its entry.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np

from replicate.papers.survival_models.kernel import phis

COMPONENTS = ("tau", "beta", "alpha", "nu")  # log phi, log lambda, log gamma, log(kappa + 1)
DEFAULTS = {"tau": 0.0, "beta": 0.0, "alpha": 0.0, "nu": float(np.log(2.0))}  # the unit exponential
CHUNK = 16_384  # rows whose temporaries stay in the cache; a second thread gains 10 % and is not used


@dataclass(frozen=True, eq=False)
class Observed:
    """Right-censored, possibly left-truncated times; every array is float64 of shape ``(n,)``.

    ``time`` > 0 in the unit of the caller, ``event`` 1 where the event was seen and 0 where censored,
    ``entry`` in ``[0, time)`` where observation began late, or None. Raises ValueError otherwise.
    """

    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray | None = None

    def __post_init__(self):
        for name in ("time", "event") if self.entry is None else ("time", "event", "entry"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=np.float64))
            if getattr(self, name).shape != (self.time.size,):
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, time {self.time.shape}; both must be (n,)"
                )
        _require(np.isfinite(self.time) & (self.time > 0), "time", self.time, "> 0 and finite; drop or shift it")
        _require((self.event == 0) | (self.event == 1), "event", self.event, "0 (censored) or 1 (event); recode it")
        if self.entry is not None:
            inside = (self.entry >= 0) & (self.entry < self.time)
            _require(inside, "entry", self.entry, ">= 0 and < time; such a row was never observed")

    @cached_property
    def log_time(self) -> np.ndarray:
        """Return the logarithms of the times, ``(n,)``."""
        return np.log(self.time)


@dataclass(frozen=True, eq=False)
class Model:
    """Which components are regressed on what.

    ``designs`` maps components to matrices ``(n, p_c)``, intercept included by the caller; all others are
    held at ``fixed`` on the link scale, by default log phi = log lambda = log gamma = 0 and kappa = 1. The
    parameter vector holds the free components in the order of ``COMPONENTS``. Raises ValueError.
    """

    designs: dict[str, np.ndarray]
    fixed: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        for name in (*self.designs, *self.fixed):
            if name not in COMPONENTS:
                raise ValueError(f"no component {name!r}; allowed: {', '.join(COMPONENTS)}")
        if not self.designs or set(self.designs) & set(self.fixed):
            raise ValueError(
                f"designs for {sorted(self.designs)}, fixed {sorted(self.fixed)}: give at least one design, "
                "and a component either a design or a fixed value"
            )
        shared = {id(design): np.ascontiguousarray(design, dtype=np.float64) for design in self.designs.values()}
        ordered = {name: shared[id(self.designs[name])] for name in COMPONENTS if name in self.designs}
        rows = len(next(iter(ordered.values())))
        for name, design in ordered.items():
            if design.ndim != 2 or len(design) != rows or not design.shape[1]:
                raise ValueError(f"design of {name} has shape {design.shape}; it must be ({rows}, p) with p >= 1")
            if not np.isfinite(design).all():
                raise ValueError(f"design of {name} holds missing or infinite numbers; keep complete cases only")
        for name, value in self.fixed.items():
            if not np.isfinite(value):
                raise ValueError(f"fixed {name} = {value} must be a finite number on the log scale")
        object.__setattr__(self, "designs", ordered)

    @property
    def n_parameters(self) -> int:
        """Return the length p of the parameter vector."""
        return sum(design.shape[1] for design in self.designs.values())

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Return the place of every free component in the parameter vector."""
        ends = np.cumsum([design.shape[1] for design in self.designs.values()]).tolist()
        return {
            name: slice(end - self.designs[name].shape[1], end) for name, end in zip(self.designs, ends, strict=True)
        }

    @cached_property
    def constant(self) -> frozenset[str]:
        """Return the components whose design is one column of ones: scalars, free of matrix products."""
        return frozenset(name for name, design in self.designs.items() if design.shape[1] == 1 and (design == 1).all())

    def predictor(self, name: str, theta: np.ndarray, rows: slice | np.ndarray) -> float | np.ndarray:
        """Return the linear predictor of a component for some rows, a number where it is constant."""
        if name not in self.designs:
            return float(self.fixed.get(name, DEFAULTS[name]))
        coefficients = theta[self.slices[name]]
        return float(coefficients[0]) if name in self.constant else self.designs[name][rows] @ coefficients


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Log-likelihood, score ``(p,)`` and Hessian ``(p, p)``; None for orders not asked for.

    Where the log-likelihood overflows or is undefined, ``value`` is -inf.
    """

    value: float
    score: np.ndarray | None
    hessian: np.ndarray | None

    @property
    def finite(self) -> bool:
        """Return whether everything computed is finite."""
        parts = (self.value, self.score, self.hessian)
        return all(np.isfinite(part).all() for part in parts if part is not None)


def evaluate(
    theta: np.ndarray, data: Observed, model: Model, *, order: int = 2, chunk: int | None = None
) -> Evaluation:
    """Return the log-likelihood at ``theta`` ``(p,)`` and its derivatives up to ``order`` (0, 1 or 2).

    Rows are taken ``chunk`` at a time, so memory beyond the data is a few MB. Raises
    ValueError where shapes or ``order`` do not fit.
    """
    theta = np.asarray(theta, dtype=np.float64)
    n, rows = len(data.time), len(next(iter(model.designs.values())))
    if theta.shape != (model.n_parameters,) or n != rows or order not in (0, 1, 2):
        raise ValueError(
            f"theta {theta.shape}, {n} times, designs of {rows} rows, order {order}; needed: theta "
            f"({model.n_parameters},), as many times as rows, order 0, 1 or 2"
        )
    chunk = chunk or CHUNK
    spans = [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]
    pieces = [_sum_rows(theta, data, model, span, order) for span in spans]
    value, score, hessian = pieces[0] if len(pieces) == 1 else (sum(part) for part in zip(*pieces, strict=True))
    value = float(value) if np.isfinite(value) else -np.inf
    return Evaluation(value, score if order else None, hessian if order == 2 else None)


def _sum_rows(theta, data, model, span, order):
    with np.errstate(all="ignore"):
        sums = _accumulate(theta, model, span, data.log_time[span], data.event[span], 1.0, order)
        if data.entry is None:
            return sums
        late = span.start + np.flatnonzero(data.entry[span])
        if not late.size:
            return sums
        before = _accumulate(theta, model, late, np.log(data.entry[late]), np.zeros(late.size), -1.0, order)
        return tuple(now + then for now, then in zip(sums, before, strict=True))


def _accumulate(theta, model, rows, log_time, event, sign, order):
    """Return the sums over some rows: log-likelihood, score and Hessian."""
    linear = {name: model.predictor(name, theta, rows) for name in COMPONENTS}
    value, first, second = _weights(linear, log_time, event, sign, order, frozenset(model.designs))
    score, hessian = np.zeros(theta.size), np.zeros((theta.size, theta.size))
    designs = {name: None if name in model.constant else model.designs[name][rows] for name in model.designs}
    for name in model.designs if order else ():
        score[model.slices[name]] = _project(designs[name], first[name])
    for one, two in combinations_with_replacement(model.designs, 2) if order == 2 else ():
        block = _block(designs[one], second[one, two], designs[two])
        hessian[model.slices[one], model.slices[two]] = block
        hessian[model.slices[two], model.slices[one]] = np.transpose(block)
    return value, score, hessian


def _project(design, weight):
    return weight.sum() if design is None else weight @ design


def _block(left, weight, right):
    if left is None:
        return np.reshape(_project(right, weight), (1, -1))
    if right is None:
        return _project(left, weight)[:, None]
    return (left * weight[:, None]).T @ right


def _weights(linear, log_time, event, sign, order, free):
    """Return the log-likelihood and, per row, the weights of the design rows in score and Hessian.

    With ``L = log z``, ``s = z / (k1 + z)``, ``m = kappa - 1``, ``Hn`` and ``Hnn`` the derivatives of
    ``lambda H0`` by nu; ``sign`` = -1 subtracts what was survived before entry.
    """
    tau, beta, alpha, nu = (linear[name] for name in COMPONENTS)
    gamma, k1, kappa, scale = np.exp(alpha), np.exp(nu), np.expm1(nu), sign * np.exp(beta)
    m, log_z = kappa - 1.0, gamma * (tau + log_time)
    ratio = log_z - nu
    small = np.exp(-np.abs(ratio))
    u = np.maximum(ratio, 0.0) + np.log1p(small)
    x, scaled = kappa * u, scale * k1
    log_logistic = "nu" not in free and kappa == 0  # phi_0(0) = e^0 = 1
    phi0, *higher = [1.0] if log_logistic else phis(order if "nu" in free else 0, x)
    cumulative = scaled * u * phi0
    value = event @ (alpha + beta + log_z - log_time + m * u) - cumulative.sum()
    if order == 0:
        return value, None, None
    positive, below = ratio > 0, 1.0 / (1.0 + small)
    above = small * below
    s, rest = np.where(positive, below, above), above * below
    growth = scaled * s * (1.0 if log_logistic else np.exp(x))  # lambda z h0
    lift = 1.0 + m * s
    slope = event * lift - growth
    first = {"tau": gamma * slope, "alpha": event + log_z * slope}
    if "beta" in free:
        first["beta"] = event - cumulative
    if "nu" in free:
        inner, by_nu = k1 * u - kappa * s, k1 * u - m * s
        phi1 = higher[0]
        cumulative_nu = scaled * ((u - s) * phi0 + u * inner * phi1)
        first["nu"] = event * by_nu - cumulative_nu
    if order == 1:
        return value, first, None
    bend = m * event * rest - growth * lift
    curve = slope + log_z * bend
    second = {("tau", "tau"): gamma * gamma * bend, ("tau", "alpha"): gamma * curve, ("alpha", "alpha"): log_z * curve}
    if "beta" in free:
        second |= {("tau", "beta"): -gamma * growth, ("beta", "beta"): -cumulative, ("beta", "alpha"): -growth * log_z}
    if "nu" in free:
        cross = event * s * (2.0 * (1.0 - s) + k1 * s) - growth * by_nu
        ks, s2 = 2.0 * k1 * s, s * (2.0 - s)
        outer = u * (higher[1] * inner * inner + phi1 * (kappa * s2 - ks))
        cumulative_nunu = scaled * (-s * s * phi0 + 2.0 * (u - s) * inner * phi1 + outer)
        second |= {("tau", "nu"): gamma * cross, ("beta", "nu"): -cumulative_nu, ("alpha", "nu"): log_z * cross}
        second["nu", "nu"] = event * (by_nu + m * s2 - ks) - cumulative_nu - cumulative_nunu
    return value, first, second


def _require(ok: np.ndarray, name: str, values: np.ndarray, allowed: str) -> None:
    if not ok.all():
        row = int(np.argmin(ok))
        raise ValueError(f"{name}[{row}] = {values[row]} ({(~ok).sum()} such rows); it must be {allowed}")
