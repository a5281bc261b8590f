"""Design matrices of the four parameters from a table and formulas (multi-parameter regression, MPR).

Burke, Jones and Noufaily (2020, arXiv 1901.03212): every parameter has a log link and a design of its own,

    log phi = x'tau,    log lambda = x'beta,    log gamma = x'alpha,    log(kappa + 1) = x'nu,

and any of them may be held fixed. Users name the parameter; the likelihood names the coefficients.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec, SimpleFormula
from formulaic.errors import DataMismatchWarning, FactorEvaluationError, FormulaSyntaxError

from replicate.errors import nearest
from replicate.papers.survival_models.formula_variables import codes_levels_of, variables_of
from replicate.papers.survival_models.table_checks import (
    check_columns,
    check_no_missing,
    check_rank,
    warn_of_separation,
)

COMPONENT = {"phi": "tau", "lambda": "beta", "gamma": "alpha", "kappa": "nu"}
PARAMETER = {component: name for name, component in COMPONENT.items()}
_CONTEXT = {"np": np}
_UNSEEN = re.compile(r"\{.*\}")


@dataclass(frozen=True)
class Designs:
    """How rows of a table become designs: specification by free parameter, value by fixed parameter.

    ``specs`` keeps levels and transforms of the table it was built on, so new rows are coded alike;
    ``fixed`` holds natural-scale values (phi, lambda, gamma > 0, kappa > -1).
    """

    specs: dict[str, ModelSpec]
    fixed: dict[str, float]

    @property
    def index(self) -> pd.MultiIndex:
        """Return the names (parameter, covariate) of all coefficients, in the order of the likelihood."""
        pairs = [(name, column) for name, spec in self.specs.items() for column in spec.column_names]
        return pd.MultiIndex.from_tuples(pairs, names=["parameter", "covariate"])

    @property
    def fixed_links(self) -> dict[str, float]:
        """Return the fixed values on the link scale by component name: log, and log(kappa + 1)."""
        return {COMPONENT[name]: _link(name, value) for name, value in self.fixed.items()}

    def variables(self, parameter: str) -> set[str]:
        """Return the columns of the table that the formula of a parameter uses."""
        return variables_of(self.specs[parameter].formula)

    def columns_with(self, covariate: str) -> np.ndarray:
        """Return where a covariate acts, boolean ``(p,)``: by column name, or by variable (all its terms)."""
        hits = []
        for spec in self.specs.values():
            for term, columns in spec.term_indices.items():
                inside = covariate in variables_of([term])
                hits += [inside or spec.column_names[column] == covariate for column in columns]
        return np.array(hits)

    def matrices(self, df: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return the designs ``(n, p)`` of the free parameters for the rows of a table, indexed like it.

        Raises ValueError for missing columns, missing values, levels unknown when the model was fitted,
        and terms that are not finite.
        """
        return {name: _matrix(spec, df, name) for name, spec in self.specs.items()}


def designs(
    df: pd.DataFrame, formulas: Mapping[str, str] | None = None, fixed: Mapping[str, float] | None = None
) -> Designs:
    """Return the designs that formulas such as ``{"lambda": "trt + age", "gamma": "trt"}`` mean on a table.

    Parameters without a formula have an intercept, unless ``fixed`` (natural scale) holds them. Raises
    ValueError for unknown parameters or columns, missing values, a parameter both fixed and regressed, a
    fixed value out of range, nothing left to estimate, and constant or collinear columns.
    """
    formulas, fixed = dict(formulas or {}), dict(fixed or {})
    _check_names(formulas, "formulas")
    _check_names(fixed, "fixed")
    for name in formulas:
        if name in fixed:
            raise ValueError(
                f"{name} has the formula {formulas[name]!r} and is fixed at {fixed[name]}: drop one of them, e.g. "
                "fixed={'phi': 1.0} for a vertical scale (PH), {'lambda': 1.0} for a horizontal one (AFT), {} for both"
            )
    if len(fixed) == len(COMPONENT):
        raise ValueError(f"all of {', '.join(COMPONENT)} are fixed: nothing is left to estimate; free one of them")
    for name, value in fixed.items():
        _link(name, value)
    free = [name for name in COMPONENT if name not in fixed]
    return Designs({name: _spec(df, formulas.get(name, "1"), name) for name in free}, fixed)


