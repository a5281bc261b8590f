"""The pages that people wrote: ``docs/*.md``, how to contribute, where the data come from."""

import re
from pathlib import Path

from replicate.paths import PACKAGE

ROOT = PACKAGE.parent
FIRST = ("verdicts", "adding-a-paper", "scaling-out", "architecture", "contributing", "data")  # others follow by name
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")


def found() -> dict[str, Path]:
    """Return the documents there are, by the name of their page, in reading order."""
    pages = {path.stem: path for path in sorted((ROOT / "docs").glob("*.md"))}
    pages |= {"contributing": ROOT / "CONTRIBUTING.md", "data": ROOT / "data" / "README.md"}
    rank = {name: i for i, name in enumerate(FIRST)}
    return {name: pages[name] for name in sorted(pages, key=lambda n: (rank.get(n, len(FIRST)), n))}


def copy(source: Path) -> None:
    """Copy the documents into the site's sources."""
    pages = found()
    names = {path.resolve(): name for name, path in pages.items()}
    for name, path in pages.items():
        text = path.read_text(encoding="utf-8")
        (source / f"{name}.md").write_text(linked(text, path.parent, names), encoding="utf-8")


def linked(text: str, folder: Path, names: dict[Path, str]) -> str:
    """Point links to other documents at their pages; a file that has no page keeps its name and loses the link."""

    def replace(match: re.Match) -> str:
        words, target, anchor = match.groups()
        page = names.get((folder / target).resolve())
        return f"[{words}]({page}.md{anchor or ''})" if page else words

    return _LINK.sub(replace, text)
