"""``replicate new`` and docs/adding-a-paper.md: a stranger's new paper runs, reports and passes its tests."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from replicate import paper as papers
from replicate import scaffold
from replicate.errors import NotebookFailed, UserError
from replicate.parameters import read_parameters
from replicate.paths import project_root
from replicate.scaffold.cells import notebook

ROOT = project_root()
PAGE = (ROOT / "docs" / "adding-a-paper.md").read_text(encoding="utf-8")
COMMANDS = [c for block in re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.M | re.S) for c in block.splitlines()]


@pytest.fixture
def project(isolated):
    """Return an empty project: the folders and the Makefile that a clone has."""
    for name in ("notebooks", "tests"):
        (isolated.root / name).mkdir()
    (isolated.root / "Makefile").write_text("all: x\nsmoke:\n$(PAPERS): y\ntest_data:\n")
    return isolated


@pytest.mark.parametrize(
    ("slug", "message"),
    [
        ("My-Paper", "cannot be called 'My-Paper': its name becomes a Python package"),
        ("2021_paper", "begins with a letter"),
        ("", "lower-case letters"),
        ("../x", "lower-case letters"),
        ("naïve", "lower-case letters"),
        ("lambda", "a word of Python; try 'lambda_paper'"),
        ("match", "a word of Python"),
        ("smoke", "'make smoke' means something else"),
        ("all", "try 'all_paper'"),
        ("index", "try 'index_paper'"),
    ],
)
def test_a_bad_slug_is_refused_and_nothing_is_written(project, slug, message):
    """It would break imports, make or the tour, later and somewhere else."""
    before = _tree(project)
    with pytest.raises(UserError, match=re.escape(message)):
        scaffold.create(slug)
    assert _tree(project) == before


@pytest.mark.parametrize("where", ["folder", "notebook", "tests"])
def test_a_taken_slug_is_refused_and_nothing_is_overwritten(project, where):
    """Even when only one of the three is left of an older paper."""
    place = scaffold.targets("toy_paper")[where]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")
    before = _tree(project)
    with pytest.raises(UserError, match=r"'toy_paper' is taken, .* exists: choose another name"):
        scaffold.create("toy_paper")
    assert _tree(project) == before
    assert place.read_text() == "mine"


def test_without_a_clone_it_says_where_to_go(isolated):
    """An installed package has no notebooks to add to."""
    with pytest.raises(UserError, match=r"notebooks is missing: a paper is added to a clone"):
        scaffold.create("toy_paper")


@pytest.mark.parametrize("error", [NotebookFailed("cell 3"), KeyboardInterrupt()])
def test_a_failure_halfway_leaves_nothing_behind(project, monkeypatch, error):
    """A half-made paper would break every command of the suite."""

    def fail(path):
        assert path.exists()
        raise error

    monkeypatch.setattr("replicate.stored_outputs.refresh", fail)
    before = _tree(project) | {"root/tests/papers"}
    with pytest.raises(type(error)):
        scaffold.create("toy_paper")
    assert _tree(project) == before


def test_what_is_written_is_a_valid_paper(project, monkeypatch):
    """The parameters of preset and notebook agree, and the notebook is untouched but for outputs."""
    monkeypatch.setattr("replicate.stored_outputs.refresh", lambda path: path)
    folder, path, tests = scaffold.create("toy_paper")
    assert {p.name for p in folder.iterdir()} == set(scaffold.PARTS)
    assert set(read_parameters(path)) == set(papers.load("toy_paper").presets["smoke"].parameters) | {
        "preset",
        "seed",
        "device",
    }
    assert [p.name for p in tests.iterdir()] == ["test_toy_paper.py"]
    for file in (*folder.iterdir(), *tests.iterdir()):
        assert "{{" not in file.read_text()
        assert "{%" not in file.read_text()


def test_text_before_the_first_cell_is_refused():
    """It would vanish."""
    with pytest.raises(ValueError, match="belongs to no cell: 'lost'"):
        notebook("lost\n%% code\n1\n")


def _tree(places) -> set[str]:
    found = (*places.root.rglob("*"), *places.papers.rglob("*"))
    return {str(path.relative_to(places.root.parent)) for path in found}


# a stranger follows the page


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Return a copy of the working tree; data and snapshots are links, what a newcomer changes is not."""
    copy = tmp_path_factory.mktemp("clone") / "papers"
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("replicate", "notebooks", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=skip)
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__", "papers"))
    for name in ("README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", "CITATION.cff", ".importlinter"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "data").symlink_to(ROOT / "data")
    (copy / "results" / "reference").mkdir(parents=True)
    for preset in (ROOT / "results" / "reference").iterdir():
        shutil.copytree(preset, copy / "results" / "reference" / preset.name)
    (copy / "tests" / "papers").mkdir()
    return copy


def _environment(clone: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("REPLICATE_", "PYTEST_"))}
    folder = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return kept | threads | {"PYTHONPATH": str(clone), "PATH": folder}


@pytest.mark.timeout(900)
def test_every_command_of_the_page_works_as_typed_one_after_the_other(clone):
    """From nothing to a snapshot, and out again: the page is the scaffold's contract with a stranger."""
    watched = ["README.md", "docs/scorecard.svg", "notebooks/index.ipynb"]
    before = {name: (clone / name).read_bytes() for name in watched}
    for command in COMMANDS:
        done = subprocess.run(
            ["bash", "-c", command], cwd=clone, capture_output=True, text=True, timeout=400, env=_environment(clone)
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        if command.startswith("replicate snapshot"):
            snapshot = clone / "results" / "reference" / "default" / "tenth_paper"
            assert {"claims.csv", "manifest.json"} <= {path.name for path in snapshot.iterdir()}
        if command.startswith("replicate readme") and (clone / "notebooks" / "tenth_paper.ipynb").exists():
            assert "<b>tenth_paper</b>: 1 claims: 1 agrees" in (clone / "README.md").read_text(encoding="utf-8")
    changed = [name for name in watched if (clone / name).read_bytes() != before[name]]
    assert not changed, "taking a paper out leaves the suite as it was"


def test_the_page_uses_one_name_and_tests_every_command():
    """A block in another language would escape the test above."""
    assert len(COMMANDS) > 15
    assert set(re.findall(r"^```(\w*)", PAGE, flags=re.M)) == {"bash", ""}
    assert {c.split()[0] for c in COMMANDS} == {"replicate", "pytest", "ruff", "rm"}
