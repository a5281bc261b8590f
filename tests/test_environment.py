"""pyproject.toml, environment.yml, constraints.txt, Makefile and workflow describe the same environment."""

import re
import tomllib
from pathlib import Path

from replicate.lock import FREE

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch", "xgboost": "py-xgboost"}
CONDA_ONLY = {"python", "make", "pip", "arcp"}  # arcp: rocrate's, which pip installs without dependencies


def _requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]  # all but the browser's driver, without which its tests are skipped
    lines = [*project["dependencies"], *extras["test"], *extras["report"]]
    return dict(re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in lines), project


def _conda():
    text = (ROOT / "environment.yml").read_text()
    lines = re.findall(r"^  (?:    )?- (\w[\w-]*)([<>=].*)?$", text, flags=re.M)  # the deeper ones are pip's
    return {name: version for name, version in lines if name not in {"conda-forge", *CONDA_ONLY}}


def test_conda_environment_is_the_same_as_pip():
    """Two descriptions that drift apart give two sets of results."""
    wanted, _ = _requirements()
    assert _conda() == {CONDA_NAMES.get(name, name): version for name, version in wanted.items()}


def test_core_packages_are_there():
    """The suite promises these to its users."""
    wanted, _ = _requirements()
    core = {"jupyterlab", "papermill", "torch", "torchvision", "xgboost", "shap", "statsmodels", "pytest", "nbval"}
    assert core <= wanted.keys()
    assert wanted["torch"] == ">=2.4"


def test_constraints_pin_every_requirement_but_the_free_ones():
    """An unpinned requirement would change under a user's feet."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    wanted, _ = _requirements()
    assert wanted.keys() - pins.keys() == {"torch", "torchvision"}
    assert not [name for name in pins if name.startswith(FREE)]


def test_supported_pythons_agree():
    """CI must test the oldest and the newest Python we promise."""
    _, project = _requirements()
    assert project["requires-python"] == ">=3.11,<3.14"
    assert '["3.11", "3.13"]' in (ROOT / ".github/workflows/ci.yml").read_text()
    assert "(3, 11) <= v < (3, 14)" in (ROOT / "Makefile").read_text()


def test_top_level_is_the_agreed_one():
    """The top level is a promise: notebooks, package, data, results, tests and three files."""
    for name in ("notebooks", "replicate", "data", "results", "tests", "environment.yml", "Makefile", "README.md"):
        assert (ROOT / name).exists(), name


def test_make_help_lists_every_public_target():
    """A target nobody can find is no target."""
    text = (ROOT / "Makefile").read_text()
    for target in ("all", "smoke", "test", "lab", "tables", "figures", "report", "data", "clean", "help"):
        assert re.search(rf"^{target}:.*  ## ", text, flags=re.M), target
