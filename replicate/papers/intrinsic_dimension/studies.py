"""The studies of the notebook: which units a preset runs. Each takes the run and returns tidy frames.

A study whose budget is 0 at a preset returns an empty frame or leaves its name out; its claims stay *not run*.
"""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from replicate.sweep import grid

from . import experiments as ex
from .dimension import D90
from .measures import fit
from .problems import cifar10_at_hand
from .searches import find_d90

KINDS = ("dense", "sparse", "fastfood", "one_hot")
TOY_DIMS = (*range(16), 20, 30, 50)
LAW_DIMS = tuple(range(1, 10))


@dataclass
class Searches:
    """Runs and fitted d90 by problem name; only the problems that were searched are there."""

    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    fits: dict[str, D90] = field(default_factory=dict)

    dataset: str = ""

    @property
    def original(self) -> dict[str, pd.DataFrame]:
        """Runs on original pixels."""
        return {name: frame for name, frame in self.frames.items() if "shuffled" not in name}

    def add(self, name: str, found: tuple[pd.DataFrame, D90]) -> None:
        """Keep the result of one search."""
        self.frames[name], self.fits[name] = found


def toy(run) -> pd.DataFrame:
    """Draw subspaces of the toy problem, five blocks of draws for every dimension."""
    return run.sweep(ex.toy, grid(dim=TOY_DIMS, draws=[run.settings.toy_draws // 5]), replicates=5)


def toy_law(run) -> pd.DataFrame:
    """Test the Beta law at every dimension below 10."""
    return run.sweep(ex.toy_law, grid(dim=LAW_DIMS, draws=[run.settings.law_draws]))


def recipe(run) -> dict[str, Any]:
    """Return what all trained runs share: optimiser, rate, schedule, penalty, projection."""
    s = run.settings
    return {
        "projection": s.projection,
        "optimizer": s.optimizer,
        "rate": s.rate,
        "rate_scaling": s.rate_scaling,
        "schedule": s.schedule,
        "l2": s.l2,
    }


def fc(run, **changes) -> dict[str, Any]:
    """Return the configuration of the fully connected net."""
    s = run.settings
    shape = {"dataset": s.dataset, "network": "fc", "width": s.fc_width, "depth": s.fc_depth}
    return {**recipe(run), **shape, "epochs": s.fc_epochs, "batch": s.fc_batch, **changes}


def lenet(run, **changes) -> dict[str, Any]:
    """Return the configuration of LeNet."""
    s = run.settings
    shape = {"dataset": s.dataset, "network": "lenet"}
    budget = {"epochs": s.lenet_epochs, "batch": s.lenet_batch, "rate": s.lenet_rate}
    return {**recipe(run), **shape, **budget, **changes}


def n_parameters(config: dict[str, Any]) -> int:
    """Return D of the network a configuration describes."""
    from replicate.seeds import Seed

    from .trial import Trial

    return sum(p.numel() for p in Trial({**config, "dim": 0}, Seed(0, 0)).build().parameters())


def baselines(run) -> pd.DataFrame:
    """Train the networks directly: what 90 % of their own accuracy would be."""
    s = run.settings
    longer = {"dim": 0, "epochs": s.baseline_epochs, "batch": s.baseline_batch}
    configs = [fc(run, **longer)] + ([lenet(run, **longer)] if s.lenet_budget else [])
    return run.sweep(ex.baseline, configs, replicates=s.baseline_seeds)


def image_searches(run) -> Searches:
    """Search d90 of the fully connected net and LeNet on original and shuffled pixels."""
    s, found = run.settings, Searches()
    plans = {
        "FC": (ex.fc_search, fc(run), s.fc_starts, s.fc_budget),
        "LeNet": (ex.lenet_search, lenet(run), s.lenet_starts, s.lenet_budget),
        "FC, shuffled": (ex.shuffled_fc_search, fc(run, pixels="shuffled"), s.fc_starts, s.shuffled_fc_budget),
        "LeNet, shuffled": (
            ex.shuffled_lenet_search,
            lenet(run, pixels="shuffled"),
            s.shuffled_lenet_starts,
            s.shuffled_lenet_budget,
        ),
    }
    for name, (unit, config, starts, budget) in plans.items():
        if budget:
            found.add(name, _search(run, unit, config, starts, budget))
    return found


def fc_grid(run) -> Searches:
    """Search d90 over widths and depths; names are ``width x depth``."""
    s, found = run.settings, Searches()
    for shape in grid(width=s.grid_widths, depth=s.grid_depths):
        name = f"{shape['width']} x {shape['depth']}"
        found.add(name, _search(run, ex.fc_grid, fc(run, **shape), s.fc_starts, s.grid_budget))
    return found


def controls(run) -> Searches:
    """Search d90 of LeNet without weight sharing (untied) or locality (FCTied), and without both (FC-LeNet)."""
    s, found = run.settings, Searches()
    for name in s.control_networks:
        config = lenet(run, network=name)
        found.add(name, _search(run, ex.controls, config, s.control_starts, s.control_budget))
    return found


def grid_table(run, searches: Searches) -> pd.DataFrame:
    """Return one row a network of the grid: D, width, depth, d90 and its interval."""
    rows = []
    for name, found in searches.fits.items():
        width, depth = map(int, name.split(" x "))
        size = n_parameters(fc(run, width=width, depth=depth))
        shape = {"D": size, "width": width, "depth": depth}
        rows.append({**shape, "d90": found.estimate, "low": found.low, "high": found.high})
    return pd.DataFrame(rows)


def random_labels(run) -> Searches:
    """Search d90 of memorising shuffled labels; names are the numbers of labels."""
    s, found = run.settings, Searches()
    for count in s.memory_counts:
        changes = {"labels": "shuffled", "n_train": count, "width": 400, "depth": 5}
        config = fc(run, **changes, rate=s.memory_rate, epochs=s.memory_epochs)
        starts = [2 * count, 4 * count]
        search = _search(run, ex.random_labels_search, config, starts, s.memory_budget, metric="train accuracy")
        found.add(str(count), search)
    return found


def memory_table(searches: Searches) -> pd.DataFrame:
    """Return d90 by number of memorised labels."""
    rows = [{"labels": int(name), "d90": f.estimate, "low": f.low, "high": f.high} for name, f in searches.fits.items()]
    return pd.DataFrame(rows, columns=["labels", "d90", "low", "high"])


def projections(run) -> pd.DataFrame:
    """Train with each kind of projection on the same seeds."""
    s = run.settings
    shape = {"epochs": s.comparison_epochs, "batch": s.comparison_batch, "rate": s.comparison_rate}
    configs = [fc(run, **shape, **axes) for axes in grid(projection=KINDS, dim=s.comparison_dims)]
    return run.sweep(ex.projections, configs, replicates=s.comparison_seeds)


def projection_memory(run) -> pd.DataFrame:
    """Count the bytes of each kind of projection at two dimensions."""
    configs = grid(projection=KINDS, D=[n_parameters(fc(run))], dim=[150, 300])
    return run.sweep(ex.projection_memory, configs)


def orthogonal_paths(run) -> pd.DataFrame:
    """Follow SGD with momentum, Adam and RMSProp in a rotated space, five seeds."""
    return run.sweep(ex.orthogonal_paths, grid(optimizer=["sgd", "adam", "rmsprop"]), replicates=5)


def compression(run) -> pd.DataFrame:
    """Store and reload trained networks."""
    return run.sweep(ex.compression, [fc(run, dim=min(750, n_parameters(fc(run)) // 4), epochs=1)], replicates=2)


def cartpole(run) -> pd.DataFrame:
    """Solve CartPole in subspaces."""
    return run.sweep(ex.cartpole, grid(dim=run.settings.cartpole_dims), replicates=run.settings.cartpole_seeds)


def burn_in(run) -> pd.DataFrame:
    """Start subspaces from points reached by a few steps in the full space."""
    s = run.settings
    axes = grid(burn_in=s.burn_in_steps, dim=s.burn_in_dims)
    return run.sweep(ex.burn_in, [fc(run, **a) for a in axes])


def well(run) -> pd.DataFrame:
    """Compare the threshold of quadratic wells with the bound of Gordon's theorem."""
    shape: dict[str, list] = {"D": [200], "epsilon": [0.01], "distance": [1.0], "draws": [25]}
    return run.sweep(ex.well, grid(decay=[0.0, 0.5, 1.0, 2.0], **shape))


def small_nets(run) -> pd.DataFrame:
    """Train small fully connected nets directly; empty when the preset asks for none."""
    s = run.settings
    if not s.small_nets:
        return pd.DataFrame()
    return run.sweep(ex.small_nets, [fc(run, epochs=s.small_epochs)], replicates=s.small_nets)


def regularisation(run) -> pd.DataFrame:
    """Compare LeNet on CIFAR-10 in large subspaces with direct training (dim 0); empty when not asked for."""
    s = run.settings
    if not s.regularisation_seeds:
        return pd.DataFrame()
    config = lenet(run, dataset=cifar10_at_hand(), epochs=s.cifar_epochs)
    configs = [{**config, "dim": d} for d in (0, *s.regularisation_dims)]
    return run.sweep(ex.regularisation, configs, replicates=s.regularisation_seeds)


def cifar(run) -> Searches:
    """Search d90 on CIFAR-10 at 90 % of each network's own accuracy; empty when the budget is 0."""
    s, found = run.settings, Searches()
    if not s.cifar_budget:
        return found
    dataset = found.dataset = cifar10_at_hand()
    shapes = {"FC": fc(run, dataset=dataset), "LeNet": lenet(run, dataset=dataset)}
    for name, config in shapes.items():
        config = {**config, "epochs": s.cifar_epochs}
        direct = run.sweep(ex.cifar_search, [{**config, "dim": 0}], replicates=s.baseline_seeds)
        threshold = 0.9 * direct["value"].mean()
        search = _search(run, ex.cifar_search, config, s.cifar_starts, s.cifar_budget, threshold=threshold)
        found.add(name, search)
    return found


def crossed(run) -> pd.DataFrame:
    """Cross start weights, projection and data order at d = 750; empty when not asked for."""
    levels = range(run.settings.crossed_levels)
    axes = grid(theta0_level=levels, P_level=levels, order_level=levels)
    configs = [fc(run, dim=750, **a) for a in axes]
    return run.sweep(ex.crossed, configs) if configs else pd.DataFrame()


def individual_fits(searches: Searches, direct: pd.DataFrame) -> dict[str, D90]:
    """Refit the searches on original pixels with 90 % of each network's own accuracy as the threshold."""
    own = direct.groupby("network")["value"].mean()
    networks = {"FC": "fc", "LeNet": "lenet"}
    return {name: fit(f, threshold=0.9 * own[networks[name]]) for name, f in searches.original.items()}


def _search(run, unit, config, starts, budget, **options) -> tuple[pd.DataFrame, D90]:
    size = n_parameters(config)
    return find_d90(lambda work: run.units(unit, work), config, starts=starts, budget=budget, max_dim=size, **options)
