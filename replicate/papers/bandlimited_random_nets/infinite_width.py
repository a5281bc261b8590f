"""The net of infinite width on an interval: a compact operator, whose singular values say what is within reach.

The operator maps coefficient functions g, square-integrable over the box ``[-lambda, lambda]^2`` with its uniform
probability measure, to ``x -> mean of g(a, b) sigma(a x - b)``. Discretised by Gauss-Legendre nodes in x, a and b. Its
ridge solution is the limit of random nets with features ``H / sqrt(d)`` as d grows, at the same penalty.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg, optimize

from .activations import Activation, activation
from .checks import finite_targets, not_negative, positive, whole

FLOAT16, FLOAT32, FLOAT64 = 2.0**-10, 2.0**-23, 2.0**-52


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Singular values and functions of the operator.

    Args:
        values: ``(n,)``, largest first.
        functions: ``(n, n)``, column i is the i-th left singular vector in the weighted nodes.
        x: nodes on the interval, ``(n,)``.
        weights: their quadrature weights; they sum to the interval's length.
    """

    values: np.ndarray
    functions: np.ndarray
    x: np.ndarray
    weights: np.ndarray

    @cached_property
    def length(self) -> float:
        """The length of the interval."""
        return float(self.weights.sum())

    def effective_width(self, eps: float = 256 * FLOAT64) -> int:
        """Return N(eps), the number of singular values above ``eps * s_1``: more nodes than that are redundant."""
        return int(np.count_nonzero(self.values > not_negative("eps", eps) * self.values[0]))

    def floor(self, target: np.ndarray, eps: float = 256 * FLOAT64) -> float:
        """Return the root mean square error of the target, given at the nodes, on what lies beyond ``eps * s_1``."""
        beyond = self.values <= not_negative("eps", eps) * self.values[0]
        return float(np.sqrt(np.sum(self._parts(target)[beyond] ** 2) / self.length))

    def ridge_error(self, target: np.ndarray, penalty: float) -> float:
        """Return the root mean square error of ridge regression with ``penalty * |g|^2``, in the limit of all data."""
        shrink = not_negative("penalty", penalty)
        kept = shrink / (self.values**2 + shrink) if shrink else np.zeros_like(self.values)
        return float(np.sqrt(np.sum((kept * self._parts(target)) ** 2) / self.length))

    def budget_error(self, target: np.ndarray, budget: float) -> float:
        """Return the least root mean square error over coefficient functions of norm at most ``budget``.

        By Lagrange duality it is the ridge solution whose norm ``sum s_i^2 f_i^2 / (s_i^2 + mu)^2`` equals the budget's
        square. A budget that no penalty above rounding uses up is *beyond resolution*: the error at that penalty is
        then an upper limit.
        """
        parts, square = self._parts(target), not_negative("budget", budget) ** 2
        low, high = np.log((FLOAT64 * self.values[0]) ** 2), np.log(1e30)

        def excess(log_penalty: float) -> float:
            return float(np.sum((self.values * parts / (self.values**2 + np.exp(log_penalty))) ** 2)) - square

        if square == 0 or excess(high) >= 0:
            return float(np.sqrt(np.sum(parts**2) / self.length))
        return self.ridge_error(target, np.exp(low if excess(low) <= 0 else optimize.brentq(excess, low, high)))

    def _parts(self, target: np.ndarray) -> np.ndarray:
        """Return the target's coordinates along the singular functions."""
        return self.functions.T @ (np.sqrt(self.weights) * finite_targets("target", target, len(self.x)))


def spectrum(
    bandwidth: float,
    name: str | Activation = "sigmoid",
    *,
    interval: tuple[float, float] = (0.0, 1.0),
    points: int = 256,
    nodes: int = 160,
) -> Spectrum:
    """Return the operator's spectrum for one input variable.

    Args:
        bandwidth: lambda > 0.
        name: activation.
        interval: where the input lies.
        points: Gauss-Legendre nodes on the interval.
        nodes: Gauss-Legendre nodes for each of slope and bias; 100 are enough up to lambda = 30.
    """
    bandwidth, sigma = positive("bandwidth", bandwidth), activation(name)
    low, high = interval
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"the interval is {interval}; it must go from a smaller to a larger finite number")
    x, wx = gauss_legendre(low, high, whole("points", points))
    a, wa = gauss_legendre(-bandwidth, bandwidth, whole("nodes", nodes))
    root = np.sqrt(np.outer(wa, wa) / (2 * bandwidth) ** 2)  # a probability measure on the box
    kernel = np.empty((nodes * nodes, points))
    for i, (slope, scale) in enumerate(zip(a, root, strict=True)):
        kernel[i * nodes : (i + 1) * nodes] = scale[:, None] * sigma(slope * x[None, :] - a[:, None])
    kernel *= np.sqrt(wx)
    # A QR first, then the decomposition of the small factor: forming F F' would lose half of the digits.
    (r,) = linalg.qr(kernel, mode="r", overwrite_a=True, check_finite=False)
    u, values, _ = linalg.svd(r[: min(r.shape)].T, full_matrices=False, check_finite=False)
    return Spectrum(values, u, x, wx)


def gauss_legendre(low: float, high: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Legendre nodes and weights on an interval."""
    x, w = np.polynomial.legendre.leggauss(points)
    return low + (high - low) * (x + 1) / 2, w * (high - low) / 2
