"""Is this file the one the registry means? If not: in what way."""

import functools
import hashlib
from pathlib import Path

from replicate.datasets._content import content_fault, is_foreign
from replicate.datasets.registry import Entry

_SPELLED = {"sha256": "SHA-256", "md5": "MD5"}


def fault(path: Path, entry: Entry) -> str | None:
    """Return ``None`` if ``path`` holds the registered bytes, else expected, found and a guess why.

    A file that holds the same table in another format is judged by its values instead; what only OpenML
    has is judged by OpenML's checksum when it is fetched, not again.
    """
    try:
        if is_foreign(path, entry):
            return _with_guess(content_fault(path, entry), path)
        if not entry.checksum:
            return None
        size = path.stat().st_size
        found = _checksum(path, entry.algorithm)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if (found, size) == (entry.checksum, entry.bytes):
        return None
    return (
        f"expected {_SPELLED[entry.algorithm]} {entry.checksum} and {entry.bytes} bytes, "
        f"found {found} and {size} bytes{_guess(path) or _length(size, entry)}"
    )


def _with_guess(problem: str | None, path: Path) -> str | None:
    return f"{problem}{_guess(path)}" if problem else None


def _checksum(path: Path, algorithm: str) -> str:
    stat = path.stat()
    return _digest(str(path.resolve()), algorithm, stat.st_size, stat.st_mtime_ns)


@functools.cache
def _digest(path: str, algorithm: str, size: int, mtime_ns: int) -> str:
    """Hash a file once per process; size and modification time are there as the key."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _guess(path: Path) -> str:
    with open(path, "rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "; it looks like an HTML page (an error or login page saved under this name)"
    if start.startswith(b"version https://git-lfs"):
        return "; it is a Git LFS pointer, not the file itself (run git lfs pull)"
    return ""


def _length(size: int, entry: Entry) -> str:
    return "; it looks truncated" if size < (entry.bytes or 0) else ""
