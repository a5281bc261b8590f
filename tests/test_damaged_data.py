"""Data files as they come when something went wrong: one kind of error, which names the file and the place in it."""

import gzip
import hashlib
import io
import itertools
import json
import pickle
import tarfile

import numpy as np
import pandas as pd
import pytest
import rdata
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import replicate.datasets as datasets
from replicate.datasets import Registry, _cifar10_formats, _content, emoji, regression, telemetry, text
from replicate.datasets.mnist import read_idx
from replicate.datasets.registry import Entry
from replicate.errors import DataError, UserError

COLUMNS = ("age", "group", "y")
FIELDS = {"licence": "CC0", "origin": "made up", "citation": "nobody (2000)", "dataset": "toys"}
fuzzed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def entry(name: str, **changes) -> Entry:
    """Return a registered table whose values nobody has hashed right."""
    fields = {"urls": [], "hint": "none", "content": "0" * 64, "columns": COLUMNS, "sha256": "0" * 64, "bytes": 1}
    return Entry.model_validate({**FIELDS, **fields, "name": name, **changes})


def table() -> pd.DataFrame:
    return pd.DataFrame({"age": [1.5, np.nan, 3.0], "group": ["a", "b", "a"], "y": [1, 0, 2]})


# ------------------------------------------------------------------------------- good files, and what reads them


def csv_gz() -> bytes:
    return packed(table().to_csv(index=False).encode())


def packed(content: bytes) -> bytes:
    """Return a gzip file without a time stamp: names of tests hold it, and must not differ between processes."""
    return gzip.compress(content, mtime=0)


def arff() -> bytes:
    head = "@relation toy\n@attribute age numeric\n@attribute group {a,b}\n@attribute y numeric\n@data\n"
    return (head + "1.5,a,1\n?,b,0\n3,a,2\n").encode()


def r_data(tmp_path) -> bytes:
    rdata.write_rda(tmp_path / "good.rda", {"toy": table().assign(group=[1.0, 2.0, 1.0])})
    return (tmp_path / "good.rda").read_bytes()


def idx_gz() -> bytes:
    return packed(bytes([0, 0, 8, 1, 0, 0, 0, 5, 1, 2, 3, 4, 5]))


def archive() -> bytes:
    buffer = io.BytesIO()
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name in names:
            content = pickle.dumps({b"data": [[7] * 3072], b"labels": [3]}, protocol=3)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def jpegs(**changes) -> bytes:
    one = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(one, "JPEG")
    content = np.frombuffer(one.getvalue(), np.uint8)
    arrays = {"jpeg_header": content[:0]}
    for split in ("train", "test"):
        arrays |= {f"{split}_bytes": content, f"{split}_offsets": np.array([0, len(content)])}
        arrays |= {f"{split}_labels": np.array([3], np.uint8)}
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in (arrays | changes).items() if array is not None})
    return buffer.getvalue()


def emoji_json(**changes) -> bytes:
    record = {"name": "RED CIRCLE", "short_names": ["red"], "category": "Symbols", "subcategory": "geometric"}
    record |= {"sheet_x": 0, "sheet_y": 0, **changes}
    return packed(json.dumps([{k: v for k, v in record.items() if v is not None}]).encode())


def sheet() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (34, 34), "red").save(buffer, "PNG")
    return buffer.getvalue()


def _file_text(name, **changes):
    return lambda path: _content.file_text(path, entry(name, **changes))


