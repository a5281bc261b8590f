"""Training language models: the four objectives of the ablation, jointly with TempNet or with the model frozen."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replicate.errors import nearest

from .corpora import random_windows
from .descent import Part, Progress, descend, warm_cosine
from .dro import temper
from .robust_loss import robust_cross_entropy, tempered_cross_entropy
from .temperature_solver import exact_temperature
from .tempnet import TempNet

METHODS = ("CE", "DRO", "TempNet", "DRO + TempNet")
_BETAS = (0.9, 0.95)
_POINTS = 25  # of a training curve


@dataclass(frozen=True)
class Objective:
    """What a training minimises.

    Args:
        method: "CE" (tau = 1), "DRO" (robust loss, exact tau* of every token), "TempNet" (likelihood at TempNet's tau),
            or "DRO + TempNet" (the paper's).
        rho: nats.
        tau_min, tau_max: bounds of tau.
    """

    method: str
    rho: float
    tau_min: float
    tau_max: float

    def __post_init__(self):
        if self.method not in METHODS:
            raise ValueError(f"unknown method {self.method!r}; {nearest(self.method, METHODS)}")

    @property
    def has_tempnet(self) -> bool:
        """Whether a TempNet is trained."""
        return "TempNet" in self.method

    def temperature(self, logits: Tensor, tempnet: nn.Module | None) -> Tensor | float:
        """Return tau of each row, in training or evaluation as the TempNet's mode says."""
        if self.has_tempnet:
            if tempnet is None:
                raise ValueError(f"{self.method} needs a TempNet; give one")
            return tempnet(logits)
        if self.method == "DRO":
            return exact_temperature(logits.detach(), self.rho, tau_min=self.tau_min, tau_max=self.tau_max)
        return 1.0

    def loss(self, logits: Tensor, targets: Tensor, tau: Tensor | float) -> Tensor:
        """Return the mean loss of tokens."""
        if self.method == "CE":
            return F.cross_entropy(logits.flatten(0, -2), targets.flatten())
        if self.method == "TempNet":
            return tempered_cross_entropy(logits, targets, tau)
        return robust_cross_entropy(logits, targets, tau, self.rho)


@dataclass
class Curve:
    """What is recorded on the way: step, mean loss, mean tau, and mean distance of the rows' KL from rho."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    @torch.no_grad()
    def record(self, step: int, loss: Tensor, logits: Tensor, tau: Tensor | float, rho: float) -> None:
        """Add one point."""
        rows = logits.detach().float().flatten(0, -2)
        tau = torch.as_tensor(tau, device=rows.device).detach().float().expand(logits.shape[:-1]).flatten()
        off = (temper(rows, tau).divergence - rho).abs().mean()
        values = {"training loss": loss, "mean tau": tau.mean(), "mean |KL - rho|": off}
        self.rows += [{"step": step, "metric": name, "value": float(v)} for name, v in values.items()]


def train_jointly(
    model: nn.Module,
    tempnet: TempNet | None,
    tokens: Tensor,
    objective: Objective,
    settings: Mapping[str, Any],
    generator: torch.Generator,
    *,
    context: AbstractContextManager | None = None,
    progress: Progress | None = None,
) -> Curve:
    """Train the model (and TempNet) on random windows of ``tokens``; return the training curve.

    ``settings``: steps, batch, context, rate, warm_up, and tempnet_rate. AdamW(0.9, 0.95), decay 0.1 (TempNet: none),
    cosine to a tenth of the rate, gradient norm at most 1; TempNet's rate is constant. ``context`` is that of forward
    passes (autocast), ``progress`` where a killed training goes on.
    """
    steps, curve = settings["steps"], Curve()
    device = next(model.parameters()).device
    decayed = torch.optim.AdamW(model.parameters(), lr=settings["rate"], betas=_BETAS, weight_decay=0.1)
    parts = [Part(decayed, warm_cosine(steps, warm_up=settings["warm_up"]), clip=1.0)]
    model.train()
    if tempnet is not None:
        tempnet.train()
        own = torch.optim.AdamW(tempnet.parameters(), lr=settings["tempnet_rate"], betas=_BETAS, weight_decay=0.0)
        parts.append(Part(own))

    def loss(step: int) -> Tensor:
        windows = random_windows(tokens, settings["context"] + 1, settings["batch"], generator).to(device)
        with context or nullcontext():
            logits = model(windows[:, :-1])
            tau = objective.temperature(logits, tempnet)
            value = objective.loss(logits, windows[:, 1:], tau)
        if step % max(1, steps // _POINTS) == 0:
            curve.record(step, value, logits, tau, objective.rho)
        return value

    progress, modules = progress or Progress(), [m for m in (model, tempnet) if m is not None]
    generators = [generator, *([tempnet.generator] if tempnet is not None and tempnet.generator is not None else [])]
    first = progress.resume([*modules, *(part.optimizer for part in parts)], generators, curve.rows)
    descend(loss, parts, range(first, steps), after=progress.passed)
    progress.finished()
    return curve


def train_on_frozen(
    tempnet: TempNet,
    logits: Tensor,
    targets: Tensor,
    objective: Objective,
    settings: Mapping[str, Any],
    generator: torch.Generator,
) -> Curve:
    """Train TempNet alone on cached logits ``(n, V)`` of a frozen model; ``settings``: steps, batch, rate."""
    curve, steps = Curve(), settings["steps"]
    own = torch.optim.AdamW(tempnet.parameters(), lr=settings["rate"], betas=_BETAS, weight_decay=0.0)
    tempnet.train()

    def loss(step: int) -> Tensor:
        chosen = torch.randint(len(logits), (settings["batch"],), generator=generator).to(logits.device)
        rows = logits[chosen]
        tau = tempnet(rows)
        value = objective.loss(rows, targets[chosen], tau)
        if step % max(1, steps // _POINTS) == 0:
            curve.record(step, value, rows, tau, objective.rho)
        return value

    descend(loss, [Part(own)], range(steps))
    return curve
