"""The child process of ``replicate.execute``: the only module that touches papermill.

papermill's own status fields are never read: they say ``completed`` after a killed kernel. Success means
that every code cell has an execution count and that no cell holds an error.
"""

import itertools
import json
import logging
import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# nbformat's import of jsonschema compiles a grammar for this optional package, which no notebook needs:
# 1.5 s. It must be hidden before the imports below.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: "not installed"
# ruff: noqa: E402

import nbformat
import papermill
from filelock import FileLock
from ipykernel.kernelspec import get_kernel_dict
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.engines import NotebookExecutionManager
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from replicate.execute import Job, keep_failed, last_lines
from replicate.parameters import INJECTED_TAG

KERNEL = "python3"
SAVE_SECONDS = 10  # between two saves of a notebook that runs; papermill saves twice a cell, which takes seconds in all
OUTPUT_TIMEOUT = 60  # seconds to wait for the last outputs of a finished cell, instead of 4
_OPTIONS = {
    "kernel_name": KERNEL,  # whatever the notebook names
    "language": "python",
    "progress_bar": False,
    "start_timeout": 180,  # seconds; the usual 60 are too few on a loaded machine
    "iopub_timeout": OUTPUT_TIMEOUT,
    "force_raise_errors": True,  # also in cells tagged raises-exception
    "record_timing": False,
    "coalesce_streams": True,
    "config": Config(
        KernelManager={
            "transport_encryption": "auto",  # otherwise every start prints a warning
            "shutdown_wait_time": 2.0,  # seconds for a kernel that does not end when asked to
        }
    ),
}
_Problem = dict[str, Any]  # "problem" (a sentence or None), "detail" (lines), "show_log"
_WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


@dataclass
class _Progress:
    """What the kernel has done so far, noted by nbclient's hooks."""

    notebook: NotebookNode | None = None
    cell: NotebookNode | None = None
    number: int = 0  # of code cells begun, which is what Jupyter shows as In [number]
    begun: float = 0.0
    cells: list[tuple[int, float]] = field(default_factory=list)

    def on_cell_execute(self, *, cell: NotebookNode, cell_index: int) -> None:
        self.cell, self.number, self.begun = cell, self.number + 1, time.monotonic()

    def on_cell_executed(self, *, cell: NotebookNode, cell_index: int, execute_reply: Any) -> None:
        self.cells.append((cell_index, time.monotonic() - self.begun))


def main(scratch: Path) -> None:
    """Do the job described in ``scratch/job.json`` and leave ``scratch/result.json``."""
    job = Job(**json.loads((scratch / "job.json").read_text()))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # unwind, so that the kernel is shut down
    threading.Thread(target=_follow_parent, args=(threading.get_ident(),), daemon=True).start()
    NotebookExecutionManager.save = _seldom(NotebookExecutionManager.save)
    progress = _Progress()
    _write_kernelspec(scratch / "kernels" / KERNEL)
    try:
        problem = _run(job, progress)
    except BaseException:
        keep_failed(job)
        raise
    (scratch / "result.json").write_text(json.dumps({**problem, "cells": progress.cells}))


def _seldom(save: Callable[..., None]) -> Callable[..., None]:
    """Return papermill's ``save`` so that it saves at first, at most every `SAVE_SECONDS`, and at the end."""
    saved = -math.inf

    def save_seldom(self: NotebookExecutionManager, **kwargs: Any) -> None:
        nonlocal saved
        if self.end_time is not None or time.monotonic() - saved >= SAVE_SECONDS:
            save(self, **kwargs)
            saved = time.monotonic()

    return save_seldom


def _follow_parent(main: int) -> None:
    """Stop when the parent is gone: the pipe that is our standard input closes with it."""
    os.read(sys.stdin.fileno(), 1)
    signal.pthread_kill(main, signal.SIGTERM)


def _write_kernelspec(folder: Path) -> None:
    """Define a kernel that is this interpreter; ``$JUPYTER_PATH`` puts it before all others."""
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(get_kernel_dict()))


