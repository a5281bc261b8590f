"""The tour in notebooks/index.ipynb: short, without logic, true, and every link in it leads somewhere."""

import ast
import json
import re

import pytest

from replicate import paper as papers
from replicate import tour
from replicate.paths import notebooks_dir
from replicate.readme import picture_path

CELLS = json.loads((notebooks_dir() / "index.ipynb").read_text("utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]


def _text(cell) -> str:
    return "".join(cell["source"])


def _outputs(kind: str) -> str:
    return "\n".join("".join(o.get("data", {}).get(kind, "")) for cell in CODE for o in cell["outputs"])


def test_cells_only_show():
    """What the tour shows is made where tests reach it."""
    for cell in CODE:
        body = ast.parse(_text(cell)).body
        assert len(body) == 1
        assert isinstance(body[0], ast.Expr | ast.ImportFrom)


def test_it_was_run_to_its_end():
    """nbval passes cells without stored outputs unchecked."""
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    assert all(cell["outputs"] for cell in CODE[1:])


def test_everything_shows_without_trusting_the_notebook():
    """A clone is not trusted: JupyterLab then leaves out scripts, and drawings inside the notebook."""
    kinds = {kind for cell in CODE for output in cell["outputs"] for kind in output.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "text/markdown"}


def test_it_links_every_paper_and_its_links_lead_somewhere():
    """The first notebook a user opens must not end in a dead link."""
    shown = _outputs("text/markdown")
    links = re.findall(r"\]\(([^)]+)\)", shown) + re.findall(r'src="([^"]+)"', shown)
    assert {f"{slug}.ipynb" for slug in papers.slugs()} <= set(links)
    prose = "\n".join(_text(cell) for cell in CELLS if cell["cell_type"] == "markdown")
    named = [f"../{name}" for name in re.findall(r"`([\w/.-]+\.(?:md|toml))`", prose)]
    assert named
    for link in [*links, *named]:
        assert (notebooks_dir() / link).exists(), link


def test_counts_add_up():
    """Counts, list and picture are three views of the same claims."""
    counts = tour.counts()
    assert counts.to_numpy().sum() == len(tour.claims())
    assert counts["disagrees"].sum() == len(tour.claims("disagrees"))
    assert picture_path().read_text("utf-8").count("<g>") == len(tour.claims())


def test_an_unknown_verdict_is_an_error():
    """An empty table would read as 'nothing disagrees'."""
    with pytest.raises(ValueError, match="'disagree' is not a valid Outcome"):
        tour.claims("disagree")
