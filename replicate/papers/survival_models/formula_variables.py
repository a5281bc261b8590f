"""Which columns of a table a formula uses, also behind functions and backticks."""

import ast
import builtins
import re
from collections.abc import Iterable

from formulaic.parser.types import Factor, Term
from formulaic.transforms import TRANSFORMS

_QUOTED = re.compile("`([^`]+)`")
_FUNCTIONS = {*TRANSFORMS, *dir(builtins), "np"}


def variables_of(terms: Iterable[Term]) -> set[str]:
    """Return the names of the columns in the terms of a formula, e.g. {"age", "ph.ecog"} for
    ``log(age) + `ph.ecog```; names of functions, ``np`` and literals are not columns."""
    return {name for term in terms for factor in term.factors for name in _factor_variables(factor)}


def codes_levels_of(terms: Iterable[Term], variable: str) -> bool:
    """Return whether a formula codes a column by its levels, as in ``C(celltype)`` or ``C(stage, Sum)``."""
    coded = re.compile(rf"C\(`?{re.escape(variable)}`?\s*[,)]")
    return any(coded.match(factor.expr) for term in terms for factor in term.factors)


def _factor_variables(factor: Factor) -> set[str]:
    if factor.eval_method is Factor.EvalMethod.LITERAL:
        return set()
    if factor.eval_method is Factor.EvalMethod.LOOKUP:
        return {factor.expr}
    quoted: dict[str, str] = {}

    def placeholder(match: re.Match) -> str:
        return quoted.setdefault(match[1], f"quoted_{len(quoted)}_")

    tree = ast.parse(_QUOTED.sub(placeholder, factor.expr), mode="eval")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    back = {short: name for name, short in quoted.items()}
    return {back.get(name, name) for name in names - called - _FUNCTIONS}
