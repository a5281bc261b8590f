"""A run exported as an RO-Crate is whole, describes itself, and names where its data come from."""

import hashlib
import json
import zipfile

import pytest

from replicate import report
from replicate.cli import app

rocrate = pytest.importorskip("rocrate.rocrate", reason="needs the extra 'report' (make test installs it)")
from typer.testing import CliRunner  # noqa: E402

from replicate.export import export  # noqa: E402

MADE = {
    "preset": "smoke",
    "finished": "2024-01-02T03:04:05Z",
    "code": {"commit": "abc123", "dirty": True},
    "ingredients": {"data mnist": "0123", "data unknown_to_this_version": "4567", "parameter dim": "2"},
}


@pytest.fixture
def crate(make_run, tmp_path):
    """Return a complete toy run and its exported crate, unpacked."""
    run = make_run(tmp_path / "smoke" / "toy", **MADE)
    (result,), problems = report.read_runs([run])
    assert not problems
    path = export(result, tmp_path / "smoke" / "export" / "toy-smoke.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    return run, tmp_path / "unpacked"


@pytest.fixture
def graph(crate):
    """Return the crate's entities by their id."""
    text = (crate[1] / "ro-crate-metadata.json").read_text("utf-8")
    return {entity["@id"]: entity for entity in json.loads(text)["@graph"]}


def _references(value) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [v["@id"] for v in values if isinstance(v, dict)]


def test_every_file_of_the_run_is_inside_and_unchanged(crate):
    """An archive that lacks a table, or has another one, proves nothing."""
    run, unpacked = crate
    files = [p.relative_to(run) for p in run.rglob("*") if p.is_file()]
    assert len(files) == 5
    for name in files:
        assert (unpacked / name).read_bytes() == (run / name).read_bytes(), name


def test_metadata_obeys_the_specification(graph, crate):
    """RO-Crate 1.1: descriptor, root with its four properties, typed entities, no reference into the void."""
    descriptor, root = graph["ro-crate-metadata.json"], graph["./"]
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset"
    assert all(root.get(name) for name in ("name", "description", "datePublished", "license"))
    assert all(entity.get("@type") for entity in graph.values())
    inside = {reference for e in graph.values() for value in e.values() for reference in _references(value)}
    assert inside - {"https://w3id.org/ro/crate/1.1"} <= graph.keys()
    files = {i: e for i, e in graph.items() if e["@type"] == "File"}
    assert set(_references(root["hasPart"])) == set(files)
    for name, entity in files.items():
        content = (crate[1] / name).read_bytes()
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
        assert entity["contentSize"] == str(len(content))
        assert "/" in entity["encodingFormat"]


def test_it_can_be_read_back(crate):
    """By the library that everybody else reads crates with."""
    found = rocrate.ROCrate(crate[1])
    assert "On toys" in found.name
    assert found.datePublished.isoformat().startswith("2024-01-02T03:04:05")
    assert {e.id for e in found.data_entities} >= {"toy.ipynb", "tables/accuracy.csv", "claims.csv", "manifest.json"}


def test_it_says_what_made_it_and_from_which_data(graph):
    """Paper, version, changes not committed, machine, and each data file's origin and licence."""
    assert graph["https://arxiv.org/abs/1234.56789"]["@type"] == "ScholarlyArticle"
    assert graph["#replicate"]["softwareVersion"] == "abc123 with changes"
    run = graph["#run"]
    assert (run["@type"], run["endTime"]) == ("CreateAction", MADE["finished"])
    assert run["description"] == "12 s on a processor, device cpu"
    assert len(_references(run["object"])) == 4  # the files of MNIST; a data set that is not registered has no origin
    origin = graph["#data/images/train-images-idx3-ubyte.gz"]
    assert origin["license"] == "CC BY-SA 3.0"
    assert origin["contentUrl"][0].startswith("https://")
    assert len(origin["sha256"]) == 64


def test_the_command_refuses_what_is_not_complete(isolated, read_toy, make_run):
    """Half a result must not leave the house."""
    read_toy()
    folder = isolated.root / "results" / "smoke"
    make_run(folder / "toy", **MADE)
    done = CliRunner().invoke(app, ["export", "toy", "--preset", "smoke"])
    assert done.exit_code == 0, done.output
    assert (folder / "export" / "toy-smoke.zip").is_file()
    assert [r.slug for r in report.results(folder)[0]] == ["toy"], "the exported file must not count as a run"
    (folder / "toy" / "claims.csv").write_text("claim\n")
    done = CliRunner().invoke(app, ["export", "toy", "--preset", "smoke"])
    assert done.exit_code == 1
    assert "claims.csv has 6 bytes" in " ".join(done.output.split())
