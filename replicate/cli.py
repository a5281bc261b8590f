"""The command line: everything the notebooks and ``make`` do, scriptable.

Exit codes: 0 done, 1 something failed (a notebook, a data file, a comparison), 2 a mistake in the call.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from replicate import paper as papers
from replicate import paths
from replicate.claim import ALL_PRESETS
from replicate.cli_data import data_app
from replicate.cli_output import Json, err, out, print_json
from replicate.errors import DataError, NotebookFailed, PaperError, UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
app.add_typer(data_app, name="data")

PaperName = Annotated[str, typer.Argument(help="A paper's slug, or 'all'.", metavar="PAPER")]
PresetName = Annotated[str, typer.Option("--preset", help="smoke, default or paper.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


@app.command("list")
def list_papers(as_json: Json = False):
    """List the papers with their claims and presets."""
    rows = [_brief(slug) for slug in papers.slugs()]
    if as_json:
        return print_json(rows)
    for row in rows:
        out.print(f"[bold]{row['paper']}[/bold]  {row['title']} ({row['year']}, arXiv:{row['arxiv']})")
        out.print(f"    {row['claims']} claims; presets {', '.join(row['presets'])}")


def _brief(slug: str) -> dict[str, Any]:
    paper = papers.load(slug)
    cited = paper.citation
    return {
        "paper": slug,
        "title": cited.title,
        "year": cited.year,
        "arxiv": cited.arxiv,
        "claims": len(paper.claims),
        "presets": list(paper.presets),
    }


@app.command()
def show(paper: PaperName, as_json: Json = False):
    """Show one paper: claims with their sources and rules, presets, parameters, deviations."""
    found = papers.load(paper)
    if as_json:
        return print_json(found.model_dump(mode="json"))
    from replicate.show import print_paper

    print_paper(found, console=out)


@app.command()
def run(
    paper: PaperName,
    preset: PresetName = "default",
    seed: Annotated[int, typer.Option(min=0, help="Base seed of every random stream.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Worker processes; default: all cores.")] = None,
    gpu_jobs: Annotated[int | None, typer.Option(min=1, help="Units that share a GPU at once; default: 1.")] = None,
    device: Device = "auto",
    p: Annotated[list[str] | None, typer.Option("-p", metavar="KEY=VALUE", help="Change a parameter.")] = None,
    force: Annotated[bool, typer.Option(help="Run the notebook even when nothing changed.")] = False,
    cluster: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compute on a cluster: its cluster.yaml.")
    ] = None,
    unit_seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop a unit of work after so long.")] = None,
    unit_mib: Annotated[float | None, typer.Option(min=1, help="Stop a unit whose process takes more memory.")] = None,
    as_json: Json = False,
):
    """Bring results up to date: execute notebooks, write results/<preset>/, print the scorecard."""
    from replicate import cluster as clusters
    from replicate import running
    from replicate.limits import Limits

    workers = clusters.read(cluster) if cluster else None
    chosen, broken = running.requests(
        paper, preset, jobs=jobs, gpu_jobs=gpu_jobs, cluster=workers, seed=seed, device=device, assignments=p or []
    )
    limits = Limits(unit_seconds, unit_mib)
    console = err if as_json else out
    outcomes = running.run_all(chosen, console=console, force=force, cluster=workers, limits=limits)
    failed: list[running.Outcome | running.Broken] = [*broken, *(o for o in outcomes if o.state == "failed")]
    if as_json:
        print_json([running.as_json(o) for o in outcomes])
    else:
        running.print_end(outcomes, preset=preset, console=out)
    if failed:
        err.print(f"failed: {', '.join(running.name(f) for f in failed)}")
        raise typer.Exit(1)


@app.command()
def status(preset: PresetName = "default", device: Device = "auto", as_json: Json = False):
    """Say for every paper whether its result is up to date, stale, failed, incomplete or running."""
    from replicate import running, suite

    chosen, _ = running.requests("all", preset, device=device)
    rows = []
    for request in chosen:
        state, reason = suite.state(request)
        rows.append({"paper": request.paper.slug, "preset": preset, "state": state, "reason": reason})
    if as_json:
        return print_json(rows)
    for row in rows:
        out.print(f"{row['paper']:28} {row['state']:12} {row['reason']}")


@app.command()
def why(paper: PaperName, preset: PresetName = "default", device: Device = "auto", as_json: Json = False):
    """Name the ingredient (parameter, module, library, data) for which a paper would run again."""
    from replicate import running, suite

    chosen, _ = running.requests(paper, preset, device=device)
    reasons = {r.paper.slug: suite.why(r) for r in chosen}
    if as_json:
        return print_json(reasons)
    for slug, lines in reasons.items():
        for line in lines or ["up to date"]:
            out.print(f"{slug}: {line}")


@app.command()
def report(
    preset: PresetName = "default",
    show: Annotated[
        Literal["scorecard", "tables", "figures", "pages"], typer.Option(help="What to print.")
    ] = "scorecard",
    as_json: Json = False,
):
    """Write the scorecard from the result files and print it, or build the site (pages), or say where files are."""
    from replicate import report as reports

    folder = paths.results_dir(papers_preset(preset))
    found, problems = reports.results(folder)
    if not found and not problems:
        raise UserError(f"no results for preset {preset!r} in {folder}: run 'make PRESET={preset}' first")
    reports.write(folder)
    claims = reports.claims_table(found)
    if as_json:
        return print_json(json.loads((folder / "scorecard.json").read_text()))
    if show == "scorecard":
        return reports.print_scorecard(claims, problems, preset=preset, console=out)
    if show == "pages":
        from replicate.site import build

        return typer.echo(build(folder))
    for path in (f for r in found for f in r.files(show)):
        typer.echo(path)


@app.command()
def compare(paper: PaperName = "all", preset: PresetName = "default", as_json: Json = False):
    """Compare this machine's results with the repository's snapshot; exit 1 when they differ."""
    from dataclasses import asdict

    from replicate.compare import compare as compare_runs

    differences = {
        slug: compare_runs(papers.load(slug), paths.results_dir(preset) / slug, paths.reference_dir(preset) / slug)
        for slug in _chosen(paper, preset)
    }
    if as_json:
        print_json({s: [{**asdict(d), "ok": d.ok} for d in ds] for s, ds in differences.items()})
    else:
        for slug, found in differences.items():
            for d in found:
                mark = "[green]ok[/green]" if d.ok else "[red]differs[/red]"
                out.print(f"{slug} {d.table}/{d.metric}: {mark}, {d.text}", soft_wrap=True)
    if any(not d.ok for found in differences.values() for d in found):
        raise typer.Exit(1)


@app.command()
def export(paper: PaperName, preset: PresetName = "default"):
    """Write complete results for others to keep: each an RO-Crate with files, provenance and data origins."""
    from replicate import report as reports
    from replicate.export import export as keep

    slugs, folder = _chosen(paper, preset), paths.results_dir(preset)
    found, problems = reports.read_runs(folder / slug for slug in slugs)
    for result in found:
        typer.echo(keep(result, folder / "export" / f"{result.slug}-{preset}.zip"))
    for line in problems:
        err.print(line, markup=False, soft_wrap=True)
    if problems:
        raise typer.Exit(1)


@app.command()
def snapshot(paper: PaperName, preset: PresetName = "default"):
    """Keep complete results as the repository's snapshot (tables, SVG figures, claims, manifest)."""
    from replicate.compare import snapshot as keep

    for slug in _chosen(paper, preset):
        files = keep(paths.results_dir(preset) / slug, paths.reference_dir(preset) / slug)
        out.print(f"{slug}: {len(files)} files in {paths.reference_dir(preset) / slug}")


