"""The registry: which data files exist, where they come from and which bytes are the right ones."""

import functools
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

from replicate.errors import UserError, nearest
from replicate.paths import PACKAGE, project_root


def _relative_path(text: str) -> str:
    """Refuse names that could leave the folder they are looked up in."""
    parts = text.split("/")
    if PurePosixPath(text).is_absolute() or "\\" in text or {"", ".", ".."} & set(parts):
        raise ValueError("must be a relative path with forward slashes and without '.' or '..'")
    return text


def _hex(digits: int):
    def check(text: str) -> str:
        if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", text):
            raise ValueError(f"must be {digits} lower-case hexadecimal digits")
        return text

    return AfterValidator(check)


def _web_addresses(urls: tuple[str, ...]) -> tuple[str, ...]:
    for url in urls:
        here = url.startswith("http://") and urlsplit(url).hostname in ("127.0.0.1", "localhost")
        if not (url.startswith("https://") or here):
            raise ValueError(f"{url!r} must start with https://")
    return urls


R_DATA = ".rda"  # how R packages store a table
LAYOUTS = {"whitespace": ".txt", "comma": ".data", "arff": ".arff"}  # plain tables without the registry's header

RelativePath = Annotated[str, AfterValidator(_relative_path)]
Text = Annotated[str, Field(min_length=1)]


class Entry(BaseModel):
    """One data file: a table of ``registry.toml``, whose comments explain the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: RelativePath
    dataset: Text
    bytes: Annotated[int, Field(gt=0)] | None = None
    # TOML has lists only; strict mode would ask for a tuple.
    urls: Annotated[tuple[str, ...], Strict(False), AfterValidator(_web_addresses)]
    licence: Text
    origin: Text
    citation: Text
    sha256: Annotated[str, _hex(64)] | None = None
    md5: Annotated[str, _hex(32)] | None = None
    embedded: RelativePath | None = None
    bundled: Text | None = None
    hint: Text | None = None
    content: Annotated[str, _hex(64)] | None = None
    columns: Annotated[tuple[Text, ...], Strict(False)] = ()
    unordered: bool = False
    r_object: Text | None = None
    layout: Literal["whitespace", "comma", "arff"] | None = None
    openml: Annotated[int, Field(gt=0)] | None = None
    members: Annotated[str, _hex(64)] | None = None
    inside: Annotated[tuple[RelativePath, ...], Strict(False)] = ()

    @model_validator(mode="after")
    def _complete(self) -> "Entry":
        if self.openml and self.content is None:
            return self._only_on_openml()
        if (self.members is None) != (not self.inside):
            raise ValueError("members and inside belong together: give both or neither")
        if (self.sha256, self.md5, self.members).count(None) != 2:
            raise ValueError("give exactly one of sha256, md5 and members")
        if self.bytes is None:
            raise ValueError("bytes: this key is missing")
        if not (self.urls or self.embedded or self.bundled or self.hint):
            raise ValueError("urls is empty: give embedded, bundled or a hint how to get the file")
        if (self.content is None) != (not self.columns):
            raise ValueError("content and columns belong together: give both or neither")
        if (self.r_object or self.unordered or self.layout) and not self.content:
            raise ValueError("r_object, layout and unordered say how to read a table: they need content and columns")
        return self

    def _only_on_openml(self) -> "Entry":
        if self.sha256 or self.md5 or self.urls:
            raise ValueError("openml without content: OpenML's own checksum is used, give no hash and no urls")
        return self

    @property
    def algorithm(self) -> str:
        """The name of the hash, as hashlib spells it."""
        return "sha256" if self.sha256 else "md5"

    @property
    def checksum(self) -> str:
        """The expected hash in lower-case hexadecimal digits."""
        return self.sha256 or self.md5 or ""

    @property
    def identity(self) -> str:
        """The hash that all sources of the data share: of the values of a table, else of the file's bytes."""
        return self.content or self.checksum or self.members or f"openml {self.openml}"

    @property
    def foreign_suffixes(self) -> list[str]:
        """The suffixes of files that hold the table in another format and are judged by its values."""
        return [suffix for suffix in (R_DATA if self.r_object else None, LAYOUTS.get(self.layout or "")) if suffix]

    @property
    def cache_names(self) -> list[str]:
        """The names under which the cache may hold the data, the registry's own first."""
        stem = PurePosixPath(self.name.removesuffix(".gz"))
        return [self.name, *(str(stem.with_suffix(suffix)) for suffix in self.foreign_suffixes)]

    def cache_name(self, url: str) -> str:
        """Return the name a download from ``url`` is kept under: foreign formats keep their own suffix."""
        path = urlsplit(url).path
        return next(
            (n for s, n in zip(self.foreign_suffixes, self.cache_names[1:], strict=True) if path.endswith(s)), self.name
        )


