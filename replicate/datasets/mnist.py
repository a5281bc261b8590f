"""MNIST: 60 000 + 10 000 handwritten digits, 28 x 28 grey pixels (LeCun, Cortes, Burges)."""

import functools
import gzip
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from replicate.datasets.fetch import fetch
from replicate.datasets.images import ImageData
from replicate.datasets.registry import Registry, default_registry
from replicate.errors import DataError

_UNSIGNED_BYTE = 0x08  # the idx format's code of the element type


def load_mnist(*, registry: Registry | None = None) -> ImageData:
    """Return MNIST as uint8 images (n, 28, 28) with values 0 … 255 and int64 labels; embedded, no network.

    Decoded once per process (about 0.5 s, 55 MB). Raises ``DataError`` if a file is corrupt.
    """
    return _load(registry or default_registry())


@functools.cache
def _load(registry: Registry) -> ImageData:
    def read(stem: str, ndim: int) -> np.ndarray:
        return read_idx(fetch(f"images/{stem}-idx{ndim}-ubyte.gz", registry=registry), ndim=ndim)

    return four_files("MNIST", "mnist", read)


def four_files(name: str, dataset: str, read: Callable[[str, int], np.ndarray]) -> ImageData:
    """Return a set in MNIST's layout; ``read(stem, ndim)`` returns the array of a file, such as "train-images", 3."""
    return ImageData(
        name=name,
        dataset=dataset,
        train_images=read("train-images", 3),
        train_labels=read("train-labels", 1).astype(np.int64),
        test_images=read("t10k-images", 3),
        test_labels=read("t10k-labels", 1).astype(np.int64),
        n_classes=10,
        scale=255.0,
    )


def read_idx(path: Path, *, ndim: int) -> np.ndarray:
    """Read a gzipped idx file of unsigned bytes with ``ndim`` dimensions into a uint8 array.

    Format: two zero bytes, the type's code, the number of dimensions, each length as a big-endian 32-bit
    integer, then the values in C order. Raises ``DataError`` for anything else.
    """
    try:
        content = gzip.decompress(Path(path).read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no complete gzip file ({error}); fetch it again") from None
    expected = bytes([0, 0, _UNSIGNED_BYTE, ndim])
    if content[:4] != expected:
        raise DataError(
            f"{path} is no idx file of bytes with {ndim} dimensions: "
            f"magic number 0x{content[:4].hex()}, expected 0x{expected.hex()}"
        )
    return _values(content, path, ndim)


def _values(content: bytes, path: Path, ndim: int) -> np.ndarray:
    start = 4 + 4 * ndim
    if len(content) < start:
        raise DataError(f"{path} ends inside its idx header: {len(content)} bytes, expected at least {start}")
    shape = struct.unpack(f">{ndim}I", content[4:start])
    found = len(content) - start
    if found != math.prod(shape):
        raise DataError(f"{path} announces {shape} = {math.prod(shape)} values but holds {found}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
