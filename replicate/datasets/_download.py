"""Downloading into ``data/cache/``: lock, temporary name, verify, rename."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from replicate.datasets._integrity import fault
from replicate.datasets._openml import Unreachable, openml_table
from replicate.datasets._sources import MIRROR_VARIABLE, mirror_url
from replicate.datasets.registry import Entry, Registry
from replicate.errors import DataError

log = logging.getLogger("replicate.datasets")

_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_CHUNK_BYTES = 1 << 18


class Unavailable(DataError):
    """No place has the file and it could not be downloaded; nothing is known to be corrupt."""


def obtain(entry: Entry, registry: Registry) -> Path:
    """Return the verified cached copy of a file, downloading it if there is none.

    Processes that want the same file wait for the first one and then use its copy. A corrupt cached file is
    moved to ``<name>.corrupt`` with a warning. Raises ``Unavailable`` if no address delivers the right bytes,
    ``DataError`` if the mirror delivers wrong ones.
    """
    try:
        with _locked(entry, registry):
            for target in [registry.cache_folder / name for name in entry.cache_names]:
                if target.is_file() and not _move_corrupt(target, entry):
                    return target
            return _download(entry, registry.cache_folder)
    except Unreachable as error:
        raise Unavailable(_how_to_get(entry, registry.cache_folder / entry.name, [str(error)])) from None
    except OSError as error:
        raise DataError(
            f"cannot store {entry.name} in {registry.cache_folder} ({error.strerror or error}): make that "
            f"folder writable with {entry.bytes or 10**8} bytes free, or set {MIRROR_VARIABLE} to a folder that has it"
        ) from None


@contextmanager
def _locked(entry: Entry, registry: Registry) -> Iterator[None]:
    from filelock import FileLock, Timeout  # lazy: only downloads need it

    folder = registry.cache_folder / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{entry.name.replace('/', '_')}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for another process that fetches %s", entry.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _move_corrupt(target: Path, entry: Entry) -> bool:
    problem = fault(target, entry)
    if problem is None:
        return False
    aside = target.with_name(f"{target.name}.corrupt")
    os.replace(target, aside)
    warnings.warn(f"cached {entry.name} was corrupt ({problem}); moved to {aside}", stacklevel=4)
    return True


def _download(entry: Entry, folder: Path) -> Path:
    """Try the mirror, then the canonical addresses; return the file's path or raise ``Unavailable``."""
    (folder / entry.name).parent.mkdir(parents=True, exist_ok=True)
    if entry.openml and not entry.content:
        return openml_table(entry, folder)
    mirror = mirror_url(entry)
    failures = []
    for url in [*([mirror] if mirror else []), *entry.urls]:
        target = folder / entry.cache_name(url)
        failure, corrupt = _try(url, entry, target)
        if failure is None:
            return target
        if corrupt and url == mirror:
            raise DataError(
                f"{entry.name} on the mirror {_shown(url)} is corrupt: {failure}; "
                f"replace it there or unset {MIRROR_VARIABLE}"
            )
        failures.append(f"{_shown(url)}: {failure}")
    raise Unavailable(_how_to_get(entry, folder / entry.name, failures))


def _try(url: str, entry: Entry, target: Path) -> tuple[str | None, bool]:
    """Download one address; return (what failed or ``None``, whether wrong bytes arrived)."""
    from requests import RequestException  # lazy, like pooch: import time

    log.info("downloading %s (%s bytes) from %s", entry.name, entry.bytes, _shown(url))
    # A fixed name: what a killed process leaves behind is overwritten by the next one, under the same lock.
    partial = target.with_name(f".{target.name}.partial")
    try:
        _stream(url, partial)
        problem = fault(partial, entry)
        if problem is None:
            os.replace(partial, target)
        return problem, problem is not None
    except RequestException as error:
        return _reason(error), False
    finally:
        partial.unlink(missing_ok=True)


def _stream(url: str, partial: Path) -> None:
    from pooch import HTTPDownloader  # lazy: only downloads need it

    # Without this header some servers unpack .gz files on the way, and the hash no longer fits.
    headers = {"Accept-Encoding": "identity"}
    timeout = (_CONNECT_SECONDS, _READ_SECONDS)
    HTTPDownloader(chunk_size=_CHUNK_BYTES, headers=headers, timeout=timeout)(url, partial, None)


def _reason(error: Exception) -> str:
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, exceptions.SSLError):
        return "the secure connection was refused"
    if isinstance(error, exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return "no connection" if isinstance(error, exceptions.ConnectionError) else type(error).__name__


def _shown(url: str) -> str:
    """Return an address without user name, password and query, fit for a message."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _how_to_get(entry: Entry, target: Path, failures: list[str]) -> str:
    tried = f" ({'; '.join(failures)})" if failures else " (it has no public address of its own)"
    hint = f" ({entry.hint})" if entry.hint else ""
    return (
        f"{entry.name} is not on this machine and could not be downloaded{tried}: set {MIRROR_VARIABLE} to a "
        f"folder or address that holds it under this name, or put the file at {target}{hint}, "
        "or use a preset with embedded data (smoke, default)"
    )
