"""Who decides the temperature of an anchor: nobody (fixed), one number, one number a sample, or a network.

Each rule answers ``rule(index, embeddings) -> tau`` for the anchors of a batch, and ``learn(slopes)`` with the slopes
of the robust dual at these temperatures. The slope is exact, so one multiplication gives every rule its gradient.
"""

import torch
from torch import Tensor, nn


class FixedTemperature:
    """The same constant for every anchor (CLIP, SogCLR)."""

    def __init__(self, tau: float):
        if tau <= 0:
            raise ValueError(f"tau is {tau:g}; a temperature must be above 0")
        self.tau = tau

    def __call__(self, index: Tensor, embeddings: Tensor) -> Tensor:
        """Return tau ``(B,)``."""
        return torch.full((len(index),), self.tau, device=embeddings.device)

    def learn(self, slopes: Tensor) -> None:
        """Learn nothing."""

    def state_dict(self) -> dict:
        """Return nothing: nothing changes."""
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Put nothing back."""


class IndividualTemperatures:
    """One number a sample with momentum (iSogCLR): m <- (1 - beta) m + beta clip(G), tau <- clip(tau - rate m).

    Args:
        anchors: number of samples.
        start, tau_min, tau_max: temperatures.
        rate, beta, clip: step, weight of the newest slope, largest slope.
    """

    def __init__(
        self, anchors: int, *, start=0.01, tau_min=0.005, tau_max=0.05, rate=0.03, beta=0.5, clip=5.0, device="cpu"
    ):
        self.bounds, self.rate, self.beta, self.clip = (tau_min, tau_max), rate, beta, clip
        self.tau = torch.full((anchors,), start, device=device)
        self.momentum = torch.zeros(anchors, device=device)
        self._index: Tensor | None = None

    def __call__(self, index: Tensor, embeddings: Tensor) -> Tensor:
        """Return tau ``(B,)`` of these samples."""
        self._index = index
        return self.tau[index]

    def learn(self, slopes: Tensor) -> None:
        """Move the temperatures of the samples asked for last."""
        i = self._index
        momentum = (1 - self.beta) * self.momentum[i] + self.beta * slopes.clamp(-self.clip, self.clip)
        self.momentum[i] = momentum
        self.tau[i] = (self.tau[i] - self.rate * momentum).clamp(*self.bounds)

    def state_dict(self) -> dict[str, Tensor]:
        """Return temperatures and momenta, for a checkpoint."""
        return {"tau": self.tau, "momentum": self.momentum}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Put them back."""
        self.tau, self.momentum = (state[name].to(self.tau) for name in ("tau", "momentum"))


class LearnedTemperature:
    """A temperature with parameters, a TempNet or one global number: Adam on mean_i G_i tau_i."""

    def __init__(self, model: nn.Module, *, rate: float):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        self._tau: Tensor | None = None

    def __call__(self, index: Tensor, embeddings: Tensor) -> Tensor:
        """Return tau ``(B,)``; embeddings are constants to the model."""
        self._tau = tau = self.model(embeddings.detach())
        return tau.detach()

    def learn(self, slopes: Tensor) -> None:
        """Take one step with the slopes at the temperatures asked for last: the chain rule does the rest."""
        if self._tau is None:
            raise RuntimeError("ask for temperatures first: the slopes are those at the last ones")
        self.optimizer.zero_grad(set_to_none=True)
        (slopes.detach() * self._tau).mean().backward()
        self.optimizer.step()

    def state_dict(self) -> dict:
        """Return the model's and the optimiser's state, for a checkpoint."""
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Put both back."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


class GlobalTemperature(nn.Module):
    """One learnable temperature for all anchors (RGCL-g), kept within its bounds by a sigmoid."""

    def __init__(self, *, start: float, tau_min: float, tau_max: float):
        super().__init__()
        if not tau_min < start < tau_max:
            raise ValueError(f"start is {start:g}; it must lie between tau_min {tau_min:g} and tau_max {tau_max:g}")
        share = torch.tensor((start - tau_min) / (tau_max - tau_min))
        self.logit = nn.Parameter(torch.logit(share))
        self.tau_min, self.tau_max = tau_min, tau_max

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return tau ``(B,)``."""
        tau = self.tau_min + (self.tau_max - self.tau_min) * torch.sigmoid(self.logit)
        return tau.expand(len(embeddings))
