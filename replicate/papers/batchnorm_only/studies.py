"""The studies of the notebook: which trainings a preset runs. Each takes the run and returns a tidy frame.

A study that the preset does not ask for returns an empty frame: its claims are *not run*.
"""

from typing import Any

import pandas as pd

from replicate import precision
from replicate.datasets.cifar10 import CANONICAL, JPEG, load_cifar10
from replicate.datasets.fetch import locate
from replicate.schedules import schedule
from replicate.sweep import grid

from . import experiments as ex
from .decay_null import matched_decay, rates, shrink_factor
from .grey_images import source_for
from .image_sets import MNIST
from .imagenet_unit import configuration
from .parameter_table import IMAGENET
from .settings import full_config, training_config
from .transfer import FEATURES

RESNETS = (
    (14, 1),
    (32, 1),
    (56, 1),
    (110, 1),
    (218, 1),
    (434, 1),
    (866, 1),
    (14, 2),
    (14, 4),
    (14, 8),
    (14, 16),
    (14, 32),
)
VGGS = (11, 13, 16, 19)
_FILES = {CANONICAL: "images/cifar-10-python.tar.gz", JPEG: "images/cifar10_jpeg.npz"}
_VGG_CONDITIONS = ("all", "bn", "random_k")  # it has no shortcuts
_DOWNLOADING = ("paper", "gpu", "overnight")  # presets that fetch what is not at hand
_PROBED = ("bn", "all")  # conditions whose gammas and features are looked at
_PAPER: dict[str, Any] = {
    "schedule": "steps",
    "epochs": 160,
    "rate": 0.1,
    "decay": 1e-4,
    "steps_per_epoch": 391,
    "drops": [80, 120],
}
_IMAGENET: dict[str, Any] = {"epochs": 90, "rate": 0.4, "steps_per_epoch": 1252, "drops": [30, 60, 80], "warmup": 5}


def data_at_hand(run) -> str:
    """Return the data set this run takes: the wanted one, or what stands in for it, by its honest name.

    CIFAR-10 is taken where it lies on this machine, canonical or as JPEG; larger presets also download it.
    Without either, MNIST, which is embedded, stands in.
    """
    wanted = run.settings.dataset
    if wanted == MNIST:
        return wanted
    here = next((name for name, file in _FILES.items() if locate(file)), None)
    if here is None and run.preset in _DOWNLOADING:
        return load_cifar10().name  # downloads, or says what is missing
    return here or MNIST


def data_note(run) -> pd.DataFrame:
    """Return what the run computes on, as a table: a stand-in must not be overlooked."""
    s, found = run.settings, data_at_hand(run)
    side = (28 if found == MNIST else 32) // s.shrink
    note = "as wanted" if found == s.dataset else f"STANDS IN for {s.dataset}, which is not at hand"
    rows = {
        "data set": f"{found}: {note}",
        "images": f"{s.train_size or 'all'} for training, {s.test_size or 'all'} for testing, {side} x {side} pixels",
        "precision": resolved_precision(run),
        "trainings": f"{s.epochs} epochs, batches of {s.batch}, schedule '{s.schedule}', rate {s.rate:g}",
        "seeds": str(s.seeds),
    }
    return pd.DataFrame({"this run": rows})


def data_label(run) -> str:
    """Return the name under which results are reported: with the size of images where they were made smaller."""
    found, shrink = data_at_hand(run), run.settings.shrink
    side = (28 if found == MNIST else 32) // shrink
    return found if shrink == 1 else f"{found}, {side} x {side}"


def resolved_precision(run) -> str:
    """Return "fp32" or "bf16" for this machine."""
    return precision.resolve(run.settings.precision, run.device)


