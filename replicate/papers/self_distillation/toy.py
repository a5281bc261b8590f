"""The paper's illustrative example: eleven noisy points of sin(2 pi x), from Mobahi, Farajtabar, Bartlett (2020)."""

import numpy as np
from sklearn.metrics.pairwise import rbf_kernel

from .distillation import Distillation, Evaluation, losses
from .optimal_weight import optimal_weight
from .spectrum import decompose

INPUTS = np.arange(11) / 10
# Targets of toy_example.ipynb (Kennethborup/self_distillation, cb20d6c), there said to be those of Mobahi et al. 2020
TARGETS = np.array(
    [
        0.38476636465198066,
        1.2333967683416893,
        1.33232242218057,
        0.69201594888895180,
        -0.29756145531871736,
        -0.24189291901377769,
        -0.7964485769175675,
        -0.9616480167034174,
        -0.49672509509916934,
        -0.3469066003991437,
        0.5589512650600734,
    ]
)
GRID = np.arange(101) / 100  # where losses are measured, against the noise-free function
GAMMA = 80.0  # kernel exp(-gamma (x - x')^2)
PENALTY = 0.2
NOISE = 0.5  # standard deviation of the errors in the model behind the targets


def truth(x: np.ndarray) -> np.ndarray:
    """Return the noise-free function."""
    return np.sin(2 * np.pi * x)


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the toy's kernel matrix, ``(len(x), len(y))``."""
    return rbf_kernel(np.asarray(x)[:, None], np.asarray(y)[:, None], gamma=GAMMA)


def problem(targets: np.ndarray = TARGETS) -> Distillation:
    """Return the toy as a distillation problem; ``targets`` is ``(11,)``, or ``(11, C)`` for C toys at once."""
    return Distillation(decompose(kernel(INPUTS, INPUTS)), targets)


def on_grid(targets: np.ndarray = TARGETS) -> Evaluation:
    """Return the students of the toy seen at the 101 grid points."""
    return problem(targets).at(kernel(GRID, INPUTS))


def signal() -> np.ndarray:
    """Return theta = V^T f, the noise-free function at the eleven points in the eigenbasis, ``(11,)``."""
    return problem().spectrum.vectors.T @ truth(INPUTS)


def redraw(draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return targets of ``draws`` new samples, ``(11, draws)``."""
    return truth(INPUTS)[:, None] + NOISE * rng.standard_normal((draws, len(INPUTS))).T


def loss_by_draw(predictions: np.ndarray) -> np.ndarray:
    """Return the loss of each draw for predictions ``(..., 101, draws)``: ``(..., draws)``."""
    return np.mean((predictions - truth(GRID)[:, None]) ** 2, axis=-2)


def oracle_weights(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the best weight of each draw against the noise-free grid, from p and q ``(101, draws)``: ``(draws,)``."""
    gap = p - q
    return (gap * (truth(GRID)[:, None] - q)).sum(0) / (gap**2).sum(0)


def common_weight(p: np.ndarray, q: np.ndarray) -> float:
    """Return the one weight that is best on average over all draws."""
    return optimal_weight(p, q, np.broadcast_to(truth(GRID)[:, None], p.shape))


def toy_losses(predictions: np.ndarray) -> np.ndarray:
    """Return the loss of predictions ``(..., 101, 1)`` of the published targets: ``(...)``."""
    return losses(predictions, truth(GRID))
