"""One notebook in a real kernel: what it gets, what it leaves, and every known way of not finishing."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import nbformat
import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from replicate.errors import NotebookFailed, UserError
from replicate.execute import execute_notebook
from replicate.paths import project_root

TRICKY = 'a "b" \\ {c} é\n'
MEET = """
import os, time
from pathlib import Path
Path(os.environ["MINE"]).touch()
latest = time.monotonic() + 60
while not Path(os.environ["OTHER"]).exists() and time.monotonic() < latest:
    time.sleep(0.02)
assert Path(os.environ["OTHER"]).exists(), "the other notebook does not run beside this one"
"""
REPORT = """
import json, sys
import replicate
print(json.dumps({
    "text": text, "executable": sys.executable, "cwd": os.getcwd(), "package": replicate.__file__,
    "set": list({"b", "a", "c"}), "hash": os.environ["PYTHONHASHSEED"], "given": os.environ["GIVEN"],
    "threads": [os.environ[f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS")],
}))
"""
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
WIDGET = "import ipywidgets\nipywidgets.IntSlider()"
LONG_WAIT = """
import os, time
from pathlib import Path
Path({note!r}).with_suffix(".tmp").write_text(str(os.getpid()))
os.replace(Path({note!r}).with_suffix(".tmp"), {note!r})
time.sleep(120)
"""


def write_notebook(path, *sources, metadata=None):
    cells = [new_code_cell("text = None  # any text", metadata={"tags": ["parameters"]})]
    cells += [new_code_cell(source) for source in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=metadata or {}), path)
    return path


def streams(notebook, name="stdout"):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.get("name") == name)


def wait_until(condition, *, seconds=30):
    latest = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < latest, "did not happen in time"
        time.sleep(0.05)


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # asked first and looked at afterwards, it could end in between
        return False


def bogus_kernel(folder):
    """Define a ``python3`` that is no Python at all."""
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "other", "language": "python"}
    (folder / "kernels" / "python3").mkdir(parents=True)
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    return str(folder)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same notebook executed twice, at the same time, into folders that are not there yet."""
    folder = tmp_path_factory.mktemp("a{b}")  # papermill formats braces in paths
    metadata = {"kernelspec": {"name": "no-such-kernel", "display_name": "gone"}}
    notebook = write_notebook(folder / "demo.ipynb", MEET, REPORT, FIGURE, WIDGET, metadata=metadata)
    jupyter = bogus_kernel(folder / "jupyter")
    targets = [folder / "first" / "results" / "demo.ipynb", folder / "second" / "demo.ipynb"]
    targets[1].parent.mkdir()
    targets[1].with_suffix(".failed.ipynb").write_text("from an earlier run")
    polls = []

    def execute(mine, other):
        env = {"MINE": str(folder / mine), "OTHER": str(folder / other), "GIVEN": "yes"}
        env |= {"JUPYTER_PATH": jupyter, "JUPYTER_DATA_DIR": jupyter}
        target = targets[int(mine)]
        return execute_notebook(notebook, target, {"text": TRICKY}, env=env, on_poll=lambda: polls.append(mine))

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(execute, "01", "10"))
    executed = nbformat.read(targets[0], as_version=4)
    report = json.loads(streams(executed))
    return SimpleNamespace(results=results, targets=targets, executed=executed, report=report, polls=polls)


def test_two_equal_runs_give_identical_files(pair):
    """Otherwise a re-run cannot be told from a changed result."""
    first, second = (target.read_bytes() for target in pair.targets)
    assert first == second
    for volatile in ("papermill", "iopub", sys.version.split()[0]):
        assert volatile not in first.decode()


def test_parameters_arrive_unchanged_in_a_tagged_cell(pair):
    """A text with quotes, backslashes or braces must not be altered on its way into the kernel."""
    assert pair.report["text"] == TRICKY
    assert pair.executed.cells[1].metadata.tags == ["injected-parameters"]
    assert [cell.id for cell in pair.executed.cells[:3]] == ["cell-0", "injected-parameters", "cell-1"]


def test_the_kernel_is_this_interpreter(pair):
    """Another kernelspec called python3, or the name in the file, would run other library versions."""
    assert pair.report["executable"] == sys.executable
    assert pair.report["package"] == str(project_root() / "replicate" / "__init__.py")
    assert pair.executed.metadata.kernelspec.name == "python3"


def test_the_kernel_works_in_the_project_root_with_a_pinned_environment(pair):
    """Results must not depend on the caller's folder, threads or hash seed."""
    assert pair.report["cwd"] == str(project_root())
    assert pair.report["hash"] == "0"
    assert pair.report["given"] == "yes"
    expected = [os.environ.get(f"{name}_NUM_THREADS", "1") for name in ("OMP", "MKL", "OPENBLAS")]
    assert pair.report["threads"] == expected


def test_figures_are_in_the_executed_notebook(pair):
    """With the agg backend ``plt.show()`` displays nothing, and the notebook looks complete."""
    (output,) = (o for o in pair.executed.cells[4].outputs if o.output_type == "display_data")
    assert output.data["image/png"].startswith("iVBOR")
    assert streams(pair.executed, "stderr") == ""


def test_each_cell_is_timed_outside_the_notebook(pair):
    """Costs per cell are reported, yet timings inside the file would differ between runs."""
    for result in pair.results:
        assert [index for index, _ in result.cells] == list(range(6))
        assert 0 < sum(seconds for _, seconds in result.cells) < result.seconds


def test_the_caller_hears_while_the_notebook_runs(pair):
    """Without a regular call no progress can be shown during a long cell."""
    assert pair.polls.count("0") > 3
    assert pair.polls.count("1") > 3


def test_only_the_result_is_left_behind(pair):
    """A stale partial or failed file would be taken for this run's."""
    for target, result in zip(pair.targets, pair.results, strict=True):
        assert result.path == target
        assert os.listdir(target.parent) == [target.name]


# Before anything runs


def test_an_unknown_parameter_stops_before_the_kernel_starts(tmp_path):
    """papermill would inject it, warn in a line nobody reads, and run on the default."""
    notebook = write_notebook(tmp_path / "demo.ipynb")
    with pytest.raises(UserError, match=r"unknown parameter 'txt' for demo: did you mean 'text'\?"):
        execute_notebook(notebook, tmp_path / "out" / "demo.ipynb", {"txt": "a"})
    with pytest.raises(UserError, match=r"parameter 'text': expected .*, found .*\(float64\)"):
        execute_notebook(notebook, tmp_path / "out" / "demo.ipynb", {"text": np.float64(1)})
    assert not (tmp_path / "out").exists()


# Not finishing


@pytest.mark.parametrize(
    ("source", "limit", "message"),
    [
        (
            "def f():\n    raise ValueError('no \\x1b[31mdata')\nf()",
            None,
            r"cell 2 `def f\(\):` raised ValueError\n(  .*\n)+  ValueError: no data\n  kept: ",
        ),
        (
            "raise ValueError('head' + 40 * '\\nline')",
            None,
            r"raised ValueError\n  ValueError: head\n  \.\.\.(\n  line){3}\n  kept: ",
        ),
        (
            "import os\nos.write(2, b'arena full\\n')\nos.kill(os.getpid(), 9)",
            None,
            r"cell 2 `import os` kernel died \(out of memory\?\)\n  arena full\n  kept: ",
        ),
        (
            "import sys\nsys.exit(0)",
            None,
            r"cell 2 `import sys` called sys\.exit, so that later cells did not run",
        ),
        ("import time\ntime.sleep(60)", 0.5, r"cell 2 `import time` timed out after 0\.5 s\n  kept: "),
    ],
    ids=["exception", "long message", "killed kernel", "sys.exit(0)", "timeout"],
)
def test_a_cell_that_does_not_finish_is_named(tmp_path, source, limit, message):
    """papermill marks every cell completed after a killed kernel, and exits with 0 after ``sys.exit(0)``."""
    notebook, target = (
        write_notebook(tmp_path / "demo.ipynb", source, "print('later')"),
        tmp_path / "x" / "o.ipynb",
    )
    target.parent.mkdir()
    target.write_text("what was there")
    with pytest.raises(NotebookFailed, match=rf"^demo\.ipynb: .*{message}") as error:
        execute_notebook(notebook, target, {}, cell_timeout=limit)
    kept = target.with_name("o.failed.ipynb")
    assert target.read_text() == "what was there"
    assert sorted(os.listdir(target.parent)) == [kept.name, target.name]
    assert "later" not in streams(nbformat.read(kept, as_version=4))
    assert "\x1b" not in str(error.value)
    assert str(error.value).count("\n") <= 7
    assert str(error.value).endswith(f"kept: {kept}")


def test_a_skipped_cell_is_not_a_success(tmp_path):
    """A notebook whose claims were never computed must not be published as executed."""
    notebook = write_notebook(tmp_path / "demo.ipynb", "", "1 + 1")
    content = nbformat.read(notebook, as_version=4)
    content.cells[2].metadata["tags"] = ["skip-execution"]
    nbformat.write(content, notebook)
    with pytest.raises(NotebookFailed, match=r"cell 2 `1 \+ 1` did not run"):
        execute_notebook(notebook, tmp_path / "out.ipynb", {})


def test_a_kernel_that_does_not_start_shows_why(tmp_path):
    """The reason (a broken installation, mostly) is only on the kernel's standard error."""
    (tmp_path / "ipykernel_launcher.py").write_text("raise ImportError('libzmq is missing')")
    notebook = write_notebook(tmp_path / "demo.ipynb")
    with pytest.raises(NotebookFailed, match=r"(?s)the kernel did not start: .*ImportError: libzmq is missing"):
        execute_notebook(notebook, tmp_path / "out.ipynb", {}, env={"PYTHONPATH": str(tmp_path)})


def test_a_killed_runner_leaves_no_kernel(tmp_path):
    """The out-of-memory killer may choose the process that feeds the kernel."""
    note = tmp_path / "pid"
    notebook = write_notebook(tmp_path / "demo.ipynb", LONG_WAIT.format(note=str(note)))

    def kill_runner():
        if note.exists():
            psutil.Process(int(note.read_text())).parent().kill()

    with pytest.raises(NotebookFailed, match=r"runner was killed by SIGKILL \(out of memory\?\)\n  kept: .*failed"):
        execute_notebook(notebook, tmp_path / "out.ipynb", {}, on_poll=kill_runner)
    wait_until(lambda: not runs(int(note.read_text())))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_an_interrupted_caller_leaves_no_kernel_and_no_result(tmp_path, sent):
    """An orphaned kernel holds memory and a GPU for hours; a half-run notebook passes for a result."""
    note, target = tmp_path / "pid", tmp_path / "out" / "demo.ipynb"
    notebook = write_notebook(tmp_path / "demo.ipynb", "print('first')", LONG_WAIT.format(note=str(note)))
    call = f"execute_notebook({str(notebook)!r}, {str(target)!r}, {{}})"
    program = f"from replicate.execute import execute_notebook; {call}"
    env = os.environ | {"TMPDIR": str(tmp_path)}  # a killed caller cannot remove its scratch folder
    caller = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, env=env)
    wait_until(note.exists)
    caller.send_signal(sent)
    assert caller.wait(15) == (-sent if sent is signal.SIGKILL else -signal.SIGINT)
    wait_until(lambda: not runs(int(note.read_text())))
    wait_until(lambda: os.listdir(target.parent) == ["demo.failed.ipynb"])
    assert streams(nbformat.read(target.parent / "demo.failed.ipynb", as_version=4)) == "first\n"
    expected = r"KeyboardInterrupt\s*$" if sent is signal.SIGINT else r"^$"
    assert re.search(expected, caller.stderr.read())
    caller.stderr.close()
