"""A labelled image set that lives on the device: a batch is cut, mirrored and normalised there at once."""

from dataclasses import dataclass

import numpy as np
import psutil
import torch
from torch import Tensor
from torch.nn import functional as F

from replicate.augmentation import crop_and_flip, pad_images
from replicate.errors import UserError


@dataclass(frozen=True, eq=False)
class DeviceImages:
    """Images with their labels, whole, on one device.

    Args:
        padded: ``(n, h + 2 pad, w + 2 pad, c)``, uint8 or float32 on the scale 0 ... 255, zeros around.
        labels: int64 ``(n,)``.
        pad: zeros on each side, the reach of random crops.
        mean, std: per channel, of images scaled to [0, 1]; ``(c,)``, float32.
        mirror: whether half of the augmented images are mirrored.
    """

    padded: Tensor
    labels: Tensor
    pad: int
    mean: Tensor
    std: Tensor
    mirror: bool = True

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self.padded.shape[1] - 2 * self.pad, self.padded.shape[2] - 2 * self.pad

    def augmented(self, chosen: Tensor, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs ``(n, c, h, w)`` cut and mirrored as ``crops`` say (`draw_crops`), and labels ``(n,)``."""
        window = crop_and_flip(self.padded, chosen, crops, self.side)
        return self._normalised(window), self.labels.index_select(0, chosen)

    def plain(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return the inputs ``start`` ... ``stop - 1`` as they are, and their labels."""
        height, width = self.side
        window = self.padded[start:stop, self.pad : self.pad + height, self.pad : self.pad + width]
        return self._normalised(window.permute(0, 3, 1, 2)), self.labels[start:stop]

    def _normalised(self, images: Tensor) -> Tensor:
        scale, shift = 1 / (255 * self.std), -self.mean / self.std
        inputs = images.to(torch.float32, memory_format=torch.channels_last)
        return torch.addcmul(shift.view(1, -1, 1, 1), inputs, scale.view(1, -1, 1, 1))


def on_device(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    pad: int,
    mean,
    std,
    mirror: bool = True,
    shrink: int = 1,
    device: str = "cpu",
) -> DeviceImages:
    """Put images ``(n, h, w)`` or ``(n, h, w, c)`` uint8 and labels ``(n,)`` on a device.

    Args:
        pad: zeros on each side, for random crops.
        mean, std: numbers per channel, of images scaled to [0, 1].
        mirror: whether augmentation mirrors half of the images.
        shrink: average ``shrink x shrink`` pixels into one (float32, not rounded); 1 leaves uint8 as they are.

    Raises:
        UserError: the device has too little memory; says how much is needed and what to do.
    """
    images = images if images.ndim == 4 else images[..., None]
    n, height, width, channels = images.shape
    cells = n * (height // shrink + 2 * pad) * (width // shrink + 2 * pad) * channels
    _require_memory(cells * (1 if shrink == 1 else 4) + n * 8, device)
    pixels = torch.tensor(images, device=device)
    if shrink > 1:
        pixels = F.avg_pool2d(pixels.permute(0, 3, 1, 2).to(torch.float32), shrink).permute(0, 2, 3, 1)
    mean, std = (torch.tensor(values, dtype=torch.float32, device=device).reshape(-1) for values in (mean, std))
    classes = torch.tensor(labels, dtype=torch.int64, device=device)
    return DeviceImages(pad_images(pixels, pad).contiguous(), classes, pad, mean, std, mirror)


def _require_memory(needed: int, device: str) -> None:
    if torch.device(device).type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"the images need {needed / 2**30:.1f} GiB on {device!r}, which has {free / 2**30:.1f} GiB free: "
            "take fewer training images, smaller ones, or close other programs"
        )
