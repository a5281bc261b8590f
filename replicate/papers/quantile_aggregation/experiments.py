"""Units of work: ``(config, seed) -> rows``, one function per experiment."""

from typing import Any

import numpy as np

from replicate.seeds import Seed

from . import linear_programs as programs
from . import propositions as checks
from .gate_fit import GateSettings, Sample, fit_gate
from .plan import base_models, prepare
from .scores import mean_pinball
from .stacking import stack
from .training_curve import Schedule
from .trial import STUDIES, Trial

Rows = list[dict[str, Any]]


def isotonizers(config: dict, seed: Seed) -> Rows:
    """Try to make an isotonizer raise the pinball loss on random crossing quantiles (C4, C8: Props. 1 and 2)."""
    n = config["samples"]
    rows = [
        {
            "metric": f"largest increase, {name}",
            "value": checks.largest_increase(f, seed.rng("increase", name), n=n),
            "n": n,
        }
        for name, f in checks.ISOTONIZED.items()
    ]
    rows += [{"metric": "sweep increase at 2.75", "value": checks.sweep_increase(2.75)}]
    return [*rows, {"metric": "sorting excess", "value": checks.sorting_excess(seed.rng("norms"), n=n), "n": n}]


def averaging(config: dict, seed: Seed) -> Rows:
    """Compare quantile and probability averaging of two normals with their closed forms (C8: Props. 3 to 5)."""
    ratios = checks.tail_ratios()
    numbers = {
        "shape error": checks.shape_error(),
        "pool error": checks.pool_error(),
        **checks.moments(),
        "tail ratio, quantile average": float(ratios["quantile average"][-1]),
        "tail ratio, pool": float(ratios["pool"][-1]),
        "tails fall": float(np.all(np.diff(ratios["quantile average"]) < 0)),
    }
    return [{"metric": name, "value": value} for name, value in numbers.items()]


def ground_truth(config: dict, seed: Seed) -> Rows:
    """Train global coarse and medium weights by gradients and compare the loss with the linear program's optimum."""
    parts = prepare(config, seed)
    models = base_models(config, parts, seed, "cpu")
    z = stack(models, parts.train, parts.validation, parts.levels, folds=config["folds"]).z_train
    y, levels = parts.train[1], parts.levels
    sample = Sample(parts.train[0], z, y)
    exact = {
        "coarse": np.einsum("npm,p->nm", z, programs.coarse_weights(z, y, levels)),
        "medium": np.einsum("npm,pm->nm", z, programs.medium_weights(z, y, levels)),
    }
    rows = [
        {"weights": "best single model", "metric": "mean pinball", "value": min(_losses(y, z, levels))},
        {"weights": "average", "metric": "mean pinball", "value": mean_pinball(y, z.mean(1), levels)},
    ]
    for resolution, q in exact.items():
        optimum = mean_pinball(y, q, levels)
        schedule = Schedule(config["steps"], config["steps"], config["steps"])
        settings = GateSettings(
            resolution, False, margin="none", post="none", lr=0.02, weight_decay=0.0, batch=len(y), schedule=schedule
        )
        gate = fit_gate(sample, None, levels, settings, seed.torch("global", resolution))
        found = mean_pinball(y, gate.raw(sample.x, z), levels)
        named = {"weights": resolution}
        rows += [{**named, "metric": "mean pinball", "value": optimum}]
        rows += [{**named, "metric": "relative excess of gradients", "value": found / optimum - 1}]
    return rows


def trial(config: dict, seed: Seed, device: str) -> Rows:
    """Run the studies of one set and split (C1, C2, C3, C5, C6, C7); a row's ``study`` says which it belongs to."""
    run = Trial(config, seed, device)
    return [{"study": name, **row} for name in config["studies"] for row in STUDIES[name](run)]


def _losses(y: np.ndarray, z: np.ndarray, levels: np.ndarray) -> list[float]:
    return [mean_pinball(y, z[:, j], levels) for j in range(z.shape[1])]
