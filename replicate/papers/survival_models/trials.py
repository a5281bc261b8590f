"""Fits without formulas: a table and the covariates of each parameter in, estimates with standard errors out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .design import COMPONENT
from .likelihood import Model, Observed
from .newton import Optimum, maximise
from .selection import LETTERS, Structure

_FIXED = {"lam": "phi", "phi": "lambda"}  # the scale each three-parameter baseline holds at 1
Terms = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Fitted:
    """A maximum-likelihood fit: one entry a coefficient, named ``(parameter, term)``."""

    names: tuple[tuple[str, str], ...]
    observed: Observed
    model: Model
    optimum: Optimum

    @property
    def estimates(self) -> np.ndarray:
        """Estimates on the link scale, shape ``(p,)``."""
        return self.optimum.theta

    @property
    def loglik(self) -> float:
        """The maximised log-likelihood."""
        return self.optimum.value

    @property
    def aic(self) -> float:
        """``-2 loglik + 2 p``."""
        return 2 * len(self.names) - 2 * self.loglik

    def at(self, parameter: str, term: str = "Intercept") -> int:
        """Return the position of a coefficient."""
        return self.names.index((parameter, term))


def fit(
    frame: pd.DataFrame,
    terms: Terms,
    *,
    fixed: Mapping[str, float] | None = None,
    starts: int,
    rng: np.random.Generator,
    warm: Sequence[np.ndarray] = (),
) -> Fitted:
    """Fit a table with columns ``time``, ``event`` and numeric covariates.

    Args:
        frame: one row a subject.
        terms: covariates of each parameter ("phi", "lambda", "gamma", "kappa") beside its intercept.
        fixed: link-scale values of parameters without terms; 0 (phi, lambda, gamma = 1; kappa = 0) unless given.
        starts: starting points of the optimiser.
        rng: draws the random ones.
        warm: further starting points, shape ``(p,)`` each.
    """
    observed = Observed(frame["time"].to_numpy(float), frame["event"].to_numpy(float))
    ones = np.ones(len(frame))
    free = [name for name in COMPONENT if name in terms]
    designs = {COMPONENT[n]: np.column_stack([ones, *(frame[c].to_numpy(float) for c in terms[n])]) for n in free}
    held = {COMPONENT[n]: (fixed or {}).get(n, 0.0) for n in COMPONENT if n not in terms}
    model = Model(designs, held)
    names = tuple((name, term) for name in free for term in ("Intercept", *terms[name]))
    return Fitted(names, observed, model, maximise(observed, model, starts=starts, rng=rng, warm=warm))


def terms_of(structure: Structure, covariates: Sequence[str]) -> Terms:
    """Return the covariates of each free parameter of a structure such as "ba/lam"."""
    held = _FIXED.get(structure.baseline)
    with_covariates = {LETTERS[letter] for letter in structure.letters}
    return {name: tuple(covariates) if name in with_covariates else () for name in COMPONENT if name != held}
