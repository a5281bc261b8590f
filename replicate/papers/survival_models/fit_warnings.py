"""What is irregular about a maximum of the likelihood, said by parameter, with what to do.

The APGW likelihood has directions in which it flattens or rises without end: kappa to infinity (Gompertz
type) or to -1, and, with both scales free, gamma to infinity with kappa to 0, ``H = a ((phi t)^c - 1)_+``.
Near kappa = 1 (Weibull) phi and lambda are confounded. At such a maximum AIC and Wald's tests mean little.
"""

import warnings

import numpy as np
import pandas as pd

from replicate.papers.survival_models.likelihood import Model
from replicate.papers.survival_models.newton import EIGENVALUE, Optimum

_SHARE = 0.3  # weight in a unit eigenvector from which a coefficient is named
_SENTENCES = {
    "ridge": "boundary ridge: gamma grows without end (up to {gamma[1]:.3g}) while kappa tends to 0 (no hazard "
    "before 1/phi); fix phi or lambda at 1",
    "gamma -> inf": "gamma drifts to infinity (up to {gamma[1]:.3g}); look for separation, or drop covariates of gamma",
    "gamma -> 0": "gamma drifts to 0 (down to {gamma[0]:.3g}); look for separation, or drop covariates of gamma",
    "kappa -> inf": "kappa drifts to infinity (up to {kappa[1]:.3g}), the Gompertz-type limit; fix it, e.g. "
    "fixed={{'kappa': 1e6}}, and compare the log-likelihoods",
    "kappa -> -1": "kappa drifts to -1 (down to {kappa[0]:.6g}), a log-logistic cure limit; fix it, e.g. "
    "fixed={{'kappa': -0.999}}, and compare the log-likelihoods",
    "not converged": "the search stopped after {iterations} iterations at a largest score of {score:.1g}; raise "
    "starts, standardise covariates or drop some",
}


class ConvergenceWarning(UserWarning):
    """The fit has no regular maximum, or the search did not reach it."""


def irregularities(optimum: Optimum, model: Model, names: pd.MultiIndex) -> list[str]:
    """Return one sentence for everything irregular about a fit, none if it is regular.

    ``names`` are the (parameter, covariate) of the ``(p,)`` coefficients of ``model``.
    """
    if optimum.regular:
        return []
    log_gamma, nu = (np.atleast_1d(model.predictor(name, optimum.theta, slice(None))) for name in ("alpha", "nu"))
    facts = {
        "gamma": np.exp([log_gamma.min(), log_gamma.max()]),
        "kappa": np.expm1([nu.min(), nu.max()]),
        "iterations": optimum.iterations,
        "score": np.abs(optimum.score).max(),
    }
    found = [_SENTENCES[optimum.status].format(**facts)] if optimum.status in _SENTENCES else []
    found += _flat(optimum, names)
    if optimum.interior is not None:
        lower = optimum.value - optimum.interior.value
        found.append(
            f"a regular maximum lies {lower:.3g} below this one; fit(..., interior=True) takes it. AIC, Wald's and "
            "likelihood-ratio tests hold for a regular maximum only"
        )
    return found


def warn(found: list[str], stacklevel: int = 3) -> None:
    """Issue every sentence as a `ConvergenceWarning`."""
    for sentence in found:
        warnings.warn(sentence, ConvergenceWarning, stacklevel=stacklevel)


def _flat(optimum: Optimum, names: pd.MultiIndex) -> list[str]:
    values, vectors = np.linalg.eigh(optimum.information)
    if values[0] > EIGENVALUE:
        return []
    weight = np.abs(vectors[:, 0])
    listed = [f"{parameter}: {covariate}" for parameter, covariate in names[weight > _SHARE]]
    return [
        f"near-singular information (smallest eigenvalue {values[0]:.1g}) in the direction of {', '.join(listed)}; "
        "their standard errors are not to be trusted: fix one of these parameters, or rescale tiny covariates"
    ]
