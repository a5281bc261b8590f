"""The package's source holds nothing that would run what came from outside."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "replicate"
RUNS_TEXT = {"eval", "exec", "compile"}
UNPICKLES = {
    "pickle.load", "pickle.loads", "pandas.read_pickle", "pd.read_pickle", "joblib.load", "dill.load", "dill.loads",
    "cloudpickle.load", "cloudpickle.loads", "yaml.load", "yaml.unsafe_load", "os.system", "os.popen",
    "subprocess.getoutput", "shelve.open", "marshal.loads",
}  # fmt: skip


# bytes that a notebook packed, over the pipe to its own worker, as its units go
OURS = {("figure_files.py", "pickle.loads")}


def found(source: str) -> list[str]:
    """Return a line for every dangerous call in a source text."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [f"line {call.lineno}: {ast.unparse(call.func)}" for call in calls if _dangerous(call)]


def _dangerous(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    options = {k.arg: ast.unparse(k.value) for k in call.keywords}
    if name in RUNS_TEXT or name in UNPICKLES or options.get("shell") == "True":
        return True
    if name.endswith(("torch.load", "jit.load")):
        return options.get("weights_only") != "True"
    if name in ("np.load", "numpy.load"):
        return options.get("allow_pickle", "False") != "False"
    if name.endswith((".extractall", "unpack_archive")):
        return True
    return name.endswith(".extract") and options.get("filter") not in ("'data'",) and "tar" in name


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)", "exec(x)", "pickle.loads(x)", "pd.read_pickle(p)", "yaml.load(x)", "os.system(x)",
        "subprocess.run(x, shell=True)", "torch.load(p)", "torch.load(p, weights_only=False)",
        "np.load(p, allow_pickle=True)", "archive.extractall(p)", "shutil.unpack_archive(p)", "tar.extract(m)",
    ],
)  # fmt: skip
def test_the_reader_finds_what_it_looks_for(text):
    """A check that finds nothing proves nothing."""
    assert found(text)


@pytest.mark.parametrize(
    "text", ["model.eval()", "np.load(p, allow_pickle=False)", "torch.load(p, weights_only=True)", "yaml.safe_load(x)"]
)
def test_the_reader_lets_the_safe_ways_pass(text):
    """A check that cries wolf is switched off."""
    assert not found(text)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_runs_what_came_from_outside(path):
    """Data, parameters and archives are data."""
    calls = found(path.read_text(encoding="utf-8"))
    assert not [call for call in calls if (path.name, call.split(": ")[1]) not in OURS]
