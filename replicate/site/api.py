"""The library's reference, from signatures and docstrings: the source is read, nothing is imported.

Docstrings are shown as they were written, as ``help()`` shows them; only their first lines are set as text.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from replicate.paths import PACKAGE
from replicate.site.html import raw

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def write(source: Path) -> None:
    """Write ``api/index.md`` and a page for the shared modules, for each of their folders, and for each paper."""
    (source / "api").mkdir(parents=True)
    packages = {_dotted(p): p for p in sorted({path.parent for path in PACKAGE.rglob("*.py")}) if _modules(p)}
    for name, package in packages.items():
        (source / "api" / f"{name}.md").write_text(package_page(name, package), encoding="utf-8")
    toctree = "\n".join(["```{toctree}", ":titlesonly:", "", *packages, "```"])
    text = f"# Library\n\nEvery public function and class, from its docstring.\n\n{toctree}\n"
    (source / "api" / "index.md").write_text(text, encoding="utf-8")


def package_page(name: str, package: Path) -> str:
    """Return the page of one folder of modules as Markdown."""
    init = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    modules = (module_section(f"{name}.{p.stem}", p.read_text(encoding="utf-8")) for p in _modules(package))
    return "\n\n".join([f"# {name}", raw(_docstring(init)), *modules])


def module_section(name: str, code: str) -> str:
    """Return the section of one module: its docstring, then its public functions and classes."""
    tree = ast.parse(code)
    entries = "\n".join(_entry(node, name) for node in _public(tree.body))
    return f"## {name.rpartition('.')[2]}\n\n{raw(_docstring(tree) + entries)}"


def _entry(node: Documented, place: str, *, method: bool = False) -> str:
    """Return a function, or a class with its public methods, as a block that opens on a click."""
    name = f"{place}.{node.name}"
    if isinstance(node, ast.ClassDef):
        head, members = f"class {node.name}{_constructor(node)}", list(_public(node.body))
    else:
        head, members = _function_head(node, method=method), []
    first = (ast.get_docstring(node) or "").partition("\n")[0]
    inside = _docstring(node) + "".join(_entry(member, name, method=True) for member in members)
    summary = f"<summary><code>{escape(head)}</code> <span>{_line(first)}</span></summary>"
    return f'<details class="api" id="{name}">{summary}{inside}</details>'


def _line(text: str) -> str:
    """Return a docstring's first line as HTML, with what stands in backticks as code."""
    return re.sub(r"(``?)(?!`)(.+?)\1", r"<code>\2</code>", escape(text))


def _function_head(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> str:
    """Return a function's name and signature; a property has only a name."""
    decorators = {ast.unparse(d).rpartition(".")[2] for d in node.decorator_list}
    if decorators & {"property", "cached_property"}:
        return node.name
    return f"{node.name}{_signature(node, skip_first=method and 'staticmethod' not in decorators)}"


def _constructor(node: ast.ClassDef) -> str:
    """Return what a class is called with: ``__init__``'s signature, or a dataclass's fields."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return _signature(member, skip_first=True)
    if not any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        return ""
    fields = [m for m in node.body if isinstance(m, ast.AnnAssign) and not ast.unparse(m.target).startswith("_")]
    return f"({', '.join(ast.unparse(field) for field in fields)})"


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, *, skip_first: bool) -> str:
    arguments = node.args
    if skip_first:
        first = arguments.posonlyargs or arguments.args
        del first[:1]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(arguments)}){returns}"


def _public(body: Iterable[ast.stmt]) -> Iterator[Documented]:
    for node in body:
        if isinstance(node, Documented) and not node.name.startswith("_") and ast.get_docstring(node):
            yield node


def _docstring(node: Documented | ast.Module) -> str:
    return f"<pre>{escape(ast.get_docstring(node) or '')}</pre>"


def _modules(package: Path) -> list[Path]:
    return sorted(p for p in package.glob("*.py") if not p.stem.startswith("_") and p.stem != "conf")


def _dotted(package: Path) -> str:
    return ".".join(package.relative_to(PACKAGE.parent).parts)
