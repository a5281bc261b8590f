"""Finding, fetching and checking registered data files.

Search order: a folder in ``$REPLICATE_DATA``, the copy embedded under ``data/``, ``data/cache/``, then the
web: an address in ``$REPLICATE_DATA``, the canonical addresses. A mirror on the web comes after the local
copies because equal hashes make them equal files. Nothing is returned unverified.
"""

from dataclasses import dataclass
from pathlib import Path

from replicate.datasets._download import obtain
from replicate.datasets._integrity import fault
from replicate.datasets._sources import MIRROR_VARIABLE, Source, local_source
from replicate.datasets.registry import Entry, Registry, default_registry
from replicate.errors import DataError, UserError


@dataclass(frozen=True)
class FileStatus:
    """What is known about one registered file, without downloading.

    ``where`` is ``mirror``, ``embedded``, ``cache``, the package that bundles it, or ``web``/``nowhere`` if
    it is not on this machine. ``state`` is ``verified``, ``corrupt``, ``bundled`` (checked when loaded),
    ``downloadable`` or ``missing``. ``detail`` says what is wrong or how to get it, if need be.
    """

    name: str
    dataset: str
    bytes: int | None
    where: str
    state: str
    licence: str
    path: Path | None = None
    detail: str = ""


def fetch(name: str, *, registry: Registry | None = None) -> Path:
    """Return the path of a verified file, downloading it if it is nowhere on this machine.

    What R packages publish is returned as downloaded (``.rda``), verified by its values.

    Verification is remembered per process by path, size and modification time. Raises ``UserError`` for an
    unknown name, ``DataError`` if the mirror's or the embedded file is corrupt (no other place is tried, so
    that a broken mirror gets noticed), ``Unavailable`` if no place has it. A corrupt cached file is moved
    aside with a warning and fetched again.
    """
    registry = registry or default_registry()
    entry = registry.entry(name)
    source = local_source(entry, registry)
    if entry.bundled and source is None:
        raise UserError(f"{name} is no file: it ships inside {entry.bundled}; call its loader instead")
    problem = fault(source.path, entry) if source else "absent"
    if source and problem is None:
        return source.path
    if source and source.kind != "cache":
        raise DataError(_corrupt(source, entry, problem))
    return obtain(entry, registry)


def _corrupt(source: Source, entry: Entry, problem: str | None) -> str:
    remedies = {
        "mirror": f"replace it there or unset {MIRROR_VARIABLE}",
        "embedded": "restore it with git (git checkout -- data), or delete it to download it again",
    }
    place = {"mirror": "mirror", "embedded": "repository"}[source.kind]
    return f"{entry.name} in the {place} ({source.path}) is corrupt: {problem}; {remedies[source.kind]}"


def locate(name: str, *, registry: Registry | None = None) -> Source | None:
    """Return where a file is on this machine, unverified, or ``None`` if it would have to be downloaded."""
    registry = registry or default_registry()
    return local_source(registry.entry(name), registry)


def absent(dataset: str, *, registry: Registry | None = None) -> list[str]:
    """Return the files of ``dataset`` that are nowhere on this machine, as far as can be told without downloading."""
    registry = registry or default_registry()
    entries = [registry.entry(name) for name in registry.names(dataset)]
    return [entry.name for entry in entries if not entry.bundled and local_source(entry, registry) is None]


def verify(name: str, *, registry: Registry | None = None) -> FileStatus:
    """Check the copy that ``fetch`` would use; report, never raise, if it is corrupt or missing."""
    registry = registry or default_registry()
    entry = registry.entry(name)
    source = local_source(entry, registry)
    if source is None and entry.bundled:
        return _status(entry, entry.bundled, "bundled")
    if source is None:
        where, state = ("web", "downloadable") if entry.urls or entry.openml else ("nowhere", "missing")
        return _status(entry, where, state, detail=entry.hint or entry.origin)
    problem = fault(source.path, entry)
    state = "corrupt" if problem else "verified"
    return _status(entry, source.kind, state, path=source.path, detail=problem or "")


def _status(entry: Entry, where: str, state: str, *, path: Path | None = None, detail: str = "") -> FileStatus:
    return FileStatus(entry.name, entry.dataset, entry.bytes, where, state, entry.licence, path, detail)


def status(*, registry: Registry | None = None) -> list[FileStatus]:
    """Verify every registered file that is on this machine; one row per file, in the registry's order."""
    registry = registry or default_registry()
    return [verify(name, registry=registry) for name in registry.names()]


def entry(name: str, *, registry: Registry | None = None) -> Entry:
    """Return the registry's entry for a file; ``UserError`` with the nearest name if there is none."""
    return (registry or default_registry()).entry(name)


def names(dataset: str | None = None, *, registry: Registry | None = None) -> list[str]:
    """Return the registered file names, of one dataset or all."""
    return (registry or default_registry()).names(dataset)


def data_hash(dataset: str, *, registry: Registry | None = None) -> str:
    """Return 12 hexadecimal digits identifying the bytes (or values) of ``dataset``; reads no data file."""
    return (registry or default_registry()).data_hash(dataset)
