"""Real right-censored survival data: from a mirror, from installed packages, or downloaded from R packages.

Whatever the source, the values are compared with the registry's content hash, and the same frame comes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from replicate.datasets import _content
from replicate.datasets._download import Unavailable
from replicate.datasets._sources import MIRROR_VARIABLE, local_source
from replicate.datasets._survival_packages import PACKAGED
from replicate.datasets._survival_recipes import RECIPES
from replicate.datasets.fetch import fetch, verify
from replicate.datasets.registry import Entry, Registry, default_registry
from replicate.errors import DataError, UserError, nearest

if TYPE_CHECKING:
    import pandas as pd

_MODULES = {"lifelines": "lifelines", "scikit-survival": "sksurv"}


@dataclass(frozen=True, eq=False)
class Survival:
    """A right-censored (and perhaps left-truncated) data set, one row per subject.

    Args:
        name: the registry's data set, for ``data_hash``.
        frame: ``time`` > 0 and, if there is delayed entry, ``entry`` < ``time``, both in ``unit``; ``event`` 1 if
            observed, 0 if censored; the covariates; then the original's other columns, which may have gaps.
        unit: unit of the times, e.g. ``years``.
        origin: ``mirror``, ``embedded``, ``download`` or the package the values were taken from.
        covariates: columns without gaps, ready for a design matrix: 0/1 or numbers, not standardised.
        dropped: reason -> number of rows left out for it.
    """

    name: str
    frame: "pd.DataFrame"
    unit: str
    origin: str
    covariates: tuple[str, ...]
    dropped: Mapping[str, int]

    @property
    def n(self) -> int:
        """The number of subjects."""
        return len(self.frame)

    @property
    def n_events(self) -> int:
        """The number of observed events."""
        return int(self.frame["event"].sum())

    @property
    def n_dropped(self) -> int:
        """The number of rows left out, for all reasons together."""
        return sum(self.dropped.values())

    def complete(self, *columns: str) -> "Survival":
        """Return the rows without gaps in ``columns``, which join the covariates; ``UserError`` for other names."""
        for column in columns:
            if column not in self.frame:
                raise UserError(f"no column {column!r} in {self.name}: {nearest(column, self.frame)}")
        frame, dropped = _without_gaps(self.frame, columns, dict(self.dropped))
        covariates = tuple(dict.fromkeys([*self.covariates, *columns]))
        return replace(self, frame=frame, covariates=covariates, dropped=MappingProxyType(dropped))


def load_survival(name: str, *, registry: Registry | None = None) -> Survival:
    """Return a survival data set; ``survival_names()`` lists them.

    Sources, in this order: a folder in ``$REPLICATE_DATA``, ``data/cache/``, the installed package that has the
    same values, the web. Raises ``UserError`` for another name, ``Unavailable`` if no source has it, ``DataError``
    if a source has other values than the registered ones (name, expected and found hash).
    """
    registry = registry or default_registry()
    if name not in RECIPES:
        raise UserError(f"no survival data {name!r}: {nearest(name, RECIPES)}")
    recipe, entry = RECIPES[name], _entry(name, registry)
    text, origin = _verified_text(entry, registry)
    frame, dropped = _usable(recipe.tidy(_content.parse(text)))
    frame, dropped = _without_gaps(frame, recipe.covariates, dropped)
    return Survival(name, frame, recipe.unit, origin, recipe.covariates, MappingProxyType(dropped))


def survival_names() -> list[str]:
    """Return the names ``load_survival`` knows, sorted."""
    return sorted(RECIPES)


def survival_at_hand(*, registry: Registry | None = None) -> list[str]:
    """Return the names that can be loaded now without the network; hashes local files, downloads nothing."""
    registry = registry or default_registry()
    return [name for name in survival_names() if _at_hand(_entry(name, registry), registry)]


def _at_hand(entry: Entry, registry: Registry) -> bool:
    state = verify(entry.name, registry=registry).state
    return state == "verified" or (state == "bundled" and find_spec(_MODULES[entry.bundled or ""]) is not None)


def _entry(name: str, registry: Registry) -> Entry:
    (file,) = registry.names(name)
    return registry.entry(file)


def _verified_text(entry: Entry, registry: Registry) -> tuple[str, str]:
    """Return the canonical text with the registered values, and where it came from."""
    text, origin = _from_file(entry, registry) or _from_package(entry)
    problem = _content.mismatch(text, entry)
    if problem:
        remedy = f"set {MIRROR_VARIABLE} to a folder with {entry.name}, or use another version of the source"
        raise DataError(f"{entry.dataset} from {origin}: {problem}; {remedy}")
    return text, origin


def _from_file(entry: Entry, registry: Registry) -> tuple[str, str] | None:
    """Read the mirror's, cached or downloaded file; ``None`` if a package has the values instead."""
    source = local_source(entry, registry)
    if source is None and entry.bundled:
        return None
    try:
        path = fetch(entry.name, registry=registry)
    except Unavailable:
        if entry.bundled:  # a damaged file was in the cache
            return None
        raise
    origin = "download" if source is None or source.kind == "cache" else source.kind
    return _content.file_text(path, entry), origin


def _from_package(entry: Entry) -> tuple[str, str]:
    try:
        table = PACKAGED[entry.dataset]()
    except (ImportError, KeyError, AttributeError) as error:
        raise DataError(
            f"{entry.dataset} cannot be read from {entry.bundled} ({type(error).__name__}: {error}): install that "
            f"package in another version, or set {MIRROR_VARIABLE} to a folder with {entry.name}"
        ) from None
    return _content.canonical_text(table, entry), entry.bundled or ""


def _usable(frame: "pd.DataFrame") -> tuple["pd.DataFrame", dict[str, int]]:
    """Leave out rows no likelihood can use; count them by reason."""
    outcome = [name for name in ("time", "event", "entry") if name in frame]
    frame, dropped = _without_gaps(frame, outcome, {})
    frame, dropped = _kept(frame, frame["time"] > 0, "time <= 0", dropped)
    if "entry" in frame:
        frame, dropped = _kept(frame, frame["entry"] < frame["time"], "entry >= time", dropped)
    return frame.astype({"event": "int64"}), dropped


def _without_gaps(frame, columns, dropped: dict[str, int]) -> tuple["pd.DataFrame", dict[str, int]]:
    for column in columns:
        frame, dropped = _kept(frame, frame[column].notna(), f"{column} missing", dropped)
    return frame, dropped


def _kept(frame, keep, reason: str, dropped: dict[str, int]) -> tuple["pd.DataFrame", dict[str, int]]:
    left_out = int((~keep).sum())
    return frame[keep].reset_index(drop=True), dropped | ({reason: left_out} if left_out else {})
