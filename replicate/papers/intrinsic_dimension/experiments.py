"""Units of work: ``(config, seed) -> rows``, one function per experiment.

Streams are named by what they draw: start weights ("theta0"), projection ("P") and data order ("order").
Start weights and order do not depend on the projection, so that projections are compared in pairs.
"""

from typing import Any

import numpy as np

from replicate.seeds import Seed

from . import cartpole as pole
from . import toy as problem
from .trial import Trial, burn_in_accuracy, small_net_accuracy, stored_and_reloaded

Rows = list[dict[str, Any]]


def toy(config: dict, seed: Seed) -> Rows:
    """Solve the toy problem in ``draws`` random subspaces of dimension ``dim``."""
    found = problem.performance([config["dim"]], config["draws"], rng=seed.rng("toy", config["dim"]))[0]
    return [{"metric": "performance", "value": v, "draw": i} for i, v in enumerate(found)]


def toy_law(config: dict, seed: Seed) -> Rows:
    """Test the Beta law of the toy problem's residual over ``draws`` subspaces of dimension ``dim``."""
    rng = seed.rng("toy law", config["dim"])
    statistic, p_value = problem.residual_test(config["dim"], config["draws"], rng=rng)
    n = config["draws"]
    return [
        {"metric": "KS statistic", "value": statistic, "n": n},
        {"metric": "p-value", "value": p_value, "n": n},
    ]


def baseline(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train a network directly, all D parameters free."""
    return Trial(config, seed, device).run()


def fc_search(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train the fully connected net in a subspace (C2)."""
    return Trial(config, seed, device).run()


def lenet_search(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train LeNet in a subspace (C3)."""
    return Trial(config, seed, device).run()


def fc_grid(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train a fully connected net of some width and depth in a subspace (C4)."""
    return Trial(config, seed, device).run()


def shuffled_fc_search(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train the fully connected net on shuffled pixels in a subspace (C5)."""
    return Trial(config, seed, device).run()


def shuffled_lenet_search(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train LeNet on shuffled pixels in a subspace (C5)."""
    return Trial(config, seed, device).run()


def controls(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train LeNet without weight sharing or without locality in a subspace (supplement)."""
    return Trial(config, seed, device).run()


def random_labels_search(config: dict, seed: Seed, *, device: str) -> Rows:
    """Memorise shuffled labels in a subspace; success is accuracy on the training set (C6)."""
    return Trial(config, seed, device).run()


def projections(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train with one kind of projection; start weights and data order are shared between kinds (C9)."""
    return Trial(config, seed, device).run()


def cifar_search(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train a network on CIFAR-10 in a subspace (C8)."""
    return Trial(config, seed, device).run()


def regularisation(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train LeNet on CIFAR-10 in a large subspace, or directly with ``dim`` 0 (C11)."""
    return Trial(config, seed, device).run()


def crossed(config: dict, seed: Seed, *, device: str) -> Rows:
    """One cell of the crossed design: ``theta0``, ``P`` and ``order`` have levels of their own."""
    levels = {"theta0": config["theta0_level"], "P": config["P_level"], "order": config["order_level"]}
    return Trial(config, seed, device, levels).run()


def small_nets(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train a small fully connected net of random shape directly (C7)."""
    return small_net_accuracy(config, seed, device)


def burn_in(config: dict, seed: Seed, *, device: str) -> Rows:
    """Take ``burn_in`` full-space Adam steps, then train in a subspace through the point reached."""
    return burn_in_accuracy(config, seed, device)


def compression(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train, store as seeds and d numbers, reload, and compare the outputs bit for bit (C12)."""
    return stored_and_reloaded(config, seed, device)


def projection_memory(config: dict, seed: Seed) -> Rows:
    """Count the bytes a projection keeps (C9)."""
    from .projections import projection

    built = projection(config["projection"], config["D"], config["dim"], seed=seed.integer("P"))
    return [{"metric": "bytes of P", "value": built.nbytes, "unit": "B"}]


def orthogonal_paths(config: dict, seed: Seed) -> Rows:
    """Follow one optimiser directly and in a rotated full space; return how far apart they end (C10)."""
    from .orthogonal_paths import path_distance

    distance = path_distance(config["optimizer"], seed=seed.integer("paths"))
    return [{"metric": "relative distance", "value": distance}]


def cartpole(config: dict, seed: Seed) -> Rows:
    """Solve CartPole by evolution strategies in a subspace (C13)."""
    found = pole.solve(config["dim"], rng=seed.rng("cartpole", config["dim"]))
    length = {"metric": "episode length", "value": found.mean_length, "unit": "steps"}
    return [length, {"metric": "environment steps", "value": found.steps, "unit": "steps"}]


def well(config: dict, seed: Seed) -> Rows:
    """Find the threshold dimension of a quadratic well and the bound of Gordon's theorem."""
    from .quadratic_well import escape_dimension, threshold_dimensions

    curvatures = np.arange(1, config["D"] + 1.0) ** -config["decay"]
    shape = {"epsilon": config["epsilon"], "distance": config["distance"]}
    rng = seed.rng("well", config["decay"])
    found = threshold_dimensions(curvatures, **shape, n_draws=config["draws"], rng=rng)
    threshold = {"metric": "threshold", "value": float(np.median(found)), "n": config["draws"]}
    return [threshold, {"metric": "bound", "value": escape_dimension(curvatures, **shape)}]
