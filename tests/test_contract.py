"""The contract every paper keeps, present and future: parametrised over the papers found."""

import ast
import importlib
import inspect
import json
import re
from itertools import pairwise

import pytest

from replicate import paper as papers
from replicate.parameters import read_parameters
from replicate.paths import notebooks_dir, papers_dir

SECTIONS = [
    "The paper in five lines",
    "Parameters",
    "The idea",
    "Experiments",
    "Figures",
    "Claims and verdicts",
    "Beyond the paper",
    "Explore",
    "Sources",
]
LOOSE = "nbval-ignore-output"

every_paper = pytest.mark.parametrize("slug", papers.slugs())


def _cells(slug, kind=None):
    cells = json.loads((notebooks_dir() / f"{slug}.ipynb").read_text("utf-8"))["cells"]
    return [c for c in cells if kind in (None, c["cell_type"])]


def _source(cell):
    return "".join(cell["source"])


def test_there_are_papers():
    """Without this, an empty scan would make every test here pass."""
    assert papers.slugs()


@every_paper
def test_toml_is_valid_and_names_its_claims(slug):
    """A paper that does not load would vanish from the scorecard."""
    paper = papers.load(slug)
    assert paper.claims
    assert len(paper.summary.splitlines()) >= 3


@every_paper
def test_every_claim_has_a_published_value_with_its_source_or_says_why_not(slug):
    """A verdict against nothing would be worthless."""
    for claim in papers.load(slug).claims:
        assert claim.published is not None or len(claim.published_text) > 10, claim.id
        assert len(claim.source) > 5, claim.id
        assert len(claim.rule.why) > 10, claim.id


@every_paper
def test_every_claim_names_an_experiment_that_exists_and_is_measured_in_the_notebook(slug):
    """A claim nobody measures must say so."""
    experiments = importlib.import_module(f"replicate.papers.{slug}.experiments")
    code = "\n".join(_source(c) for c in _cells(slug, "code"))
    for claim in papers.load(slug).claims:
        if claim.experiment.startswith("none: "):
            continue
        assert inspect.isfunction(getattr(experiments, claim.experiment, None)), claim.id
        assert f'run.measure("{claim.id}"' in code, claim.id


@every_paper
def test_claims_name_figures_the_notebook_draws(slug):
    """A dead link from a claim to its picture would go unnoticed."""
    code = "\n".join(_source(c) for c in _cells(slug, "code"))
    for claim in papers.load(slug).claims:
        assert not claim.figure or f'"{claim.figure}"' in code, claim.id


@every_paper
def test_notebook_parameters_are_the_presets_parameters(slug):
    """A preset's value that no notebook variable carries would be silently ignored."""
    declared = read_parameters(notebooks_dir() / f"{slug}.ipynb")
    wanted = set(papers.load(slug).presets["smoke"].parameters)
    assert set(declared) == wanted | {"preset", "seed", "device"}
    assert declared["preset"].default == "smoke"
    for parameter in declared.values():
        assert len(parameter.comment) > 5, parameter.name
        assert parameter.default is None or parameter.name in {"preset", "seed", "device"}


@every_paper
def test_sections_are_in_the_agreed_order(slug):
    """A reader who knows one notebook must know them all."""
    text = "\n".join(_source(c) for c in _cells(slug, "markdown"))
    assert re.findall(r"^## (.+)$", text, flags=re.M) == SECTIONS


@every_paper
def test_notebook_holds_no_logic(slug):
    """Logic in a notebook is out of the tests' reach: imports, calls and display only."""
    for cell in _cells(slug, "code")[1:]:
        tree = ast.parse(_source(cell))
        odd = (ast.For, ast.While, ast.FunctionDef, ast.ClassDef, ast.Try)
        assert not any(isinstance(node, odd) for node in ast.walk(tree)), _source(cell)
        other = [line for line in _source(cell).splitlines() if line.strip() and not line.startswith("run.measure(")]
        assert len(other) <= 12, _source(cell)
        assert not re.search(r";\s*$", _source(cell), flags=re.M)
        modules = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert all(m.split(".")[0] == "replicate" for m in modules)


@every_paper
def test_the_last_code_cell_finishes_the_run(slug):
    """What is measured after ``run.finish()`` is missing in claims and costs."""
    *before, last = _cells(slug, "code")
    assert "run.finish()" in _source(last)
    assert not re.search(r"run\.(measure|sweep|table|figure)", _source(last).split("run.finish()")[1])
    assert not any("run.finish()" in _source(cell) for cell in before)


@every_paper
def test_committed_notebook_was_run_to_its_end(slug):
    """nbval passes cells without stored outputs unchecked."""
    cells = _cells(slug, "code")
    counts = [c["execution_count"] for c in cells]
    assert None not in counts
    assert all(b == a + 1 for a, b in pairwise(counts))
    assert not any(o["output_type"] in {"error", "stream"} for c in cells for o in c["outputs"])
    strict = [c for c in cells if LOOSE not in c["metadata"].get("tags", []) and c["outputs"]]
    assert len(strict) >= 3  # not everything may be exempt


@every_paper
def test_units_are_pure_functions_of_config_and_seed(slug):
    """The sweep hands units nothing else, and caches by nothing else."""
    experiments = importlib.import_module(f"replicate.papers.{slug}.experiments")
    found = inspect.getmembers(experiments, inspect.isfunction)
    own = [f for name, f in found if f.__module__ == experiments.__name__ and not name.startswith("_")]
    for unit in own:
        assert list(inspect.signature(unit).parameters)[:2] == ["config", "seed"], unit
        assert set(inspect.signature(unit).parameters) <= {"config", "seed", "device"}
        assert unit.__doc__


@every_paper
def test_public_functions_say_what_they_do(slug):
    """A public function without a docstring is a riddle."""
    for path in (papers_dir() / slug).glob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


@every_paper
def test_smoke_parameters_are_json_primitives(slug):
    """papermill would turn anything else into text without a word."""
    for preset in papers.load(slug).presets.values():
        assert json.loads(json.dumps(preset.parameters)) == preset.parameters
        assert (
            preset.budget_seconds
            <= {"smoke": 20, "default": 300, "gpu": 3_600, "overnight": 43_200, "paper": 10**7}[
                next(k for k, v in papers.load(slug).presets.items() if v == preset)
            ]
        )