KINDS = {
    "table.csv.gz": (csv_gz, _file_text("table.csv.gz")),
    "table.arff": (arff, _file_text("table.csv", layout="arff")),
    "table.txt": (lambda: b"1 2 3\n4 5 6\n", _file_text("table.csv", layout="whitespace")),
    "table.rda": (r_data, _file_text("table.csv", r_object="toy")),
    "labels.gz": (idx_gz, lambda path: read_idx(path, ndim=1)),
    "cifar.tar.gz": (archive, _cifar10_formats.decode_archive),
    "jpegs.npz": (jpegs, _cifar10_formats.decode_jpegs),
    "book.txt.gz": (lambda: packed(b"In the beginning"), lambda path: text.load_kjv.__wrapped__()),
    "emoji.json.gz": (emoji_json, lambda path: emoji.load_emoji.__wrapped__().images),
    "telemetry.csv.gz": (csv_gz, lambda path: telemetry.load_telemetry("birds")),
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return a function that writes bytes under a name of `KINDS` and reads them as a loader would."""
    numbers = itertools.count()

    def read(name: str, content: bytes):
        path = tmp_path / str(next(numbers)) / name  # what is decoded once is remembered by its path
        path.parent.mkdir()
        path.write_bytes(content)
        picture = path.with_name("sheet.png")
        picture.write_bytes(sheet())
        for module in (text, emoji):
            monkeypatch.setattr(module, "fetch", lambda wanted: picture if wanted.endswith(".png") else path)
        monkeypatch.setattr(telemetry, "telemetry_path", lambda wanted: path)
        return KINDS[name][1](path)

    return read


def good(name: str, tmp_path) -> bytes:
    make = KINDS[name][0]
    return make(tmp_path) if make is r_data else make()


@pytest.mark.parametrize("name", KINDS)
def test_the_undamaged_file_is_read(name, read, tmp_path):
    """A reader that refuses everything would pass every other test here."""
    assert len(read(name, good(name, tmp_path)))


DAMAGE = st.one_of(
    st.tuples(st.just("cut"), st.integers(0, 10_000), st.just(b"")),
    st.tuples(st.just("flip"), st.integers(0, 10_000), st.binary(min_size=1, max_size=4)),
    st.tuples(st.just("insert"), st.integers(0, 10_000), st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("replace"), st.just(0), st.binary(max_size=200)),
    st.tuples(
        st.just("replace"), st.just(0), st.sampled_from([b"", b"\xff\xfe", b"<!doctype html><html>login</html>"])
    ),
)


def damaged(content: bytes, how: str, where: int, piece: bytes) -> bytes:
    at = where % (len(content) + 1)
    if how == "replace":
        return piece
    return {
        "cut": content[:at],
        "flip": content[:at] + piece + content[at + len(piece) :],
        "insert": content[:at] + piece + content[at:],
    }[how]


def refusal(kind: type[Exception], action) -> str | None:
    """Return what an action is refused with, None if it is not; any other error passes and fails the test."""
    try:
        action()
    except kind as error:
        return str(error)
    return None


def inside(content: bytes, damage: tuple) -> bytes:
    """Damage what a gzip file holds, so that the damage gets past the checksum of gzip."""
    return packed(damaged(gzip.decompress(content), *damage))


@pytest.mark.parametrize("name", KINDS)
@fuzzed
@given(damage=DAMAGE, deep=st.booleans())
def test_a_damaged_file_is_read_or_refused_by_name(name, read, tmp_path, damage, deep):
    """A traceback from inside a parser tells nobody which file to fetch again."""
    content = good(name, tmp_path)
    content = inside(content, damage) if deep and name.endswith(".gz") else damaged(content, *damage)
    said = refusal(DataError, lambda: read(name, content))
    assert said is None or name.split(".")[0] in said or "cannot be decoded as" in said
    assert said is None or len(said) < 2000


# --------------------------------------------------------------------------- whole files with other things in them


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("table.csv.gz", packed(b"age,y\n1,2\n"), r"column 'group' is missing \(found: age, y\)"),
        ("table.csv.gz", packed(b"age,group,y\n1,\xe9,2\n"), r"table\.csv\.gz cannot be read as a table"),
        ("table.csv.gz", packed(b"age,group,y\n1,2\n1,2,3,4,5\n"), r"table\.csv\.gz cannot be read as a table"),
        ("table.csv.gz", packed(b""), r"table\.csv\.gz cannot be read as a table.*EmptyDataError"),
        ("table.arff", b"@relation toy\n@attribute age numeric\n@data\n1\n", r"column 'group' is missing"),
        ("table.txt", b"1 2\n3 4 5 6 7\n", r"cannot be decoded as whitespace"),
        ("cifar.tar.gz", b"", r"cifar\.tar\.gz cannot be read as a gzipped tar archive"),
        ("jpegs.npz", jpegs(train_labels=None), r"jpegs\.npz: array train_labels cannot be read"),
        ("jpegs.npz", jpegs(test_labels=np.array(["a", "b"])), r"array test_labels cannot be read as numbers"),
        ("jpegs.npz", jpegs(test_labels=np.zeros(3, np.uint8)), r"array test_offsets has 2 entries for 3 labels"),
        ("jpegs.npz", jpegs(train_bytes=np.zeros(9, np.uint8)), r"image 0 of train cannot be read as a JPEG"),
        ("jpegs.npz", jpegs(train_labels=np.array([None])), r"array train_labels cannot be read.*allow_pickle=False"),
        ("book.txt.gz", packed(b"n\xe9"), r"book\.txt\.gz cannot be read as gzipped text in UTF-8"),
        ("emoji.json.gz", emoji_json(category=None), r"emoji\.json\.gz: record 0 cannot be read.*KeyError: 'category'"),
        ("emoji.json.gz", emoji_json(sheet_x=9), r"sheet\.png cannot be read as a sheet of pictures"),
        ("emoji.json.gz", packed(b"[1]"), r"record 0 cannot be read as an emoji"),
        ("telemetry.csv.gz", packed(b"\xff\xfe\x00"), r"telemetry\.csv\.gz cannot be read as a table"),
    ],
)  # fmt: skip
def test_the_place_of_the_damage_is_named(name, content, message, read):
    """File, and column, member, array or record: what to look at."""
    with pytest.raises(DataError, match=message):
        read(name, content)


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, "text"], ids=str)
def test_a_cell_of_another_kind_names_its_column(value):
    """R data can hold anything in a cell; only text and numbers have one spelling."""
    frame = table().assign(group=[value] * 3)
    if isinstance(value, str):
        assert "text" in _content.canonical_text(frame, entry("table.csv"))
        return
    with pytest.raises(DataError, match=r"table\.csv: column 'group' cannot be read as text or numbers"):
        _content.canonical_text(frame, entry("table.csv"))


def test_a_target_that_is_no_number_names_its_column(tmp_path, monkeypatch):
    """A table that only OpenML's checksum vouches for may have changed its last column."""
    registered = entry("regression/toy.csv", content=None, columns=(), sha256=None, bytes=None, openml=1, hint=None)
    registry = Registry({registered.name: registered.model_copy(update={"dataset": "regression"})}, tmp_path, tmp_path)
    path = tmp_path / "toy.csv"
    path.write_text("a,y\n1,two\n")
    monkeypatch.setattr(regression, "fetch", lambda name, registry: path)
    monkeypatch.setattr(regression, "GROUP", "regression")
    with pytest.raises(DataError, match=r"regression/toy\.csv: column 'y' cannot be read as numbers to predict"):
        datasets.load_regression("toy", registry=registry)


# ------------------------------------------------------------------------------------------------- the registry


VALUE = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(-5, 2**40), st.booleans(), st.floats(allow_nan=False),
              st.sampled_from(["0" * 64, "0" * 32, "https://example.org/a", "http://example.org", "../a", "arff"])),
    lambda inner: st.lists(inner, max_size=3),
)  # fmt: skip


