"""Stepping the thermal network with its two heater controllers, compiled."""

import numpy as np
from numba import njit

_SVM, _PCDU, _NISP = 1, 3, 9


@njit(cache=True)
def _step_all(x, base, ad, bd, heating, bus, forced, steps, start, stop, marks, means, duties, powers, marked):
    """Advance ``x`` in place from step ``start`` to ``stop``; see :func:`advance`."""
    n = len(x)
    q, new = np.empty(n), np.empty(n)
    mark = 0
    for s in range(start, stop):
        while mark < len(marks) and marks[mark] == s:
            marked[mark] = x
            mark += 1
        duty = min(max(0.5 - 0.15 * (x[_SVM] - base[_SVM]), 0.0), 1.0)
        if forced[s]:
            duty = 1.0
        power = min(max(1.0 - 2.0 * (x[_NISP] - base[_NISP]), 0.0), 3.0)
        q[:] = heating[s]
        q[_SVM] += 1.2 * (duty - 0.5)
        q[_PCDU] += 0.6 * (bus[s] + 3.0 * duty + power / 28.0 - 20.5)
        q[_NISP] += 0.5 * (power - 1.0)
        row = (s - start) // steps
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += ad[i, j] * x[j] + bd[i, j] * q[j]
            new[i] = total
        x[:] = new
        for i in range(n):
            means[row, i] += x[i] / steps
        duties[row] += duty / steps
        powers[row] += power / steps


def advance(x0, base, propagator, inputs, *, steps: int, start: int = 0, stop: int | None = None, marks=()):
    """Advance the network and average what is reported.

    Args:
        x0: state (11,) at step ``start``, K; not changed.
        base: state (11,) the controllers aim at.
        propagator: ``(Ad, Bd)`` of one step.
        inputs: ``(heating (n, 11) K/h without heaters and bus, bus (n,) A without heaters, forced (n,) bool)``.
        steps: steps averaged into one reported row; ``stop - start`` must be a multiple.
        marks: ascending steps whose state is wanted.

    Returns:
        means (rows, 11), SVM heater duty (rows,), NISP heater power W (rows,), states at ``marks`` (len(marks), 11).
    """
    heating, bus, forced = inputs
    stop = len(bus) if stop is None else stop
    if (stop - start) % steps:
        raise ValueError(f"{stop - start} steps are no multiple of the {steps} averaged into a row; cut the end off")
    rows = (stop - start) // steps
    x, marks = np.array(x0, dtype=float), np.asarray(marks, dtype=np.int64)
    means, duties, powers = np.zeros((rows, len(x))), np.zeros(rows), np.zeros(rows)
    marked = np.zeros((len(marks), len(x)))
    arrays = heating, bus, forced, steps, start, stop, marks, means, duties, powers, marked
    ad, bd = propagator
    _step_all(x, np.asarray(base, dtype=float), ad, bd, *arrays)
    return means, duties, powers, marked


@njit(cache=True)
def clipped_sum(rates, start, low, high):
    """Return the running sum of ``rates`` (n,) from ``start``, kept within [low, high] at every step."""
    out = np.empty(len(rates))
    level = start
    for i in range(len(rates)):
        level = min(max(level + rates[i], low), high)
        out[i] = level
    return out