def base(run, **changes) -> dict[str, Any]:
    """Return the configuration of a training of the base network, BatchNorm only, with changes."""
    s = run.settings
    data = {"dataset": data_at_hand(run), "shrink": s.shrink, "train_size": s.train_size, "test_size": s.test_size}
    net = {"family": "resnet", "depth": s.depth, "width": 1, "condition": "bn"}
    recipe = {"epochs": s.epochs, "batch": s.batch, "schedule": s.schedule, "rate": s.rate, "decay": s.decay}
    machine = {"precision": resolved_precision(run), "threads": s.threads}
    config = full_config({**data, **net, **recipe, **machine, **changes})
    ordinary = config["norm_init"] == "uniform" and not config["disabled"] and config["norms"] == "batch"
    probe = ordinary and config["condition"] in _PROBED and config["family"] == "resnet"
    probe = probe and (config["depth"], config["width"]) in {(s.depth, 1), (s.probe_depth, 1)}
    asked = {"draws": s.draws, "probe_images": s.probe_images} if probe else {"draws": 0, "probe_images": 0}
    return {**config, "probe": probe, **asked}


def networks(run) -> pd.DataFrame:
    """Train every network of the preset; figures and measures choose their rows (E2, E3, E5 to E12)."""
    s = run.settings
    configs = [base(run, condition=name) for name in [*s.conditions, *s.controls]]
    configs += [base(run, condition="all_but_bn", norm_init=name) for name in s.affine_inits]
    configs += [base(run, depth=s.width_depth, width=w, condition=n) for w in s.widths for n in s.width_conditions]
    configs += [base(run, norm_init=name) for name in s.norm_inits]
    configs += [base(run, disabled=share) for share in s.disabled]
    configs += [base(run, condition=name, decay=decay) for name in s.decay_conditions for decay in decays(run)]
    configs += [base(run, norms=name) for name in s.norms]
    configs += [base(run, family="vgg", depth=d, condition=name) for d in s.vggs for name in _VGG_CONDITIONS]
    # the smallest last: no worker waits long for another's last training
    configs += [
        base(run, depth=d, condition=name) for d in sorted(s.depths, reverse=True) for name in s.depth_conditions
    ]
    return _plain(run.sweep(ex.training, configs, replicates=s.seeds))


def untrained(run) -> pd.DataFrame:
    """Test networks that are not trained at all."""
    s = run.settings
    keys = ("dataset", "shrink", "train_size", "test_size", "family", "depth", "width", "precision")
    config = {name: value for name, value in base(run).items() if name in keys}
    return run.sweep(ex.untrained, [config], replicates=s.untrained_seeds)


def subspace(run) -> pd.DataFrame:
    """Train in a random subspace of as many dimensions as BatchNorm has numbers."""
    keys = ("dataset", "shrink", "train_size", "test_size", "family", "depth", "width", "precision")
    keys = (*keys, "epochs", "batch", "schedule", "rate")
    config = {name: value for name, value in base(run).items() if name in keys}
    return run.sweep(ex.subspace, [config], replicates=run.settings.subspace_seeds)


def transfer(run) -> pd.DataFrame:
    """Train BatchNorm only on grey images around random features, and around ones learned on another set."""
    s, config = run.settings, base(run)
    if not s.transfer_seeds:
        return pd.DataFrame()
    keys = ("shrink", "train_size", "test_size", "depth", "width", "epochs", "batch", "schedule", "rate", "decay")
    config = {name: config[name] for name in (*keys, "precision", "threads")}
    target = data_at_hand(run)
    sets = {"target": target, "source": source_for(target, download=run.preset in _DOWNLOADING)}
    configs = [{"features": name, **sets, **config} for name in FEATURES]
    return run.sweep(ex.transfer, configs, replicates=s.transfer_seeds)


def imagenet(run) -> pd.DataFrame:
    """Train on ImageNet where the parameter ``imagenet_folder`` says that it is at hand: BatchNorm only, as published.

    One device; a training that several devices have begun (`imagenet_parallel`) is taken up where they left it.
    """
    s = run.settings
    if not s.imagenet_folder:
        return pd.DataFrame()
    options = {"precision": resolved_precision(run), "at_once": s.imagenet_at_once}
    configs = [configuration(s.imagenet_folder, depth, **options) for depth in s.imagenet_depths]
    return run.sweep(ex.imagenet, configs, replicates=s.imagenet_seeds)


