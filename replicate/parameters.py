"""The parameters of a notebook: what its tagged cell declares, and values for them typed on a command line.

papermill itself ignores a misspelt name, guesses types from text and lets derived values keep the old
default; everything here exists so that none of these can happen silently.
"""

import ast
import io
import json
import math
import reprlib
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replicate.errors import UserError, nearest

if TYPE_CHECKING:  # importing nbformat takes seconds; a notebook is plain JSON
    from nbformat import NotebookNode

Primitive = None | bool | int | float | str
Value = Primitive | list[Primitive]

PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"
_SCALARS = (bool, int, float, str)
_WANTED: dict[type | None, str] = {
    bool: "true, false or none",
    int: "an integer or none",
    float: "a finite number or none",
    str: "a text or none",
    list: "a flat JSON list such as [0.1, 0.3] or none",
    None: "none, true, false, a finite number, a text or a flat list of these",
}


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell: ``name = default  # comment``."""

    name: str
    default: Value
    comment: str


def read_parameters(notebook: "NotebookNode | Path") -> dict[str, Parameter]:
    """Read the parameters that a notebook declares, in the order of their lines.

    They stand in exactly one cell tagged ``parameters``, the notebook's first code cell, which holds only
    lines ``name = literal  # comment``; derived values belong in the next cell, because a value computed
    here would keep the old default when a parameter is injected below.

    Raises UserError naming the notebook and the line for anything else.
    """
    name, content = _open(notebook)
    source = _parameters_source(name, content["cells"])
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise _line_error(name, error.lineno, f"is not Python ({error.msg})") from None
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    for statement in statements:
        parameter = _parameter(name, statement, comments)
        if parameter.name in found:
            raise _line_error(name, statement.lineno, f"sets {parameter.name!r} a second time; keep one line")
        found[parameter.name] = parameter
    return found


def examples(parameters: Mapping[str, Parameter], preset: Mapping[str, Value]) -> dict[str, Value]:
    """Return one example value per parameter: its default, or the preset's value where that is ``None``."""
    return {
        name: preset.get(name) if parameter.default is None else parameter.default
        for name, parameter in parameters.items()
    }


def parse_assignments(assignments: Iterable[str], allowed: Mapping[str, Any], *, slug: str) -> dict[str, Value]:
    """Turn ``["lr=0.1", "n=3"]`` into typed values; ``allowed`` maps each name to an example or a type.

    Raises UserError for text that is not ``name=value``, an unknown or repeated name, or a wrong type.
    """
    values: dict[str, Value] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not (name and equals):
            raise UserError(f"parameter of {slug}: expected name=value, found {assignment!r}")
        check_name(name, allowed, slug=slug)
        if name in values:
            raise UserError(f"parameter {name!r} of {slug} is given twice: keep one of them")
        values[name] = coerce(name, text, allowed[name])
    return values


def check_name(name: str, allowed: Iterable[str], *, slug: str) -> None:
    """Raise UserError with the nearest match unless ``name`` is an allowed parameter."""
    if name not in set(allowed):
        raise UserError(f"unknown parameter {name!r} for {slug}: {nearest(name, allowed)}")


def coerce(name: str, text: str, example: Any) -> Value:
    """Turn the text of a command line into a value of the type of ``example`` (a value or a type).

    ``none`` gives ``None`` (use the preset) for every type; a list is written as JSON; an integer will do
    for a float. Without a type (``example`` is ``None``) the text is read as JSON, else kept as it is.
    """
    text = text.strip()
    if text.lower() == "none":
        return None
    try:
        return _convert(_read(text, _kind(example)), example)
    except (ValueError, OverflowError):
        raise UserError(f"parameter {name!r}: expected {_wanted(example)}, found {text!r}") from None


def check_value(name: str, value: Any, example: Any) -> Value:
    """Return ``value`` (an integer becomes a float where one is expected) or raise UserError.

    Only what survives JSON unchanged passes: None, bool, int, finite float, str and flat lists of these,
    and no subclasses, so no NumPy scalars.
    """
    try:
        return _convert(value, example)
    except (ValueError, OverflowError):
        found = f"{reprlib.repr(value)} ({type(value).__name__})"
        raise UserError(f"parameter {name!r}: expected {_wanted(example)}, found {found}") from None


