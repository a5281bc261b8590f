"""Augmentation: every window is a shifted, perhaps mirrored copy, drawn uniformly, the same on every device."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from replicate.augmentation import crop_and_flip, draw_crops, pad_images
from replicate.device_images import on_device
from replicate.errors import UserError


def _images(n=5, side=6, channels=3):
    return torch.randint(
        1, 256, (n, side, side, channels), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def _slow(image, pad, crop):
    """Pad one image, cut the window, mirror it: one image at a time, as torchvision does."""
    down, right, mirrored = crop.tolist()
    padded = F.pad(image.permute(2, 0, 1), (pad,) * 4)
    window = padded[:, down : down + image.shape[0], right : right + image.shape[1]]
    return window.flip(2) if mirrored else window


@pytest.mark.parametrize("pad", [0, 1, 2])
def test_a_batch_equals_one_image_at_a_time(pad):
    """Gathering pixels by index must cut exactly the windows that slicing cuts."""
    images, chosen = _images(), torch.tensor([4, 0, 0, 3])
    crops = draw_crops(len(chosen), pad, torch.Generator().manual_seed(1))
    found = crop_and_flip(pad_images(images, pad), chosen, crops, (6, 6))
    assert found.is_contiguous(memory_format=torch.channels_last)
    for got, i, crop in zip(found, chosen, crops, strict=True):
        assert torch.equal(got, _slow(images[i], pad, crop))


def test_crops_are_uniform():
    """A shift that is never drawn, or drawn twice as often, would be another augmentation than the paper's."""
    crops = draw_crops(90_000, 4, torch.Generator().manual_seed(0))
    for column, values in ((0, 9), (1, 9), (2, 2)):
        counts = crops[:, column].bincount(minlength=values).double()
        assert len(counts) == values
        assert ((counts / len(crops) - 1 / values).abs() < 5 * (values * len(crops)) ** -0.5).all()


def test_digits_are_not_mirrored():
    """A mirrored digit is another sign."""
    assert draw_crops(1000, 2, torch.Generator().manual_seed(0), mirror=False)[:, 2].sum() == 0


def test_images_are_normalised_per_channel():
    """The paper's constants are per channel, of images in [0, 1]."""
    images = _images().numpy()
    sets = on_device(images, np.arange(5), pad=2, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    found, labels = sets.plain(1, 3)
    expected = (images[1:3] / 255 - [0.1, 0.2, 0.3]) / [1, 2, 4]
    np.testing.assert_allclose(found.permute(0, 2, 3, 1), expected, atol=1e-6)
    assert labels.tolist() == [1, 2]
    middle = torch.tensor([[2, 2, 0]] * 2)
    assert torch.equal(sets.augmented(torch.tensor([1, 2]), middle)[0], found)


def test_shrinking_averages_pixels():
    """2 x 2 pixels become their mean, not one of them."""
    images = _images(side=4).numpy()
    sets = on_device(images, np.arange(5), pad=1, mean=(0, 0, 0), std=(1, 1, 1), shrink=2)
    assert sets.side == (2, 2)
    blocks = images.reshape(5, 2, 2, 2, 2, 3).mean((2, 4)) / 255
    np.testing.assert_allclose(sets.plain(0, 5)[0].permute(0, 2, 3, 1), blocks, atol=1e-6)


def test_grey_images_get_a_channel():
    """MNIST has no channel axis."""
    sets = on_device(np.zeros((3, 8, 8), np.uint8), np.zeros(3), pad=2, mean=(0.5,), std=(0.5,))
    assert sets.plain(0, 3)[0].shape == (3, 1, 8, 8)


def test_too_little_memory_is_told_before_it_happens(monkeypatch):
    """Linux would kill the process without a word."""
    from replicate import device_images

    monkeypatch.setattr(device_images.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 100}))
    with pytest.raises(UserError, match=r"GiB on 'cpu', which has 0.0 GiB free: take fewer training images"):
        on_device(np.zeros((3, 8, 8), np.uint8), np.zeros(3), pad=2, mean=(0.5,), std=(0.5,))
