"""Decoded arrays kept on disk: decoding takes seconds, and worker processes share one memory-mapped copy."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

log = logging.getLogger("replicate.datasets")


def keep_decoded(folder: Path, decode: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays of ``folder``, one memory-mapped ``.npy`` file each; ``decode`` them if absent.

    Processes that need the same arrays wait for the first one. The folder appears under its name only when
    complete. If it cannot be written, the decoded arrays are returned and the next process decodes again.
    """
    stored = _read(folder)
    if stored is not None:
        return stored
    try:
        return _decode_once(folder, decode)
    except OSError as error:
        log.warning("cannot keep decoded arrays in %s (%s); decoding in every process", folder, error.strerror)
        return decode()


def _decode_once(folder: Path, decode: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    from filelock import FileLock  # lazy: import time

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        stored = _read(folder)
        if stored is None:
            log.info("decoding into %s", folder)
            _write(folder, decode())
            stored = _read(folder)
        if stored is None:
            raise OSError(None, "unreadable right after writing")
        return stored


def _read(folder: Path) -> dict[str, np.ndarray] | None:
    """Return the arrays, or ``None`` if the folder is absent or a file in it is damaged."""
    try:
        paths = sorted(folder.glob("*.npy"))
        return {path.stem: np.asarray(np.load(path, mmap_mode="r")) for path in paths} or None
    except (ValueError, EOFError, OSError):
        return None


def _write(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    for leftover in (partial, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    for name, array in arrays.items():
        np.save(partial / f"{name}.npy", array)
    os.replace(partial, folder)