def _kind(example: Any) -> type | None:
    if example is None:
        return None
    kind = example if isinstance(example, type) else type(example)
    if kind not in _WANTED:
        raise TypeError(f"no parameter can be a {kind.__name__}; allowed: bool, int, float, str, list")
    return kind


def _element_kind(example: Any) -> type | None:
    """Return the type that the elements of an example list share (integers beside floats are floats)."""
    kinds = {type(element) for element in example} if type(example) is list else set()
    if kinds == {int, float}:
        return float
    return kinds.pop() if len(kinds) == 1 and kinds <= set(_SCALARS) else None


def _read(text: str, kind: type | None) -> Any:
    """Return what ``text`` spells; ValueError when it spells nothing of that kind."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in (int, float):
        return kind(text)
    if kind is list:
        return json.loads(text)
    try:
        return text if kind is str else json.loads(text)
    except ValueError:
        return text


def _convert(value: Any, example: Any) -> Value:
    kind = _kind(example)
    if type(value) is list and kind in (None, list):
        element = _element_kind(example)
        return [_convert_scalar(each, element) for each in value]
    return _convert_scalar(value, kind)


def _convert_scalar(value: Any, kind: type | None) -> Primitive:
    if value is None:
        return None
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) not in (_SCALARS if kind is None else (kind,)):
        raise ValueError("wrong type")
    if type(value) is float and not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _wanted(example: Any) -> str:
    if _element_kind(example):
        return f"a JSON list such as {reprlib.repr(example)} or none"
    return _WANTED[_kind(example)]


def _open(notebook: "NotebookNode | Path") -> tuple[str, Mapping[str, Any]]:
    """Return a name for messages and the notebook's content."""
    if isinstance(notebook, Mapping):
        return "notebook", notebook
    try:
        content = json.loads(Path(notebook).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no notebook at {notebook}") from None
    except ValueError as error:
        raise UserError(f"{notebook} is not a notebook: {error}") from None
    if not (isinstance(content, dict) and "cells" in content):
        raise UserError(f"{notebook} is not a notebook of format 4: it has no cells")
    return Path(notebook).name, content


def _parameters_source(name: str, cells: list[Mapping[str, Any]]) -> str:
    """Return the source of the one cell tagged ``parameters``."""
    tags = [cell.get("metadata", {}).get("tags", []) for cell in cells]
    if any(INJECTED_TAG in each for each in tags):
        raise UserError(f"{name}: a cell tagged {INJECTED_TAG!r} makes it an output; use the source notebook")
    code = [number for number, cell in enumerate(cells, start=1) if cell["cell_type"] == "code"]
    tagged = [number for number, each in enumerate(tags, start=1) if PARAMETERS_TAG in each]
    if tagged != code[:1] or not tagged:
        where = f"cell {', '.join(map(str, tagged))}" if tagged else "no cell"
        raise UserError(f"{name}: the first code cell, and only it, must be tagged {PARAMETERS_TAG!r}; tagged: {where}")
    return "".join(cells[code[0] - 1]["source"])  # one string, or a list of lines


def _comments(source: str) -> dict[int, str]:
    """Return the comment on each line of ``source``, by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}


def _parameter(notebook: str, statement: ast.stmt, comments: Mapping[int, str]) -> Parameter:
    line = statement.lineno
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value, col_offset=0, end_lineno=end) if end == line:
            pass
        case _:
            raise _line_error(notebook, line, "is not one `name = literal  # comment`")
    try:
        default = check_value(name, ast.literal_eval(value), None)
    except (ValueError, TypeError, UserError):
        problem = f"does not give {name!r} a literal (None, bool, number, text, flat list of these)"
        raise _line_error(notebook, line, f"{problem}; derive values in the next cell") from None
    if not comments.get(line):
        raise _line_error(notebook, line, f"has no comment: say what {name!r} means, with its unit")
    return Parameter(name, default, comments[line])


def _line_error(notebook: str, line: int | None, problem: str) -> UserError:
    return UserError(f"{notebook}, parameters cell, line {line}: {problem}")
