"""Decoding the two files that hold CIFAR-10: pickles in a tar archive, and JPEGs with one shared header."""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

from replicate.errors import DataError

_TRAIN_BATCHES = [f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)]
_TEST_BATCHES = ["cifar-10-batches-py/test_batch"]

# The packed JPEGs are sorted by class; "the first n images" must not mean "airplanes only".
_ORDER_SEED = 0

# All that the published pickles refer to; their names for it are older than NumPy 2.
_HARMLESS = {
    ("numpy.core.multiarray", "_reconstruct"): np.ndarray([]).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}

Arrays = dict[str, np.ndarray]


def decode_archive(path: Path) -> Arrays:
    """Return the canonical pixels, in the archive's order.

    Images are uint8 (n, 32, 32, 3), labels int64 (n,), under the keys ``train_images``, ``train_labels``,
    ``test_images`` and ``test_labels``. Raises ``DataError`` if a member is missing or names foreign code.
    """
    with tarfile.open(path, "r:gz") as archive:
        # One after the other: a gzipped archive can only be read forwards cheaply.
        batches = {name: _read_batch(archive, name, path) for name in [*_TRAIN_BATCHES, *_TEST_BATCHES]}
    train = [batches[name] for name in _TRAIN_BATCHES]
    test = [batches[name] for name in _TEST_BATCHES]
    return {**_joined("train", train), **_joined("test", test)}


def _read_batch(archive: tarfile.TarFile, name: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        member = archive.extractfile(name)
        if member is None:
            raise KeyError(f"{name} is no file")
        content = _Unpickler(member, encoding="bytes").load()
        pixels, labels = content[b"data"], content[b"labels"]
    except (KeyError, pickle.UnpicklingError) as error:
        raise DataError(f"{path}: member {name} cannot be read: {error}; fetch the archive again") from None
    channels_first = np.asarray(pixels, np.uint8).reshape(-1, 3, 32, 32)
    return channels_first.transpose(0, 2, 3, 1), np.asarray(labels, np.int64)


def _joined(split: str, batches: list[tuple[np.ndarray, np.ndarray]]) -> Arrays:
    images, labels = zip(*batches, strict=True)
    return {f"{split}_images": np.concatenate(images), f"{split}_labels": np.concatenate(labels)}


class _Unpickler(pickle.Unpickler):
    """Rebuilds arrays and nothing else: a pickle may name any function, and these come from the web."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which no CIFAR-10 file does")
        return _HARMLESS[module, name]


def decode_jpegs(path: Path) -> Arrays:
    """Return the JPEG-encoded pixels in a fixed random order (seed 0).

    Keys, shapes and dtypes are those of ``decode_archive``. About 0.2 ms an image. The file's arrays:
    ``jpeg_header`` and, per split, ``_bytes``, ``_offsets`` (n + 1) and ``_labels``;
    image i is the header followed by ``bytes[offsets[i]:offsets[i + 1]]``.
    """
    random = np.random.default_rng(_ORDER_SEED)
    with np.load(path, allow_pickle=False) as packed:
        return _split("train", packed, random) | _split("test", packed, random)


def _split(split: str, packed: np.lib.npyio.NpzFile, random: np.random.Generator) -> Arrays:
    header, content = packed["jpeg_header"].tobytes(), packed[f"{split}_bytes"].tobytes()
    offsets, labels = packed[f"{split}_offsets"], packed[f"{split}_labels"].astype(np.int64)
    order = random.permutation(len(labels))
    images = np.empty((len(labels), 32, 32, 3), np.uint8)
    for row, index in enumerate(order):
        images[row] = _decode_jpeg(header + content[offsets[index] : offsets[index + 1]])
    return {f"{split}_images": images, f"{split}_labels": labels[order]}


def _decode_jpeg(content: bytes) -> np.ndarray:
    from PIL import Image  # lazy: only this format needs it

    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
