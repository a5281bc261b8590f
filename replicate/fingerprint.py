"""What a result depends on: package sources, library versions, data; as short hashes with names.

The source of a function is the module it lives in and every module of this package that one imports,
directly or not. Imports are read from the text, nothing is executed.
"""

import ast
import hashlib
import json
import sys
from functools import cache
from importlib.metadata import Distribution, distributions, version
from pathlib import Path

from replicate.paths import PACKAGE

_TOP = "replicate"


def digest(value: object) -> str:
    """Return a 16-character hash of a JSON-like value or of bytes."""
    raw = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True, allow_nan=True).encode()
    return hashlib.sha256(raw).hexdigest()[:16]


def module_file(name: str) -> Path | None:
    """Return the file of a module of this package, or None if there is none."""
    base = PACKAGE.joinpath(*name.split(".")[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if name.split(".")[0] == _TOP and candidate.is_file():
            return candidate
    return None


def notebook_imports(source: str) -> set[str]:
    """Return the modules of this package that a piece of code imports."""
    return {m for m in _names(ast.parse(source), None) if m.split(".")[0] == _TOP}


def module_sources(name: str) -> dict[str, str]:
    """Return ``{module: hash}`` for a module of this package and all it imports from this package.

    Args:
        name: dotted name, such as ``replicate.papers.tempnet.experiments``.
    """
    found: dict[str, str] = {}
    todo = [name]
    while todo:
        current = todo.pop()
        path = module_file(current)
        if path is None or current in found:
            continue
        found[current] = digest(path.read_bytes())
        todo += [m for m in _imports(path, _stamp(path)) if m.split(".")[0] == _TOP]
    return dict(sorted(found.items()))


def edited_since(name: str, moment: float) -> list[str]:
    """Return the modules ``name`` is made of whose files were written after ``moment`` (seconds since 1970).

    A process that started before holds the older code, and would store its results under the newer code's hash.
    """
    files = {m: module_file(m) for m in module_sources(name)}
    return [m for m, file in files.items() if file is not None and file.stat().st_mtime > moment]


def library_versions(name: str) -> dict[str, str]:
    """Return ``{distribution: version}`` of the libraries imported by a module and its package imports."""
    tops: set[str] = set()
    for module in module_sources(name):
        if (path := module_file(module)) is None:
            continue
        tops |= {m.split(".")[0] for m in _imports(path, _stamp(path))}
    owners = _distributions()
    wanted = {dist for top in tops if top not in sys.stdlib_module_names for dist in owners.get(top, ())}
    return {dist: _version(dist) for dist in sorted(wanted) if dist != "replicate-papers"}


def changed(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Return which ingredients differ between two fingerprints, as readable lines."""
    lines = []
    for key in sorted(old.keys() | new.keys()):
        if key not in old:
            lines.append(f"{key}: new")
        elif key not in new:
            lines.append(f"{key}: gone")
        elif old[key] != new[key]:
            lines.append(f"{key}: changed ({old[key]} -> {new[key]})")
    return lines


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@cache
def _imports(path: Path, stamp: tuple[int, int]) -> frozenset[str]:
    """Return the dotted names a source file imports.

    ``from a import b`` gives ``a.b`` where that is a module of this package, else ``a``: a folder's
    ``__init__`` that only re-exports does not tie its modules together.
    """
    return frozenset(_names(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)), path))


def _names(tree: ast.AST, path: Path | None) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path)
            full = [f"{base}.{alias.name}" for alias in node.names]
            names |= {name if module_file(name) else base for name in full}
    return names


def _absolute(node: ast.ImportFrom, path: Path | None) -> str:
    if not node.level or path is None:
        return node.module or ""
    parts = [_TOP, *path.relative_to(PACKAGE).parts[:-1]]
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


_version = cache(version)  # each call reads a file


@cache
def _distributions() -> dict[str, list[str]]:
    """Return who provides a top-level name, as ``packages_distributions`` does, in a third of its time."""
    owners: dict[str, list[str]] = {}
    for dist in distributions():
        for top in _top_levels(dist):
            owners.setdefault(top, []).append(dist.metadata["Name"])
    return owners


def _top_levels(dist: Distribution) -> set[str]:
    if declared := dist.read_text("top_level.txt"):
        return set(declared.split())
    files = [line.split(",", 1)[0] for line in (dist.read_text("RECORD") or "").splitlines()]
    return {file.removesuffix(".py").split("/", 1)[0] for file in files if file.endswith(".py")}
