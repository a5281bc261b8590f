"""What a manifest says about the code: a commit means nothing if the files differ from it."""

import subprocess

import pytest

from replicate import machine


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return a git checkout with one committed module."""
    monkeypatch.setenv("REPLICATE_ROOT", str(tmp_path))
    (tmp_path / "replicate").mkdir()
    (tmp_path / "replicate" / "a.py").write_text("x = 1\n")
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_a_clean_checkout_is_its_commit(checkout):
    """The commit must be the whole hash."""
    found = machine.commit()
    assert len(found["commit"]) == 40
    assert not found["dirty"]


@pytest.mark.parametrize("name", ["a.py", "new.py"])
def test_changed_and_new_modules_are_dirty(checkout, name):
    """A new module is imported although git does not know it."""
    (checkout / "replicate" / name).write_text("x = 2\n")
    assert machine.commit()["dirty"]


def test_results_do_not_make_code_dirty(checkout):
    """A run writes results before its manifest."""
    (checkout / "results").mkdir()
    (checkout / "results" / "table.csv").write_text("a\n")
    assert not machine.commit()["dirty"]


def test_outside_git_nothing_is_claimed(tmp_path, monkeypatch):
    """A source archive has no commit."""
    monkeypatch.setenv("REPLICATE_ROOT", str(tmp_path))
    assert machine.commit() == {"commit": None, "dirty": None}
