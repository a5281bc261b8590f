"""Real regression tables: features as they are, a numeric target, origin and licence; nothing is standardised here.

Sources, in this order: a folder in ``$REPLICATE_DATA``, ``data/cache/``, the installed package that has the same
values, the web. All but OpenML's own tables are compared with the registry's hashes.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replicate.datasets import _content
from replicate.datasets._decoding import decoding
from replicate.datasets._download import Unavailable
from replicate.datasets._regression_packages import PACKAGED
from replicate.datasets._sources import local_source
from replicate.datasets.fetch import fetch
from replicate.datasets.registry import Entry, Registry, default_registry
from replicate.errors import DataError, UserError, nearest

if TYPE_CHECKING:
    import pandas as pd

GROUP = "quantile"
# Identifiers, not features (the OpenML version of us_crime has none of them).
_IDENTIFIERS = {"us_crime": ["state", "county", "community", "communityname", "fold"]}
# Numbers that are names of categories.
_CATEGORICAL = {"sensory": None, "sacramento": ["zip"], "ames": ["Mo_Sold"]}


@dataclass(frozen=True, eq=False)
class Regression:
    """A regression table.

    Args:
        name: its name in the registry, without folder and suffix.
        x: features; text columns are categorical, gaps are NaN.
        y: the target, float64, without gaps.
        origin: ``mirror``, ``download`` or the package the values were taken from.
        licence: the registry's.
    """

    name: str
    x: "pd.DataFrame"
    y: "pd.Series"
    origin: str
    licence: str

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.y)


def regression_names(*, registry: Registry | None = None) -> list[str]:
    """Return the names ``load_regression`` knows, in the registry's order."""
    return [_short(name) for name in (registry or default_registry()).names(GROUP)]


def load_regression(name: str, *, registry: Registry | None = None) -> Regression:
    """Return a table by name.

    Raises:
        UserError: unknown name (proposes the nearest).
        Unavailable: no source has it.
        DataError: a source has other values than the registered ones.
    """
    registry = registry or default_registry()
    files = {_short(file): file for file in registry.names(GROUP)}
    if name not in files:
        raise UserError(f"no regression data {name!r}: {nearest(name, files)}")
    entry = registry.entry(files[name])
    table, origin = _table(name, entry, registry)
    with decoding(f"{entry.name}: column {table.columns[-1]!r}", "numbers to predict"):
        features, target = table.iloc[:, :-1], table.iloc[:, -1].astype("float64")
    features = features.drop(columns=_IDENTIFIERS.get(name, []))
    categorical = _CATEGORICAL.get(name, [])
    texts = {c: features[c].astype("object").map(str) for c in (features if categorical is None else categorical)}
    keep = target.notna()
    return Regression(name, features.assign(**texts)[keep], target[keep], origin, entry.licence)


def has_regression(name: str, *, registry: Registry | None = None) -> bool:
    """Return whether a table is on this machine or can be fetched now."""
    try:
        load_regression(name, registry=registry)
    except Unavailable:
        return False
    return True


def _short(file: str) -> str:
    return file.removeprefix(f"{GROUP}/").removesuffix(".gz").removesuffix(".csv")


def _table(name: str, entry: Entry, registry: Registry) -> tuple["pd.DataFrame", str]:
    source = local_source(entry, registry)
    if source is None and entry.bundled:
        try:
            text = _content.canonical_text(PACKAGED[name](), entry)
        except (ImportError, AttributeError, KeyError, DataError) as error:
            raise DataError(
                f"{entry.name} cannot be read from {entry.bundled} ({type(error).__name__}: {error}): "
                "install that package in another version"
            ) from None
        return _verified(text, entry, entry.bundled), entry.bundled
    path = fetch(entry.name, registry=registry)
    origin = source.kind if source and source.kind != "cache" else "download"
    if not entry.content:
        import pandas as pd

        with decoding(path, "a table of comma-separated values in UTF-8"):
            return pd.read_csv(path), origin
    return _verified(_content.file_text(path, entry), entry, origin), origin


def _verified(text: str, entry: Entry, origin: str) -> "pd.DataFrame":
    problem = _content.mismatch(text, entry)
    if problem:
        raise DataError(f"{entry.name} from {origin}: {problem}; use another version of the source")
    return _content.parse(text)
