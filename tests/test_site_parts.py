"""The pieces of the site: notebooks with marks, documents with links that hold, the library read from its source."""

import json

import pytest

from replicate import report
from replicate.errors import UserError
from replicate.site import api, build, documents, notebook, pages

SHEET = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Toy\n", "\n", "Of nothing."]},
        {
            "cell_type": "code",
            "metadata": {},
            "source": 'run.figure("curve", draw())',
            "outputs": [],
            "execution_count": 1,
        },
        {"cell_type": "code", "metadata": {}, "source": 'title = "curve"', "outputs": [], "execution_count": 2},
        {
            "cell_type": "code",
            "metadata": {},
            "source": 'run.measure("C1", a)\nrun.measure("C1-b", b)',
            "outputs": [],
            "execution_count": 3,
        },
    ],
    "metadata": {"widgets": {"state": {}}, "kernelspec": {"name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def _page(sheet=SHEET, claims=("C1", "C1-b"), figures=("curve",)):
    page = notebook.page(sheet, title="On toys", head="<p>claims</p>", tail="## End", claims=claims, figures=figures)
    return page, [notebook.source(cell) for cell in page["cells"]]


def test_claims_come_first_and_the_title_stays_on_top():
    """A reader wants the verdicts before the argument."""
    _, texts = _page()
    assert texts[0].startswith("# Toy\n")
    assert "<p>claims</p>" in texts[0]
    assert texts[1].strip() == "Of nothing."
    assert texts[-1] == "## End"


def test_a_notebook_without_a_title_gets_the_papers():
    """Sphinx would show the page without a name."""
    _, texts = _page({**SHEET, "cells": SHEET["cells"][1:]})
    assert texts[0].startswith("# On toys\n")
    assert _page({**SHEET, "cells": []})[1][0].startswith("# On toys\n")


def test_marks_stand_before_the_cells_that_draw_and_measure():
    """A link to the wrong cell is worse than none; a name in a string draws nothing."""
    _, texts = _page()
    at = {name: next(i for i, t in enumerate(texts) if f'id="{name}"' in t) for name in ("figure-curve", "measured-C1")}
    assert "run.figure" in texts[at["figure-curve"] + 1]
    assert 'run.measure("C1"' in texts[at["measured-C1"] + 1]
    assert sum(text.count('id="figure-curve"') for text in texts) == 1
    assert "measured-C1-b" in texts[at["measured-C1"]]


def test_the_executed_notebook_is_not_changed_and_sliders_are_left_out():
    """The page is a copy; the state of widgets would ask another host for scripts."""
    before = json.dumps(SHEET)
    page, _ = _page()
    assert json.dumps(SHEET) == before
    assert page["metadata"] == {"kernelspec": {"name": "python3"}}
    assert len({cell["id"] for cell in page["cells"]}) == len(page["cells"])


def test_text_of_claims_is_escaped(make_run, tmp_path, toy_paper_toml, read_toy):
    """'A < B' in a statement must not become a tag."""
    paper = read_toy(toy_paper_toml(("A beats B.", "A < B & <b>C</b>")))
    make_run(tmp_path / "smoke" / "toy", paper=paper)
    found, problems = report.results(tmp_path / "smoke")
    pages.write(tmp_path / "source", tmp_path / "files", found, [*problems, "third: <failed>"], preset="smoke")
    first = (tmp_path / "source" / "index.md").read_text()
    assert "A &lt; B &amp; &lt;b&gt;C&lt;/b&gt;" in first
    assert "third: &lt;failed&gt;" in first
    page = (tmp_path / "source" / "papers" / "toy.ipynb").read_text()
    assert "A &lt; B &amp; &lt;b&gt;C&lt;/b&gt;" in page
    assert "Batch size" in page
    assert "2024-01-02" in page
    assert (tmp_path / "files" / "runs" / "toy" / "tables" / "accuracy.csv").is_file()


def test_links_between_documents_become_links_between_pages(tmp_path):
    """On the site a link to a file of the repository leads nowhere: it keeps its words only."""
    names = {(tmp_path / "CONTRIBUTING.md").resolve(): "contributing"}
    text = "[add](CONTRIBUTING.md#rules), [code](x.py), [web](https://a.b/c.md), [here](#there), ![p](x.png)"
    wanted = "[add](contributing.md#rules), code, [web](https://a.b/c.md), [here](#there), ![p](x.png)"
    assert documents.linked(text, tmp_path, names) == wanted


def test_the_documents_a_reader_looks_for_are_there():
    """Verdicts, architecture, adding a paper, data: what the first page promises."""
    assert {"verdicts", "architecture", "adding-a-paper", "contributing", "data"} <= documents.found().keys()


CODE = '''"""Toys <and> more."""
from dataclasses import dataclass

def _hidden():
    """Hide."""

def undocumented(): ...

def play(x: float, *, loud: bool = False) -> str:
    """Play.

    Args:
        x: a number < 3.
    """

@dataclass(frozen=True)
class Toy:
    """A toy."""

    name: str
    size: int = 3
    _secret: int = 0

    @property
    def big(self) -> bool:
        """Whether it is big."""

    @classmethod
    def make(cls, name) -> "Toy":
        """Make one."""

    @staticmethod
    def count(toys) -> int:
        """Count."""

    def _inner(self):
        """Hide."""
'''


def test_a_docstrings_first_line_sets_backticks_as_code():
    """Markup shown as typed is noise on a page of text."""
    text = api.module_section("replicate.toys", 'def f():\n    """Return ``x`` of `y` < 3, not `` alone."""\n')
    assert "<span>Return <code>x</code> of <code>y</code> &lt; 3, not `` alone.</span>" in text


def test_library_pages_show_signatures_and_docstrings_of_public_names():
    """What is private or undocumented is no promise."""
    text = api.module_section("replicate.toys", CODE)
    assert text.startswith("## toys\n")
    for shown in (
        "play(x: float, *, loud: bool=False) -&gt; str",
        "class Toy(name: str, size: int = 3)",
        "<code>big</code>",
        "<code>make(name)",
        "<code>count(toys)",
        "a number &lt; 3.",
        "Toys &lt;and&gt; more.",
        'id="replicate.toys.Toy.make"',
    ):
        assert shown in text, shown
    for hidden in ("_hidden", "undocumented", "_secret", "_inner", "self"):
        assert hidden not in text, hidden


def test_library_pages_cover_every_folder_of_the_package(tmp_path):
    """A paper's method is a library, too."""
    api.write(tmp_path)
    names = {path.stem for path in (tmp_path / "api").glob("*.md")}
    assert {"index", "replicate", "replicate.datasets", "replicate.papers.survival_models"} <= names
    assert "class MultiParameterRegression" in (tmp_path / "api" / "replicate.papers.survival_models.md").read_text()


@pytest.mark.parametrize(
    ("latex", "parts"),
    [
        (r"\lambda(e^z - 1)", ["<mi>&#x003BB;</mi>", "<msup>"]),
        (r"\frac{a}{b}", ["<mfrac>"]),
        ("a < b", ["<mo>&#x0003C;</mo>"]),
    ],
)
def test_formulas_become_mathml(latex, parts):
    """Without a script or a font from another host."""
    mathml = pytest.importorskip("replicate.site.mathml", reason="needs the extra 'report' (make test installs it)")
    found = mathml.mathml(latex, display="inline")
    assert found.startswith("<math")
    assert all(part in found for part in parts), found


def test_missing_packages_are_named_with_the_way_to_get_them(tmp_path, monkeypatch):
    """A traceback from inside Sphinx would not tell a user what to do."""
    monkeypatch.setattr("replicate.site.publish.find_spec", lambda name: None if name == "myst_nb" else object())
    with pytest.raises(UserError, match="the site needs myst_nb: 'make report' installs"):
        build(tmp_path)
