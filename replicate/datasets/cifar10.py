"""CIFAR-10: 50 000 + 10 000 colour images, 32 x 32 pixels, 10 classes (Krizhevsky 2009).

Two encodings, never confused: the canonical archive is ``CIFAR-10``; a re-encoding as JPEG (quality 75),
a ninth of its size, is ``CIFAR-10 (JPEG q75)``.
"""

import functools
from collections.abc import Callable
from pathlib import Path

from replicate.datasets._cifar10_formats import Arrays, decode_archive, decode_jpegs
from replicate.datasets._decoded import keep_decoded
from replicate.datasets._download import Unavailable
from replicate.datasets.fetch import fetch
from replicate.datasets.images import ImageData
from replicate.datasets.registry import Registry, default_registry
from replicate.errors import UserError, nearest

CANONICAL = "CIFAR-10"
JPEG = "CIFAR-10 (JPEG q75)"

# Raise when decoding changes: it is part of the name under which decoded arrays are kept.
_DECODER_VERSION = 1


def load_cifar10(wanted: str = CANONICAL, *, fallback: bool = True, registry: Registry | None = None) -> ImageData:
    """Return CIFAR-10 as uint8 images (n, 32, 32, 3) with values 0 … 255 and int64 labels.

    Args:
        wanted: ``CIFAR-10`` or ``CIFAR-10 (JPEG q75)``.
        fallback: if the canonical archive is neither here nor to be downloaded, take the JPEG encoding, which
            then shows in ``name`` and ``dataset``. Resolve the name once and hand it to workers with
            ``fallback=False``, so that a network that comes and goes cannot mix the two in one sweep.

    Canonical images keep the archive's order, JPEG images come in one fixed random order (seed 0).
    Decoded once per machine (10 to 20 s for JPEG) into 184 MB under ``data/cache/decoded``.
    Raises ``Unavailable`` if neither is at hand, ``DataError`` if a file is corrupt (no fallback then),
    ``UserError`` for another ``wanted``.
    """
    if wanted not in _FORMATS:
        raise UserError(f"no CIFAR-10 encoding {wanted!r}: {nearest(wanted, _FORMATS)}")
    return _resolve(wanted, fallback, registry or default_registry())


@functools.cache
def _resolve(wanted: str, fallback: bool, registry: Registry) -> ImageData:
    try:
        return _load(wanted, registry)
    except Unavailable as error:
        if wanted == JPEG or not fallback:
            raise
        reason = str(error)
    try:
        return _load(JPEG, registry)
    except Unavailable as error:
        raise Unavailable(f"neither encoding of CIFAR-10 is at hand. {reason}. {error}") from None


@functools.cache
def _load(name: str, registry: Registry) -> ImageData:
    file, decode = _FORMATS[name]
    path, entry = fetch(file, registry=registry), registry.entry(file)
    folder = f"{entry.dataset}-{entry.checksum[:12]}-v{_DECODER_VERSION}"
    arrays = keep_decoded(registry.cache_folder / "decoded" / folder, lambda: decode(path))
    return ImageData(name=name, dataset=entry.dataset, n_classes=10, scale=255.0, **arrays)


_FORMATS: dict[str, tuple[str, Callable[[Path], Arrays]]] = {
    CANONICAL: ("images/cifar-10-python.tar.gz", decode_archive),
    JPEG: ("images/cifar10_jpeg.npz", decode_jpegs),
}
