"""Bring papers' results up to date: decide what to run, run it, and put the result in its place at once.

A run happens in a hidden staging folder beside its target. Only when the notebook has ended, the claims
are written and the manifest lists every file does the folder take the target's name; whatever dies
before leaves the last good result as it was and shows as *failed* or *incomplete*.
"""

import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock

from replicate import atomic, datasets, execute, ingredients, manifest, paths, progress
from replicate.cluster import Link
from replicate.errors import NotebookFailed, UserError
from replicate.limits import Limits
from replicate.paper import Paper
from replicate.run import DIRECTORY, resolve

CELL_TIMEOUT = {"smoke": 300, "default": 3600, "gpu": None, "overnight": None, "paper": None}  # seconds a cell may take


@dataclass(frozen=True)
class Request:
    """What to bring up to date.

    Args:
        paper: the paper.
        preset: its scale.
        seed: base seed.
        device: ``"cpu"`` or ``"cuda"`` (resolved).
        jobs: worker processes.
        gpu_jobs: units that share a GPU at once.
        overrides: parameters to replace in the preset.
        link: the cluster whose workers compute; None for this machine.
        limits: what one unit of work may take.
    """

    paper: Paper
    preset: str
    seed: int = 0
    device: str = "cpu"
    jobs: int = 1
    gpu_jobs: int = 1
    overrides: Mapping[str, object] = field(default_factory=dict)
    link: Link | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """The result folder's name: the slug, and what was changed from the preset.

        A run with other parameters or another base seed never takes the place of the preset's result.
        """
        changes = {**({"seed": self.seed} if self.seed else {}), **self.overrides}
        if not changes:
            return self.paper.slug
        words = ",".join(f"{k}={json.dumps(v)}" for k, v in sorted(changes.items()))
        safe = "".join(c if c.isalnum() or c in "=,._-" else "_" for c in words)
        if safe != words or len(safe) > 60:
            safe = f"{safe[:40]}~{hashlib.sha256(words.encode()).hexdigest()[:8]}"
        return f"{self.paper.slug}+{safe}"

    @property
    def target(self) -> Path:
        """The folder the result takes."""
        return paths.results_dir(self.preset) / self.name

    @property
    def failed_notebook(self) -> Path:
        """Where the executed notebook of a failed run is kept."""
        return paths.results_dir(self.preset) / "failed" / f"{self.name}.ipynb"


@dataclass(frozen=True)
class Outcome:
    """How a request ended: ``ran``, ``cached`` or ``failed``; ``detail`` is for people."""

    request: Request
    state: str
    detail: str = ""
    seconds: float = 0.0


def why(request: Request) -> list[str]:
    """Return why the request would run again, one ingredient a line; empty when it is up to date."""
    found = manifest.read(request.target)
    if found.state != "complete":
        return [f"result: {found.why}"]
    changed = ingredients.changed(found.manifest.get("ingredients", {}), ingredients.of(request))
    return changed + [f"data file {name}: at hand now" for name in _arrived(found.manifest)]


def _arrived(written: Mapping[str, Any]) -> list[str]:
    """Return the data files that a run did without because they were nowhere, and that are here now."""
    registered = datasets.names()
    return [name for name in written.get("absent", []) if name in registered and datasets.locate(name)]


def bring_up_to_date(
    request: Request,
    *,
    force: bool = False,
    on_poll: Callable[[progress.Progress | None], None] | None = None,
) -> Outcome:
    """Run one paper's notebook unless its result is up to date.

    A second process asking for the same result waits for the first and then finds it done.

    Returns:
        The outcome; a failing notebook is an outcome, not an exception.
    """
    folder = request.target.parent
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / f".{request.name}.lock"):
        if not force and not why(request):
            return Outcome(request, "cached")
        started = time.monotonic()
        for left in folder.glob(f".{glob.escape(request.name)}.partial-*"):  # by killed runs; we hold the lock
            shutil.rmtree(left, ignore_errors=True)
        staging = folder / f".{request.name}.partial-{time.time_ns()}"  # new: a killed run's kernel may still write
        staging.mkdir()
        try:
            _execute(request, staging, on_poll)
        except NotebookFailed as error:
            return Outcome(request, "failed", str(error), time.monotonic() - started)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        _forget_failure(request)
        return Outcome(request, "ran", str(request.target), time.monotonic() - started)


