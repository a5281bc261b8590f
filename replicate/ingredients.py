"""What a paper's result is made from, as a flat dictionary with names a person understands.

Two dictionaries that differ name the reason to run again: a parameter, a module, a library, the data.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from replicate import datasets, fingerprint
from replicate.fingerprint import changed, digest
from replicate.paths import papers_dir
from replicate.run import resolve

if TYPE_CHECKING:
    from replicate.paper import Paper
    from replicate.suite import Request

__all__ = ["changed", "of"]


def of(request: Request) -> dict[str, str]:
    """Return ``{"module replicate.sweep": hash, "parameter seed": "0", ...}`` for a request."""
    paper = request.paper
    parameters = {**resolve(paper, request.preset, dict(request.overrides)), "seed": request.seed}
    return {
        "preset": request.preset,
        "device": request.device,
        **{f"parameter {k}": repr(v) for k, v in sorted(parameters.items())},
        **{f"data {name}": datasets.data_hash(name) for name in sorted(paper.datasets)},
        **_code(paper),
    }


def _code(paper: Paper) -> dict[str, str]:
    """Hash the notebook's cells, the paper's data files, and every module and library it uses."""
    cells = [(c["cell_type"], "".join(c["source"])) for c in json.loads(paper.notebook.read_text("utf-8"))["cells"]]
    code = [source for kind, source in cells if kind == "code"]
    roots = {m for source in code for m in fingerprint.notebook_imports(source)}
    modules: dict[str, str] = {}
    libraries: dict[str, str] = {}
    for root in sorted(roots):
        modules |= fingerprint.module_sources(root)
        libraries |= fingerprint.library_versions(root)
    folder = papers_dir() / paper.slug
    files = sorted(p for p in folder.rglob("*") if p.suffix in {".toml", ".csv", ".json"})
    return {
        "notebook": digest(cells),
        **{f"file {p.relative_to(folder)}": digest(p.read_bytes()) for p in files},
        **{f"module {name}": value for name, value in sorted(modules.items())},
        **{f"library {name}": value for name, value in sorted(libraries.items())},
    }
