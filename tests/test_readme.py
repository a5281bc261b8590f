"""The README stays true: its scorecard is the snapshot's, its files and targets exist."""

import re

import pytest

from replicate import paper as papers
from replicate.paths import project_root
from replicate.readme import picture_of_snapshot, picture_path, updated

TEXT = (project_root() / "README.md").read_text(encoding="utf-8")


def test_the_scorecard_is_the_snapshots():
    """A scorecard edited by hand, or left behind by a new snapshot, would be a false claim."""
    assert updated(TEXT) == TEXT


def test_the_picture_is_the_snapshots():
    """It is what most readers look at, and the only thing some do."""
    assert picture_path().read_text(encoding="utf-8") == picture_of_snapshot()


def test_a_readme_without_marks_is_refused():
    """Otherwise the scorecard would be lost in silence."""
    with pytest.raises(ValueError, match="lacks the marks"):
        updated("# nothing")


def test_every_paper_and_linked_file_is_there():
    """A dead link on the first page is the first impression."""
    for slug in papers.slugs():
        assert f"`{slug}`" in TEXT
    for link in re.findall(r"\]\(([^)h][^)]*)\)", TEXT):
        assert (project_root() / link).exists(), link


def test_every_make_target_named_exists():
    """A command that fails as typed loses a user."""
    makefile = (project_root() / "Makefile").read_text()
    named = set(re.findall(r"^make ([a-z_]+)", TEXT, flags=re.M)) - set(papers.slugs())
    assert all(re.search(rf"^{name}:", makefile, flags=re.M) for name in named)
