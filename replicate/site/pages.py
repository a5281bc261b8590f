"""The sources of the site's own pages: the scorecard, and a page a paper."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader

from replicate import palette, report
from replicate.report import Result
from replicate.site import documents, notebook

FILES = "runs"  # where the site keeps copies of the run directories' files


def write(source: Path, files: Path, found: list[Result], problems: list[str], *, preset: str) -> None:
    """Write ``index.md`` and ``papers/<slug>.ipynb`` into ``source``; copy what they link to into ``files``."""
    claims = report.claims_table(found)
    for folder in (source, files):
        folder.mkdir(parents=True)
    papers = [_paper(result, claims) for result in found]
    for result, paper in zip(found, papers, strict=True):
        _copy_files(result, files / FILES / result.slug)
        page = _paper_page(result, paper)
        path = source / "papers" / f"{result.slug}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(page, ensure_ascii=False), encoding="utf-8")
    context = {
        "preset": preset,
        "papers": papers,
        "problems": problems,
        "summary": report.summary(claims),
        "counts": report.counts(claims),
        "documents": list(documents.found()),
    }
    (source / "index.md").write_text(_render("index.md", **context), encoding="utf-8")


def _paper(result: Result, claims: pd.DataFrame) -> dict[str, Any]:
    """Return what the templates say about one paper."""
    own = claims[claims["paper"] == result.slug] if len(claims) else claims
    code = _code_cells(result)
    return {
        "slug": result.slug,
        "title": result.manifest["title"],
        "short": result.manifest.get("short", result.slug),
        "manifest": result.manifest,
        "summary": report.summary(own),
        "counts": report.counts(own),
        "claims": [_claim(row, code) for row in own.to_dict("records")],
        "figures": (figures := [p.stem for p in result.files("figures") if p.suffix == ".svg"]),
        "drawn": [name for name in figures if any(notebook.draws(text, name) for text in code)],
        "tables": [{"name": p.stem, "bytes": p.stat().st_size} for p in result.files("tables")],
    }


def _claim(row: dict[str, Any], code: list[str]) -> dict[str, Any]:
    """Return a claim for reading: no NaN, and whether the page has the cell that measured it."""
    shown = {key: "" if isinstance(value, float) and pd.isna(value) else value for key, value in row.items()}
    measured = any(notebook.measures(text, row["claim"]) for text in code)
    return {**shown, "cell": notebook.cell_id(row["claim"]) if measured else ""}


def _code_cells(result: Result) -> list[str]:
    cells = result.notebook()["cells"] if result.has_notebook else []
    return [notebook.source(cell) for cell in cells if cell["cell_type"] == "code"]


def _paper_page(result: Result, paper: dict[str, Any]) -> dict[str, Any]:
    executed = result.notebook() if result.has_notebook else {"cells": [], "metadata": {}, "nbformat": 4}
    return notebook.page(
        {"nbformat_minor": 5, **executed},
        title=paper["title"],
        head=_render("claims.html", paper=paper),
        tail=_render("files.md", paper=paper, has_notebook=result.has_notebook),
        claims=[c["claim"] for c in paper["claims"]],
        figures=paper["figures"],
    )


def _copy_files(result: Result, target: Path) -> None:
    """Copy tables, vector figures, claims and manifest; the notebook is the page itself."""
    names = [n for n in result.manifest["files"] if n.startswith("tables/") or n.endswith((".svg", "claims.csv"))]
    for name in [*names, "manifest.json"]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(result.path / name, target / name)


def _render(name: str, **context: Any) -> str:
    environment = Environment(
        loader=PackageLoader("replicate.site"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(css_class=palette.css_class, look=palette.look, files=FILES)
    return environment.get_template(name).render(**context)
