"""``replicate new <slug>``: a paper that runs, reports and passes its tests before anything of it was written.

A folder, a notebook and tests are made from ``templates/``; what stands in them is a small true example to be replaced.
"""

import json
import keyword
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from importlib.resources import files as resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from replicate import paper
from replicate.errors import UserError
from replicate.paths import notebooks_dir, papers_dir, project_root
from replicate.scaffold.cells import notebook

PARTS = ("paper.toml", "__init__.py", "averaging.py", "experiments.py", "measures.py", "figures.py", "explore.py")
_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_TARGET = re.compile(r"^([a-z_]+):", flags=re.M)


def create(slug: str) -> list[Path]:
    """Make a new paper and return its folder, its notebook and its folder of tests; all of it or nothing.

    The notebook is run once (preset smoke) so that its outputs are stored.

    Raises:
        UserError: the slug cannot be used, is taken, or the project is not a clone.
        NotebookFailed: the notebook did not run to its end; nothing was kept.
    """
    from replicate.stored_outputs import refresh

    check(slug)
    places = targets(slug)
    try:
        _place(slug, places)
        refresh(notebooks_dir() / f"{slug}.ipynb")
    except BaseException:  # Ctrl-C as well: a half-made paper would break every command
        for path in places.values():
            _remove(path)
        raise
    return list(places.values())


def check(slug: str) -> None:
    """Raise ``UserError`` unless a paper can be called so."""
    if not _SLUG.fullmatch(slug):
        raise UserError(
            f"a paper cannot be called {slug!r}: its name becomes a Python package, so it takes lower-case letters, "
            "digits and underscores and begins with a letter, such as 'neural_tangents'"
        )
    if keyword.iskeyword(slug) or keyword.issoftkeyword(slug):
        raise UserError(f"a paper cannot be called {slug!r}: that is a word of Python; try '{slug}_paper'")
    if slug in reserved():
        raise UserError(f"a paper cannot be called {slug!r}: 'make {slug}' means something else; try '{slug}_paper'")
    if taken := [path for path in targets(slug).values() if path.exists()]:
        raise UserError(f"{slug!r} is taken, {taken[0]} exists: choose another name; nothing was changed")
    for folder in (notebooks_dir(), papers_dir(), project_root() / "tests"):
        if not folder.is_dir():
            raise UserError(f"{folder} is missing: a paper is added to a clone of the repository; go to its root")


def reserved() -> set[str]:
    """Return the names that commands use otherwise: targets of the Makefile, 'all', the tour."""
    makefile = project_root() / "Makefile"
    found = _TARGET.findall(makefile.read_text(encoding="utf-8")) if makefile.is_file() else []
    return {*found, "all", "index"} - set(paper.slugs())


def targets(slug: str) -> dict[str, Path]:
    """Return where a paper's folder, notebook and tests lie."""
    return {
        "folder": papers_dir() / slug,
        "notebook": notebooks_dir() / f"{slug}.ipynb",
        "tests": project_root() / "tests" / "papers" / slug,
    }


def contents(slug: str) -> dict[str, dict[str, str] | str]:
    """Return the text of every new file: those of the folder and of the tests by name, and the notebook."""
    return {
        "folder": {name: _render(name, slug) for name in PARTS},
        "notebook": json.dumps(notebook(_render("notebook.md", slug)), indent=1) + "\n",
        "tests": {f"test_{slug}.py": _render("test.py", slug)},
    }


def _render(name: str, slug: str) -> str:
    text = (resources(__package__) / "templates" / f"{name}.jinja").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(text).render(slug=slug, words=slug.replace("_", " ").capitalize())


def _place(slug: str, places: Mapping[str, Path]) -> None:
    """Write everything aside, then move it to its places."""
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=project_root()))
    try:
        for kind, content in contents(slug).items():
            _write(staging / kind, content)
        for kind, path in places.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / kind, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write(path: Path, content: Mapping[str, str] | str) -> None:
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
        return
    path.mkdir()
    for name, text in content.items():
        (path / name).write_text(text, encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
