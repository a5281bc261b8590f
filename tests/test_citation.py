"""CITATION.cff can be read by those who cite: version 1.2.0 of the format, in step with the package."""

import datetime
import re
import tomllib

import yaml

from replicate.paths import project_root

REQUIRED = {"cff-version", "message", "title", "authors"}
ALLOWED = REQUIRED | {
    "abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url",
    "preferred-citation", "references", "repository", "repository-artifact", "repository-code", "type", "url",
    "version",
}  # fmt: skip
PERSON = {
    "affiliation",
    "alias",
    "email",
    "family-names",
    "given-names",
    "name-particle",
    "name-suffix",
    "orcid",
    "website",
}
ENTITY = {"address", "city", "country", "date-end", "date-start", "email", "location", "name", "orcid", "website"}


def _citation() -> dict:
    return yaml.safe_load((project_root() / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_file_has_what_the_format_demands_and_nothing_it_does_not_know():
    """One unknown key, and every reader of the format rejects the whole file."""
    found = _citation()
    assert REQUIRED <= found.keys() <= ALLOWED
    assert found["cff-version"] == "1.2.0"
    assert found.get("type", "software") in {"software", "dataset"}
    assert all(isinstance(found[key], str) and found[key] for key in REQUIRED - {"authors"})
    assert isinstance(found.get("date-released", datetime.date.min), datetime.date)


def test_authors_are_persons_or_entities():
    """The two kinds have different keys; a mixture is neither."""
    authors = _citation()["authors"]
    assert authors
    for author in authors:
        assert author.keys() <= (ENTITY if "name" in author else PERSON), author
        assert all(isinstance(value, str) and value for value in author.values())


def test_version_and_licence_are_the_packages():
    """A citation of a version that never was cannot be followed up."""
    project = tomllib.loads((project_root() / "pyproject.toml").read_text())["project"]
    found = _citation()
    assert str(found["version"]) == project["version"]
    assert found["license"] == project["license"]
    assert re.fullmatch(r"[A-Za-z0-9.-]+", found["license"])
