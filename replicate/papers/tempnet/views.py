"""Two random views of every image of a batch: a resized and perhaps mirrored crop in other colours, on the device."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_JITTER = 0.4  # brightness, contrast and saturation are multiplied by 1 - 0.4 ... 1 + 0.4
_GREY = 0.2  # share of views without colour


class ViewDraws(NamedTuple):
    """What makes a view, one row an image; drawn on the CPU, so that every device sees the same views.

    Args:
        crops: ``(n, 4)``: height and width as shares of the image, centre down and right in -1 ... 1.
        mirrored: ``(n,)`` -1 or 1.
        colours: ``(n, 3)`` factors of brightness, contrast, saturation; saturation 0 is grey.
    """

    crops: Tensor
    mirrored: Tensor
    colours: Tensor

    def to(self, device: str) -> "ViewDraws":
        """Return the draws on a device."""
        return ViewDraws(*(part.to(device) for part in self))


def draw_views(n: int, generator: torch.Generator, *, smallest: float = 0.2, mirror: bool = True) -> ViewDraws:
    """Draw crops of ``smallest`` ... 1 of the area with sides up to 3 : 4 or 4 : 3, mirrored ones, and colours."""
    u = torch.rand(n, 9, generator=generator)
    area = smallest + (1 - smallest) * u[:, 0]
    ratio = torch.exp(math.log(4 / 3) * (2 * u[:, 1] - 1))
    sides = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], 1).clamp_max(1.0)
    centres = (1 - sides) * (2 * u[:, 2:4] - 1)
    mirrored = torch.where((u[:, 4] < 0.5) & mirror, -1.0, 1.0)
    colours = 1 + _JITTER * (2 * u[:, 5:8] - 1)
    colours[:, 2] = colours[:, 2].where(u[:, 8] >= _GREY, 0.0)
    return ViewDraws(torch.cat([sides, centres], 1), mirrored, colours)


def view(images: Tensor, draws: ViewDraws) -> Tensor:
    """Return one view of each image ``(n, c, h, w)`` of values 0 ... 1: the same shape, float32."""
    height, width, down, right = draws.crops.unbind(1)
    zero = torch.zeros_like(down)
    across = torch.stack([width * draws.mirrored, zero, right], 1)
    along = torch.stack([zero, height, down], 1)
    grid = F.affine_grid(torch.stack([across, along], 1), list(images.shape), align_corners=False)
    cut = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    bright, contrast, saturation = (factor[:, None, None, None] for factor in draws.colours.unbind(1))
    cut = cut * bright
    cut = cut.mean((1, 2, 3), keepdim=True).lerp(cut, contrast)
    return cut.mean(1, keepdim=True).lerp(cut, saturation).clamp(0, 1)
