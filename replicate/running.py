"""What ``replicate run`` does between the command line and the suite: choose, show progress, sum up."""

import time
from collections.abc import Iterable
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from rich.console import Console

from replicate import cluster as clusters
from replicate import device as devices
from replicate import paper as papers
from replicate import parameters, paths, report, suite, sweep
from replicate.claim import ALL_PRESETS
from replicate.cluster import Cluster
from replicate.errors import PaperError, UserError, nearest
from replicate.limits import NO_LIMITS, Limits
from replicate.progress import Progress
from replicate.suite import Outcome, Request


@dataclass(frozen=True)
class Broken:
    """A paper that cannot even be read."""

    slug: str
    detail: str


def requests(
    paper: str,
    preset: str,
    *,
    seed=0,
    jobs=None,
    gpu_jobs=None,
    device="auto",
    assignments: Iterable[str] = (),
    cluster=None,
) -> tuple[list[Request], list[Broken]]:
    """Turn the command line into requests; check everything before anything runs.

    With a ``cluster`` (`replicate.cluster.Cluster`) its file says on which device units compute.

    Raises:
        UserError: unknown paper, preset, device or parameter (names the nearest), or parameters for 'all'.
    """
    if preset not in ALL_PRESETS:
        raise UserError(f"unknown preset {preset!r}: {nearest(preset, ALL_PRESETS)}")
    if paper == "all" and assignments:
        raise UserError("-p changes one paper's parameter: name the paper instead of 'all'")
    if paper != "all" and paper not in papers.slugs():
        raise UserError(f"unknown paper {paper!r}: {nearest(paper, [*papers.slugs(), 'all'])}")
    resolved = _device(device, cluster)
    jobs, gpu_jobs = jobs or sweep.default_jobs(), gpu_jobs or sweep.default_gpu_jobs()
    chosen, broken = [], []
    for slug in papers.slugs() if paper == "all" else [paper]:
        try:
            loaded = papers.load(slug)
        except PaperError as error:
            if paper != "all":
                raise
            broken.append(Broken(slug, str(error)))
            continue
        if paper == "all" and preset not in loaded.presets:
            continue  # a preset that only some papers have
        known = loaded.preset(preset).parameters
        overrides = parameters.parse_assignments(list(assignments), known, slug=slug)
        chosen.append(Request(loaded, preset, seed, resolved, jobs, gpu_jobs, overrides))
        suite.check_overrides(chosen[-1])
    return chosen, broken


def _device(device: str, cluster: Cluster | None) -> str:
    if cluster is None:
        return devices.resolve(device)
    if device != "auto":
        raise UserError(f"--device {device} and --cluster: the cluster's file says where units compute (gpus: true)")
    return "cuda" if cluster.gpus else "cpu"


def run_all(
    chosen: list[Request],
    *,
    console: Console,
    force: bool = False,
    cluster: Cluster | None = None,
    limits: Limits = NO_LIMITS,
) -> list[Outcome]:
    """Run the requests one after the other, each with all workers; a failure does not stop the rest.

    A cluster is started once for all of them, and only if there is something to do.
    """
    work = force or any(suite.why(request) for request in chosen)
    outcomes = []
    chosen = [replace(request, limits=limits) for request in chosen]
    with _workers(cluster, console) if cluster is not None and work else nullcontext() as link:
        for request in chosen:
            request = replace(request, link=link)
            with _live(request, console) as on_poll:
                outcome = suite.bring_up_to_date(request, force=force, on_poll=on_poll)
            outcomes.append(outcome)
            _say(outcome, console)
    return outcomes


@contextmanager
def _workers(cluster: Cluster, console: Console):
    with clusters.start(cluster) as (link, dashboard):
        console.print(f"workers at {link.address}, dashboard {dashboard}", soft_wrap=True)
        yield link


def _say(outcome: Outcome, console: Console) -> None:
    slug = outcome.request.name
    if outcome.state == "cached":
        console.print(f"{slug}: up to date")
    elif outcome.state == "ran":
        console.print(f"{slug}: done in {outcome.seconds:.0f} s, {outcome.detail}", soft_wrap=True)
    else:
        console.print(f"{slug}: FAILED after {outcome.seconds:.0f} s", style="red")
        console.print(outcome.detail, markup=False, soft_wrap=True)


@contextmanager
def _live(request: Request, console: Console):
    """Show one bar for the running experiment on a terminal; say nothing elsewhere."""
    if not console.is_terminal:
        if suite.why(request):
            console.print(f"{request.name}: running, preset {request.preset}, {request.jobs} workers")
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(f"{request.name}: starting", total=None, left="")

        def show(progress: Progress | None) -> None:
            if progress is not None:
                left = progress.seconds_left()
                words = "" if left is None else f"about {_duration(left)} left in this experiment"
                text = f"{request.name}: {progress.experiment}"
                words = progress.training if progress.training and progress.total - progress.done <= 2 else words
                bars.update(task, description=text, completed=progress.done, total=progress.total, left=words)

        yield show


def _duration(seconds: float) -> str:
    return time.strftime("%H:%M:%S" if seconds >= 3600 else "%M:%S", time.gmtime(max(0, seconds)))


def print_end(outcomes: list[Outcome], *, preset: str, console: Console) -> None:
    """Print the scorecard of the preset, or, after a run with another seed or parameters, that run's own."""
    if outcomes and all(o.state == "cached" for o in outcomes):
        console.print(f"nothing to do, {len(outcomes)} cached")
    changed = [o for o in outcomes if o.request.name != o.request.paper.slug]
    if changed:
        return _print_own([o.request for o in changed if o.state != "failed"], preset=preset, console=console)
    folder = paths.results_dir(preset)
    found, problems = report.results(folder)
    if found:
        report.write(folder)
    report.print_scorecard(report.claims_table(found), problems, preset=preset, console=console)
    if note := report.absent_data(found):
        console.print(note, soft_wrap=True, markup=False)


def _print_own(done: list[Request], *, preset: str, console: Console) -> None:
    if done:
        found, problems = report.read_runs(request.target for request in done)
        title = f"{preset}, {', '.join(request.name for request in done)}"
        report.print_scorecard(report.claims_table(found), problems, preset=title, console=console)


def as_json(outcome: Outcome) -> dict[str, object]:
    """Return an outcome as plain data."""
    return {
        "paper": outcome.request.paper.slug,
        "name": outcome.request.name,
        "preset": outcome.request.preset,
        "state": outcome.state,
        "seconds": round(outcome.seconds, 2),
        "detail": outcome.detail,
    }


def name(failure: Outcome | Broken) -> str:
    """Return how to call a failed paper in the closing line."""
    return failure.request.name if isinstance(failure, Outcome) else f"{failure.slug} ({failure.detail})"
