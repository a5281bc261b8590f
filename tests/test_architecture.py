"""docs/architecture.md is true: its picture, its table, and the names on the way of a parameter."""

import ast
import json
import re
from importlib import import_module

import pytest

from replicate import paper
from replicate.paths import PACKAGE

TEXT = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
SHARED = sorted(
    {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    | {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - {"papers"}
)
ROW = re.compile(r"^(\w+) +(?:│ +)?((?:\w+ ?)+)", flags=re.M)


def _layers():
    """Return the rows of the picture from top to bottom, each a set of modules."""
    picture = re.search(r"^```\n(.*?)^```", TEXT, flags=re.M | re.S).group(1)
    return [set(modules.split()) for _, modules in ROW.findall(picture)]


def _imported(module):
    """Return the shared modules a module imports when it runs, at its top or inside a function."""
    path = PACKAGE / f"{module}.py"
    for file in [path] if path.is_file() else sorted((PACKAGE / module).rglob("*.py")):
        for node in _running(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "replicate":
                full = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from ({name.split(".")[1] for name in full} & set(SHARED)) - {module}
            elif isinstance(node, ast.Import):
                names = [alias.name.split(".") for alias in node.names]
                yield from ({name[1] for name in names if name[0] == "replicate" and name[1:]} & set(SHARED)) - {module}


def _running(node):
    """Yield the nodes of a tree but those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def test_every_shared_module_has_its_place_in_the_picture():
    """A module that is not drawn is one a newcomer does not find."""
    placed = [module for layer in _layers() for module in layer]
    assert sorted(placed) == SHARED


@pytest.mark.parametrize("module", SHARED)
def test_modules_import_from_their_row_and_below(module):
    """An import from above is where the way doubles back."""
    layers = _layers()
    row = next(i for i, layer in enumerate(layers) if module in layer)
    allowed = set().union(*layers[row:])
    assert set(_imported(module)) <= allowed


def test_the_check_sees_an_import_from_above():
    """A rule that nothing can break is no rule."""
    layers = _layers()
    assert "sweep" in set(_imported("run"))
    assert "run" not in set().union(*layers[next(i for i, layer in enumerate(layers) if "sweep" in layer) :])


def test_every_shared_module_is_in_the_table():
    """The table says what each is for."""
    table = TEXT[TEXT.index("## Where things are") : TEXT.index("## Rules")]
    named = {name.removesuffix(".py").removesuffix("/") for name in re.findall(r"`(\w+(?:\.py|/))`", table)}
    assert named == set(SHARED)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(replicate(?:\.\w+)+)`", TEXT))))
def test_every_name_exists(name):
    """A page that leads nowhere is worse than none."""
    module, _, rest = name, "", []
    while True:
        try:
            found = import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
    for part in rest:
        found = getattr(found, part)


def test_the_traced_parameter_is_one():
    """Its notebook, its presets and its claim go by the names on the page."""
    traced = paper.load("survival_models")
    cells = json.loads(traced.notebook.read_text(encoding="utf-8"))["cells"]
    assert any("s1_kappas = None" in "".join(cell["source"]) for cell in cells)
    assert all("s1_kappas" in preset.parameters for preset in traced.presets.values())
    assert traced.claim("C5-beta").experiment == "s1"
