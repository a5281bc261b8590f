"""Survival data: every source gives the same frame, wrong values are refused, counts are the published ones."""

import hashlib
import os
import re
import socket
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdata

import replicate.datasets as datasets
from replicate.datasets import Registry, Unavailable, _content, load_survival
from replicate.datasets._survival_packages import PACKAGED
from replicate.datasets._survival_recipes import RECIPES
from replicate.errors import DataError, UserError

REGISTRY = datasets.default_registry()
BUNDLED = sorted(PACKAGED)
# R's registered objects: each needs a download where there is no mirror.
FROM_R = sorted(entry.dataset for entry in REGISTRY.entries.values() if entry.r_object)
# Subjects and events: the paper's specification, section 3, and the data README.
COUNTS = {
    "actg320": (1151, 96),
    "bc": (686, 299),
    "e1684": (285, 197),
    "flchain": (7871, 2166),
    "gbsg": (686, 299),
    "larynx": (90, 50),
    "lung": (228, 165),
    "myeloma": (3882, 2769),
    "nafld1": (17549, 1364),
    "ovarian": (26, 12),
    "protect": (200, 163),
    "rossi": (432, 114),
    "rotterdam": (2982, 1670),
    "veteran": (137, 128),
    "whas500": (500, 215),
}
MIRROR = os.environ.get("REPLICATE_DATA")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="needs the real files in $REPLICATE_DATA")


@pytest.fixture
def no_mirror(monkeypatch, tmp_path):
    """Return the real registry with an empty cache and no mirror."""
    monkeypatch.delenv("REPLICATE_DATA", raising=False)
    return Registry(REGISTRY.entries, REGISTRY.path, tmp_path / "data")


@pytest.fixture
def trial():
    """Return a toy of e1684's layout, with a gap and long decimals."""
    return pd.DataFrame(
        {
            "TRT": [1, 0, 1, 0],
            "FAILTIME": [1.15068, 0.0, 2 / 3, 9.5],
            "FAILCENS": [1, 1, 0, 1],
            "AGE": [-11.0359436619718, 1 / 3, np.nan, 0.0],
            "SEX": [0.0, 1.0, np.nan, 1.0],
        }
    )


