"""A paper printed for people: what it claims, how each claim is judged, what can be changed."""

from rich.console import Console
from rich.table import Table

from replicate.paper import Paper
from replicate.parameters import read_parameters


def print_paper(paper: Paper, *, console: Console) -> None:
    """Print citation, claims, presets with their parameters, deviations and corrections."""
    cited = paper.citation
    console.print(f"[bold]{cited.title}[/bold]\n{cited.authors}, {cited.venue} {cited.year}, arXiv:{cited.arxiv}")
    console.print(f"\n{paper.summary.strip()}\n")
    console.print(_claims(paper))
    console.print(_parameters(paper))
    for title, records in (("Deviations", paper.deviations), ("Corrections", paper.corrections)):
        if records:
            console.print(f"\n[bold]{title}[/bold]")
        for record in records:
            console.print(f"- {record.what}")


def _claims(paper: Paper) -> Table:
    table = Table(title="Claims", title_justify="left")
    for name in ("id", "statement", "published", "source", "agrees when in"):
        table.add_column(name, overflow="fold")
    for claim in paper.claims:
        table.add_row(claim.id, claim.statement, claim.published_label, claim.source, str(claim.region))
    return table


def _parameters(paper: Paper) -> Table:
    table = Table(title="Parameters (change with -p name=value)", title_justify="left")
    for name in ("name", *paper.presets, "meaning"):
        table.add_column(name, overflow="fold")
    meanings = read_parameters(paper.notebook) if paper.notebook.is_file() else {}
    for name in next(iter(paper.presets.values())).parameters:
        values = [str(preset.parameters[name]) for preset in paper.presets.values()]
        table.add_row(name, *values, meanings[name].comment if name in meanings else "")
    return table
