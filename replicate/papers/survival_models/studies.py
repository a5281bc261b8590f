"""The studies of the notebook: which units a preset runs. Each takes the run and returns a tidy frame.

A study whose data are not at hand, or whose preset asks for none, returns an empty frame: its claims are *not run*.
"""

import pandas as pd

from replicate.sweep import grid

from . import cases, diagnostics, identities
from . import experiments as ex
from .validation import MODELS

E1684_STRUCTURES = ("b/lam", "t/phi", "b/both", "t/both")
BOOTSTRAPPED = ("0/lam", "b/lam", "ba/lam", "0/phi", "t/phi", "ta/phi", "b/both", "t/both", "ba/both", "ta/both")
UNITS = {"decades": 0.1, "years": 1.0, "months": 12.0, "days": 365.25}


def identity_errors(run) -> pd.DataFrame:
    """Compare every member and limit with its closed form."""
    return run.sweep(ex.identities, grid(member=[*identities.MEMBERS, *identities.LIMITS]))


def shapes(run) -> pd.DataFrame:
    """Compare hazard shapes with the rule."""
    return run.sweep(ex.shapes, grid(points=[run.settings.grid_points]))


def cure(run) -> pd.DataFrame:
    """Compare the cured share with its closed form."""
    return run.sweep(ex.cure, [{}])


def effects(run) -> pd.DataFrame:
    """Measure how exact AFT and PH effects are."""
    return run.sweep(ex.effects, grid(kappa=[-0.3, 0.0, 0.5, 1.0, 2.0]))


def s1(run) -> pd.DataFrame:
    """Simulate baselines."""
    s = run.settings
    return run.sweep(ex.s1, grid(kappa=s.s1_kappas, n=s.s1_sizes), replicates=s.s1_replicates)


def s2(run) -> pd.DataFrame:
    """Simulate effects on lambda and gamma."""
    s = run.settings
    return run.sweep(ex.s2, grid(kappa=s.s2_kappas, n=[1000]), replicates=s.s2_replicates)


def s3(run) -> pd.DataFrame:
    """Simulate one scale effect and fit two."""
    s = run.settings
    return run.sweep(ex.s3, grid(truth=["lambda", "phi"], kappa=s.s3_kappas, n=[1000]), replicates=s.s3_replicates)


def selection(run) -> pd.DataFrame:
    """Compare regression structures on every trial at hand."""
    s = run.settings
    configs = grid(case=cases.available(s.data_sets), structures=[s.structures], starts=[s.starts])
    return run.sweep(ex.selection, configs)


def special_cases(run) -> pd.DataFrame:
    """Compare free kappa with its special cases on every trial at hand."""
    s = run.settings
    return run.sweep(ex.special_cases, grid(case=cases.available(s.special_sets), starts=[s.starts]))


def authors_code(run) -> pd.DataFrame:
    """Compare with the authors' code; empty without its test data."""
    models = ["null", "tx + age"] if cases.has("protect") else []
    return run.sweep(ex.authors_code, grid(model=models))


def time_units(run) -> pd.DataFrame:
    """Fit e1684 in decades, years, months and days; empty without the data."""
    s = run.settings
    structures, factors = ["b/lam", "t/phi", "b/both"], list(UNITS.values())
    axes = grid(case=_melanoma(s), structure=structures, factor=factors, starts=[s.starts])
    return run.sweep(ex.time_units, axes)


def kappa_profile(run) -> pd.DataFrame:
    """Profile kappa on e1684 over four baselines; empty without the data."""
    s = run.settings
    axes = grid(case=_melanoma(s), structure=E1684_STRUCTURES, points=[s.profile_points], starts=[s.starts])
    return run.sweep(ex.kappa_profile, axes)


def survival_curves(run) -> pd.DataFrame:
    """Draw the recommended structures beside Kaplan-Meier on every trial at hand."""
    return run.sweep(diagnostics.survival_curves, _diagnosed(run.settings))


def hazard_ratio(run) -> pd.DataFrame:
    """Draw hazard ratios over time on every trial at hand with two groups."""
    two = [name for name in run.settings.data_sets if len(cases.CASES[name].covariates) == 1]
    return run.sweep(diagnostics.hazard_ratio, _diagnosed(run.settings, two))


def cox_snell(run) -> pd.DataFrame:
    """Check the residuals of the recommended structures on every trial at hand."""
    return run.sweep(diagnostics.cox_snell, _diagnosed(run.settings))


def cured(run) -> pd.DataFrame:
    """Estimate cured shares on e1684 over several baselines; empty without the data."""
    return run.sweep(diagnostics.cured, _diagnosed(run.settings, _melanoma(run.settings)))


def bootstrap(run) -> pd.DataFrame:
    """Choose among the recommended structures and their neighbours on resamples of the first trial."""
    s = run.settings
    first = cases.available(s.data_sets[:1])
    axes = grid(case=first, structures=[list(BOOTSTRAPPED)], starts=[3])
    return run.sweep(ex.bootstrap, axes, replicates=s.bootstrap).drop(columns="structures", errors="ignore")


def validate(run) -> pd.DataFrame:
    """Score every model on the same splits of every trial at hand."""
    s = run.settings
    axes = grid(case=cases.available(s.validation_sets), model=list(MODELS))
    return run.sweep(ex.validate, axes, replicates=s.validation_splits)


def transfer(run) -> pd.DataFrame:
    """Carry every model from the Rotterdam patients to the German trial; empty without the data."""
    wanted = run.settings.validation_splits and all(cases.has(name) for name in ("rotterdam", "gbsg"))
    return run.sweep(ex.transfer, grid(model=list(MODELS) if wanted else []))


def _melanoma(settings) -> list[str]:
    return cases.available([name for name in settings.data_sets if name == "e1684"])


def _diagnosed(settings, names: list[str] | None = None) -> list[dict]:
    names = settings.data_sets if names is None else names
    return grid(case=cases.available(names), starts=[settings.starts])
