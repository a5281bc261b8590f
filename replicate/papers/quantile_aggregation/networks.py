"""Base networks: conditional Gaussian (CGN), simultaneous (SQR) and joint (DQR) quantile networks."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtri
from sklearn.base import clone
from torch import Tensor
from torch.nn import functional as F

from . import isotonic
from .base import QuantileModel, Validation, _levels
from .replicas import Replicas, Training, train_replicas
from .training_curve import Curve, Schedule

_LEAST_VARIANCE = 1e-6


class _Network(QuantileModel):
    """What the three networks share.

    Args:
        levels: quantile levels of validation, and of DQR's outputs; None is 0.1, ..., 0.9.
        hidden, layers, dropout: of the network.
        lr, weight_decay: of Adam with amsgrad.
        batch: rows a step; None is the paper's rule.
        max_steps, check_every, patience: see `training_curve.Schedule`.
        seed: of start weights, batches and dropout.
        device: where to train.
    """

    module_: Replicas
    curve_: Curve

    def __init__(
        self,
        levels=None,
        hidden=64,
        layers=2,
        dropout=0.05,
        lr=1e-3,
        weight_decay=1e-5,
        batch=None,
        max_steps=1500,
        check_every=100,
        patience=500,
        seed=0,
        device="cpu",
    ):
        self.levels = levels
        self.hidden = hidden
        self.layers = layers
        self.dropout = dropout
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch = batch
        self.max_steps = max_steps
        self.check_every = check_every
        self.patience = patience
        self.seed = seed
        self.device = device

    def fit_subsets(
        self, X: np.ndarray, y: np.ndarray, subsets: Sequence[np.ndarray], *, validation: Validation = None
    ) -> list["_Network"]:
        """Return one fitted clone for each subset, trained side by side (see `replicas`)."""
        generator = torch.Generator().manual_seed(self.seed)
        levels = _levels(self.levels)
        inputs, outputs = self._shape(X.shape[1], len(levels))
        network = {"hidden": self.hidden, "layers": self.layers, "dropout": self.dropout}
        module = Replicas(len(subsets), inputs, outputs, generator=generator, **network).to(self.device)
        tensors = [torch.as_tensor(a, dtype=torch.float32, device=self.device) for a in (X, y, levels)]
        x, target, taus = tensors
        rows = [torch.as_tensor(s, device=self.device) for s in subsets]
        schedule = Schedule(self.max_steps, min(self.check_every, self.max_steps), self.patience)
        training = Training(self.lr, self.weight_decay, self.batch, schedule)

        def loss(a: Tensor, b: Tensor, g: torch.Generator) -> Tensor:
            return self._loss(module, a, b, taus, g)

        curve = train_replicas(
            module, x, target, rows, loss, self._validator(module, validation, taus), training, generator
        )
        found = []
        for number in range(len(subsets)):
            model: _Network = clone(self)
            model.levels_, model.n_features_in_ = levels, X.shape[1]
            model.module_, model.curve_ = module.only(number), curve
            found.append(model)
        return found

    def _fit(self, x: np.ndarray, y: np.ndarray, validation: Validation) -> None:
        (fitted,) = self.fit_subsets(x, y, [np.arange(len(y))], validation=validation)
        self.module_, self.curve_ = fitted.module_, fitted.curve_

    def _predict(self, x: np.ndarray, levels: np.ndarray) -> np.ndarray:
        taus = torch.as_tensor(levels, dtype=torch.float32, device=self.device)
        with torch.no_grad():
            parts = torch.as_tensor(x, dtype=torch.float32, device=self.device).split(1024)
            return torch.cat([self._quantiles(self.module_, p[None], taus)[0] for p in parts]).cpu().double().numpy()

    def _validator(self, module: Replicas, validation: Validation, taus: Tensor):
        if validation is None:
            return None
        x, y = (torch.as_tensor(np.asarray(a), dtype=torch.float32, device=self.device) for a in validation)
        return lambda: float(pinball(y, self._quantiles(module.only(0), x[None], taus)[0], taus).mean())


class GaussianNetwork(_Network):
    """Conditional Gaussian network (CGN): mean and variance by likelihood, quantiles mu + sqrt(v) Phi^-1(tau)."""

    any_level = True

    def _shape(self, d: int, m: int) -> tuple[int, int]:
        return d, 2

    def _loss(self, module, x, y, taus, generator) -> Tensor:
        mean, variance = _gaussian(module(x))
        return (0.5 * (variance.log() + (y - mean) ** 2 / variance)).mean(1)

    def _quantiles(self, module, x, taus) -> Tensor:
        mean, variance = _gaussian(module(x))
        scores = torch.as_tensor(ndtri(taus.cpu().double().numpy()), dtype=x.dtype, device=x.device)
        return mean[..., None] + variance.sqrt()[..., None] * scores


class SimultaneousQuantileNetwork(_Network):
    """Simultaneous quantile regression (SQR, Tagasovska and Lopez-Paz 2019): the level is an input.

    Levels are drawn uniformly for every sample and step, clamped to [0.001, 0.999] and centred at 0.
    """

    any_level = True

    def _shape(self, d: int, m: int) -> tuple[int, int]:
        return d + 1, 1

    def _loss(self, module, x, y, taus, generator) -> Tensor:
        tau = torch.rand(y.shape, generator=generator).to(y.device).clamp(0.001, 0.999)
        q = module(torch.cat([x, tau[..., None] - 0.5], -1))[..., 0]
        return pinball(y, q[..., None], tau[..., None]).mean((1, 2))

    def _quantiles(self, module, x, taus) -> Tensor:
        r, n, m = len(x), x.shape[1], len(taus)
        repeated = x[:, :, None].expand(-1, -1, m, -1)
        levels = (taus - 0.5)[None, None, :, None].expand(r, n, m, 1)
        return module(torch.cat([repeated, levels], -1).reshape(r, n * m, -1)).reshape(-1, n, m)


class JointQuantileNetwork(_Network):
    """Joint quantile network (DQR): one output a level, summed pinball loss, isotonic regression of predictions."""

    def _shape(self, d: int, m: int) -> tuple[int, int]:
        return d, m

    def _loss(self, module, x, y, taus, generator) -> Tensor:
        return pinball(y, module(x), taus).sum(2).mean(1)

    def _quantiles(self, module, x, taus) -> Tensor:
        q = module(x)
        return torch.as_tensor(isotonic.pava(q.cpu().numpy()), dtype=q.dtype, device=q.device)


def pinball(y: Tensor, q: Tensor, taus: Tensor) -> Tensor:
    """Return pinball losses ``(..., m)`` of quantiles ``q`` ``(..., m)`` at targets ``y`` ``(...)``."""
    error = y[..., None] - q
    return torch.maximum(taus * error, (taus - 1) * error)


def _gaussian(output: Tensor) -> tuple[Tensor, Tensor]:
    return output[..., 0], F.softplus(output[..., 1]) + _LEAST_VARIANCE
