"""Decoding the two files that hold CIFAR-10: pickles in a tar archive, and JPEGs with one shared header."""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

from replicate.datasets._decoding import decoding
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
    ``test_images`` and ``test_labels``. Raises ``DataError`` if a member is missing, damaged or names foreign code.
    """
    with decoding(path, "a gzipped tar archive"), tarfile.open(path, "r:gz") as archive:
        # One after the other: a gzipped archive can only be read forwards cheaply.
        batches = {name: _read_batch(archive, name, path) for name in [*_TRAIN_BATCHES, *_TEST_BATCHES]}
    train = [batches[name] for name in _TRAIN_BATCHES]
    test = [batches[name] for name in _TEST_BATCHES]
    return {**_joined("train", train), **_joined("test", test)}


def _read_batch(archive: tarfile.TarFile, name: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    with decoding(f"{path}: member {name}", "pixels and labels"):
        member = archive.extractfile(name)
        if member is None:
            raise KeyError(f"{name} is no file")
        content = _Unpickler(member, encoding="bytes").load()
        channels_first = np.asarray(content[b"data"], np.uint8).reshape(-1, 3, 32, 32)
        labels = np.asarray(content[b"labels"], np.int64)
        if labels.shape != channels_first.shape[:1]:
            raise ValueError(f"{len(channels_first)} images but labels of shape {labels.shape}")
    return channels_first.transpose(0, 2, 3, 1), labels


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
    image i is the header followed by ``bytes[offsets[i]:offsets[i + 1]]``. Raises ``DataError`` naming the array or the
    image that is damaged.
    """
    random = np.random.default_rng(_ORDER_SEED)
    with decoding(path, "arrays in an npz file"), np.load(path, allow_pickle=False) as packed:
        return _split("train", packed, random, path) | _split("test", packed, random, path)


def _split(split: str, packed: np.lib.npyio.NpzFile, random: np.random.Generator, path: Path) -> Arrays:
    header, content = _array(packed, "jpeg_header", path).tobytes(), _array(packed, f"{split}_bytes", path).tobytes()
    offsets = _array(packed, f"{split}_offsets", path)
    labels = _array(packed, f"{split}_labels", path).astype(np.int64)
    if len(offsets) != len(labels) + 1:
        raise DataError(f"{path}: array {split}_offsets has {len(offsets)} entries for {len(labels)} labels, not n + 1")
    order = random.permutation(len(labels))
    images = np.empty((len(labels), 32, 32, 3), np.uint8)
    for row, index in enumerate(order):
        with decoding(f"{path}: image {index} of {split}", "a JPEG of 32 x 32 pixels"):
            images[row] = _decode_jpeg(header + content[offsets[index] : offsets[index + 1]])
    return {f"{split}_images": images, f"{split}_labels": labels[order]}


def _array(packed: np.lib.npyio.NpzFile, name: str, path: Path) -> np.ndarray:
    with decoding(f"{path}: array {name}", "numbers in one dimension"):
        found = packed[name]
        if found.ndim != 1 or found.dtype.kind not in "iu":
            raise ValueError(f"it has {found.ndim} dimensions of {found.dtype}")
        return found


def _decode_jpeg(content: bytes) -> np.ndarray:
    from PIL import Image  # lazy: only this format needs it

    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    if pixels.shape != (32, 32, 3):
        raise ValueError(f"it has {pixels.shape[1]} x {pixels.shape[0]} pixels")
    return pixels
