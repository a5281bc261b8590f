"""Run one notebook headlessly: parameters in, executed notebook out, failures short and kept.

papermill runs in a child process, one per notebook (``replicate._papermill``), because it changes
process-wide state and must end together with its kernel. Parent and child share a scratch folder that
holds the job, a private kernelspec, the child's log and its result.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from replicate.errors import NotebookFailed
from replicate.parameters import check_name, check_value, read_parameters
from replicate.paths import PACKAGE, project_root

POLL_SECONDS = 0.2
STOP_SECONDS = 10  # what a child gets to shut its kernel down before it is killed
DETAIL_LINES = 5
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Execution:
    """An executed notebook: its path, its wall time in seconds, and what each cell took.

    ``cells`` holds (position in the file counted from 0, seconds) for each code cell, in order.
    """

    path: Path
    seconds: float
    cells: list[tuple[int, float]]


@dataclass(frozen=True)
class Job:
    """What the child is to do; travels as JSON. Paths are absolute."""

    notebook: str
    partial: str
    failed: str
    parameters: dict[str, Any]
    cell_timeout: float | None


def execute_notebook(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    env: Mapping[str, str] | None = None,
    cell_timeout: float | None = None,
    on_poll: Callable[[], None] | None = None,
) -> Execution:
    """Run ``notebook`` with ``parameters`` injected and write it, executed, to ``output``.

    The kernel is this very interpreter, whatever kernel the notebook names; it works in the project root.
    ``env`` is added to its environment, ``cell_timeout`` (seconds) bounds each cell, ``on_poll`` is called
    about five times a second in this process. Equal inputs give byte-identical files.

    ``output`` appears only when every cell has run without an error; until then, and after a failure, it
    keeps what it had. What a failed or interrupted run produced is kept beside it as ``*.failed.ipynb``.

    Raises UserError for a parameter that the notebook does not declare or that is not a JSON primitive, and
    NotebookFailed naming the cell, its last traceback lines and the kept file.
    """
    notebook, output = Path(notebook).resolve(), Path(output).resolve()
    values = _checked_parameters(notebook, parameters)
    output.parent.mkdir(parents=True, exist_ok=True)
    failed = output.with_suffix(".failed.ipynb")
    failed.unlink(missing_ok=True)  # of an earlier run
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="replicate-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        partial = output.with_suffix(f".{scratch.name}.partial.ipynb")  # unique: two runs may share a target
        job = Job(str(notebook), str(partial), str(failed), values, cell_timeout)
        try:
            cells = _run_child(job, scratch, env=env, on_poll=on_poll)
            os.replace(partial, output)
        finally:
            keep_failed(job)
    return Execution(output, time.monotonic() - started, cells)


def keep_failed(job: Job) -> None:
    """Keep what an unfinished run has produced, if anything, under the name that says so."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(job.partial, job.failed)


def last_lines(text: str) -> list[str]:
    """Return the last few non-blank lines, without terminal colours, each cut to 200 characters."""
    lines = [line.rstrip()[:200] for line in _ANSI.sub("", text).splitlines() if line.strip()]
    return lines[-DETAIL_LINES:]


def _checked_parameters(notebook: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse what papermill would inject without a word: unknown names, values that JSON would change."""
    declared = read_parameters(notebook) if parameters else {}
    values = {}
    for name, value in parameters.items():
        check_name(name, declared, slug=notebook.stem)
        values[name] = check_value(name, value, declared[name].default)
    return values


def _environment(scratch: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the child's environment: reproducible, private, and with ``extra`` on top."""
    env = dict.fromkeys(THREADS, "1") | dict(os.environ)
    env |= {
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # with agg, figures are never displayed
        "IPYTHONDIR": str(scratch / "ipython"),  # no start-up scripts of the user, no shared history
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),  # the home folder may be read-only
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a debugger's warning in every log
    }
    env |= extra
    env["JUPYTER_PATH"] = _search_path(scratch, env.get("JUPYTER_PATH"))
    if PACKAGE.parent.name != "site-packages":  # the kernel imports the same source tree as this process
        env["PYTHONPATH"] = _search_path(PACKAGE.parent, env.get("PYTHONPATH"))
    return env


def _search_path(first: Path, rest: str | None) -> str:
    return os.pathsep.join(filter(None, (str(first), rest)))


def _run_child(
    job: Job, scratch: Path, *, env: Mapping[str, str] | None, on_poll: Callable[[], None] | None
) -> list[tuple[int, float]]:
    """Run the child to its end and return the seconds of each cell; raise NotebookFailed."""
    (scratch / "job.json").write_text(json.dumps(asdict(job)))
    log = scratch / "log"
    child = _start(scratch, log, _environment(scratch, env or {}))
    try:
        code = _wait(child, on_poll)
    finally:
        _stop(child)
    outcome = _outcome(scratch, code)
    if outcome["problem"]:
        keep_failed(job)
        raise NotebookFailed(_message(job, outcome, log))
    return [(index, seconds) for index, seconds in outcome["cells"]]


def _start(scratch: Path, log: Path, env: Mapping[str, str]) -> subprocess.Popen:
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "replicate._papermill", str(scratch)],
            stdin=subprocess.PIPE,  # never written to: it closes when this process dies, however it dies
            stdout=sink,
            stderr=sink,
            cwd=project_root(),
            env=env,
            start_new_session=True,  # Ctrl-C reaches this process only, which then stops the child
        )


def _wait(child: subprocess.Popen, on_poll: Callable[[], None] | None) -> int:
    while True:
        try:
            return child.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if on_poll:
                on_poll()


def _stop(child: subprocess.Popen) -> None:
    """End the child if it still runs, giving it time to end its kernel first."""
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()  # the kernel notices within a second
        child.wait()
    finally:
        if child.stdin is not None:
            child.stdin.close()


def _outcome(scratch: Path, code: int) -> dict[str, Any]:
    """Return what the child reported, or what its exit status says when it reported nothing."""
    if code == 0:
        return json.loads((scratch / "result.json").read_text())
    if code < 0:
        problem = f"the runner was killed by {signal.Signals(-code).name} (out of memory?)"
    else:
        problem = f"the runner stopped with exit code {code}"
    return {"problem": problem, "detail": [], "show_log": True}


def _message(job: Job, outcome: Mapping[str, Any], log: Path) -> str:
    """Say which notebook and cell, what happened, the last lines about it, and where the rest is."""
    lines = [f"{Path(job.notebook).name}: {outcome['problem']}", *outcome["detail"]]
    if outcome["show_log"]:
        lines += last_lines(log.read_text(errors="replace"))
    if Path(job.failed).exists():
        lines.append(f"kept: {job.failed}")
    return "\n  ".join(lines)
