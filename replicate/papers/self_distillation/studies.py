"""The studies of the notebook: which units a preset runs. Each takes the run and returns a tidy frame.

A study that the preset does not ask for, or whose data are not at hand, returns an empty frame: its claims are *not
run*.
"""

from typing import Any

import pandas as pd

from replicate import datasets
from replicate.sweep import grid

from . import experiments as ex
from .identities import CHECKS
from .networks import ESTIMATED

SHOWN = (0.0, 0.25, 0.35)  # the weights of the published tables
WEIGHTS = (0.0, 0.1, 0.25, 0.35, 0.5, 0.75, 1.0)
STEPS = 6
LONG = 20
TUNED_DECAYS = (0.0, 3e-4, 1e-3, 3e-3, 1e-2)
NOISE_LEVELS = (0.1, 0.25, 0.5, 1.0)


def exact(run) -> pd.DataFrame:
    """Measure the error of every identity."""
    return run.sweep(ex.exact, grid(check=list(CHECKS)), jobs=1)


def published_losses(run) -> pd.DataFrame:
    """Compare the published losses with ours."""
    return run.sweep(ex.published_losses, [{}], jobs=1)


def published_figures(run) -> pd.DataFrame:
    """Compare values read off the published plots with ours."""
    return run.sweep(ex.published_figures, [{}], jobs=1)


def toy_losses(run) -> pd.DataFrame:
    """Measure losses of the toy by weight and step."""
    return run.sweep(ex.toy_losses, grid(weight=WEIGHTS, steps=[LONG]), jobs=1)


def toy_fits(run) -> pd.DataFrame:
    """Fit the toy at the weights of the published tables."""
    return run.sweep(ex.toy_fits, grid(weight=SHOWN, steps=[STEPS]), jobs=1)


def toy_spectra(run) -> pd.DataFrame:
    """Measure shrinkages and ratios, also close to alpha = 0."""
    return run.sweep(ex.toy_spectra, grid(weight=[0.0, 0.01, 0.25, 0.35], steps=[LONG]), jobs=1)


def ratio_rule(run) -> pd.DataFrame:
    """Test the ratio rule on random problems."""
    return run.sweep(ex.ratio_rule, grid(cases=[run.settings.rule_cases]), jobs=1)


def convergence(run) -> pd.DataFrame:
    """Measure how fast the limit is approached."""
    return run.sweep(ex.convergence, grid(weight=[0.1, 0.25, 0.35, 0.5], steps=[50]), jobs=1)


def toy_weights(run) -> pd.DataFrame:
    """Choose weights greedily."""
    return run.sweep(ex.toy_weights, grid(clipped=[False, True], steps=[STEPS]), jobs=1)


def toy_controls(run) -> pd.DataFrame:
    """Measure what distillation must beat on the toy."""
    return run.sweep(ex.toy_controls, [{}], jobs=1)


def parabolas(run) -> pd.DataFrame:
    """Compare closed-form weights of step 2, and of step 3 for two teachers, with a grid of 501 weights on [-2, 2]."""
    second = grid(step=[2], teacher_weight=[1.0], points=[501])
    return run.sweep(ex.parabola, second + grid(step=[3], teacher_weight=[0.0, 0.25], points=[501]), jobs=1)


def population(run) -> pd.DataFrame:
    """Measure the population weight over the teacher's penalty."""
    return run.sweep(ex.population, grid(noise=NOISE_LEVELS, points=[121]))


def constrained(run) -> pd.DataFrame:
    """Distil under a constraint, with two kernels."""
    return run.sweep(ex.constrained, grid(kernel=["rbf", "bending"]))


def monte_carlo(run) -> pd.DataFrame:
    """Redraw the toy."""
    return run.sweep(ex.monte_carlo, grid(weight=[0.0, 0.25, 0.35, 0.5], draws=[run.settings.draws]), jobs=1)


