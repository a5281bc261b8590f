"""Archives whose packing varies, such as those a host makes on request: judged by their members, not their bytes."""

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

from replicate.datasets.registry import Entry
from replicate.errors import DataError


def members(path: Path, inside: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files of a tar archive whose names begin with one of ``inside``, by name.

    A folder above those is dropped: ``repository-1a2b3c/data/x.json`` is ``data/x.json`` if ``inside`` names
    ``data/``. Raises ``DataError`` for what is no tar archive.
    """
    try:
        with tarfile.open(path) as archive:
            return dict(_wanted(archive, inside))
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise DataError(f"it is no tar archive ({type(error).__name__})") from None


def _wanted(archive: tarfile.TarFile, inside: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for item in archive:
        _, _, below = item.name.partition("/")
        name = next((n for n in (item.name, below) if n.startswith(inside)), None)
        file = archive.extractfile(item) if name and item.isfile() else None
        if name and file:
            yield name, file.read()


def digest(found: dict[str, bytes]) -> str:
    """Return one SHA-256 over the names and hashes of members: of the lines ``<sha256>  <name>``, sorted by name."""
    lines = (f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in sorted(found))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def archive_fault(path: Path, entry: Entry) -> str | None:
    """Return ``None`` if the archive holds the registered members, else what was expected and found."""
    try:
        found = members(path, entry.inside)
    except DataError as error:
        return str(error)
    if (value := digest(found)) == entry.members:
        return None
    return f"expected members with SHA-256 {entry.members}, found {len(found)} members with {value}"
