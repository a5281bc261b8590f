"""One set, one split: base models, all aggregators, and the studies that reuse the same base quantiles."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from replicate.seeds import Seed

from . import isotonic, simple
from .base import QuantileModel
from .catalogue import make_model
from .conformal import conformity, split_margin
from .gate_fit import FittedGate, GateSettings, Sample, fit_gate
from .levels import position
from .nested_cv import NestedFit, fit_nested
from .plan import DQA, Parts, base_models, gate_settings, prepare
from .scores import coverage, coverage_by_length, crossing_rate, mean_length, mean_pinball, pinball, reliability
from .stacking import Stacked, leaking_validation, stack
from .tuning import tuned_gate

Rows = list[dict[str, Any]]
COVERAGES = (0.5, 0.8, 0.9)
PENALTIES = ("none", "single", "adaptive")
MAPS = ("sort", "pava", "sweep")
BANDS = (1, 3)  # of the cheaper fine weights
CONTROLS = ("marginal", "grid", "shuffled", "gate on z", "gate on x and z")


class Trial:
    """Data, base quantiles and aggregators of one set and split."""

    def __init__(self, config: dict, seed: Seed, device: str):
        self.config, self.seed, self.device = config, seed, device
        self.parts: Parts = prepare(config, seed)
        self.models: dict[str, QuantileModel] = base_models(config, self.parts, seed, device)
        self.nested: NestedFit  # with the study "conformal"
        self.stacked: Stacked = self._stack()
        self.z = self.stacked.quantiles(self.parts.test[0])
        self.train = Sample(self.parts.train[0], self.stacked.z_train, self.parts.train[1])
        self.stop = Sample(self.parts.validation[0], self.stacked.z_validation, self.parts.validation[1])
        self.dqa: FittedGate  # set by `main`

    def main(self) -> Rows:
        """Score base models, simple aggregators and the six variants."""
        x, y = self.parts.test
        rows = []
        for number, name in enumerate(self.models):
            rows += self._scores(name, self.z[:, number], kind="base")
        for name, q in self._simple():
            rows += self._scores(name, q, kind="simple")
        for variant in self.config["variants"]:
            gate = self._gate(gate_settings(self.config, variant), variant)
            raw = gate.raw(x, self.z)
            rows += self._scores(variant, raw, kind="aggregator")
            named = {"method": variant, "kind": "aggregator"}
            rows += [{**named, "metric": "parameters", "value": gate.parameters}]
            rows += [{**named, "metric": "best step", "value": gate.curve.best_step}]
            if variant == DQA:
                self.dqa = gate
                rows += self._post_processing(raw)
                rows += [{"metric": "PVE", "value": explained_variance(y, isotonic.sort(raw), self.parts.levels)}]
        return rows + self._description()

    def isotonization(self) -> Rows:
        """Train DQA with every penalty and isotonizing layer; score every post-processing (Figure 8)."""
        x, y = self.parts.test
        rows = []
        for penalty in PENALTIES:
            for layer in ("none", *MAPS):
                post = "sort" if layer == "none" else layer
                scale = 0.1 if penalty == "adaptive" else 1e-3
                settings = gate_settings(self.config, DQA, margin=penalty, margin_scale=scale, layer=layer, post=post)
                raw = self._gate(settings, "isotonization").raw(x, self.z)
                post_maps = {"none": "none"} | {f"post {m}": m for m in MAPS}
                maps = post_maps if layer == "none" else {f"grad {layer}": layer}
                for label, name in maps.items():
                    loss = mean_pinball(y, isotonic.isotonizer(name)(raw), self.parts.levels)
                    rows += [{"penalty": penalty, "isotonizer": label, "metric": "mean pinball", "value": loss}]
                named = {"penalty": penalty, "isotonizer": f"layer {layer}"}
                rows += [{**named, "metric": "crossing", "value": crossing_rate(raw)}]
        return rows

    def controls(self) -> Rows:
        """Train DQA on base quantiles that know nothing about x, with gates that see z, and its cheaper likenesses."""
        x, y = self.parts.test
        rows = []
        for control in CONTROLS:
            train, stop, test = (
                self._controlled(control, s, i) for i, s in enumerate((self.train, self.stop, Sample(x, self.z, y)))
            )
            generator = self._generator(control)
            gate = fit_gate(
                train, stop, self.parts.levels, gate_settings(self.config, DQA), generator, device=self.device
            )
            loss = mean_pinball(y, gate.predict(test.x, test.z), self.parts.levels)
            rows += [{"method": control, "metric": "mean pinball", "value": loss}]
        return rows + self._plain_network() + self._banded() + self._leak()

    def conformal(self) -> Rows:
        """Measure coverage and length of DQA before and after calibration."""
        x, y = self.parts.test
        raw = isotonic.sort(self.dqa.raw(x, self.z))
        stop = self.dqa.predict(self.stop.x, self.stop.z)
        by_fold = self.nested.quantiles(x)
        rows = [{"method": "nested CV+", "metric": "base fits", "value": self.nested.fits}]
        for nominal, low, high in self._ends():
            alpha = 1 - nominal
            margin = split_margin(conformity(self.stop.y, stop[:, low], stop[:, high]), alpha)
            intervals = {
                "raw": (raw[:, low], raw[:, high]),
                "split CQR on stopping rows": (raw[:, low] - margin, raw[:, high] + margin),
                "nested CV+": self.nested.intervals_from(by_fold, alpha),
            }
            for method, (lower, upper) in intervals.items():
                found = {"coverage": coverage(y, lower, upper), "length": mean_length(lower, upper)}
                rows += [
                    {"method": method, "nominal": nominal, "metric": k, "value": v, "n": len(y)}
                    for k, v in found.items()
                ]
        return rows

    def _stack(self) -> Stacked:
        c, p = self.config, self.parts
        if "conformal" not in c["studies"]:
            return stack(self.models, p.train, p.validation, p.levels, folds=c["folds"])
        seeds = [self.seed.integer("nested", c["dataset"], k) for k in range(c["folds"])]
        settings = gate_settings(c, DQA)
        fits = fit_nested(
            self.models, p.train, p.validation, p.levels, settings, seeds, folds=c["folds"], device=self.device
        )
        stacked, self.nested = fits
        return stacked

    def _simple(self) -> Iterator[tuple[str, np.ndarray]]:
        levels, train = self.parts.levels, self.train
        yield "Average", simple.average(self.z)
        yield "Median", simple.median(self.z)
        yield "Pool", simple.pool(self.z, levels)
        yield "QRA", simple.fit_qra(train.z, train.y, levels).predict(self.z)
        yield "FQRA", simple.fit_fqra(train.z, train.y, levels).predict(self.z)

    def _scores(self, method: str, raw: np.ndarray, *, kind: str) -> Rows:
        """Score quantiles after sorting, as every method is compared."""
        y, levels = self.parts.test[1], self.parts.levels
        q = isotonic.sort(raw)
        named = {"method": method, "kind": kind, "n": len(y)}
        rows = [
            {**named, "metric": "mean pinball", "value": mean_pinball(y, q, levels)},
            {**named, "metric": "crossing", "value": crossing_rate(raw)},
        ]
        for nominal, low, high in self._ends():
            named_at = {**named, "nominal": nominal}
            rows += [{**named_at, "metric": "coverage", "value": coverage(y, q[:, low], q[:, high])}]
            rows += [{**named_at, "metric": "length", "value": mean_length(q[:, low], q[:, high])}]
        if method in (DQA, "Average"):
            rows += [{**named, **row} for row in self._conditional(q)]
            losses, below = pinball(y, q, levels).mean(0), reliability(y, q, levels)
            for level, loss, share in zip(levels, losses, below, strict=True):
                rows += [{**named, "level": level, "metric": "pinball", "value": loss}]
                rows += [{**named, "level": level, "metric": "share below", "value": share}]
        return rows

    def _conditional(self, q: np.ndarray) -> Rows:
        """Return coverage by third of the predicted length."""
        return [
            {"nominal": nominal, "third": third, "metric": "coverage by length", "value": float(value)}
            for nominal, low, high in self._ends()
            for third, value in enumerate(coverage_by_length(self.parts.test[1], q[:, low], q[:, high]))
        ]

    def _description(self) -> Rows:
        """Return what may explain when aggregation pays: size, features, how alike the base models' errors are."""
        x, y = self.parts.train
        errors = y[:, None] - self.train.z[:, :, self.train.z.shape[2] // 2]
        pairs = np.corrcoef(errors.T)[np.triu_indices(errors.shape[1], 1)]
        numbers = {"rows": len(y), "features": x.shape[1], "error correlation": float(pairs.mean())}
        return [{"metric": name, "value": value} for name, value in numbers.items()]

    def _post_processing(self, raw: np.ndarray) -> Rows:
        """Return DQA's loss under every isotonizer (Figure 9)."""
        y, levels = self.parts.test[1], self.parts.levels
        found = {name: mean_pinball(y, isotonic.isotonizer(name)(raw), levels) for name in ("none", *MAPS)}
        return [
            {"method": DQA, "isotonizer": k, "metric": "post-processed pinball", "value": v} for k, v in found.items()
        ]

    def _ends(self) -> Iterator[tuple[float, int, int]]:
        """Yield nominal coverages whose two ends are among the levels, with their positions."""
        for nominal in COVERAGES:
            try:
                low, high = (position(self.parts.levels, a) for a in ((1 - nominal) / 2, (1 + nominal) / 2))
            except ValueError:
                continue
            yield nominal, low, high

    def _controlled(self, control: str, sample: Sample, number: int) -> Sample:
        p, m = sample.z.shape[1:]
        size = (len(sample.y), p, m)
        match control:
            case "marginal":
                return Sample(sample.x, np.broadcast_to(np.quantile(self.train.y, self.parts.levels), size), sample.y)
            case "grid":
                ends = self.train.y.min(), self.train.y.max()
                return Sample(sample.x, np.broadcast_to(np.linspace(*ends, p * m).reshape(m, p).T, size), sample.y)
            case "shuffled":
                order = self.seed.rng("shuffled", self.config["dataset"], number).permutation(len(sample.y))
                return Sample(sample.x, sample.z[order], sample.y)
        z = sample.z.reshape(len(sample.y), -1)
        return Sample(z if control == "gate on z" else np.concatenate([sample.x, z], 1), sample.z, sample.y)

    def _plain_network(self) -> Rows:
        """Train a quantile network on x alone, with as many parameters as DQA's gate."""
        x, y = self.parts.test
        width = equal_width(self.dqa.parameters, x.shape[1], len(self.parts.levels))
        c = self.config
        schedule = {"max_steps": c["gate_steps"], "check_every": c["check_every"], "patience": c["patience"]}
        number = self.seed.integer("plain network", c["dataset"]) % 2**31
        model = make_model("DQR", self.parts.levels, number, hidden=width, device=self.device, **schedule)
        model.fit(*self.parts.train, validation=self.parts.validation)
        q = model.predict_quantiles(x, self.parts.levels)
        named = {"method": "plain network, equal size"}
        size = sum(p.numel() for p in model.module_.parameters())
        return [
            {**named, "metric": "mean pinball", "value": mean_pinball(y, q, self.parts.levels)},
            {**named, "metric": "parameters", "value": size},
        ]

    def _banded(self) -> Rows:
        """Train fine weights that stay near the diagonal (cheaper)."""
        x, y = self.parts.test
        rows = []
        for band in BANDS:
            gate = self._gate(gate_settings(self.config, DQA, band=band), f"band {band}")
            loss = mean_pinball(y, gate.predict(x, self.z), self.parts.levels)
            named = {"method": f"fine, band {band}"}
            rows += [{**named, "metric": "mean pinball", "value": loss}]
            rows += [{**named, "metric": "parameters", "value": gate.parameters}]
        return rows

    def _leak(self) -> Rows:
        """Stop DQA on validation quantiles of models that have seen the validation rows, as the authors' code does."""
        x, y = self.parts.test
        z = leaking_validation(self.models, self.stacked, self.parts.train, self.parts.validation)
        stop = Sample(self.stop.x, z, self.stop.y)
        settings = gate_settings(self.config, DQA)
        gate = fit_gate(self.train, stop, self.parts.levels, settings, self._generator("leak"), device=self.device)
        loss = mean_pinball(y, gate.predict(x, self.z), self.parts.levels)
        named = {"method": "leaking validation"}
        return [
            {**named, "metric": "mean pinball", "value": loss},
            {**named, "metric": "best step", "value": gate.curve.best_step},
        ]

    def _gate(self, settings: GateSettings, purpose: str) -> FittedGate:
        if not self.config["draws"]:
            generator = self._generator("gate")
            return fit_gate(self.train, self.stop, self.parts.levels, settings, generator, device=self.device)
        rng = self.seed.rng("tune gate", self.config["dataset"], purpose)
        args = (self.train, self.stop, self.parts.levels, settings, self.config["draws"], rng)
        return tuned_gate(*args, device=self.device)

    def _generator(self, purpose: str) -> torch.Generator:
        return self.seed.torch(purpose, self.config["dataset"])


def equal_width(parameters: int, features: int, outputs: int) -> int:
    """Return the width at which a network with two hidden layers has about so many parameters.

    It has ``w^2 + w (features + outputs + 2) + outputs`` of them.
    """
    linear = features + outputs + 2
    return max(1, round((np.sqrt(linear**2 + 4 * max(parameters - outputs, 0)) - linear) / 2))


def explained_variance(y: np.ndarray, q: np.ndarray, levels: np.ndarray) -> float:
    """Return the proportion of variance explained by the median, 1 - MSE / Var(y), and at least 0 (our "PVE")."""
    centre = int(np.argmin(np.abs(levels - 0.5)))
    return float(max(0.0, 1 - np.mean((y - q[:, centre]) ** 2) / np.var(y)))


STUDIES: dict[str, Callable[[Trial], Rows]] = {
    "main": Trial.main,
    "isotonization": Trial.isotonization,
    "controls": Trial.controls,
    "conformal": Trial.conformal,
}
