"""What weight decay alone does to a gamma that the loss does not need: the null model of sparsity.

Without a gradient of the loss SGD with momentum follows v <- mu v + lambda gamma, gamma <- gamma - eta v: linear, so
that gamma_T = kappa gamma_0 with one factor for all channels.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from replicate.schedules import Schedule


def rates(schedule: Schedule, steps: int, rate: float) -> np.ndarray:
    """Return the rate of every step, ``(steps,)``."""
    return rate * np.array([schedule(step) for step in range(steps)])


def shrink_factor(rates: Sequence[float] | np.ndarray, *, decay: float, momentum: float = 0.9) -> float:
    """Return kappa: what is left of a parameter that gets no gradient after steps at these rates."""
    value, velocity = 1.0, 0.0
    for rate in rates:
        velocity = momentum * velocity + decay * value
        value -= rate * velocity
    return value


def small_by_decay(kappa: float, threshold: float = 0.01) -> float:
    """Return P(kappa gamma_0 < threshold) for gamma_0 ~ U(0, 1) and kappa > 0."""
    return min(1.0, threshold / kappa)


def matched_decay(rates: Sequence[float] | np.ndarray, kappa: float, *, momentum: float = 0.9) -> float:
    """Return the decay with shrink factor ``kappa`` over these rates: a short training shrinks like a long one.

    Close to ``-ln(kappa) (1 - momentum) / sum(rates)``; the smallest such decay, since large ones overshoot zero.

    Raises:
        ValueError: kappa not in (0, 1), or rates at which nothing shrinks.
    """
    if not 0 < kappa < 1:
        raise ValueError(f"the shrink factor is {kappa}; it must lie strictly between 0 and 1")

    if not np.sum(rates) > 0:
        raise ValueError(f"all {len(rates)} rates are zero: no decay shrinks anything")

    def left(decay: float) -> float:
        return shrink_factor(rates, decay=decay, momentum=momentum)

    candidates = -np.log(kappa) * (1 - momentum) / np.sum(rates) * np.geomspace(0.1, 10, 100)
    enough = next(i for i, decay in enumerate(candidates) if left(decay) < kappa)
    return float(brentq(lambda decay: left(decay) - kappa, candidates[enough - 1], candidates[enough], xtol=1e-15))