@app.command()
def readme():
    """Write the scorecard of the committed snapshot into README.md."""
    from replicate.readme import write

    typer.echo(write())


@app.command()
def notebooks(paper: Annotated[str, typer.Argument(help="A paper's slug, 'index', or 'all'.", metavar="PAPER")]):
    """Write the outputs stored with a notebook anew (preset smoke); commit the file afterwards."""
    from replicate.stored_outputs import refresh

    index = paths.notebooks_dir() / "index.ipynb"
    chosen = [] if paper == "index" else [papers.load(slug).notebook for slug in _chosen(paper, "smoke")]
    for notebook in [*chosen, index] if paper in ("all", "index") else chosen:
        typer.echo(refresh(notebook))


def _chosen(paper: str, preset: str) -> list[str]:
    papers_preset(preset)
    return papers.slugs() if paper == "all" else [papers.load(paper).slug]


def papers_preset(name: str) -> str:
    """Return the preset's name, refusing unknown ones."""
    if name not in ALL_PRESETS:
        raise UserError(f"unknown preset {name!r}: {papers.nearest(name, ALL_PRESETS)}")
    return name


def main() -> None:
    """Run the command line; mistakes become one line on stderr, never a traceback."""
    try:
        app()
    except (UserError, PaperError) as error:
        err.print(f"replicate: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
    except (DataError, NotebookFailed) as error:
        err.print(f"replicate: {error}", markup=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