def monte_carlo_controls(run) -> pd.DataFrame:
    """Measure what distillation must beat over the redrawn toys."""
    return run.sweep(ex.monte_carlo_controls, grid(draws=[run.settings.draws]), jobs=1)


def diabetes(run) -> pd.DataFrame:
    """Distil kernel ridge on the diabetes data."""
    config = {"penalties": [0.05, 0.5, 5.0], "weights": [0.0, 0.25, 0.5, 0.75, 1.0], "steps": 5}
    return _plain(run.sweep(ex.diabetes, [config], replicates=run.settings.diabetes_seeds))


def digits(run) -> pd.DataFrame:
    """Distil kernel ridge on noisily labelled digits."""
    s = run.settings
    fixed = {"penalties": [0.1, 1.0], "weights": [0.0, 0.25, 0.5, 0.75, 1.0], "steps": 6}
    configs = [{"noise": noise, **fixed} for noise in s.digits_noise]
    return _plain(run.sweep(ex.digits, configs, replicates=s.digits_seeds))


def tangent(run) -> pd.DataFrame:
    """Distil ridge with the tangent kernel."""
    config = {"noise": 0.4, "penalties": [0.1, 1.0], "weights": [0.0, 0.25, 0.5, 0.75, 1.0], "steps": 6}
    return _plain(run.sweep(ex.tangent, [config], replicates=run.settings.tangent_seeds))


def finite_width(run) -> pd.DataFrame:
    """Compare networks of several widths with the tangent kernel."""
    s = run.settings
    return run.sweep(ex.finite_width, grid(noise=[0.4], penalty=[1.0], width=s.widths), replicates=s.width_seeds)


def repeated(run) -> pd.DataFrame:
    """Compare ridge, one step and r steps on known spectra."""
    return run.sweep(ex.repeated, grid(r=run.settings.spectrum_sizes, direction=["top", "bottom"]))


def small_networks(run) -> pd.DataFrame:
    """Train the chains of small networks."""
    s = run.settings
    chains = {"weights": s.net_weights, "steps": s.net_steps}
    configs = [{**_network(run), **chains, **c} for c in grid(decay=s.net_decays, teacher=s.net_teachers)]
    return _plain(run.sweep(ex.small_networks, configs, replicates=s.net_seeds))


def tuned_networks(run) -> pd.DataFrame:
    """Train first networks at several weight decays."""
    config = {**_network(run), "decays": list(TUNED_DECAYS)}
    return _plain(run.sweep(ex.tuned_networks, [config], replicates=run.settings.net_seeds))


def _network(run) -> dict[str, Any]:
    return {"noise": 0.4, "width": 256, "batch": 200, "rate": 3e-3, "epochs": run.settings.net_epochs}


def images(run) -> pd.DataFrame:
    """Train the chains of ResNets on CIFAR-10; empty when not asked for.

    One unit a network; it finds those before it on disk. Steps are run in order, so that no network is trained twice.
    """
    s = run.settings
    if not s.image_seeds:
        return pd.DataFrame()
    fixed = {
        "dataset": datasets.load_cifar10().name,
        "protocol": s.image_protocol,
        "depth": s.image_depth,
        "epochs": s.image_epochs,
        "batch": s.image_batch,
        "rate": s.image_rate,
    }
    weights = [*(f"{w:g}" for w in s.image_weights), ESTIMATED]
    first = run.sweep(ex.images, [{**fixed, "weight": "1", "step": 1}], replicates=s.image_seeds)
    found = [first]
    for step in range(2, s.image_networks + 1):
        configs = [{**fixed, "weight": weight, "step": step} for weight in weights]
        found.append(run.sweep(ex.images, configs, replicates=s.image_seeds))
    return pd.concat(found, ignore_index=True)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the columns that hold a configuration's lists: the rows say which value each is about."""
    return frame.drop(columns=[c for c in ("penalties", "weights", "decays") if c in frame])
