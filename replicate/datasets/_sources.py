"""Where a data file may be on this machine, without opening or downloading anything."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from replicate.datasets.registry import Entry, Registry
from replicate.errors import UserError
from replicate.paths import project_root

MIRROR_VARIABLE = "REPLICATE_DATA"


@dataclass(frozen=True)
class Source:
    """A place that holds a file: ``kind`` is ``mirror``, ``embedded`` or ``cache``."""

    kind: str
    path: Path


def local_source(entry: Entry, registry: Registry) -> Source | None:
    """Return the first place that has the file (mirror folder, embedded, cache), unverified, or ``None``."""
    folder = mirror_folder()
    places = [
        Source("mirror", folder / entry.name) if folder else None,
        Source("embedded", registry.data_folder / entry.embedded) if entry.embedded else None,
        *(Source("cache", registry.cache_folder / name) for name in entry.cache_names),
    ]
    return next((place for place in places if place and place.path.is_file()), None)


def mirror_folder() -> Path | None:
    """Return the folder ``$REPLICATE_DATA`` names, or ``None`` if it is unset or a web address.

    A relative folder is looked up from the working directory, then from the project root: notebooks run in
    another working directory than the command line that set it. ``UserError`` if it is in neither.
    """
    value = os.environ.get(MIRROR_VARIABLE, "")
    if not value or _is_web_address(value):
        return None
    if value.startswith("file:"):
        value = url2pathname(urlsplit(value).path)
    candidates = [base / Path(value).expanduser() for base in (Path.cwd(), project_root())]
    for folder in candidates:
        if folder.is_dir():
            return folder.resolve()
    raise UserError(
        f"{MIRROR_VARIABLE}={value!r} is no folder (looked for {candidates[0]}); "
        "name an existing folder or an http(s) address, or unset it"
    )


def mirror_url(entry: Entry) -> str | None:
    """Return the address of the file on the mirror, or ``None`` if ``$REPLICATE_DATA`` is no web address."""
    value = os.environ.get(MIRROR_VARIABLE, "")
    return f"{value.rstrip('/')}/{quote(entry.name)}" if _is_web_address(value) else None


def _is_web_address(value: str) -> bool:
    return value.lower().startswith(("http://", "https://"))
