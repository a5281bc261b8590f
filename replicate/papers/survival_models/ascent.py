"""One climb of the log-likelihood by damped Newton steps, in standardised coordinates."""

from dataclasses import dataclass

import numpy as np

from .likelihood import Evaluation, Model, Observed, evaluate

FLOOR = 1e-6  # least curvature, relative to the largest, of an indefinite information
STEP = 2.0  # longest step in a standardised coefficient
ARMIJO = 1e-4
DECREMENT = 1e-9
ROUNDING, SADDLE = 1e-13, 1e-9  # relative eigenvalues: positive above the first, negative below minus the second
FLAT_SCORE = 1e-4  # a search that cannot rise any more has converged below this


@dataclass(frozen=True, eq=False)
class Peak:
    """Where one climb ended: ``theta`` ``(p,)`` and the evaluation of order 2 there."""

    theta: np.ndarray
    at: Evaluation
    iterations: int
    converged: bool


def climb(data: Observed, model: Model, basis: np.ndarray, theta: np.ndarray, max_iterations: int = 100) -> Peak | None:
    """Maximise over ``theta + basis @ s``, ``basis`` ``(p, q)``; None where the start is not finite.

    Newton steps with the eigenvalues of an indefinite information replaced by their size, at least 1e-6 of
    the largest; every component along an eigenvector is cut at 2, the step halved until Armijo's rule
    holds. Ends at a Newton decrement below 1e-9 and takes one more step.
    """
    here = evaluate(theta, data, model)
    if not here.finite:
        return None
    for iteration in range(max_iterations):
        step, decrement, at_top = _newton_step(here, basis)
        if at_top and decrement < DECREMENT:
            there = evaluate(theta + step, data, model)
            if there.finite and np.abs(basis.T @ there.score).max() < np.abs(basis.T @ here.score).max():
                theta, here = theta + step, there
            return Peak(theta, here, iteration + 1, True)
        found = _advance(here, theta, step, data, model)
        if found is None:
            return Peak(theta, here, iteration + 1, bool(np.abs(basis.T @ here.score).max() < FLAT_SCORE))
        theta, here = found
    return Peak(theta, here, max_iterations, False)


def coordinates(model: Model, hold: int | None = None) -> np.ndarray:
    """Return a basis ``(p, q)`` of the parameters in which covariates are centred and of unit spread.

    With ``hold`` that entry of the parameter vector does not move and ``q = p - 1``. Covariates are centred
    only where their design has a constant column that may move.
    """
    basis = np.eye(model.n_parameters)
    for name, design in model.designs.items():
        place = model.slices[name]
        if name in model.constant:
            continue
        centre, spread = _moments(design)
        flat = spread <= 1e-12 * np.abs(centre)
        spread[flat] = np.where(centre[flat] == 0, 1.0, np.abs(centre[flat]))
        block = np.diag(1 / spread)
        intercept = intercept_column(model, name)
        if intercept is not None and place.start + intercept != hold:
            moving = np.arange(len(centre)) != intercept
            block[intercept, moving] = -centre[moving] / spread[moving] / centre[intercept]
        basis[place, place] = block
    return basis if hold is None else np.delete(basis, hold, axis=1)


def intercept_column(model: Model, name: str) -> int | None:
    """Return the first constant, non-zero column of a component's design, or None."""
    design = model.designs[name]
    likely = np.flatnonzero((design[0] != 0) & (design[:8] == design[0]).all(axis=0))
    return next((int(column) for column in likely if (design[:, column] == design[0, column]).all()), None)


def _moments(design):
    """Return mean and standard deviation of each column, summed by BLAS, from the first row as origin."""
    moved = design - design[0]
    mean = np.ones(len(moved)) @ moved / len(moved)
    moved -= mean
    return design[0] + mean, np.sqrt(np.einsum("ij,ij->j", moved, moved) / len(moved))


def _newton_step(here, basis):
    """Return the step, the rise it promises (twice), and whether the curvature is nowhere upwards."""
    values, vectors = np.linalg.eigh(-basis.T @ here.hessian @ basis)
    size = np.abs(values).max()
    curvature = values if values[0] > ROUNDING * size else np.maximum(np.abs(values), FLOOR * size)
    along = vectors.T @ (basis.T @ here.score)
    moves = np.clip(along / np.maximum(curvature, 1e-300), -STEP, STEP)
    step = vectors @ moves
    step *= min(1.0, STEP / max(np.abs(step).max(), STEP))
    return basis @ step, float(along @ moves), bool(values[0] > -SADDLE * size)


def _advance(here, theta, step, data, model):
    """Return the first of theta + step, step / 2, ... that rises enough, or None."""
    gain, rounding = ARMIJO * float(here.score @ step), 1e-15 * abs(here.value)
    order, fraction = 2, 1.0
    for _ in range(40):
        trial = theta + fraction * step
        there = evaluate(trial, data, model, order=order)
        if there.finite and there.value >= here.value + fraction * gain - rounding:
            there = there if order == 2 else evaluate(trial, data, model)
            if there.finite:
                return trial, there
        order, fraction = 0, fraction / 2
    return None
