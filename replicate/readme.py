"""The scorecard in README.md and its picture, generated from the committed snapshot so that they stay true."""

from pathlib import Path

import pandas as pd

from replicate import atomic, picture, report
from replicate.paths import project_root, reference_dir

BEGIN = "<!-- scorecard: begin (written by `replicate readme`) -->"
END = "<!-- scorecard: end -->"


def scorecard_block(preset: str = "default") -> str:
    """Return the counts and the scorecard of the committed snapshot as Markdown, a fold a paper."""
    found, _ = report.results(reference_dir(preset))
    claims = report.claims_table(found)
    if claims.empty:
        return "No snapshot yet.\n"
    return f"{report.summary(claims)}.\n\n" + "\n".join(_fold(slug, own) for slug, own in claims.groupby("paper"))


def _fold(slug: str, claims: pd.DataFrame) -> str:
    title = f"<b>{slug}</b>: {report.summary(claims)}"
    return f"<details><summary>{title}</summary>\n\n{report.markdown(claims)}\n</details>\n"


def picture_path() -> Path:
    """Return where the scorecard's picture lies."""
    return project_root() / "docs" / "scorecard.svg"


def picture_of_snapshot(preset: str = "default") -> str:
    """Return the scorecard of the committed snapshot as SVG."""
    return picture.svg(report.claims_table(report.results(reference_dir(preset))[0]))


def updated(text: str) -> str:
    """Return README text with the block between its two marks replaced.

    Raises:
        ValueError: the marks are missing.
    """
    if BEGIN not in text or END not in text:
        raise ValueError(f"README.md lacks the marks {BEGIN!r} and {END!r}: put them where the scorecard belongs")
    head, rest = text.split(BEGIN, 1)
    return f"{head}{BEGIN}\n\n{scorecard_block()}\n{END}{rest.split(END, 1)[1]}"


def write() -> Path:
    """Rewrite the picture and the block in README.md; return the path of the latter."""
    atomic.write_text(picture_path(), picture_of_snapshot())
    path = project_root() / "README.md"
    atomic.write_text(path, updated(path.read_text(encoding="utf-8")))
    return path
