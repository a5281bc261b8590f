"""A directory is a result only if its manifest says so and every file is as listed."""

import json

import pytest

from replicate import manifest


@pytest.fixture
def run(tmp_path):
    """Return a complete run directory with a table in a subfolder."""
    (tmp_path / "run" / "tables").mkdir(parents=True)
    (tmp_path / "run" / "tables" / "a.csv").write_text("x\n1\n")
    (tmp_path / "run" / "claims.csv").write_text("claim\nC1\n")
    (tmp_path / "run" / ".progress.json").write_text("{}")
    manifest.write(tmp_path / "run", {"status": "complete", "slug": "toy"})
    return tmp_path / "run"


def test_a_whole_run_is_complete(run):
    """Results that are whole must be reported."""
    found = manifest.read(run)
    assert (found.state, found.why, found.path) == ("complete", "", run)
    assert found.manifest["slug"] == "toy"
    assert list(found.manifest["files"]) == ["claims.csv", "tables/a.csv"]


def test_hidden_files_are_not_part_of_a_run(run):
    """The progress file is removed at the end: listing it would make every run incomplete."""
    (run / ".progress.json").unlink()
    assert manifest.read(run).state == "complete"


def test_no_directory_is_absent(tmp_path):
    """Never run is not the same as damaged."""
    assert manifest.read(tmp_path / "none").state == "absent"
    (tmp_path / "file").write_text("")
    assert manifest.read(tmp_path / "file").state == "absent"


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda p: p.unlink(), "tables/a.csv is missing"),
        (lambda p: p.write_text("x\n"), "tables/a.csv has 2 bytes instead of 4"),
        (lambda p: p.write_text("x\n2\n"), "tables/a.csv has changed since the run"),
        (lambda p: (p.unlink(), p.mkdir()), "tables/a.csv is missing"),
    ],
    ids=["missing", "truncated", "changed", "a folder"],
)
def test_damaged_files_make_a_run_incomplete(run, damage, why):
    """A truncated or edited table must not count as a result."""
    damage(run / "tables" / "a.csv")
    assert (manifest.read(run).state, manifest.read(run).why) == ("incomplete", why)


def test_a_run_that_stopped_says_where(run):
    """A run killed between measuring and publishing is not complete."""
    manifest.write(run, {"status": "measured"})
    assert manifest.read(run).state == "incomplete"
    assert manifest.read(run).why == "the run stopped while 'measured'"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b'"text"', b"3", b"\xff\xfe", b"{}", b'{"status": "complete"}',
        b'{"status": "complete", "files": []}', b'{"status": "complete", "files": null}',
        b'{"status": "complete", "files": {"claims.csv": null}}',
        b'{"status": "complete", "files": {"claims.csv": {"bytes": 9}}}',
        b'{"status": "complete", "files": {"claims.csv": []}}',
    ],
)  # fmt: skip
def test_garbage_is_incomplete_and_never_an_exception(run, content):
    """One damaged folder must not take the whole report down."""
    (run / manifest.NAME).write_bytes(content)
    found = manifest.read(run)
    assert found.state == "incomplete"
    assert found.why.startswith("no readable manifest.json")


def test_a_missing_manifest_is_incomplete(run):
    """A folder of files alone is what a killed run leaves."""
    (run / manifest.NAME).unlink()
    assert manifest.read(run).why == "no readable manifest.json (FileNotFoundError)"


def test_the_schema_comes_first_and_old_file_lists_are_replaced(run):
    """A stale list of files would describe another run."""
    manifest.write(run, {"status": "complete", "files": {"gone": {}}})
    raw = json.loads((run / manifest.NAME).read_text())
    assert list(raw) == ["schema", "status", "files"]
    assert "gone" not in raw["files"]
