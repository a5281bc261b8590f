"""An executed notebook as a page of the site: marks where figures are drawn and claims are measured."""

import copy
import re
from typing import Any

from replicate.site.html import raw

Notebook = dict[str, Any]
_FIGURE = re.compile(r"run\.figures?\(")


def source(cell: Notebook) -> str:
    """Return a cell's text."""
    return "".join(cell["source"])


def marks(cell: Notebook, claims: list[str], figures: list[str]) -> list[str]:
    """Return the ids that belong before a cell: of the claims it measures and the figures it draws."""
    if cell["cell_type"] != "code":
        return []
    text = source(cell)
    return [cell_id(c) for c in claims if measures(text, c)] + [figure_id(f) for f in figures if draws(text, f)]


def measures(code: str, claim: str) -> bool:
    """Tell whether a cell's code measures a claim."""
    return f'run.measure("{claim}"' in code


def draws(code: str, figure: str) -> bool:
    """Tell whether a cell's code draws a figure of the run."""
    return bool(_FIGURE.search(code)) and f'"{figure}"' in code


def cell_id(claim: str) -> str:
    """Return the id of the place where a claim is measured."""
    return f"measured-{claim}"


def figure_id(name: str) -> str:
    """Return the id of the place where a figure is drawn."""
    return f"figure-{name}"


def page(notebook: Notebook, *, title: str, head: str, tail: str, claims: list[str], figures: list[str]) -> Notebook:
    """Return the notebook with ``head`` under its title, ``tail`` at its end, and marks to link to.

    Args:
        notebook: an executed notebook (format 4); it is not changed.
        title: the page's title where the notebook has none.
        head: HTML to put on top.
        tail: Markdown to put at the end.
        claims: ids of claims whose cells are to be marked.
        figures: names of figures whose cells are to be marked.
    """
    cells, seen = [], set()
    for cell in copy.deepcopy(notebook["cells"]):
        new = [mark for mark in marks(cell, claims, figures) if mark not in seen]
        seen.update(new)
        if new:
            spans = "".join(f'<span id="{mark}"></span>' for mark in new)
            cells.append(_markdown(raw(f'<div class="landing">{spans}</div>')))
        cells.append(cell)
    first, rest = _split_title(cells, title)
    cells = [_markdown(f"{first}\n\n{raw(head)}"), *rest, _markdown(tail)]
    metadata = {k: v for k, v in notebook["metadata"].items() if k != "widgets"}  # sliders need a kernel
    return {**notebook, "metadata": metadata, "cells": [{**c, "id": f"c{i}"} for i, c in enumerate(cells)]}


def _split_title(cells: list[Notebook], title: str) -> tuple[str, list[Notebook]]:
    """Return the notebook's title line and its cells without it."""
    if cells and cells[0]["cell_type"] == "markdown" and source(cells[0]).startswith("# "):
        line, _, rest = source(cells[0]).partition("\n")
        return line, [_markdown(rest), *cells[1:]]
    return f"# {title}", cells


def _markdown(text: str) -> Notebook:
    return {"cell_type": "markdown", "metadata": {}, "source": text}
