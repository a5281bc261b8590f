"""The image sets of this paper on a device, with the paper's normalisation and padding."""

from functools import lru_cache, partial

from replicate.datasets.cifar10 import CANONICAL, JPEG, load_cifar10
from replicate.datasets.images import ImageData
from replicate.datasets.mnist import load_mnist
from replicate.device_images import DeviceImages, on_device
from replicate.errors import UserError, nearest

MNIST = "MNIST"
DATASETS = (CANONICAL, JPEG, MNIST)
_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}  # on CIFAR-10 too, as open_lth
_MNIST = {"mean": (0.1307,), "std": (0.3081,)}
_PAD = 4  # of 32 pixels; 2 of 16


@lru_cache(maxsize=2)
def image_sets(
    dataset: str, shrink: int, train_size: int, test_size: int, device: str
) -> tuple[DeviceImages, DeviceImages]:
    """Return training and test images on a device.

    Args:
        dataset: one of `DATASETS`, resolved: there is no fallback here.
        shrink: 1, or 2 to average 2 x 2 pixels into one.
        train_size, test_size: the first so many images; 0 takes all.
        device: "cpu" or "cuda".

    Raises:
        UserError: an unknown name, more images than there are, or too little memory.
        Unavailable: the data set is not at hand.
    """
    data = _loaded(dataset)
    sets = []
    for images, labels, size, part in (
        (data.train_images, data.train_labels, train_size, "training"),
        (data.test_images, data.test_labels, test_size, "test"),
    ):
        if size > len(labels):
            raise UserError(f"{dataset} has {len(labels)} {part} images, {size} were asked for: take at most that many")
        n = size or len(labels)
        numbers = _MNIST if dataset == MNIST else _IMAGENET
        there = partial(on_device, pad=_PAD // shrink, shrink=shrink, mirror=dataset != MNIST, device=device)
        sets.append(there(images[:n], labels[:n], **numbers))
    return sets[0], sets[1]


def _loaded(dataset: str) -> ImageData:
    if dataset not in DATASETS:
        raise UserError(f"unknown data set {dataset!r}: {nearest(dataset, DATASETS)}")
    return load_mnist() if dataset == MNIST else load_cifar10(dataset, fallback=False)
