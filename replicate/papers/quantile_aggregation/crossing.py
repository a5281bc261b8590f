"""Penalties on crossing quantiles, with constant, level-dependent and adaptive margins."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from replicate.errors import nearest

MARGINS = ("none", "single", "vector", "adaptive")


def penalty(q: Tensor, margins: Tensor) -> Tensor:
    """Return the mean over samples and pairs of levels s < t of ``(q_s - q_t + margin_st)_+``, a scalar.

    Args:
        q: predictions, ``(batch, m)``, before any isotonizer.
        margins: ``(m, m)``; only entries above the diagonal count.
    """
    m = q.shape[1]
    if m < 2:
        return q.new_zeros(())
    first, second = torch.triu_indices(m, m, 1, device=q.device)
    excess = q.index_select(1, first) - q.index_select(1, second) + margins[first, second]
    return excess.clamp(min=0).mean()


def margins(kind: str, levels: ArrayLike, scale: float, residuals: ArrayLike | None = None) -> np.ndarray:
    """Return the margins of all pairs of levels, ``(m, m)``, in the unit of y.

    Args:
        kind: "none" (all zero), "single" (``scale`` everywhere), "vector" (``scale`` times the difference of
            the levels) or "adaptive" (``scale`` times the difference of the residuals' quantiles, eq. 21).
        levels: ``(m,)``.
        scale: >= 0; a margin for "single", a factor otherwise.
        residuals: ``(n,)``, y minus a central out-of-fold prediction; needed by "adaptive".

    Raises:
        ValueError: unknown kind (names the nearest), negative scale, adaptive margins without residuals.
    """
    levels = np.asarray(levels, dtype=np.float64)
    if kind not in MARGINS:
        raise ValueError(f"no margins {kind!r}: {nearest(kind, MARGINS)}")
    if scale < 0:
        raise ValueError(f"the margin's scale is {scale}; it must be >= 0")
    if kind == "adaptive" and residuals is None:
        raise ValueError("adaptive margins need residuals: pass y minus the base models' median, shape (n,)")
    match kind:
        case "single":
            return np.full((len(levels), len(levels)), float(scale))
        case "vector":
            place = levels
        case "adaptive":
            place = np.quantile(np.asarray(residuals, dtype=np.float64), levels)
        case _:
            return np.zeros((len(levels), len(levels)))
    return scale * np.maximum(place[None, :] - place[:, None], 0)