@fuzzed
@given(
    fields=st.dictionaries(st.sampled_from([*Entry.model_fields, "colour"]), VALUE),
    name=st.text(max_size=12),
    damage=st.none() | DAMAGE,
)
def test_any_registry_is_read_or_refused_by_file(tmp_path, fields, name, damage):
    """Whoever adds a data set mistypes; the message must say in which file."""
    lines = [f"[{json.dumps(name)}]", *(f"{key} = {json.dumps(value)}" for key, value in (FIELDS | fields).items())]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    path = tmp_path / "registry.toml"
    path.write_bytes(damaged(content, *damage) if damage else content)
    said = refusal(UserError, lambda: hashed(Registry.from_toml(path)))
    assert said is None or said.startswith(str(path))


def hashed(registry: Registry) -> list[str]:
    return [registry.data_hash(dataset) for dataset in registry.datasets()]


@fuzzed
@given(damage=DAMAGE)
def test_whatever_a_mirror_holds_is_verified_or_refused(tmp_path, monkeypatch, damage):
    """No other bytes than the registered ones may reach a decoder."""
    content, name = b"some hundred bytes of data" * 4, "toys/blocks.bin"

    fields = {**FIELDS, "name": name, "urls": [], "hint": "ask", "bytes": len(content)}
    good_entry = Entry.model_validate({**fields, "sha256": hashlib.sha256(content).hexdigest()})
    registry = Registry({name: good_entry}, tmp_path / "registry.toml", tmp_path / "data")
    monkeypatch.setenv("REPLICATE_DATA", str(tmp_path / "mirror"))
    path = tmp_path / "mirror" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(damaged(content, *damage))
    if path.read_bytes() == content:
        assert datasets.fetch(name, registry=registry) == path
        return
    with pytest.raises(DataError, match=r"toys/blocks\.bin in the mirror .* is corrupt: expected SHA-256"):
        datasets.fetch(name, registry=registry)
    assert datasets.verify(name, registry=registry).state == "corrupt"
