"""The examples in docstrings, which the site shows, run and give what they say."""

import doctest
from importlib import import_module

import pytest

from replicate import paper
from replicate.paths import PACKAGE

WITH_EXAMPLES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
}
# what only makes sense within a run or a training of hours
SKETCHES = {"replicate.checkpoint", "replicate.run"}


@pytest.mark.parametrize("name", sorted(WITH_EXAMPLES.keys() - SKETCHES))
def test_examples_give_what_they_say(name):
    """An example that does not run is worse than none: readers start from it."""
    found = doctest.testmod(import_module(name))
    assert found.failed == 0
    assert found.attempted > 0


@pytest.mark.parametrize("slug", paper.slugs())
def test_every_paper_has_an_example(slug):
    """A paper's method is a library, and the site's page of a library begins with its use."""
    assert any(name.startswith(f"replicate.papers.{slug}.") for name in WITH_EXAMPLES), slug


def test_only_sketches_are_skipped():
    """A skipped example is an unchecked promise."""
    assert {name for name, text in WITH_EXAMPLES.items() if "doctest: +SKIP" in text} == SKETCHES
