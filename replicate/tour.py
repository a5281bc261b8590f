"""What ``notebooks/index.ipynb`` shows: the committed snapshot as a reader meets it first."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from replicate import paper as papers
from replicate import readme, report
from replicate.paths import notebooks_dir
from replicate.verdicts import Outcome

if TYPE_CHECKING:
    from IPython.display import Markdown


def scorecard() -> "Markdown":
    """Return the scorecard as a picture: a row a paper, a tile a claim.

    It is linked, not inside: JupyterLab shows a drawing inside a notebook only to those who trust the notebook.
    """
    from IPython.display import Markdown

    return Markdown(f'<img src="{_link(readme.picture_path())}" alt="scorecard">')


def counts() -> pd.DataFrame:
    """Return how many claims of each paper got each verdict."""
    found = _all_claims()
    table = pd.crosstab(found["paper"], found["verdict"]).reindex(columns=report.ORDER, fill_value=0)
    return table.rename_axis(columns=None)


def claims(*verdicts: str) -> pd.DataFrame:
    """Return the claims with these verdicts (none given: all), as a reader sees them.

    Raises:
        ValueError: there is no such verdict.
    """
    found, wanted = _all_claims(), [str(Outcome(verdict)) for verdict in verdicts or Outcome]
    chosen = found[found["verdict"].isin(wanted)]
    columns = ["paper", "claim", "statement", "published", "ours", "verdict"]
    return chosen[columns].set_index(["paper", "claim"])


def gallery() -> "Markdown":
    """Return a table of the papers: a link to each notebook, its verdicts and one figure."""
    from IPython.display import Markdown

    found = _all_claims()
    rows = {result.slug: _row(result, found[found["paper"] == result.slug]) for result in readme.snapshot()}
    rows = [rows.get(paper.slug) or _row_without_snapshot(paper) for paper in papers.load_all()]
    return Markdown("\n".join(["| paper | a figure |", "|---|---|", *rows]))


def _row(result: report.Result, own: pd.DataFrame) -> str:
    link = f"**[{result.manifest['short']}]({result.slug}.ipynb)**<br>{report.summary(own)}"
    figure = f'<img src="{_link(result.cover)}" alt="{result.cover.stem}" width="420">' if result.cover else ""
    return f"| {link} | {figure} |"


def _row_without_snapshot(paper: papers.Paper) -> str:
    return f"| **[{paper.short}]({paper.slug}.ipynb)**<br>{len(paper.claims)} claims, no snapshot yet | |"


def _link(path: Path) -> str:
    """Return how a notebook links to a file of the project."""
    return os.path.relpath(path, notebooks_dir()).replace(os.sep, "/")


def presets(slug: str) -> pd.DataFrame:
    """Return at which scales a paper can be run, and how long each may take."""
    found = papers.load(slug).presets
    rows = {name: {"what": p.description, "budget, min": round(p.budget_seconds / 60, 1)} for name, p in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def _all_claims() -> pd.DataFrame:
    pd.set_option("display.max_colwidth", None, "display.max_rows", 300)  # whole sentences
    return report.claims_table(readme.snapshot())
