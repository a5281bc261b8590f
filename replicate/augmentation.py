"""Random changes of image batches, drawn on the CPU and applied where the images are, a whole batch at once."""

import torch
from torch import Tensor


def draw_crops(n: int, pad: int, generator: torch.Generator, *, mirror: bool = True) -> Tensor:
    """Return rows ``(down, right, mirrored)``, int64 ``(n, 3)``: shifts 0 ... 2 pad and mirrored 0 or 1, uniform.

    Without ``mirror`` the third is 0, for images whose mirror image means something else, such as digits.

    Drawn on the CPU from ``generator``, so that every device sees the same images.
    """
    shifts = torch.randint(0, 2 * pad + 1, (n, 2), generator=generator)
    return torch.cat([shifts, torch.randint(0, 1 + mirror, (n, 1), generator=generator)], dim=1)


def pad_images(images: Tensor, pad: int, value: int = 0) -> Tensor:
    """Return images ``(n, h, w, c)`` with ``pad`` pixels of ``value`` around each: ``(n, h + 2 pad, w + 2 pad, c)``."""
    if pad == 0:
        return images
    n, height, width, channels = images.shape
    padded = images.new_full((n, height + 2 * pad, width + 2 * pad, channels), value)
    padded[:, pad:-pad, pad:-pad] = images
    return padded


def crop_and_flip(padded: Tensor, chosen: Tensor, crops: Tensor, side: tuple[int, int]) -> Tensor:
    """Cut one window out of each chosen image, mirrored where its crop says so, in one gather.

    Mirroring the image and then cropping, or cropping and then mirroring, have the same distribution: shifts are
    symmetric.

    Args:
        padded: all images ``(N, h + 2 pad, w + 2 pad, c)``, any dtype.
        chosen: which images, int64 ``(n,)``.
        crops: from `draw_crops`, ``(n, 3)``.
        side: height and width of a window.

    Returns:
        ``(n, c, h, w)`` in channels_last memory format, same dtype as ``padded``.
    """
    height, width = side
    _, tall, wide, channels = padded.shape
    down, right, mirrored = crops.to(padded.device).unbind(1)
    columns = torch.arange(width, device=padded.device).expand(len(chosen), width)
    columns = right[:, None] + torch.where(mirrored[:, None] == 1, width - 1 - columns, columns)
    rows = (chosen[:, None] * tall + down[:, None]) + torch.arange(height, device=padded.device)
    pixels = (rows[:, :, None] * wide + columns[:, None, :]).reshape(-1)
    window = padded.reshape(-1, channels).index_select(0, pixels)
    return window.view(len(chosen), height, width, channels).permute(0, 3, 1, 2)
