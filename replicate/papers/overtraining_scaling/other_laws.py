"""What else one could fit: laws blind to M, laws without a floor, untied exponents, Hoffmann's estimator."""

import numpy as np
import pandas as pd

from . import designs
from .fits import POINTS, fit_losses, fit_rows
from .hoffmann import fit_hoffmann
from .laws import M_BLIND, TIED, UNTIED
from .records import Testbed
from .separable import fit


def of_loss(runs: pd.DataFrame, evaluation: str) -> dict[str, np.ndarray]:
    """Return the losses that every baseline predicts for all runs, by name; ``runs``: one training set."""
    points, losses = runs[POINTS].to_numpy(), runs[evaluation].to_numpy()
    five, four = designs.rows(runs, designs.LOSS_RUNS), designs.rows(runs, designs.LINE)
    wide, every = designs.pool(runs, least=20), designs.pool(runs)
    n, d = points.T
    core = runs[["N_core", "D"]].to_numpy()

    def hoffmann(at, *, tied):
        return fit_hoffmann(n[at], d[at], losses[at], tied=tied).at_size(n, d)

    return {
        "default law": fit_losses(runs, designs.LOSS_RUNS, evaluation).predict(points)[0],
        "default law, M >= 20": fit_rows(runs, wide, evaluation).predict(points)[0],
        "M-blind": fit(M_BLIND, points[four], losses[four]).predict(points)[0],
        "plain power law": _log_linear(runs[["C"]].to_numpy(), losses, five),
        "log-linear": _log_linear(points, losses, five),
        "untied, M >= 20": fit(UNTIED, points[wide], losses[wide]).predict(points)[0],
        "untied, all small": fit(UNTIED, points[every], losses[every]).predict(points)[0],
        "Hoffmann tied, M >= 20": hoffmann(wide, tied=True),
        "Hoffmann untied, M >= 20": hoffmann(wide, tied=False),
        "no-embedding N": fit(TIED, core[five], losses[five]).predict(core)[0],
    }


def of_error(bed: Testbed, errors: np.ndarray, losses: np.ndarray, target: str) -> dict[str, np.ndarray]:
    """Return the errors that baselines of the error law predict for all runs, at predicted losses ``(n,)``."""
    at = designs.rows(bed.runs, designs.ERROR_RUNS)
    measured = bed.runs["c4_val"].to_numpy()
    chance = chance_error(bed, target)
    slope, height = np.polyfit(measured[at], errors[at], 1)
    gamma, scale = np.polyfit(measured[at], np.log(np.maximum(chance - errors[at], 1e-9)), 1)
    logs = np.column_stack([np.log(bed.runs[POINTS].to_numpy()), np.ones(len(errors))])
    direct = np.linalg.lstsq(logs[at], errors[at], rcond=None)[0]
    return {
        "straight line in loss": slope * losses + height,
        "eps fixed at chance": chance - np.exp(scale + gamma * losses),
        "direct line in log N, log D": logs @ direct,
    }


def chance_error(bed: Testbed, target: str) -> float:
    """Return the authors' level of guessing: 0.75 for all 46 tasks, 0.808824 for the 17 (their constants)."""
    return {"error46": 0.75, "error17": 0.808824}[target]


def _log_linear(x: np.ndarray, losses: np.ndarray, at: list[int]) -> np.ndarray:
    design = np.column_stack([np.log(x), np.ones(len(x))])
    return np.exp(design @ np.linalg.lstsq(design[at], np.log(losses[at]), rcond=None)[0])
