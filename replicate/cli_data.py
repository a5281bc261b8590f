"""The commands ``replicate data list|fetch|verify``."""

from typing import Annotated

import typer

from replicate.cli_output import Json, err, out, print_json
from replicate.errors import DataError

data_app = typer.Typer(no_args_is_help=True, help="Data sets: where they are, fetch them, check them.")
Wanted = Annotated[str, typer.Argument(help="A data set, a file's name, or 'all'.")]


@data_app.command("list")
def data_list(as_json: Json = False):
    """List every registered file: where it is now, size, licence."""
    from dataclasses import asdict

    from replicate import datasets

    rows = [asdict(s) for s in datasets.status()]
    if as_json:
        return print_json(rows)
    for row in rows:
        size = f"{(row['bytes'] or 0) / 1e6:8.1f} MB"
        out.print(
            f"{row['name']:48} {size}  {row['state']:10} {row['where']}  [dim]{row['licence']}[/dim]",
            soft_wrap=True,
        )


@data_app.command("fetch")
def data_fetch(dataset: Wanted = "all"):
    """Fetch and verify files; those at hand are only verified. 'all' passes over what has no public address."""
    from replicate import datasets

    failed = []
    for name in _files(dataset):
        entry = datasets.entry(name)
        if entry.bundled:
            typer.echo(f"{name}: ships inside {entry.bundled}")
        elif dataset == "all" and not (entry.urls or entry.openml) and datasets.locate(name) is None:
            typer.echo(f"{name}: not at hand and no public address; `replicate data fetch {name}` says how to get it")
        else:
            failed += _fetch(name)
    if failed:
        err.print(f"failed: {', '.join(failed)}", soft_wrap=True)
        raise typer.Exit(1)


def _fetch(name: str) -> list[str]:
    from replicate import datasets

    try:
        typer.echo(f"{name}: {datasets.fetch(name)}")
    except DataError as error:
        err.print(str(error), markup=False, soft_wrap=True)
        return [name]
    return []


@data_app.command("verify")
def data_verify(dataset: Wanted = "all"):
    """Check the files at hand against their registered hashes; exit 1 when one is damaged."""
    from replicate import datasets

    bad = False
    for name in _files(dataset):
        found = datasets.verify(name)
        bad |= found.state == "corrupt"
        out.print(f"{name}: {found.state} {found.where}", soft_wrap=True)
    if bad:
        raise typer.Exit(1)


def _files(dataset: str) -> list[str]:
    from replicate import datasets

    if dataset in datasets.names():
        return [dataset]
    return datasets.names(None if dataset == "all" else dataset)
