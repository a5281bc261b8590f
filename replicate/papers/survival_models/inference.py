"""Tests and tables from a maximum of the likelihood: Wald, likelihood ratio, the summary of a regression."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from replicate.papers.survival_models.design import COMPONENT, Designs
from replicate.papers.survival_models.likelihood import Observed

_TOLERANCE = 1e-8  # relative distance up to which a column lies in the span of others


@dataclass(frozen=True)
class TestResult:
    """A chi-squared test: name, statistic, degrees of freedom and p-value."""

    name: str
    statistic: float
    df: int
    p_value: float

    __test__ = False  # not a class of tests for pytest


def chi_squared(name: str, statistic: float, df: int) -> TestResult:
    """Return the test of a statistic that is chi-squared with ``df`` degrees of freedom under H0."""
    return TestResult(name, float(statistic), int(df), float(stats.chi2.sf(statistic, df)))


def wald(name: str, coefficients: np.ndarray, variance: np.ndarray) -> TestResult:
    """Return the joint Wald test that ``coefficients`` ``(k,)`` with variance ``(k, k)`` are all 0."""
    return chi_squared(name, float(coefficients @ np.linalg.solve(variance, coefficients)), len(coefficients))


def summary(coefficients: pd.Series, errors: pd.Series, *, level: float) -> pd.DataFrame:
    """Return lifelines' table for coefficients on the link scale: coef, exp(coef), se(coef), limits, z, p.

    ``level`` is the confidence level of the Wald limits; p is two-sided, also as -log2(p).
    """
    low, high = wald_limits(coefficients, errors, level=level)
    z = coefficients / errors
    text = f"{100 * level:g}%"
    log_p = np.log(2) + stats.norm.logsf(np.abs(z))
    columns = {
        "coef": coefficients,
        "exp(coef)": np.exp(coefficients),
        "se(coef)": errors,
        f"coef lower {text}": low,
        f"coef upper {text}": high,
        f"exp(coef) lower {text}": np.exp(low),
        f"exp(coef) upper {text}": np.exp(high),
        "z": z,
        "p": np.exp(log_p),
        "-log2(p)": -log_p / np.log(2),
    }
    return pd.DataFrame(columns, index=coefficients.index)


def wald_limits(coefficients: pd.Series, errors: pd.Series, *, level: float) -> tuple[pd.Series, pd.Series]:
    """Return the lower and upper Wald limits at a confidence level, e.g. 0.95."""
    half = stats.norm.ppf((1 + level) / 2) * errors
    return coefficients - half, coefficients + half


def check_same_data(one: Observed, two: Observed) -> None:
    """Raise ValueError unless two models saw the same times, events and entries in the same order."""
    pairs = [(one.time, two.time), (one.event, two.event), (_entry(one), _entry(two))]
    if not all(np.array_equal(a, b) for a, b in pairs):
        raise ValueError(
            f"the models were fitted to different data ({len(one.time)} and {len(two.time)} rows, or other times or "
            "order); fit both to one table without missing values in any covariate of either"
        )


def check_nested(
    small: Designs, small_matrices: dict[str, pd.DataFrame], large: Designs, large_matrices: dict[str, pd.DataFrame]
) -> None:
    """Raise ValueError unless every linear predictor of ``small`` is one of ``large``, parameter by parameter."""
    for name, component in COMPONENT.items():
        if name in large.fixed:
            if small.fixed.get(name) != large.fixed[name]:
                here = f"fixed at {small.fixed[name]:g}" if name in small.fixed else "free"
                raise ValueError(
                    f"the models are not nested: {name} is fixed at {large.fixed[name]:g} in the one with more "
                    f"coefficients and {here} in the other; compare their AIC instead"
                )
            continue
        wide = large_matrices[name].to_numpy()
        constant = pd.DataFrame({f"fixed {name}": np.full(len(wide), small.fixed_links.get(component, 0.0))})
        narrow = small_matrices.get(name, constant)
        fitted = wide @ np.linalg.lstsq(wide, narrow.to_numpy(), rcond=None)[0]
        far = np.abs(fitted - narrow).max(axis=0) > _TOLERANCE * (1 + np.abs(narrow).max(axis=0))
        if far.any():
            raise ValueError(
                f"the models are not nested: {narrow.columns[far][0]!r} of {name} is not a combination of the columns "
                "of the model with more coefficients; add it there, or compare their AIC instead"
            )


def _entry(data: Observed) -> np.ndarray:
    return np.zeros_like(data.time) if data.entry is None else data.entry
