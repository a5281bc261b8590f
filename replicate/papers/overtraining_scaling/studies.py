"""The studies of the notebook: which units a preset runs. Each takes the run and returns a tidy frame.

Without the records, predictions are made on a table generated from the published laws and everything else is left
out: an empty frame, whose claims are *not run*.
"""

import pandas as pd

from replicate.sweep import grid

from . import experiments as ex
from . import records

THRESHOLDS = (-5, 0, 5, 10, 15, 20, 25, 30, 35, 40)
FLOORS = tuple(round(1.4 + 0.05 * i, 2) for i in range(18))
SMALL_RUNS = 29  # RedPajama: four sizes at eight M, less none, and 1.4B at M = 20


def recovery(run) -> pd.DataFrame:
    """Fit exact losses on the published laws of every training set."""
    return run.sweep(ex.recovery, grid(training_set=list(records.SETS.values())))


def parsed(run) -> pd.DataFrame:
    """Read and count all files; empty without the records."""
    return run.sweep(ex.parsed, _real())


def predictions(run) -> pd.DataFrame:
    """Fit the default design and predict every run."""
    return run.sweep(ex.default_fits, grid(source=[records.source()], training_set=run.settings.training_sets))


def intervals(run) -> pd.DataFrame:
    """Compute the ladder of intervals on the preset's evaluations."""
    s = run.settings
    evaluations = s.evaluations if records.source() == records.DATASET else ["c4_val"]
    axes = grid(source=[records.source()], training_set=s.training_sets, evaluation=evaluations, draws=[s.draws])
    return run.sweep(ex.interval_ladder, axes)


def other_evaluations(run) -> pd.DataFrame:
    """Fit the loss law on the seven other evaluation sets."""
    others = [name for name in records.EVALUATIONS if name != "c4_val"]
    return run.sweep(ex.other_evaluations, _asked(run, "evaluations", training_set=_sets(run), evaluation=others))


def single_tasks(run) -> pd.DataFrame:
    """Predict every task."""
    return run.sweep(ex.single_tasks, _asked(run, "tasks", training_set=_sets(run)))


def task_rule(run) -> pd.DataFrame:
    """Apply the authors' rule for choosing tasks."""
    return run.sweep(ex.task_rule, _asked(run, "tasks"))


def thresholds(run) -> pd.DataFrame:
    """Vary the threshold of that rule."""
    return run.sweep(ex.thresholds, _asked(run, "tasks", training_set=_sets(run), thresholds=[list(THRESHOLDS)]))


def exponents(run) -> pd.DataFrame:
    """Fit the exponent at every M."""
    return run.sweep(ex.exponents, _asked(run, "exponents", training_set=_sets(run)))


def sensitivity(run) -> pd.DataFrame:
    """Fit other designs."""
    return run.sweep(
        ex.sensitivity, _asked(run, "designs", training_set=_sets(run), evaluation=run.settings.evaluations)
    )


def baselines(run) -> pd.DataFrame:
    """Fit other laws."""
    return run.sweep(ex.baselines, _asked(run, "designs", training_set=_sets(run), evaluation=run.settings.evaluations))


def windows(run) -> pd.DataFrame:
    """Fit random subsets of the cheapest runs, five to all of them."""
    sizes = list(range(5, SMALL_RUNS + 1)) if run.settings.subsets else []
    return run.sweep(ex.windows, _asked(run, "windows", n=sizes, subsets=[run.settings.subsets]))


def frontier(run) -> pd.DataFrame:
    """Fit the grid search's frontier."""
    return run.sweep(ex.frontier, _asked(run, "frontier", draws=[run.settings.draws]))


def loss_profile(run) -> pd.DataFrame:
    """Hold E at many values."""
    return run.sweep(ex.loss_profile, _asked(run, "designs", training_set=_sets(run), floors=[list(FLOORS)]))


def cheapest_designs(run) -> pd.DataFrame:
    """Search for a better design at the same compute."""
    return run.sweep(ex.cheapest_designs, _asked(run, "designs", training_set=_sets(run), runs=[5], least=[5, 10, 20]))


def shared_exponent(run) -> pd.DataFrame:
    """Fit all training sets with one exponent."""
    return run.sweep(ex.shared_exponent, _asked(run, "designs"))


def _sets(run) -> list[str]:
    return run.settings.training_sets


def _real() -> list[dict]:
    """Return one configuration that names the records, or none where they are missing."""
    return [{"source": records.DATASET}] if records.source() == records.DATASET else []


def _asked(run, study: str, **axes) -> list[dict]:
    """Return the configurations of a study that the preset asks for and the records allow."""
    wanted = {"all", study} & set(run.settings.parts)
    return [real | config for real in _real() for config in grid(**axes)] if wanted else []