def _run(job: Job, progress: _Progress) -> _Problem:
    """Execute the notebook into ``job.partial`` and return the problem, if any, as the parent shows it."""
    try:
        executed = _execute(job, progress)
    except PapermillExecutionError as error:
        return _find_problem(progress.notebook) or _problem(progress.number, progress.cell, f"raised {error.ename}")
    except CellTimeoutError as error:
        return _problem(progress.number, progress.cell, _late(error, job.cell_timeout))
    except DeadKernelError:
        died = "kernel died (out of memory?)"
        return _problem(progress.number, progress.cell, died) | {"show_log": True}
    except RuntimeError as error:
        if progress.notebook is not None:
            raise
        return {"problem": f"the kernel did not start: {error}", "detail": [], "show_log": True}
    problem = _find_problem(executed)
    if problem is None:
        Path(job.partial).write_text(_normalised(executed), encoding="utf-8")
    return problem or {"problem": None}


def _late(error: CellTimeoutError, cell_timeout: float | None) -> str:
    if "Timeout waiting for IOPub output" in str(error):
        return f"did not deliver its output in {OUTPUT_TIMEOUT} s: print less"
    return f"timed out after {cell_timeout:g} s"


def _execute(job: Job, progress: _Progress) -> NotebookNode:
    """Let papermill inject the parameters and run the notebook."""
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # it repeats what the result says
    start = FileLock(Path(tempfile.gettempdir()) / f"replicate-kernel-start-{os.getuid()}.lock")

    def on_notebook_start(*, notebook: NotebookNode) -> None:
        progress.notebook = notebook
        start.release()

    start.acquire()  # one kernel starts at a time: many at once are what makes starts time out
    return papermill.execute_notebook(
        nbformat.read(job.notebook, as_version=4),
        job.partial.replace("{", "{{").replace("}", "}}"),  # papermill formats it with the parameters
        job.parameters,
        timeout_func=lambda cell: job.cell_timeout,
        on_notebook_start=on_notebook_start,
        on_cell_execute=progress.on_cell_execute,
        on_cell_executed=progress.on_cell_executed,
        **_OPTIONS,
    )


def _find_problem(notebook: NotebookNode | None) -> _Problem | None:
    """Return the first code cell that holds an error or did not run."""
    cells = [cell for cell in (notebook.cells if notebook else ()) if cell.cell_type == "code" and cell.source.strip()]
    for number, cell in enumerate(cells, start=1):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if errors:
            return _problem(number, cell, _raised(errors[0]), detail=_traceback(errors[0]))
        if cell.execution_count is None:
            return _problem(number, cell, "did not run")
    return None


def _raised(error: NotebookNode) -> str:
    if error.ename == "SystemExit":
        return "called sys.exit, so that later cells did not run"
    return f"raised {error.ename}"


def _traceback(error: NotebookNode) -> list[str]:
    """Return the last lines of a traceback; where a long message fills them, what was raised comes first."""
    lines = last_lines("\n".join(error.traceback))
    if any(line.startswith(error.ename) for line in lines):
        return lines
    headline = f"{error.ename}: {error.evalue.strip()}".splitlines()[0]
    return [*last_lines(headline), "...", *lines[2:]]


def _problem(number: int, cell: NotebookNode | None, what: str, *, detail: list[str] | None = None) -> _Problem:
    first = cell.source.strip().splitlines()[0][:100] if cell else ""
    return {"problem": f"cell {number} `{first}` {what}", "detail": detail or [], "show_log": False}


def _normalised(notebook: NotebookNode) -> str:
    """Return the notebook's text without anything that differs between two equal runs."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": KERNEL}
    notebook.metadata.get("language_info", {}).pop("version", None)
    numbers = itertools.count()
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        tags = cell.metadata.pop("tags", None)
        if tags:
            cell.metadata["tags"] = tags
        cell["id"] = INJECTED_TAG if INJECTED_TAG in (tags or []) else f"cell-{next(numbers)}"
    return _number_widgets(notebook)


def _number_widgets(notebook: NotebookNode) -> str:
    """Return the notebook's text with the random ids of its widgets replaced by numbers in creation order."""
    text = nbformat.writes(notebook)
    models = notebook.metadata.get("widgets", {}).get(_WIDGET_STATE, {}).get("state", {})
    for number, model in enumerate(models):
        text = text.replace(model, f"{number:032x}")
    return nbformat.writes(nbformat.reads(text, as_version=4)) + "\n"  # sorted by the new ids


if __name__ == "__main__":
    main(Path(sys.argv[1]))
