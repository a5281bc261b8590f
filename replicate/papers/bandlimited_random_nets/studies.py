"""The studies of the notebook: which units a preset runs. Each takes the run and returns a tidy frame.

A preset that asks for none of a study's units gets an empty frame: its claims are *not run*.
"""

import numpy as np
import pandas as pd

from replicate.sweep import grid

from . import experiments as ex
from .targets import SINES

TARGETS = ["LW", "sin1", "sin4", "sin16"]
BUDGETS = [float(b) for b in np.geomspace(1, 1e6, 25)]
SHARES = [1.0, 3.0, 10.0, 30.0, 100.0]


def widths(run) -> pd.DataFrame:
    """Fit four targets over width and bandwidth."""
    s = run.settings
    configs = grid(bandwidth=s.bandwidths, targets=[TARGETS], widths=[s.widths], n=[s.samples])
    return run.sweep(ex.widths, configs, replicates=s.replicates)


def fits(run) -> pd.DataFrame:
    """Fit nets at three bandwidths."""
    s = run.settings
    widths = {"LW": min(500, max(s.widths)), "co2": min(800, max(s.series_widths))}
    work = [{"problem": name, "bandwidth": b, "width": widths[name]} for name in widths for b in (1, 10, 100)]
    work[-1]["bandwidth"] = 300  # where the seasons are
    return run.sweep(ex.fits, work, replicates=min(10, s.replicates))


def operator(run) -> pd.DataFrame:
    """Decompose the infinitely wide net."""
    s = run.settings
    numerics = {"points": [s.operator_points], "nodes": [s.operator_nodes], "kept": [256]}
    return run.sweep(
        ex.operator, grid(bandwidth=s.operator_bandwidths, **numerics, targets=[TARGETS], budgets=[BUDGETS])
    )


def precision(run) -> pd.DataFrame:
    """Fit one net in several precisions."""
    s = run.settings
    axes = {"targets": [s.precision_targets], "digits": [s.precision_digits]}
    configs = grid(bandwidth=s.precision_bandwidths, width=s.precision_widths, **axes)
    return run.sweep(ex.precision, configs, replicates=s.precision_replicates)


def certificates(run) -> pd.DataFrame:
    """Measure errors on the line and their certified bounds."""
    s = run.settings
    axes = {"target_width": s.certificate_target_widths, "widths": [s.certificate_widths]}
    configs = grid(bandwidth=s.certificate_bandwidths, **axes, penalties=[s.certificate_penalties])
    return run.sweep(ex.certificates, configs, replicates=s.certificate_replicates)


def literal_reading(run) -> pd.DataFrame:
    """Fit the Mexican hat (C5), whose ridgelet spectrum reaches beyond every box."""
    s = run.settings
    return run.sweep(ex.literal_reading, grid(bandwidth=[0.5, 0.8, 1.0, 2.0], width=[300]), replicates=s.replicates)


def ridgelet_shares(run) -> pd.DataFrame:
    """Measure how much of a target lies outside boxes."""
    return run.sweep(ex.ridgelet_shares, grid(target=["sin1", "sin16", "LW"], nodes=[400], bandwidths=[SHARES]))


def critical(run) -> pd.DataFrame:
    """Measure which bandwidth each target needs."""
    s = run.settings
    names = [*(f"sin{k}" for k in SINES if k <= s.critical_most_periods), "LW"]
    bandwidths = [float(b) for b in np.geomspace(1, 400, s.critical_points)]
    axes = {"activation": s.critical_activations, "widths": [s.critical_widths], "targets": [names]}
    configs = grid(bandwidth=bandwidths, **axes, n=[s.samples], penalties=[[0.0, 1e-8]])
    return run.sweep(ex.critical, configs, replicates=s.critical_replicates)


def series(run) -> pd.DataFrame:
    """Fit weekly CO2 and yearly sunspots over width and bandwidth."""
    s = run.settings
    names = [(name, {"co2": 1e-10, "sunspots": 1e-6}[name]) for name in s.series]
    axes = {"bandwidth": s.series_bandwidths, "widths": [s.series_widths]}
    configs = [{"series": name, "penalty": penalty, **c} for name, penalty in names for c in grid(**axes)]
    return run.sweep(ex.series, configs, replicates=s.series_replicates)


def series_choice(run) -> pd.DataFrame:
    """Choose the bandwidth for CO2 by cross-validation, in blocks and interleaved."""
    s = run.settings
    axes = {"bandwidths": [s.series_bandwidths], "width": [min(400, max(s.series_widths))], "penalty": [1e-10]}
    return run.sweep(ex.series_choice, grid(series=["co2"], blocked=[True, False], **axes), replicates=s.choices)


def residual_spectrum(run) -> pd.DataFrame:
    """Measure what a narrow and a wide box leave of CO2."""
    width = max(run.settings.series_widths)
    return run.sweep(ex.residual_spectrum, grid(bandwidth=[10, 300], width=[width], penalty=[1e-10], frequencies=[400]))


def image(run) -> pd.DataFrame:
    """Fit a photograph over width and bandwidth."""
    s = run.settings
    axes = {"bandwidth": s.picture_bandwidths, "widths": [s.picture_widths], "penalty": [1e-6]}
    return run.sweep(ex.image, grid(picture=s.pictures, full=[s.picture_full], **axes), replicates=s.picture_replicates)


def baselines(run) -> pd.DataFrame:
    """Compare places where weights are drawn."""
    s = run.settings
    axes: dict[str, list] = {"bandwidth": [1, 10, 30, 100], "widths": [[50, 100, 200]], "n": [s.samples]}
    placements = ["box", "ball", "gaussian", "placed", "cauchy"]
    return run.sweep(ex.baselines, grid(placement=placements, **axes), replicates=s.baseline_replicates)


def remedies(run) -> pd.DataFrame:
    """Run nets that adapt to the target."""
    s = run.settings
    axes = {"remedy": ["cross-validated", "configured", "trained"], "width": s.remedy_widths}
    return run.sweep(ex.remedies, grid(**axes, n=[1000]), replicates=s.remedy_replicates)


def incremental(run) -> pd.DataFrame:
    """Run the incremental net."""
    s = run.settings
    axes: dict[str, list] = {"bandwidth": [1, 30, 150], "counts": [[100, 500, 1000, 5000]], "n": [1000]}
    return run.sweep(ex.incremental, grid(**axes), replicates=s.baseline_replicates)


def control(run) -> pd.DataFrame:
    """The negative control: diabetes, five folds."""
    axes: dict[str, list] = {"bandwidth": [0.1, 0.5, 1, 5, 20], "width": [200], "penalty": [1e-2]}
    return run.sweep(ex.control, grid(**axes), replicates=run.settings.control_folds)
