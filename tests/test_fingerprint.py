"""What a result depends on: found by reading imports, no more and no less."""

import importlib.metadata
import math

import pytest

from replicate import fingerprint
from replicate.fingerprint import changed, digest, library_versions, module_file, module_sources

TREE = {
    "__init__.py": "",
    "base.py": "import math\nX = 1\n",
    "lazy.py": "def f():\n    from replicate.base import X\n    return X\n",
    "absolute.py": "import replicate.base\nimport numpy as np\n",
    "chain.py": "from replicate.lazy import f\n",
    "loop_a.py": "from . import loop_b\n",
    "loop_b.py": "from . import loop_a\n",
    "lonely.py": "import json\n",
    "star.py": "from replicate.folder import *\n",
    "folder/__init__.py": "from .one import One\nfrom .two import Two\n",
    "folder/one.py": "import sklearn.svm\nOne = 1\n",
    "folder/two.py": "from ..base import X\nTwo = 2\n",
    "folder/deep/__init__.py": "",
    "folder/deep/down.py": "from .. import one\nfrom ...base import X\n",
    "submodule.py": "from replicate.folder import one\n",
    "exported.py": "from replicate.folder import One\n",
    "folder_user.py": "import replicate.folder\n",
    "typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from replicate.base import X\n",
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Return the folder of a small package that stands in for ``replicate``."""
    for name, text in TREE.items():
        path = tmp_path / "replicate" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path / "replicate")
    return tmp_path / "replicate"


@pytest.mark.parametrize(
    ("module", "needs"),
    [
        ("base", {"base"}),
        ("lazy", {"lazy", "base"}),
        ("absolute", {"absolute", "base"}),
        ("chain", {"chain", "lazy", "base"}),
        ("loop_a", {"loop_a", "loop_b"}),
        ("lonely", {"lonely"}),
        ("folder.deep.down", {"folder.deep.down", "folder.one", "base"}),
        ("submodule", {"submodule", "folder.one"}),
        ("exported", {"exported", "folder", "folder.one", "folder.two", "base"}),
        ("folder_user", {"folder_user", "folder", "folder.one", "folder.two", "base"}),
        ("star", {"star", "folder", "folder.one", "folder.two", "base"}),
        ("typed", {"typed", "base"}),
    ],
)
def test_sources_are_the_transitive_imports(tree, module, needs):
    """A missing module keeps stale results; a superfluous one throws hours of results away.

    ``from folder import one`` needs that file alone: one edit must not invalidate a folder's other users.
    """
    assert set(module_sources(f"replicate.{module}")) == {f"replicate.{n}" for n in needs}


def test_an_edit_changes_exactly_that_module(tree):
    """Otherwise a changed module would be served from the cache, or the wrong one be named."""
    before = module_sources("replicate.chain")
    (tree / "base.py").write_text("X = 2\n")
    (tree / "lonely.py").write_text("import os\n")
    after = module_sources("replicate.chain")
    assert [line.split(":")[0] for line in changed(before, after)] == ["replicate.base"]


def test_an_edited_import_is_followed_at_once(tree):
    """Remembered imports of an edited file would miss what it uses now."""
    assert set(module_sources("replicate.lonely")) == {"replicate.lonely"}
    (tree / "lonely.py").write_text("from replicate.base import X  # now\n")
    assert set(module_sources("replicate.lonely")) == {"replicate.lonely", "replicate.base"}


def test_code_outside_the_package_has_no_sources(tree):
    """Names of other libraries must not be looked up as files here."""
    assert module_sources("numpy.linalg") == {}
    assert module_sources("replicate.none") == {}
    assert module_file("base") is None


def test_nothing_is_executed(tree):
    """Fingerprinting must be safe and cheap before anything runs."""
    (tree / "lonely.py").write_text("raise SystemExit('executed')\n")
    assert set(module_sources("replicate.lonely")) == {"replicate.lonely"}


def test_a_broken_module_is_named(tree):
    """The author needs the file, not a bare 'invalid syntax'."""
    (tree / "lonely.py").write_text("def :\n")
    with pytest.raises(SyntaxError, match=r"invalid syntax \(lonely.py"):
        module_sources("replicate.lonely")


def test_notebook_imports_are_those_of_the_package(tree):
    """Cells tie a notebook to modules; other libraries are counted by version."""
    source = "import numpy\nfrom replicate import base\nfrom replicate.folder import One\nimport replicate.lazy as r\n"
    assert fingerprint.notebook_imports(source) == {"replicate.base", "replicate.folder", "replicate.lazy"}


def test_library_versions_name_distributions(tree):
    """scikit-learn is imported as sklearn; a new release must recompute, the standard library never."""
    assert library_versions("replicate.base") == {}
    expected = {"scikit-learn": importlib.metadata.version("scikit-learn")}
    assert library_versions("replicate.submodule") == expected
    assert library_versions("replicate.absolute") == {"numpy": importlib.metadata.version("numpy")}


def test_owners_of_names_are_those_of_the_standard_library():
    """Read in a third of the time."""
    assert fingerprint._distributions() == importlib.metadata.packages_distributions()


def test_the_package_itself_is_no_library():
    """Its version would change every key at every release; its sources are counted already."""
    assert set(library_versions("replicate.sweep")) >= {"joblib", "numpy", "pandas", "threadpoolctl"}
    assert "replicate-papers" not in library_versions("replicate.sweep")
    assert "replicate.atomic" in module_sources("replicate.sweep")


def test_changed_lines_name_the_ingredient():
    """``replicate why`` prints these lines: new, gone and changed must be told apart."""
    old = {"a": "1", "b": "2", "c": "3"}
    new = {"b": "2", "c": "4", "d": "5"}
    assert changed(old, new) == ["a: gone", "c: changed (3 -> 4)", "d: new"]
    assert changed(old, dict(old)) == []
    assert changed({}, {}) == []


def test_digests_depend_on_value_not_on_order():
    """A key that depends on the order of a dictionary would miss the cache at random."""
    assert digest({"a": 1, "b": [1.5, None]}) == digest({"b": [1.5, None], "a": 1})
    values = [1, 1.0, "1", True, None, [], {}, [1], math.nan, math.inf, -math.inf, 0.0, -0.0, 0.1, 0.1 + 2**-56]
    assert len({digest(v) for v in values}) == len(values)
    assert digest(b"text") == "982d9e3eb996f559"  # sha256sum of 'text', first 16 characters