@dataclass(frozen=True, eq=False)
class Registry:
    """Entries by name, and the folder that holds embedded and downloaded files.

    Args:
        entries: file name -> entry, in the order of the file.
        path: the TOML file the entries come from, for messages.
        data_dir: holds embedded files and ``cache/``; ``None`` is the project's ``data/``.
    """

    entries: Mapping[str, Entry]
    path: Path
    data_dir: Path | None = None

    @classmethod
    def from_toml(cls, path: Path, *, data_dir: Path | None = None) -> "Registry":
        """Read and validate a registry; a ``UserError`` names the file, the table and the key."""
        path = Path(path)
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UserError(f"{path}: cannot be read as TOML: {error}") from None
        entries = {name: _parse_entry(name, table, path) for name, table in tables.items()}
        return cls(MappingProxyType(entries), path, data_dir)

    @property
    def data_folder(self) -> Path:
        """The folder with the embedded files."""
        return self.data_dir or project_root() / "data"

    @property
    def cache_folder(self) -> Path:
        """The folder downloads land in, under their registry names."""
        return self.data_folder / "cache"

    def entry(self, name: str) -> Entry:
        """Return the entry called ``name``; a ``UserError`` proposes the nearest one."""
        if name not in self.entries:
            raise UserError(f"no data file {name!r} in {self.path.name}: {nearest(name, self.entries)}")
        return self.entries[name]

    def datasets(self) -> list[str]:
        """Return the names of the groups, sorted."""
        return sorted({entry.dataset for entry in self.entries.values()})

    def names(self, dataset: str | None = None) -> list[str]:
        """Return the file names of one dataset, or all, in the order of the registry."""
        if dataset is not None and dataset not in self.datasets():
            raise UserError(f"no dataset {dataset!r} in {self.path.name}: {nearest(dataset, self.datasets())}")
        return [name for name, entry in self.entries.items() if dataset in (None, entry.dataset)]

    def data_hash(self, dataset: str) -> str:
        """Return 12 hexadecimal digits that change when any registered byte (or value) of ``dataset`` does.

        Computed from the registry alone, so it is cheap enough for cache keys and manifests; independent of
        the order of the tables, of where files lie, of their licence texts and of which source is at hand.
        """
        lines = sorted(f"{name} {self.entry(name).identity}\n" for name in self.names(dataset))
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]


@functools.cache
def default_registry() -> Registry:
    """Return the registry that ships with the package."""
    return Registry.from_toml(PACKAGE / "datasets" / "registry.toml")


def _parse_entry(name: str, table: object, path: Path) -> Entry:
    where = f"{path}: [{name!r}]"
    if not isinstance(table, dict):
        raise UserError(f"{where}: must be a table with the fields of one file, found {table!r}")
    try:
        return Entry.model_validate({**table, "name": name})
    except ValidationError as error:
        problems = "; ".join(_describe(problem) for problem in error.errors())
        raise UserError(f"{where}: {problems}") from None


def _describe(problem: Mapping) -> str:
    """Turn one of pydantic's problems into ``key: what is wrong, found …``."""
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}: {nearest(key, set(Entry.model_fields) - {'name'})}"
    if problem["type"] == "missing":
        return f"{key}: this key is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message}, found {problem['input']!r}" if key else message
