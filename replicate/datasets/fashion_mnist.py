"""Fashion-MNIST: 60 000 + 10 000 grey pictures of clothes, 28 x 28 pixels, ten classes (Xiao, Rasul, Vollgraf 2017)."""

import functools
import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from replicate.datasets.fetch import fetch, locate
from replicate.datasets.images import ImageData
from replicate.datasets.mnist import four_files, read_idx
from replicate.errors import DataError

NAME = "Fashion-MNIST"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # the package dataset-fashion-mnist: same content, packed anew

# SHA-256 of the unpacked files, which both packings must have
CONTENT = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def load_fashion_mnist() -> ImageData:
    """Return Fashion-MNIST as uint8 images (n, 28, 28) with values 0 … 255 and int64 labels.

    A mirror's or an earlier download's files first, then Debian's package, then a download. Decoded once per process.
    Raises ``Unavailable`` if it is nowhere, ``DataError`` if a file is corrupt.
    """
    return _load(DEBIAN)


def fashion_mnist_at_hand() -> bool:
    """Return whether it needs no download."""
    return all(_local(stem, DEBIAN) for stem in CONTENT)


@functools.cache
def _load(debian: Path) -> ImageData:
    def read(part: str, ndim: int) -> np.ndarray:
        stem = f"{part}-idx{ndim}-ubyte"
        return read_idx(_checked(stem, _local(stem, debian) or fetch(_registered(stem))), ndim=ndim)

    return four_files(NAME, "fashion_mnist", read)


def _registered(stem: str) -> str:
    return f"images/fashion-mnist/{stem}.gz"


def _local(stem: str, debian: Path) -> Path | None:
    if locate(_registered(stem)):
        return fetch(_registered(stem))
    return found if (found := debian / f"{stem}.gz").is_file() else None


def _checked(stem: str, path: Path) -> Path:
    try:
        found = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no complete gzip file ({error}); get it again") from None
    if found != CONTENT[stem]:
        raise DataError(
            f"{path} is not Fashion-MNIST: unpacked SHA-256 {found}, expected {CONTENT[stem]}; get it again"
        )
    return path