@pytest.fixture
def toy(tmp_path, monkeypatch, trial):
    """Return a function that registers ``trial`` as e1684, as R data to download from ``urls``."""
    monkeypatch.delenv("REPLICATE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def build(*urls) -> Registry:
        entry = REGISTRY.entry("survival/e1684.csv")
        text = _content.canonical_text(trial, entry)
        changes = {"urls": urls, "content": hashlib.sha256(text.encode()).hexdigest()}
        return Registry({entry.name: entry.model_copy(update=changes)}, REGISTRY.path, tmp_path / "data")

    return build


def put_r_data(folder: Path, table: pd.DataFrame, name: str = "e1684") -> Path:
    path = folder / "survival" / f"{name}.rda"
    path.parent.mkdir(parents=True, exist_ok=True)
    rdata.write_rda(path, {"other": pd.DataFrame({"x": [1.0]}), name: table})
    return path


# the sets that ship inside packages


def test_every_set_is_registered_and_counted():
    """A set without registry entry, recipe or expected counts would fail only when somebody loads it."""
    assert datasets.survival_names() == sorted(RECIPES) == sorted(COUNTS)
    assert all(len(REGISTRY.names(name)) == 1 for name in COUNTS)
    bundled = [
        entry.dataset for entry in REGISTRY.entries.values() if entry.bundled and entry.name.startswith("survival/")
    ]
    assert sorted(bundled) == BUNDLED


@pytest.mark.parametrize("name", BUNDLED)
def test_packaged_sets_load_without_mirror_and_network(no_mirror, name):
    """A package's new version or coding would change the data unnoticed."""
    data = load_survival(name, registry=no_mirror)
    assert (data.n, data.n_events) == COUNTS[name]
    assert data.origin == REGISTRY.entry(REGISTRY.names(name)[0]).bundled
    check_frame(data)


def check_frame(data):
    frame = data.frame
    assert (frame["time"] > 0).all()
    assert frame["event"].dtype == np.int64
    assert set(frame["event"]) == {0, 1}
    assert list(frame)[:2] == ["time", "event"]
    covariates = frame[list(data.covariates)]
    assert not covariates.isna().any().any()
    assert all(pd.api.types.is_numeric_dtype(dtype) for dtype in covariates.dtypes)
    assert all(re.fullmatch(r"[A-Za-z]\w*", name) for name in frame)


def test_at_hand_lists_what_needs_no_network(no_mirror, tmp_path, monkeypatch):
    """The notebook would choose a set that it cannot load, or pass over one that it can."""
    assert datasets.survival_at_hand(registry=no_mirror) == BUNDLED
    folder = tmp_path / "mirror" / "survival"
    folder.mkdir(parents=True)
    (folder / "e1684.csv").write_text("damaged")
    monkeypatch.setenv("REPLICATE_DATA", str(tmp_path / "mirror"))
    assert datasets.survival_at_hand(registry=no_mirror) == BUNDLED


def test_units_and_dropped_rows(no_mirror):
    """Times would be off by a factor, or rows vanish without a reason."""
    veteran = load_survival("veteran", registry=no_mirror)
    assert (veteran.unit, veteran.frame["time"].max()) == ("months", 999 / 30.4375)
    assert load_survival("lung", registry=no_mirror).frame["time"].max() == 1022 / 365.25
    assert load_survival("rossi", registry=no_mirror).frame["time"].max() == 52
    flchain = load_survival("flchain", registry=no_mirror)
    assert (dict(flchain.dropped), flchain.n_dropped) == ({"time <= 0": 3}, 3)


def test_dummies_mark_what_they_are_named_after(no_mirror):
    """A reversed or shifted dummy would flip an effect."""
    veteran = load_survival("veteran", registry=no_mirror).frame
    pd.testing.assert_series_equal(veteran["treated"], veteran["trt"] - 1, check_names=False)
    for cell in ("smallcell", "adeno", "large"):
        assert veteran.loc[veteran[cell] == 1, "celltype"].unique().tolist() == [cell]
    lung = load_survival("lung", registry=no_mirror).frame
    assert (lung["female"].sum(), lung.groupby("sex")["event"].sum().tolist()) == (90, [112, 53])
    larynx = load_survival("larynx", registry=no_mirror).frame
    assert larynx[["stage2", "stage3", "stage4"]].sum().tolist() == [17, 27, 13]
    gbsg = load_survival("gbsg", registry=no_mirror).frame
    assert (gbsg["hormon"].sum(), gbsg["grade3"].sum()) == (246, 161)
    assert gbsg["size_20_50"].equals(((gbsg["size"] > 20) & (gbsg["size"] <= 50)).astype(int))


def test_gbsg_comes_in_no_order(no_mirror):
    """The first rows, which smoke presets take, would be the youngest patients."""
    gbsg = load_survival("gbsg", registry=no_mirror).frame
    rank = np.arange(len(gbsg))
    assert gbsg[["age", "time", "nodes", "size"]].corrwith(pd.Series(rank)).abs().max() < 0.1


def test_complete_drops_rows_with_gaps_and_says_so(no_mirror):
    """A design matrix would contain NaN, or 14 patients would vanish silently."""
    lung = load_survival("lung", registry=no_mirror)
    complete = lung.complete("wt_loss", "female")
    assert (complete.n, dict(complete.dropped)) == (214, {"wt_loss missing": 14})
    assert complete.covariates == ("female", "age", "wt_loss")
    assert (lung.n, dict(lung.dropped)) == (228, {})
    with pytest.raises(UserError, match=r"no column 'wt\.loss' in lung: did you mean 'wt_loss'"):
        lung.complete("wt.loss")


def test_package_with_other_values_is_refused(no_mirror, monkeypatch):
    """The same data hash would stand for other data."""
    table = PACKAGED["rossi"]()
    monkeypatch.setitem(PACKAGED, "rossi", lambda: table.assign(age=table["age"] + (table.index == 7)))
    registered = REGISTRY.entry("survival/rossi.csv").content
    expected = rf"rossi from lifelines: its values differ.*expected content SHA-256 {registered}, found [0-9a-f]{{64}}"
    with pytest.raises(DataError, match=expected):
        load_survival("rossi", registry=no_mirror)


def test_package_without_the_data_says_what_to_do(no_mirror, monkeypatch):
    """The user would face an ImportError from the depths of a loader."""

    def gone():
        raise ImportError("cannot import name 'load_rossi'")

    monkeypatch.setitem(PACKAGED, "rossi", gone)
    with pytest.raises(DataError, match=r"rossi cannot be read from lifelines.*set REPLICATE_DATA"):
        load_survival("rossi", registry=no_mirror)


def test_damaged_cache_of_a_packaged_set_gives_way_to_the_package(no_mirror):
    """One damaged file would hide data that are on the machine."""
    path = no_mirror.cache_folder / "survival" / "rossi.csv"
    path.parent.mkdir(parents=True)
    path.write_text("damaged")
    with pytest.warns(UserWarning, match=r"cached survival/rossi\.csv was corrupt"):
        assert load_survival("rossi", registry=no_mirror).origin == "lifelines"


# the sets that have to be downloaded


def test_r_data_in_the_cache_is_read_and_tidied(toy, trial, tmp_path):
    """Downloads would be useless, or a row without time enter the likelihood."""
    put_r_data(tmp_path / "data" / "cache", trial)
    data = load_survival("e1684", registry=toy())
    assert (data.origin, data.unit, dict(data.dropped)) == ("download", "years", {"time <= 0": 1})
    assert data.frame["time"].tolist() == [1.15068, 0.666666667, 9.5]
    assert data.complete("AGE", "SEX").n == 2
    assert datasets.verify("survival/e1684.csv", registry=toy()).state == "verified"
    assert datasets.locate("survival/e1684.csv", registry=toy()).path.name == "e1684.rda"


def test_r_data_is_downloaded_once_and_verified_by_its_values(toy, trial, tmp_path, monkeypatch):
    """The hash of R's own file is not known: without a check of the values anything would pass."""
    served = put_r_data(tmp_path / "site", trial)
    calls = []

    def stream(url, partial):
        calls.append(url)
        partial.write_bytes(served.read_bytes())

    monkeypatch.setattr("replicate.datasets._download._stream", stream)
    registry = toy("https://example.org/data/e1684.rda")
    assert load_survival("e1684", registry=registry).n == 3
    assert load_survival("e1684", registry=registry).origin == "download"
    assert calls == ["https://example.org/data/e1684.rda"]
    assert [path.name for path in (registry.cache_folder / "survival").iterdir()] == ["e1684.rda"]


@pytest.mark.parametrize("change", ["value", "dropped row", "swapped rows", "no column", "other object", "no R data"])
def test_wrong_downloads_are_refused_and_not_kept(toy, trial, tmp_path, monkeypatch, change):
    """Another version of the data would pass for the registered one."""
    changed = {
        "value": trial.assign(AGE=trial["AGE"] * (1 + 1e-7)),
        "dropped row": trial.iloc[:3],
        "swapped rows": trial.iloc[[1, 0, 2, 3]].reset_index(drop=True),
        "no column": trial.drop(columns="SEX"),
    }.get(change, trial)
    content = put_r_data(tmp_path / "site", changed, "bmt" if change == "other object" else "e1684").read_bytes()
    if change == "no R data":
        content = b"<!DOCTYPE html><html>log in</html>"
    monkeypatch.setattr("replicate.datasets._download._stream", lambda _, partial: partial.write_bytes(content))
    registry = toy("https://example.org/data/e1684.rda")
    reasons = {
        "no column": "column 'SEX' is missing",
        "other object": r"no table 'e1684' \(found: other, bmt\)",
        "no R data": r"cannot be decoded as R data.*HTML page",
    }
    differ = rf"expected content SHA-256 {registry.entry('survival/e1684.csv').content}, found [0-9a-f]{{64}}"
    with pytest.raises(Unavailable, match=rf"survival/e1684\.csv is not on.*{reasons.get(change, differ)}"):
        load_survival("e1684", registry=registry)
    assert list((registry.cache_folder / "survival").iterdir()) == []


def test_damaged_r_data_in_the_cache_is_moved_aside(toy, trial, tmp_path):
    """A damaged download would have to be deleted by hand."""
    path = put_r_data(tmp_path / "data" / "cache", trial)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(UserWarning, match="was corrupt"), pytest.raises(Unavailable):
        load_survival("e1684", registry=toy())
    assert path.with_name("e1684.rda.corrupt").exists()


def test_offline_is_one_sentence_that_says_what_to_do(toy):
    """The user would face a traceback of the network library."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match=r"no connection\): set REPLICATE_DATA") as caught:
        load_survival("e1684", registry=toy(f"http://127.0.0.1:{port}/e1684.rda"))
    message = str(caught.value)
    assert "survival_at_hand() lists the sets that need no download" in message
    assert "\n" not in message


def test_codings_of_r_survive_the_canonical_text(tmp_path):
    """Factors, logicals, text and missing integers come as other types than in the CSV."""
    table = pd.DataFrame(
        {
            "size": pd.Categorical(["<=20", ">50", ">50"]),
            "group": pd.Series(["Good", None, "Poor"], dtype=object),  # rdata writes no Arrow strings
            "event": [True, False, True],
            "count": pd.array([1, None, 3], dtype="Int32"),
            "zero": [-0.0, 1e10, 123456.789012],
        }
    )
    entry = REGISTRY.entry("survival/e1684.csv").model_copy(update={"columns": tuple(table)})
    text = _content.file_text(put_r_data(tmp_path, table), entry)
    assert text == "size,group,event,count,zero\n<=20,Good,1,1,0\n>50,,0,,1e+10\n>50,Poor,1,3,123456.789\n"
    again = _content.parse(text)
    assert _content.canonical_text(again, entry) == text


# hashes and mistakes


def test_data_hashes_need_no_data_and_know_no_source(no_mirror, tmp_path, monkeypatch):
    """Cached results would depend on where the data came from, or a dry run download them."""
    before = {name: datasets.data_hash(name, registry=no_mirror) for name in COUNTS}
    assert len(set(before.values())) == len(COUNTS)
    monkeypatch.setenv("REPLICATE_DATA", str(tmp_path))
    assert {name: datasets.data_hash(name) for name in COUNTS} == before
    entry = REGISTRY.entry("survival/e1684.csv")
    other = entry.model_copy(update={"sha256": "0" * 64, "bytes": 1, "urls": ()})
    same_values = Registry({entry.name: other}, REGISTRY.path)
    assert same_values.data_hash("e1684") == before["e1684"]


def test_unknown_set_proposes_the_nearest():
    """The user would have to open the registry."""
    with pytest.raises(UserError, match="no survival data 'e1864': did you mean 'e1684'"):
        load_survival("e1864")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f'content = "{"0" * 64}"', "content and columns belong together"),
        ('columns = ["a"]', "content and columns belong together"),
        ('r_object = "a"', "r_object, layout and unordered say how to read a table"),
        ("unordered = true", "r_object, layout and unordered say how to read a table"),
    ],
)
def test_half_a_table_in_the_registry_is_refused(tmp_path, line, message):
    """Values would go unchecked."""
    fields = [f'{key} = "toy"' for key in ("dataset", "licence", "origin", "citation", "hint")]
    fields += [f'sha256 = "{"0" * 64}"', "bytes = 1", "urls = []", line]
    path = tmp_path / "registry.toml"
    path.write_text("\n".join(['["a.csv"]', *fields]))
    with pytest.raises(UserError, match=message):
        Registry.from_toml(path)


# against the mirror's files


@pytest.mark.data
@needs_mirror
@pytest.mark.parametrize("name", sorted(COUNTS))
def test_mirror_against_the_published_counts(name):
    """Rows would be lost, or an event code misread."""
    data = load_survival(name)
    assert (data.n, data.n_events, data.origin) == (*COUNTS[name], "mirror")
    check_frame(data)


@pytest.mark.data
@needs_mirror
@pytest.mark.parametrize("name", BUNDLED)
def test_package_and_mirror_hold_the_same_data(name):
    """The package's rows would be other patients, an older version, or recoded otherwise."""
    entry = REGISTRY.entry(REGISTRY.names(name)[0])
    mirror = pd.read_csv(datasets.fetch(entry.name))[list(entry.columns)]
    package = PACKAGED[name]()[list(entry.columns)]
    if entry.unordered:
        mirror, package = (table.sort_values(list(entry.columns), ignore_index=True) for table in (mirror, package))
    for column in entry.columns:
        kind = object if mirror[column].dtype.kind not in "iufb" else float
        for one, other in zip(mirror[column].astype(kind), package[column].astype(kind), strict=True):
            assert one == other or (pd.isna(one) and pd.isna(other)), column


@pytest.mark.data
@needs_mirror
@pytest.mark.parametrize("name", BUNDLED)
def test_package_and_mirror_give_the_same_frame(no_mirror, name, monkeypatch):
    """Results would depend on the machine."""
    package = load_survival(name, registry=no_mirror)
    monkeypatch.setenv("REPLICATE_DATA", MIRROR)
    mirror = load_survival(name)
    assert (package.origin, mirror.origin) == (REGISTRY.entry(REGISTRY.names(name)[0]).bundled, "mirror")
    pd.testing.assert_frame_equal(package.frame, mirror.frame, check_exact=True)


@pytest.mark.data
@needs_mirror
@pytest.mark.parametrize("name", FROM_R)
def test_r_data_and_mirror_give_the_same_frame(no_mirror, name, monkeypatch):
    """What R stores (factors, more digits than the CSV's 15) would be refused, or give another frame."""
    monkeypatch.setenv("REPLICATE_DATA", MIRROR)
    entry = REGISTRY.entry(REGISTRY.names(name)[0])
    table = pd.read_csv(datasets.fetch(entry.name))
    mirror = load_survival(name)
    for column in table.select_dtypes("float"):
        table[column] *= 1 + 2e-15
    texts = {column: table[column].astype("category") for column in table if table[column].dtype.kind not in "iufb"}
    path = put_r_data(no_mirror.cache_folder, table.assign(**texts), entry.r_object)
    path.rename(no_mirror.cache_folder / Path(entry.name).with_suffix(".rda"))
    monkeypatch.delenv("REPLICATE_DATA")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        download = load_survival(name, registry=no_mirror)
    assert download.origin == "download"
    pd.testing.assert_frame_equal(download.frame, mirror.frame, check_exact=True)


@pytest.mark.data
@needs_mirror
def test_what_the_preparation_says_about_single_sets():
    """bc would be in years of 365.25 days, rotterdam's end point something else than its text says."""
    original = pd.read_csv(datasets.fetch("survival/bc_flexsurv.csv"))
    np.testing.assert_allclose(load_survival("bc").frame["time"], original["recyrs"], rtol=1e-14)
    assert load_survival("bc").frame[["medium", "poor"]].sum().tolist() == [229, 228]
    e1684 = load_survival("e1684")
    assert e1684.complete("AGE", "SEX").n == 284
    assert e1684.frame.groupby("TRT")["event"].agg(["size", "sum"]).to_numpy().tolist() == [[140, 105], [145, 92]]
    rotterdam = load_survival("rotterdam").frame
    late_deaths = (rotterdam["recur"] == 0) & (rotterdam["death"] == 1) & (rotterdam["event"] == 0)
    assert (late_deaths.sum(), rotterdam["recur"].sum()) == (43, 1518)
    myeloma = load_survival("myeloma").frame
    assert ((myeloma["entry"] < myeloma["time"]).all(), (myeloma["entry"] > 0).sum()) == (True, 1688)
