"""Ridge regression on more samples than fit in memory as features, on a CPU or a GPU, for all widths at once.

Only the triangular factor of ``[H y]`` is kept while blocks of rows pass by. Its leading columns are the factor of a
narrower net, and ridge is a small QR on top, so no normal equations are formed and every width comes from one pass.
Float64 throughout: in float32 the floor would be that of float32.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from .checks import positive
from .hidden import HiddenLayer

_ROWS = 16_384  # samples whose features are held at once


def ridge_errors(
    layer: HiddenLayer,
    inputs: np.ndarray,
    targets: np.ndarray,
    test_inputs: np.ndarray,
    test_targets: np.ndarray,
    *,
    widths: Sequence[int],
    penalty: float,
    device: str = "cpu",
) -> list[tuple[int, float, float]]:
    """Return (width, training RMSE, test RMSE) of the ridge net with ``penalty * n * |c|^2`` for one target."""
    positive("penalty", penalty)
    layer = layer.first(max(widths))
    triangle = _triangle(layer, inputs, targets, device)
    found = [_ridge(triangle, width, penalty * len(inputs)) for width in widths]
    train = _squares(layer, inputs, targets, found, device) / len(inputs)
    test = _squares(layer, test_inputs, test_targets, found, device) / len(test_inputs)
    return [(w, float(a), float(b)) for w, a, b in zip(widths, np.sqrt(train), np.sqrt(test), strict=True)]


def _triangle(layer: HiddenLayer, inputs: np.ndarray, targets: np.ndarray, device: str) -> torch.Tensor:
    """Return the triangular factor of ``[H y]``, ``(d + 1, d + 1)`` or with fewer rows."""
    r = torch.zeros((0, layer.width + 1), dtype=torch.float64, device=device)
    for features, y in _blocks(layer, inputs, targets, device):
        _, r = torch.linalg.qr(torch.cat([r, torch.cat([features, y], dim=1)]), mode="r")
    return r


def _ridge(triangle: torch.Tensor, width: int, penalty: float) -> torch.Tensor:
    """Solve ``min |R c - z|^2 + penalty |c|^2`` for the leading columns by one more QR."""
    rows = min(width, len(triangle))
    root = penalty**0.5 * torch.eye(width, dtype=torch.float64, device=triangle.device)
    left = torch.cat([triangle[:rows, :width], root])
    right = torch.cat([triangle[:rows, -1:], torch.zeros_like(root[:, :1])])
    _, r = torch.linalg.qr(torch.cat([left, right], dim=1), mode="r")
    return torch.linalg.solve_triangular(r[:width, :width], r[:width, -1:], upper=True)


def _squares(layer, inputs, targets, coefficients: list[torch.Tensor], device: str) -> np.ndarray:
    total = np.zeros(len(coefficients))
    for features, y in _blocks(layer, inputs, targets, device):
        total += [float(torch.sum((features[:, : len(c)] @ c - y) ** 2)) for c in coefficients]
    return total


def _blocks(layer, inputs, targets, device: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for start in range(0, len(inputs), _ROWS):
        rows = slice(start, start + _ROWS)
        features = torch.from_numpy(layer(inputs[rows])).to(device)
        yield features, torch.from_numpy(np.ascontiguousarray(targets[rows])).to(device)
