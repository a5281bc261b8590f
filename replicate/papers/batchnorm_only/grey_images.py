"""Image sets in grey on a device, so that a network trained on one of them takes the others too."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from replicate.datasets._download import Unavailable
from replicate.datasets.cifar10 import CANONICAL, JPEG, load_cifar10
from replicate.datasets.digits import load_digits
from replicate.datasets.fashion_mnist import NAME as FASHION
from replicate.datasets.fashion_mnist import fashion_mnist_at_hand, load_fashion_mnist
from replicate.datasets.images import ImageData
from replicate.datasets.mnist import load_mnist
from replicate.device_images import DeviceImages, on_device
from replicate.errors import UserError, nearest

MNIST, DIGITS = "MNIST", "digits"
_LUMA = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601
_LOADERS: dict[str, Callable[[], ImageData]] = {
    CANONICAL: lambda: load_cifar10(CANONICAL, fallback=False),
    JPEG: lambda: load_cifar10(JPEG, fallback=False),
    FASHION: load_fashion_mnist,
    MNIST: load_mnist,
    DIGITS: load_digits,
}
_MIRRORED = (CANONICAL, JPEG, FASHION)  # a mirrored digit is another sign
_SMALL = 16  # sides up to this are not made smaller


def source_for(target: str, *, download: bool) -> str:
    """Return the set to learn features on: Fashion-MNIST, MNIST where that is not to be had; digits for MNIST itself.

    ``download``: whether Fashion-MNIST may be fetched.
    """
    if target == MNIST:
        return DIGITS  # always at hand
    try:
        return load_fashion_mnist().name if download or fashion_mnist_at_hand() else MNIST
    except Unavailable:
        return MNIST


def grey(images: np.ndarray) -> np.ndarray:
    """Return ``(n, h, w)`` uint8: the luma of ``(n, h, w, 3)`` uint8, rounded; grey images as they are."""
    if images.ndim == 3:
        return images
    luma = np.zeros(images.shape[:3], np.float32)
    for channel, weight in enumerate(_LUMA):
        luma += np.float32(weight) * images[..., channel]
    return np.rint(luma).astype(np.uint8)


@lru_cache(maxsize=3)
def grey_sets(
    dataset: str, shrink: int, train_size: int, test_size: int, device: str
) -> tuple[DeviceImages, DeviceImages]:
    """Return training and test images in grey, normalised by mean and deviation of the training pixels.

    Args:
        dataset: "CIFAR-10", "CIFAR-10 (JPEG q75)", "Fashion-MNIST", "MNIST" or "digits".
        shrink: 1, or 2 to average 2 x 2 pixels into one; digits of 8 x 8 stay as they are.
        train_size, test_size: the first so many images, all where there are fewer; 0 takes all.
        device: "cpu" or "cuda".

    Raises:
        UserError: an unknown name, or too little memory.
        Unavailable: the data set is not at hand.
    """
    if dataset not in _LOADERS:
        raise UserError(f"unknown data set {dataset!r}: {nearest(dataset, _LOADERS)}")
    data = _LOADERS[dataset]()
    train, test = _first(data.train_images, train_size, data.scale), _first(data.test_images, test_size, data.scale)
    shrink = 1 if train.shape[1] <= _SMALL else shrink
    options = {
        "pad": max(1, train.shape[1] // shrink // 8),  # 4 of 32 pixels, as the paper
        "mean": train.mean() / 255,
        "std": train.std() / 255,
        "mirror": dataset in _MIRRORED,
        "shrink": shrink,
        "device": device,
    }
    return (
        on_device(train, data.train_labels[: len(train)], **options),
        on_device(test, data.test_labels[: len(test)], **options),
    )


def _first(images: np.ndarray, size: int, scale: float) -> np.ndarray:
    images = images[: size or None]
    return grey(images if scale == 255 else np.rint(images * (255 / scale)).astype(np.uint8))
