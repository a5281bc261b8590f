"""A notebook written as one readable text: every cell begins with a line ``%% markdown`` or ``%% code tag ...``."""

import re

_MARK = re.compile(r"^%% (markdown|code) ?(.*)$", flags=re.M)


def notebook(text: str) -> dict[str, object]:
    """Return the notebook (format 4.5, without outputs) that a text describes.

    >>> notebook("%% markdown\\n# Hello\\n%% code parameters\\npreset = 'smoke'\\n")["cells"][1]["metadata"]
    {'tags': ['parameters']}

    Raises:
        ValueError: there is text before the first mark.
    """
    before, *rest = _MARK.split(text)
    if before.strip():
        raise ValueError(f"text before the first '%%' line belongs to no cell: {before.strip()[:40]!r}")
    marks = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    cells = [_cell(number, *mark) for number, mark in enumerate(marks)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(number: int, kind: str, tags: str, source: str) -> dict[str, object]:
    metadata = {"tags": tags.split()} if tags.strip() else {}
    cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": metadata, "source": source.strip("\n")}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