def curves(run) -> pd.DataFrame:
    """Train long, and keep every epoch (E4)."""
    s = run.settings
    configs = [training_config(base(run, depth=s.curve_depth, condition=name)) for name in s.curve_conditions]
    return run.sweep(ex.learning_curve, configs, replicates=s.seeds)


def lottery(run) -> pd.DataFrame:
    """Cross start weights with data orders: which of the two makes the spread between seeds?"""
    levels = range(run.settings.lottery_levels)
    configs = [base(run, init=i, order=j) for i in levels for j in levels]
    return run.sweep(ex.training, [{**c, "probe": False, "draws": 0, "probe_images": 0} for c in configs])


def parameters(run) -> pd.DataFrame:
    """Count the parameters of every network of Table 1, and of the VGGs (E1)."""
    configs = [{"family": "resnet", "depth": d, "width": w} for d, w in RESNETS]
    configs += grid(family=["imagenet"], depth=IMAGENET, width=[1]) + grid(family=["vgg"], depth=VGGS, width=[1])
    return run.sweep(ex.parameters, configs)


def decay_null(run) -> pd.DataFrame:
    """Shrink by decay alone: the paper's two schedules, and this run's with its own and with the matched decay."""
    own = {"schedule": run.settings.schedule, "warmup": 0, **_own_steps(run)}
    paper = {**_PAPER, "warmup": 0}
    cases = [paper, {**_PAPER, **_IMAGENET}]
    cases += [{**own, "decay": decay} for decay in sorted({run.settings.decay, *decays(run)}) if decay > 0]
    return run.sweep(ex.decay_null, [case for i, case in enumerate(cases) if case not in cases[:i]], jobs=1)


def decays(run) -> list[float]:
    """Return the weight decays beside the preset's own: the listed ones, and the one that shrinks as the paper's."""
    s = run.settings
    own = [matched(run)] if s.match_decay else []
    return [*s.decays, *own]


def matched(run) -> float:
    """Return the decay that shrinks a useless gamma over this run as the paper's does over 160 epochs, to 3 digits."""
    paper = schedule("steps", epochs=160, steps_per_epoch=391, drops=[80, 120])
    kappa = shrink_factor(rates(paper, 160 * 391, _PAPER["rate"]), decay=_PAPER["decay"])
    steps = _own_steps(run)
    own = schedule(
        run.settings.schedule, epochs=steps["epochs"], steps_per_epoch=steps["steps_per_epoch"], drops=steps["drops"]
    )
    found = matched_decay(rates(own, steps["epochs"] * steps["steps_per_epoch"], steps["rate"]), kappa)
    return float(f"{found:.3g}")


def expressivity(run) -> pd.DataFrame:
    """Reconstruct random targets from more and more random features."""
    shares = (0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0, 4.0, 8.0)
    sizes = [(4, 3), (8, 8)]
    configs = [
        {"inputs": c0, "outputs": c2, "features": n}
        for c0, c2 in sizes
        for n in sorted({round(share * c0 * c2) for share in shares} | {c0 * c2 - 1})
    ]
    return run.sweep(ex.expressivity, configs, replicates=run.settings.targets, jobs=1)


def _own_steps(run) -> dict[str, Any]:
    s = run.settings
    n = s.train_size or (60_000 if data_at_hand(run) == MNIST else 50_000)
    drops = [s.epochs // 2, s.epochs * 3 // 4]
    return {"epochs": s.epochs, "rate": s.rate, "steps_per_epoch": -(-n // s.batch), "drops": drops}


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill columns that some presets lack, so that figures find them."""
    for name in ("threshold", "draw", "place", "level", "layer"):
        if len(frame) and name not in frame:
            frame[name] = float("nan")
    return frame