def _forget_failure(request: Request) -> None:
    for suffix in (".ipynb", ".txt"):
        request.failed_notebook.with_suffix(suffix).unlink(missing_ok=True)


def _execute(request: Request, staging: Path, on_poll) -> None:
    """Run the notebook in ``staging`` and publish; keep the executed notebook when it fails."""
    before = ingredients.of(request)
    notebook = staging / f"{request.paper.slug}.ipynb"
    meter = staging / ".progress.json"
    try:
        done = execute.execute_notebook(
            request.paper.notebook,
            notebook,
            _injected(request),
            env=_environment(request, staging, meter),
            cell_timeout=CELL_TIMEOUT[request.preset],
            on_poll=(lambda: on_poll(progress.read(meter))) if on_poll else None,
        )
    except NotebookFailed as error:
        kept = notebook.with_suffix(".failed.ipynb")
        if kept.exists():
            request.failed_notebook.parent.mkdir(parents=True, exist_ok=True)
            os.replace(kept, request.failed_notebook)
        text = str(error).replace(str(kept), str(request.failed_notebook))
        atomic.write_text(request.failed_notebook.with_suffix(".txt"), text + "\n")
        raise NotebookFailed(text) from None
    measured = manifest.read(staging)
    if measured.manifest.get("status") != "measured":
        raise NotebookFailed(f"{request.paper.notebook.name} ended without run.finish(): nothing to report")
    final = {
        **measured.manifest,
        "status": "complete",
        "seconds": done.seconds,
        "cells": [{"cell": i, "seconds": round(s, 3)} for i, s in done.cells],
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "ingredients": before,
    }
    for file in (meter, progress.training_file(meter)):
        file.unlink(missing_ok=True)
    final.pop("files", None)
    manifest.write(staging, final)
    _publish(staging, request.target)


def _publish(staging: Path, target: Path) -> None:
    """Give the finished folder its name; the old one is moved aside first and then removed."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(staging, target)
    shutil.rmtree(old, ignore_errors=True)


def _injected(request: Request) -> dict[str, object]:
    values = {"preset": request.preset, "seed": request.seed, "device": request.device, **request.overrides}
    resolve(request.paper, request.preset, dict(request.overrides))  # refuses unknown names before anything runs
    return values


def _environment(request: Request, staging: Path, meter: Path) -> dict[str, str]:
    return {
        DIRECTORY: str(staging),
        "REPLICATE_JOBS": str(request.jobs),
        "REPLICATE_GPU_JOBS": str(request.gpu_jobs),
        "OMP_WAIT_POLICY": "passive",  # threads that wait for each other leave their core to other programs
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # matrix products on a GPU repeat bit for bit only with this
        "REPLICATE_ROOT": str(paths.project_root()),
        **progress.environment(meter),
        **(request.link.environment() if request.link else {}),
        **request.limits.environment(),
    }


def state(request: Request) -> tuple[str, str]:
    """Return a request's state and its reason, without running anything.

    States: ``up to date``, ``stale`` (something it was made from changed), ``failed`` (the last attempt
    died; an older result may still be there), ``incomplete``, ``running``, ``never run``.
    """
    if _is_running(request):
        return "running", ""
    if request.failed_notebook.with_suffix(".txt").exists():
        return "failed", f"see {request.failed_notebook.with_suffix('.txt')}"
    found = manifest.read(request.target)
    if found.state == "absent":
        return "never run", ""
    if found.state == "incomplete":
        return "incomplete", found.why
    reasons = why(request)
    return ("stale", reasons[0]) if reasons else ("up to date", "")


def _is_running(request: Request) -> bool:
    path = request.target.parent / f".{request.name}.lock"
    if not path.exists():
        return False
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    lock.release()
    return False


def check_overrides(request: Request) -> None:
    """Refuse parameters that neither the preset nor the notebook knows.

    Raises:
        UserError: names the nearest known parameter.
    """
    resolve(request.paper, request.preset, dict(request.overrides))
    if not request.paper.notebook.is_file():
        raise UserError(f"{request.paper.slug} has no notebook at {request.paper.notebook}")
