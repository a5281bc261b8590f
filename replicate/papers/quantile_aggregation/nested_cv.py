"""Nested CV+ for an ensemble: base models without pairs of folds, an aggregator for every fold left out.

For every unordered pair {k, l} the base models are fitted without both folds. For every k the aggregator without k is
trained on the rows of the folds l != k with quantiles of the {k, l} fits, and combines base models fitted without k.
That is K(K - 1)/2 + K base fits and K aggregators; the rows of fold k stay unseen by everything that predicts them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from . import conformal
from .base import QuantileModel
from .gate_fit import FittedGate, GateSettings, Sample, fit_gate
from .levels import position
from .stacking import Stacked, contiguous_folds, leave_out


@dataclass(frozen=True, eq=False)
class NestedFit:
    """Aggregators that each leave out one fold, and what they say about that fold.

    Args:
        gates: K aggregators.
        models: base models without each fold, K mappings by name.
        fold: the fold of every training row, ``(n,)``.
        held_out: quantiles of every training row by the aggregator without its fold, ``(n, m)``.
        y: targets of the training rows.
        levels: ``(m,)``.
        fits: base fits of each model, K(K - 1)/2 + K.
    """

    gates: list[FittedGate]
    models: list[dict[str, QuantileModel]]
    fold: np.ndarray
    held_out: np.ndarray
    y: np.ndarray
    levels: np.ndarray
    fits: int

    def quantiles(self, x: np.ndarray) -> np.ndarray:
        """Return quantiles at ``x`` by every leave-one-fold-out aggregator, ``(K, n, m)``."""
        return np.stack(
            [g.predict(x, base_quantiles(m, x, self.levels)) for g, m in zip(self.gates, self.models, strict=True)]
        )

    def intervals(self, x: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        """Return CV+ intervals of nominal coverage 1 - alpha at ``x``, two arrays ``(n,)``."""
        return self.intervals_from(self.quantiles(x), alpha)

    def intervals_from(self, quantiles: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        """Return CV+ intervals from what `quantiles` returned."""
        low, high = (position(self.levels, a) for a in (alpha / 2, 1 - alpha / 2))
        scores = conformal.conformity(self.y, self.held_out[:, low], self.held_out[:, high])
        return conformal.cv_plus(quantiles[:, :, low], quantiles[:, :, high], self.fold, scores, alpha)


def fit_nested(
    models: Mapping[str, QuantileModel],
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    levels: np.ndarray,
    settings: GateSettings,
    seeds: list[int],
    *,
    folds: int = 5,
    device: str = "cpu",
) -> tuple[Stacked, NestedFit]:
    """Fit everything; the stacked base models of the ordinary aggregator are a by-product of the same fits.

    Args:
        models: unfitted, by name.
        train, validation: ``(x, y)``; validation rows stop networks and aggregators.
        levels: ``(m,)``.
        settings: of the aggregators.
        seeds: one a fold, for their generators.
        folds: K.
        device: where aggregators train.
    """
    x, y = train
    parts = contiguous_folds(len(y), folds)
    pairs = list(combinations(range(folds), 2))
    subsets = [np.arange(len(y)), *(leave_out(parts, k) for k in range(folds)), *(leave_out(parts, *p) for p in pairs)]
    fits = {name: model.fit_subsets(x, y, subsets, validation=validation) for name, model in models.items()}
    whole = {name: f[0] for name, f in fits.items()}
    single = [{name: f[1 + k] for name, f in fits.items()} for k in range(folds)]
    double = {p: {name: f[1 + folds + i] for name, f in fits.items()} for i, p in enumerate(pairs)}

    z = np.empty((len(y), len(models), len(levels)))
    for k, part in enumerate(parts):
        z[part] = base_quantiles(single[k], x[part], levels)
    stacked = Stacked(whole, z, base_quantiles(whole, validation[0], levels), levels)

    gates, held_out, fold = [], np.empty((len(y), len(levels))), np.empty(len(y), dtype=np.int64)
    for k, part in enumerate(parts):
        inner = [
            base_quantiles(double[min(k, other), max(k, other)], x[parts[other]], levels)
            for other in range(folds)
            if other != k
        ]
        rows = leave_out(parts, k)
        sample = Sample(x[rows], np.concatenate(inner), y[rows])
        stop = Sample(validation[0], base_quantiles(single[k], validation[0], levels), validation[1])
        generator = torch.Generator().manual_seed(seeds[k])
        gates.append(fit_gate(sample, stop, levels, settings, generator, device=device))
        held_out[part] = gates[-1].predict(x[part], z[part])
        fold[part] = k
    return stacked, NestedFit(gates, single, fold, held_out, y, levels, len(pairs) + folds)


def base_quantiles(models: Mapping[str, QuantileModel], x: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return quantiles of fitted base models, ``(n, p, m)``."""
    return np.stack([model.predict_quantiles(x, levels) for model in models.values()], 1)