def check_designs(found: Designs, matrices: Mapping[str, pd.DataFrame], df: pd.DataFrame, event: np.ndarray) -> None:
    """Raise ValueError for constant or collinear columns and factors of one level; warn of levels without events.

    ``matrices`` are the designs of the rows of ``df``, ``event`` ``(n,)`` is 0 or 1.
    """
    for name, matrix in matrices.items():
        check_rank(matrix, name)
    names = {variable: name for name in found.specs for variable in sorted(found.variables(name))}
    for variable, name in names.items():
        coded = codes_levels_of(found.specs[name].formula, variable) or not pd.api.types.is_numeric_dtype(df[variable])
        if coded and df[variable].nunique() == 1:
            raise ValueError(
                f"the formula of {name}: {variable!r} has one level, {df[variable].iloc[0]!r}, in all {len(df)} rows: "
                "there is nothing to compare; drop it from the formula"
            )
        if coded or df[variable].nunique() == 2:
            warn_of_separation(df[variable], event, name)


def _check_names(given: Mapping[str, Any], where: str) -> None:
    for name in given:
        if name in PARAMETER:
            raise ValueError(f"{where}: {name!r} are the coefficients of {PARAMETER[name]!r}; write that name")
        if name not in COMPONENT:
            raise ValueError(f"{where}: no parameter {name!r}: {nearest(name, COMPONENT)}")


def _link(name: str, value: float) -> float:
    lowest = -1.0 if name == "kappa" else 0.0
    if not isinstance(value, int | float | np.number) or not lowest < value < np.inf:
        raise ValueError(
            f"fixed: {name} = {value!r} must be a finite number above {lowest:g}, on the natural scale (not its log)"
        )
    return float(np.log1p(value) if name == "kappa" else np.log(value))


def _spec(df: pd.DataFrame, text: str, name: str) -> ModelSpec:
    try:
        formula = Formula(text)
    except (FormulaSyntaxError, TypeError, ValueError) as error:
        raise ValueError(
            f"the formula of {name}, {text!r}, cannot be read ({type(error).__name__}); write e.g. 'trt + age'"
        ) from error
    if not isinstance(formula, SimpleFormula):
        raise ValueError(f"the formula of {name}, {text!r}, has a left-hand side: write the covariates only")
    if not len(formula):
        raise ValueError(f"the formula of {name}, {text!r}, has no term: write '1' for an intercept, or fix {name}")
    return _evaluate(formula, df, name).model_spec


def _matrix(spec: ModelSpec, df: pd.DataFrame, name: str) -> pd.DataFrame:
    matrix = _evaluate(spec, df, name)
    matrix = pd.DataFrame(np.asarray(matrix, dtype=np.float64), index=df.index, columns=list(spec.column_names))
    bad = ~np.isfinite(matrix).to_numpy().all(axis=0)
    if bad.any():
        raise ValueError(
            f"design of {name}: column {matrix.columns[bad][0]!r} is not finite in "
            f"{int((~np.isfinite(matrix.loc[:, bad].iloc[:, 0])).sum())} rows; transform or drop them"
        )
    return matrix


def _evaluate(what: Formula | ModelSpec, df: pd.DataFrame, name: str):
    formula = what.formula if isinstance(what, ModelSpec) else what
    needed = sorted(variables_of(formula))
    where = f"the formula of {name}"
    check_columns(df, needed, where)
    check_no_missing(df, needed, where)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", DataMismatchWarning)
            return what.get_model_matrix(df, context=_CONTEXT, na_action="ignore")
    except DataMismatchWarning as error:
        raise ValueError(
            f"{where}: a factor has levels that the fitted data did not have, {_UNSEEN.findall(str(error))[0]}; "
            "drop those rows, or refit with them"
        ) from error
    except FactorEvaluationError as error:
        raise ValueError(f"{where}: {error}") from error
