"""The laws fitted to named runs of a training set."""

import numpy as np
import pandas as pd

from . import designs
from .laws import ERROR, TIED
from .records import PARAMETERS, SIZES, Testbed
from .separable import Fit, fit

POINTS = ["N", "D"]


def fit_losses(runs: pd.DataFrame, points, evaluation: str = "c4_val") -> Fit:
    """Fit the loss law to named runs, (size, M) each."""
    return fit_rows(runs, designs.rows(runs, points), evaluation)


def fit_rows(runs: pd.DataFrame, at: list[int], evaluation: str = "c4_val") -> Fit:
    """Fit the loss law to runs by their positions."""
    return fit(TIED, runs[POINTS].to_numpy()[at], runs[evaluation].to_numpy()[at])


def fit_errors(runs: pd.DataFrame, errors: np.ndarray, evaluation: str = "c4_val", points=designs.ERROR_RUNS) -> Fit:
    """Fit the error law to named runs: measured errors against measured losses."""
    at = designs.rows(runs, points)
    return fit(ERROR, runs[[evaluation]].to_numpy()[at], errors[at])


def averages(bed: Testbed) -> dict[str, np.ndarray]:
    """Return the averages over 17 and over all tasks, one a run."""
    return {"error17": bed.average(), "error46": bed.average(bed.errors.columns)}


def sizes_of(points) -> tuple[np.ndarray, np.ndarray]:
    """Return N and D of (size, M) points."""
    by_name = dict(zip(SIZES.values(), PARAMETERS, strict=True))
    n, m = (np.array(v, float) for v in zip(*((by_name[size], m) for size, m in points), strict=True))
    return n, n * m
