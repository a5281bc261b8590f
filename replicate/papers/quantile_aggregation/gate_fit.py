"""Training a gate: pinball loss plus crossing penalty, early stopping on validation rows."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike

from . import crossing
from .banded import Banded
from .gates import Global, Local
from .isotonic import isotonizer
from .isotonic_layers import layer as isotonizing_layer
from .levels import check_levels
from .training_curve import Curve, Schedule, batch_size, batches, run


@dataclass(frozen=True)
class GateSettings:
    """Everything that defines an aggregator; the defaults are the paper's standard (DQA).

    Args:
        resolution, local: which weights.
        band: keeps local fine weights to base levels so many steps away (`banded`); None is the paper's, no band.
        margin, margin_scale, penalty_weight: crossing penalty (`crossing.margins`) and its weight lambda.
        layer: isotonizer inside the loss ("none", "sort", "pava", "sweep"), with gradients.
        post: isotonizer of predictions, used for validation as well.
        hidden, layers, dropout: the local network.
        lr, weight_decay: of Adam with amsgrad.
        batch: rows a step; None is the paper's rule.
    """

    resolution: str = "fine"
    local: bool = True
    band: int | None = None
    margin: str = "single"
    margin_scale: float = 1e-3
    penalty_weight: float = 1.0
    layer: str = "none"
    post: str = "sort"
    hidden: int = 64
    layers: int = 2
    dropout: float = 0.05
    lr: float = 1e-3
    weight_decay: float = 1e-7
    batch: int | None = None
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows for an aggregator: features ``x`` ``(n, d)``, base quantiles ``z`` ``(n, p, m)``, targets ``y`` ``(n,)``."""

    x: np.ndarray
    z: np.ndarray
    y: np.ndarray

    def tensors(self, device: str = "cpu") -> tuple[torch.Tensor, ...]:
        """Return ``(x, z, y)`` as float32 tensors on a device."""
        arrays = (np.array(a, dtype=np.float32) for a in (self.x, self.z, self.y))
        return tuple(torch.from_numpy(a).to(device) for a in arrays)


@dataclass(frozen=True, eq=False)
class FittedGate:
    """A trained aggregator."""

    module: Global | Local | Banded
    settings: GateSettings
    curve: Curve
    device: str = "cpu"

    def raw(self, x: ArrayLike, z: ArrayLike) -> np.ndarray:
        """Return averaged quantiles before the isotonizer, ``(n, m)``."""
        self.module.eval()
        with torch.no_grad():
            tensors = (torch.from_numpy(np.array(a, dtype=np.float32)).to(self.device) for a in (x, z))
            parts = zip(*(t.split(512) for t in tensors), strict=True)
            return torch.cat([self.module(a, b) for a, b in parts]).cpu().double().numpy()

    def predict(self, x: ArrayLike, z: ArrayLike) -> np.ndarray:
        """Return averaged quantiles after the isotonizer, ``(n, m)``."""
        return isotonizer(self.settings.post)(self.raw(x, z))

    def weights(self, x: ArrayLike) -> np.ndarray:
        """Return the weights at features ``x`` ``(n, d)``; a batch of one if they are global."""
        self.module.eval()
        with torch.no_grad():
            x = torch.as_tensor(np.asarray(x), dtype=torch.float32, device=self.device)
            return self.module.weights(x).cpu().double().numpy()

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(p.numel() for p in self.module.parameters())


def fit_gate(
    train: Sample,
    validation: Sample | None,
    levels: ArrayLike,
    settings: GateSettings,
    generator: torch.Generator,
    *,
    device: str = "cpu",
) -> FittedGate:
    """Train an aggregator on out-of-fold base quantiles.

    Args:
        train: rows whose ``z`` their own models have not seen.
        validation: rows for early stopping; None takes all ``max_steps``.
        levels: ``(m,)``, those of ``z``.
        settings: see `GateSettings`.
        generator: draws start weights, dropout and batches.
        device: where to train.
    """
    levels = check_levels(levels)
    p, m = train.z.shape[1:]
    module = _module(p, m, train.x.shape[1], settings, generator).to(device)
    x, z, y = train.tensors(device)
    loss = _Loss(train, levels, settings, device)
    optimizer = torch.optim.Adam(
        module.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, amsgrad=True, fused=True
    )
    order = batches(len(y), settings.batch or batch_size(len(y)), generator)
    best: dict[str, torch.Tensor] = {}

    def step() -> None:
        module.train()
        rows = next(order).to(device)
        optimizer.zero_grad(set_to_none=True)
        loss(module(x[rows], z[rows]), y[rows]).backward()
        optimizer.step()

    def keep() -> None:
        best.update({k: v.detach().clone() for k, v in module.state_dict().items()})

    curve = run(step, _validator(module, validation, levels, settings, device), keep, settings.schedule)
    module.load_state_dict(best)
    return FittedGate(module.eval(), settings, curve, device)


def residuals(sample: Sample, levels: ArrayLike) -> np.ndarray:
    """Return y minus the models' median of the central base quantile, ``(n,)``: R of eq. 21."""
    centre = int(np.argmin(np.abs(check_levels(levels) - 0.5)))
    return sample.y - np.median(sample.z[:, :, centre], axis=1)


def _module(p: int, m: int, features: int, s: GateSettings, generator: torch.Generator) -> Global | Local | Banded:
    if not s.local:
        return Global(p, m, s.resolution)
    network = {"hidden": s.hidden, "layers": s.layers, "features": features, "generator": generator}
    if s.band is not None:
        return Banded(p, m, s.band, rate=s.dropout, **network)
    return Local(p, m, s.resolution, dropout=s.dropout, **network)


class _Loss:
    """Mean pinball of the (perhaps isotonized) output plus the penalty on the output itself."""

    def __init__(self, train: Sample, levels: np.ndarray, settings: GateSettings, device: str):
        found = crossing.margins(settings.margin, levels, settings.margin_scale, residuals(train, levels))
        self.margins = torch.as_tensor(found, dtype=torch.float32, device=device)
        self.levels = torch.as_tensor(levels, dtype=torch.float32, device=device)
        self.weight = 0.0 if settings.margin == "none" else settings.penalty_weight
        self.isotonize = isotonizing_layer(settings.layer)

    def __call__(self, q: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        error = y[:, None] - self.isotonize(q)
        loss = torch.maximum(self.levels * error, (self.levels - 1) * error).mean()
        return loss + self.weight * crossing.penalty(q, self.margins) if self.weight else loss


def _validator(module, sample: Sample | None, levels: np.ndarray, settings: GateSettings, device: str):
    if sample is None:
        return None
    x, z, y = sample.tensors(device)
    taus = torch.as_tensor(levels, dtype=torch.float32, device=device)
    isotonize = isotonizing_layer(settings.post)

    def validate() -> float:
        module.eval()
        with torch.no_grad():
            error = y[:, None] - isotonize(
                torch.cat([module(a, b) for a, b in zip(x.split(512), z.split(512), strict=True)])
            )
            return float(torch.maximum(taus * error, (taus - 1) * error).mean())

    return validate
