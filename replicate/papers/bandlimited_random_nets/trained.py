"""Nets of equal width that adapt to the target: what the frozen, fixed box is up against."""

import warnings
from collections.abc import Callable

import numpy as np

from replicate.seeds import Seed

from . import constructive
from .factorisation import Factorisation
from .network import BANDWIDTHS, RandomNetCV

Predictor = Callable[[np.ndarray], np.ndarray]


def cross_validated(inputs: np.ndarray, target: np.ndarray, width: int, seed: Seed) -> tuple[Predictor, int]:
    """Choose the bandwidth by five-fold cross-validation."""
    net = RandomNetCV(BANDWIDTHS, width, random_state=seed.integer("remedies")).fit(inputs, target)
    return net.predict, width


def configured(inputs: np.ndarray, target: np.ndarray, width: int, seed: Seed) -> tuple[Predictor, int]:
    """Choose every node among random candidates of adaptive scope (stochastic configuration network)."""
    rng = seed.rng("configured")
    layer = constructive.configured_layer(rng, inputs, target, width=width, scopes=BANDWIDTHS)
    c = Factorisation(layer(inputs)).solve(target, layer.width).coefficients
    return lambda points: layer(points) @ c, layer.width


def trained(inputs: np.ndarray, target: np.ndarray, width: int, seed: Seed) -> tuple[Predictor, int]:
    """Train all weights of a sigmoid net by L-BFGS (scikit-learn), from its usual small start."""
    from sklearn.neural_network import MLPRegressor

    options = {"activation": "logistic", "solver": "lbfgs", "alpha": 0.0, "max_iter": 1000, "max_fun": 10**5}
    scale = float(target.std())
    start = seed.integer("trained") % 2**31
    net = _quiet(MLPRegressor(hidden_layer_sizes=(width,), **options, random_state=start), inputs, target / scale)
    return lambda points: net.predict(points) * scale, width


def _quiet(net, inputs: np.ndarray, target: np.ndarray):
    """Fit without the warning that the iterations are used up: they are the budget."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return net.fit(inputs, target)


REMEDIES = {"cross-validated": cross_validated, "configured": configured, "trained": trained}
