"""Which optimisers follow the direct path when d = D and P is orthogonal (section 2 of the paper)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from replicate.papers.intrinsic_dimension.networks import network
from replicate.papers.intrinsic_dimension.projections import projection
from replicate.papers.intrinsic_dimension.subspace import Subspace, tensor_sizes
from replicate.training import make_optimizer, stream

LEARNING_RATES = {"sgd": 0.1, "adam": 0.01, "rmsprop": 0.01}


def path_distance(optimizer_name: str, *, seed: int, steps: int = 100) -> float:
    """Return the distance between the ends of subspace and direct training, over the direct path's.

    A 10-16-16-3 network in float64 on 120 random points, full batch, d = D = 499 with an orthogonal P.
    SGD with momentum commutes with a rotation, so the value is rounding error; Adam and RMSProp scale
    single coordinates and do not. ``optimizer_name``: "sgd", "adam" or "rmsprop".
    """
    start = stream(seed, "theta0")
    module = network("fc", generator=start, inputs=10, width=16, depth=2, classes=3).double()
    data = stream(seed, "data")
    x = torch.randn(120, 10, generator=data, dtype=torch.float64)
    y = torch.randint(3, (120,), generator=data)
    full_dim = sum(tensor_sizes(module))
    rotated = Subspace(module, projection("orthogonal", full_dim, full_dim, seed=seed, dtype=torch.float64))
    straight = Subspace(module, projection("identity", full_dim, full_dim, seed=seed, dtype=torch.float64))
    ends = [_descend(model, x, y, optimizer_name, steps) for model in (straight, rotated)]
    return ((ends[1] - ends[0]).norm() / (ends[0] - straight.theta0).norm()).item()


def _descend(model: Subspace, x: Tensor, y: Tensor, optimizer_name: str, steps: int) -> Tensor:
    optimizer = make_optimizer(optimizer_name, [model.t], lr=LEARNING_RATES.get(optimizer_name, 0.01))
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.theta().detach()
