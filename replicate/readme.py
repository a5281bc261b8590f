"""What README.md takes from the committed snapshot, generated so that it stays true: scorecard, picture, figures."""

from pathlib import Path

import pandas as pd

from replicate import atomic, picture, report
from replicate.paths import project_root, reference_dir

BLOCKS = ("scorecard", "figures")


def snapshot(preset: str = "default") -> list[report.Result]:
    """Return the committed runs."""
    return report.results(reference_dir(preset))[0]


def scorecard_block() -> str:
    """Return the counts and the scorecard of the committed snapshot as Markdown, a fold a paper."""
    claims = report.claims_table(snapshot())
    if claims.empty:
        return "No snapshot yet.\n"
    return f"{report.summary(claims)}.\n\n" + "\n".join(_fold(slug, own) for slug, own in claims.groupby("paper"))


def _fold(slug: str, claims: pd.DataFrame) -> str:
    title = f"<b>{slug}</b>: {report.summary(claims)}"
    return f"<details><summary>{title}</summary>\n\n{report.markdown(claims)}\n</details>\n"


def figures_block() -> str:
    """Return a table of two columns with one figure a paper: the one that decides most of its claims."""
    cells = [_figure(result.slug, result.cover) for result in snapshot() if result.cover]
    rows = [cells[i : i + 2] for i in range(0, len(cells), 2)]
    lines = [f"| {' | '.join([*row, ''][:2])} |" for row in rows]
    return "\n".join(["| | |", "|---|---|", *lines, ""])


def _figure(slug: str, cover: Path) -> str:
    path, name = cover.relative_to(project_root()).as_posix(), cover.stem
    return f'**{slug}** {name}<br><img src="{path}" alt="{slug}: {name}" width="400">'


def picture_path() -> Path:
    """Return where the scorecard's picture lies."""
    return project_root() / "docs" / "scorecard.svg"


def picture_of_snapshot() -> str:
    """Return the scorecard of the committed snapshot as SVG."""
    return picture.svg(report.claims_table(snapshot()))


def updated(text: str) -> str:
    """Return README text with the blocks between their marks replaced.

    Raises:
        ValueError: the marks of a block are missing.
    """
    for name, block in zip(BLOCKS, (scorecard_block(), figures_block()), strict=True):
        begin, end = f"<!-- {name}: begin (written by `replicate readme`) -->", f"<!-- {name}: end -->"
        if begin not in text or end not in text:
            raise ValueError(f"README.md lacks the marks {begin!r} and {end!r}: put them where the {name} belong")
        head, rest = text.split(begin, 1)
        text = f"{head}{begin}\n\n{block}\n{end}{rest.split(end, 1)[1]}"
    return text


def write() -> Path:
    """Rewrite the picture and the blocks in README.md; return the path of the latter."""
    atomic.write_text(picture_path(), picture_of_snapshot())
    path = project_root() / "README.md"
    atomic.write_text(path, updated(path.read_text(encoding="utf-8")))
    return path
