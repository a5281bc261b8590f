"""The 32 regression structures of the APGW by label, fitted and compared by AIC and BIC.

A label is ``<parameters with covariates>/<free scale intercepts>``: letters t, b, a, n stand for covariates
in phi, lambda, gamma, kappa (coefficients tau, beta, alpha, nu), 0 for none; the baseline is "lam" (phi = 1),
"phi" (lambda = 1) or "both". Burke, Jones and Noufaily (2020, arXiv 1901.03212) recommend one scale with the
power shape, "ba/lam" (PH extended) and "ta/phi" (AFT extended); the labels are ours, not theirs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from replicate.errors import nearest
from replicate.papers.survival_models.regression import MultiParameterRegression

LETTERS = {"t": "phi", "b": "lambda", "a": "gamma", "n": "kappa"}
BASELINES = {"lam": {"phi": 1.0}, "phi": {"lambda": 1.0}, "both": {}}


@dataclass(frozen=True)
class Structure:
    """Which parameters carry the covariates (``letters``, in the order t, b, a, n) over which ``baseline``."""

    letters: str
    baseline: str

    @property
    def label(self) -> str:
        """Return the label, e.g. "ba/lam"."""
        return f"{self.letters or 0}/{self.baseline}"

    def formulas(self, covariates: str) -> dict[str, str]:
        """Return the formulas of a regression with ``covariates`` such as "trt + age" on these parameters."""
        return {LETTERS[letter]: covariates for letter in self.letters}

    def contains(self, other: "Structure") -> bool:
        """Return whether ``other`` is a special case of this structure, or the same."""
        return set(other.letters) <= set(self.letters) and self.baseline in (other.baseline, "both")


def structures() -> dict[str, Structure]:
    """Return all 32 structures by label, small before large: 8 over "lam", 8 over "phi", 16 over "both"."""
    found = []
    for size in range(len(LETTERS) + 1):
        for letters in map("".join, combinations(LETTERS, size)):
            fixed_scale = {"lam": "t", "phi": "b", "both": ""}
            found += [Structure(letters, base) for base, scale in fixed_scale.items() if not set(scale) & set(letters)]
    return {structure.label: structure for structure in found}


def structure(label: str) -> Structure:
    """Return the structure of a label; raises ValueError with the nearest one for an unknown label."""
    known = structures()
    if label not in known:
        raise ValueError(f"no structure {label!r}: {nearest(label, known)}")
    return known[label]


def fit_structure(
    df: pd.DataFrame,
    label: str,
    *,
    covariates: str | Sequence[str],
    duration_col: str,
    event_col: str | None = None,
    entry_col: str | None = None,
    fixed: Mapping[str, float] | None = None,
    starts: int = 8,
    seed: int = 0,
    interior: bool = False,
    warm: Sequence[MultiParameterRegression] = (),
) -> MultiParameterRegression:
    """Return the fitted regression of one structure.

    ``covariates`` is a formula such as "trt + age", or names of columns; ``fixed`` holds further parameters,
    e.g. {"kappa": 0.0} for Burr XII. Other arguments, errors and warnings as in `MultiParameterRegression.fit`.
    """
    chosen = structure(label)
    text = covariates if isinstance(covariates, str) else " + ".join(f"`{name}`" for name in covariates)
    model = MultiParameterRegression(fixed={**BASELINES[chosen.baseline], **(fixed or {})})
    formulas = chosen.formulas(text)
    columns = duration_col, event_col, entry_col
    return model.fit(df, *columns, formulas, starts=starts, seed=seed, interior=interior, warm=warm)


def fit_structures(
    df: pd.DataFrame, labels: Iterable[str] | None = None, **settings
) -> dict[str, MultiParameterRegression]:
    """Return the fitted regressions of some structures (default: all 32) by label, in the order given.

    Small ones come first and start the larger ones that contain them, so that the log-likelihood never falls
    when a component is added. ``settings`` are the keywords of `fit_structure` but ``warm``.
    """
    labels = list(structures()) if labels is None else list(labels)
    wanted = {label: structure(label) for label in labels}
    fits: dict[str, MultiParameterRegression] = {}
    for label in sorted(wanted, key=lambda name: (len(wanted[name].letters), wanted[name].baseline == "both")):
        warm = [fits[small] for small in fits if wanted[label].contains(wanted[small])]
        fits[label] = fit_structure(df, label, warm=warm, **settings)
    return {label: fits[label] for label in labels}


def selection_table(df: pd.DataFrame, labels: Iterable[str] | None = None, **settings) -> pd.DataFrame:
    """Fit structures as `fit_structures` does and return one row each, ordered by AIC.

    Columns: label, p, loglik, AIC, BIC (n rows), regular, converged, weight. Akaike weights compare regular
    converged fits only, being NaN for the others, whose AIC means little (boundary ridge).
    """
    return comparison(fit_structures(df, labels, **settings))


def comparison(fits: Mapping[str, MultiParameterRegression]) -> pd.DataFrame:
    """Return the table of `selection_table` for fitted models by label; all must be fits of the same data."""
    rows = [
        {
            "label": label,
            "p": len(model.params_),
            "loglik": model.log_likelihood_,
            "AIC": model.AIC_,
            "BIC": model.BIC_,
            "regular": model.regular_,
            "converged": model.converged_,
        }
        for label, model in fits.items()
    ]
    table = pd.DataFrame(rows).sort_values("AIC", kind="stable", ignore_index=True)
    compared = table["AIC"].where(table["regular"] & table["converged"])
    weight = np.exp(-(compared - compared.min()) / 2)
    return table.assign(weight=weight / weight.sum())
