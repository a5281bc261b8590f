"""Isotonizers: maps that make quantiles increase along the level axis (the last one). NumPy, no gradients.

Sorting and isotonic regression never raise the pinball loss summed over levels, whatever y (Proposition 2); the
min-max sweep may. `isotonic_layers` has the same maps with gradients.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from replicate.errors import nearest


def sort(q: ArrayLike) -> np.ndarray:
    """Return ``q``, shape ``(..., m)``, sorted along the levels."""
    return np.sort(np.asarray(q, dtype=np.float64), axis=-1)


def pava(q: ArrayLike) -> np.ndarray:
    """Return the least-squares projection of ``q``, shape ``(..., m)``, on increasing sequences (unit weights)."""
    q = np.asarray(q, dtype=np.float64)
    values, blocks = pool(q.reshape(-1, q.shape[-1]))
    return np.take_along_axis(values, blocks, axis=1).reshape(q.shape)


def sweep(q: ArrayLike) -> np.ndarray:
    """Return the min-max sweep of ``q`` (eq. 23): keep index m // 2, running maximum above, running minimum below."""
    q = np.asarray(q, dtype=np.float64)
    centre = q.shape[-1] // 2
    upper = np.maximum.accumulate(q[..., centre:], axis=-1)
    lower = np.minimum.accumulate(q[..., : centre + 1][..., ::-1], axis=-1)[..., ::-1]
    return np.concatenate([lower[..., :-1], upper], axis=-1)


def pool(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pool adjacent violators in all rows at once.

    Args:
        q: shape ``(n, m)``.

    Returns:
        Block means ``(n, m)``, of which only the first few of a row are used, and the block every level belongs
        to, ``(n, m)``; ``take_along_axis(means, blocks, 1)`` is the projection. A level that is in no violation is
        a block of its own and keeps its value exactly.

    The usual algorithm with a stack of blocks (Barlow et al. 1972), one stack a row: O(m) steps of array code.
    """
    n, m = q.shape
    mean, size = np.zeros((n, m)), np.zeros((n, m), dtype=np.int64)
    top = np.full(n, -1)
    rows = np.arange(n)
    for level in range(m):
        top += 1
        mean[rows, top], size[rows, top] = q[:, level], 1
        active = rows
        while active.size:
            last = top[active]
            active, last = active[last > 0], last[last > 0]
            crossing = mean[active, last - 1] > mean[active, last]
            active, last = active[crossing], last[crossing]
            _merge(mean, size, active, last)
            top[active] -= 1
    used = np.arange(m)[None, :] <= top[:, None]
    blocks = np.repeat(np.broadcast_to(np.arange(m), (n, m))[used], size[used]).reshape(n, m)
    return mean, blocks


def _merge(mean: np.ndarray, size: np.ndarray, rows: np.ndarray, last: np.ndarray) -> None:
    """Put the last block of each row into the one before it."""
    total = size[rows, last - 1] + size[rows, last]
    share = size[rows, last] / total
    mean[rows, last - 1] += share * (mean[rows, last] - mean[rows, last - 1])
    size[rows, last - 1] = total


def none(q: ArrayLike) -> np.ndarray:
    """Return ``q`` unchanged."""
    return np.asarray(q, dtype=np.float64)


ISOTONIZERS: dict[str, Callable[[ArrayLike], np.ndarray]] = {"none": none, "sort": sort, "pava": pava, "sweep": sweep}


def isotonizer(name: str) -> Callable[[ArrayLike], np.ndarray]:
    """Return an isotonizer by name; a ``ValueError`` proposes the nearest."""
    if name not in ISOTONIZERS:
        raise ValueError(f"no isotonizer {name!r}: {nearest(name, ISOTONIZERS)}")
    return ISOTONIZERS[name]
