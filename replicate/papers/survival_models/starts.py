"""Where to start: the authors' start, other shapes, jitters, and a sample of rows where there are many."""

import numpy as np

from .ascent import Peak, climb, coordinates, intercept_column
from .likelihood import Model, Observed

AUTHORS = {"alpha": 0.01, "nu": 0.4}  # with tau0 = beta0 = log(events / total time) and slopes 0.01
SLOPE = 0.01
SHAPES = ({"nu": -0.7, "alpha": 0.3}, {"nu": -0.2, "alpha": -0.3})
JITTER = 0.7
THIN_ABOVE, THIN_TO, THIN_EVENTS = 50_000, 5_000, 500  # rows; starts of larger data are tried on a part


def candidates(data: Observed, model: Model, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return ``count`` parameter vectors ``(p,)`` to climb from, fewer and nearly optimal for large data.

    The first is the authors': scales from the event rate, improved in the model without covariates; two
    have other shapes, the rest are normal jitters drawn from ``rng``. Above 50,000 rows they are climbed on
    every k-th row, and only the distinct optima found there (at most three) are returned.
    """
    sample, sample_model = _thin(data, model)
    basis = coordinates(sample_model)
    found = _starts(sample, sample_model, basis, count, rng)
    if sample is data or not found:
        return found
    peaks = (climb(sample, sample_model, basis, theta) for theta in found)
    return _distinct([peak for peak in peaks if peak]) or found


def _starts(data, model, basis, count, rng):
    levels = _levels(model)
    centre = _null(data, model, levels)
    slopes = basis @ np.full(model.n_parameters, SLOPE)
    for name, level in levels.items():  # the constant itself has no slope
        slopes[model.slices[name]] -= SLOPE * level
    found = [_compose(model, levels, centre) + slopes]
    found += [_compose(model, levels, {**centre, **shape}) + slopes for shape in SHAPES]
    while len(found) < count:
        found.append(found[0] + basis @ rng.normal(0.0, JITTER, model.n_parameters))
    return found[:count]


def _levels(model):
    """Return, per component whose design spans the constant, coefficients giving a predictor of one."""
    levels = {}
    for name, design in model.designs.items():
        intercept = intercept_column(model, name)
        if intercept is not None:
            levels[name] = np.eye(design.shape[1])[intercept] / design[0, intercept]
            continue
        level = np.linalg.lstsq(design.T @ design, design.sum(axis=0))[0]
        if np.abs(design @ level - 1).max() < 1e-8:
            levels[name] = level
    return levels


def _null(data, model, levels):
    """Return the intercepts of the model without covariates, the authors' start where it has no optimum."""
    rate = float(np.log(data.event.sum() / (data.time.sum() - (0.0 if data.entry is None else data.entry.sum()))))
    start = {name: AUTHORS.get(name, rate) for name in model.designs}
    ones = np.ones((len(data.time), 1))
    fixed = model.fixed | {name: 0.0 for name in model.designs if name not in levels}
    if not levels:
        return start
    null = Model({name: ones for name in levels}, fixed)
    peak = climb(data, null, np.eye(len(levels)), np.array([start[name] for name in null.designs]), 50)
    if peak is None or not peak.converged or np.abs(peak.theta).max() > 20:
        return start
    return start | dict(zip(null.designs, peak.theta.tolist(), strict=True))


def _compose(model, levels, values):
    parts = (np.zeros(design.shape[1]) for design in model.designs.values())
    return np.concatenate(
        [values[name] * levels.get(name, part) for name, part in zip(model.designs, parts, strict=True)]
    )


def _thin(data, model):
    """Return every k-th row of large data, or the same objects."""
    skip = len(data.time) // THIN_TO if len(data.time) > THIN_ABOVE else 1
    if skip == 1 or data.event[::skip].sum() < THIN_EVENTS:
        return data, model
    entry = None if data.entry is None else data.entry[::skip]
    designs = {name: design[::skip] for name, design in model.designs.items()}
    return Observed(data.time[::skip], data.event[::skip], entry), Model(designs, model.fixed)


def _distinct(peaks: list[Peak]) -> list[np.ndarray]:
    """Return the different optima, best first; the best point where none converged."""
    peaks = sorted(peaks, key=lambda peak: -peak.at.value)
    chosen: list[Peak] = []
    for peak in [peak for peak in peaks if peak.converged]:
        if all(abs(peak.at.value - other.at.value) > 1e-5 for other in chosen):
            chosen.append(peak)
    return [peak.theta for peak in chosen[:3] or peaks[:1]]
