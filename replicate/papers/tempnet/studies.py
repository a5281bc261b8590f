"""The studies of the notebook: which units a preset runs. Each takes the run and returns a tidy frame.

A study the preset asks nothing of returns an empty frame: its claims are *not run*.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from replicate import precision
from replicate.datasets import Unavailable, load_emoji
from replicate.datasets.cifar10 import CANONICAL, load_cifar10
from replicate.errors import UserError
from replicate.sweep import grid

from . import experiments as ex
from .corpora import read_text
from .identities import CHECKS
from .language import fingerprint_of
from .lm_training import METHODS as OBJECTIVES
from .two_towers import METHODS, SCHEDULED

TUNING = 100  # the replicate that settings are tuned on: none of those that are reported
_EMBEDDED_PAIRS = ("emoji", "digits")

# Every contrastive method has three settings to choose from: an equal budget. The ranges were moved once, for all
# methods alike, after the tuning replicate had chosen an end.
SETTINGS: dict[str, list[dict[str, float]]] = {
    "CLIP": [{"tau": tau} for tau in (0.05, 0.1, 0.2)],
    "CLIP, learnable tau": [{"tau": tau} for tau in (0.03, 0.07, 0.2)],
    "SogCLR": [{"tau": tau} for tau in (0.05, 0.1, 0.2)],
    "iSogCLR": [{"rho": rho, "tau_rate": 3e-3} for rho in (1.5, 2.5, 3.5)],
    "RGCL-g": [{"rho": rho} for rho in (1.5, 2.5, 3.5)],
    "TempNet": [{"rho": rho} for rho in (1.5, 2.5, 3.5)],
    "CLIP, cosine tau": [{"tau": tau} for tau in (0.1, 0.2, 0.3)],
    "SogCLR, cosine gamma": [{"tau": tau} for tau in (0.05, 0.1, 0.2)],
}
_KNOBS = ["tau", "rho", "tau_rate"]


def identities(run) -> pd.DataFrame:
    """Measure every identity on random problems."""
    return run.sweep(ex.identities, grid(check=list(CHECKS), cases=[run.settings.cases]), jobs=1)


def scratch(run) -> pd.DataFrame:
    """Train from scratch with the four objectives."""
    base = scratch_configuration(run)
    return run.sweep(ex.scratch, [{**base, "method": m} for m in OBJECTIVES], replicates=run.settings.lm_seeds)


def scratch_configuration(run) -> dict[str, Any]:
    """Return the configuration of a training from scratch, but for its method."""
    s = run.settings
    return {**_language(run), **_joint(s), "rate": s.lm_rate}


def other_rates(run) -> pd.DataFrame:
    """Train from scratch at other learning rates, cross-entropy and the paper's method."""
    s = run.settings
    base = {**_language(run), **_joint(s)}
    configs = [{**base, **axes} for axes in grid(method=["CE", "DRO + TempNet"], rate=s.lm_rates)]
    return run.sweep(ex.scratch, configs, replicates=s.lm_rate_seeds)


def fine_tuning(run) -> pd.DataFrame:
    """Go on training on the other text."""
    s = run.settings
    base = {**_language(run), **_joint(s), "rate": s.lm_rate}
    fine = {"fine_text": s.other_text, "fine_hash": _hash(s.other_text), "fine_steps": s.fine_steps}
    base = {**base, **fine, "fine_rate": s.lm_rate / 3}
    return run.sweep(ex.fine_tuning, [{**base, "method": m} for m in ("CE", "DRO + TempNet")], replicates=s.fine_seeds)


def frozen(run) -> pd.DataFrame:
    """Train TempNets on the frozen model: a sweep of target entropies, the likelihood, the scale-equivariant form."""
    s = run.settings
    kinds = [
        *grid(method=["DRO + TempNet"], target=s.frozen_targets, equivariant=[False]),
        *grid(method=["DRO + TempNet"], target=[s.target], equivariant=[True]),
        *grid(method=["TempNet"], target=[s.target], equivariant=[False]),
    ]
    other = {"other_text": s.other_text, "other_hash": _hash(s.other_text)}
    return run.sweep(ex.frozen, [{**_frozen(run), **other, **kind} for kind in kinds], replicates=s.frozen_seeds)


def passage(run) -> pd.DataFrame:
    """Look at temperatures token by token, of the first frozen seed."""
    return run.sweep(ex.passage, [_frozen(run)] if run.settings.frozen_seeds else [])


def verses(run) -> pd.DataFrame:
    """Rank continuations of held-out text."""
    s = run.settings
    config = {**_frozen(run), "choices": s.verse_choices, "questions": s.verse_questions}
    return run.sweep(ex.verses, [config], replicates=s.frozen_seeds)


def tower_tuning(run) -> pd.DataFrame:
    """Train every method with each of its settings on one replicate, scored on the tuning concepts."""
    base = {**towers_configuration(run), "tuning": True}
    names = [*METHODS, *(SCHEDULED if run.settings.scheduled else ())]
    configs = [{**base, "method": name, **setting} for name in names for setting in SETTINGS[name]]
    return run.units(ex.tower_tuning, [(config, TUNING) for config in configs])


def contrastive(run, tuned: pd.DataFrame) -> pd.DataFrame:
    """Train every method with its best setting on new replicates, scored on the test concepts."""
    base = {**towers_configuration(run), "tuning": False}
    configs = [{**base, "method": name, **setting} for name, setting in chosen(tuned).items()]
    return run.sweep(ex.contrastive, configs, replicates=run.settings.pair_seeds)


def unimodal(run) -> pd.DataFrame:
    """Learn images alone with every rule for the temperatures; empty where the images are not at hand."""
    s = run.settings
    wanted = s.image_set
    if wanted == CANONICAL:
        try:
            wanted = load_cifar10().name
        except Unavailable:
            wanted = ""
    base = {"images": wanted, "train_size": s.image_train, "test_size": s.image_test, "encoder": s.image_encoder}
    amount = {"dim": 128, "batch": s.image_batch, "epochs": s.image_epochs, "rate": s.image_rate}
    # the authors' library: rho 0.3, temperatures between 0.05 and 0.7
    knobs = {"tau": 0.1, "rho": 0.3, "tau_rate": 3e-3, "gamma": 0.8, "tau_min": 0.05, "tau_max": 0.7}
    fixed = {"precision": precision.resolve(s.precision, run.device)}
    configs = [{**base, **amount, **knobs, **fixed, "method": name} for name in s.image_methods if wanted]
    return run.sweep(ex.unimodal, configs, replicates=s.image_seeds)


def chosen(tuned: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return for each method the setting with the best mean R@1 on the tuning concepts (the first of equals)."""
    rows = tuned[tuned["metric"] == "mean R@1"].reset_index(drop=True)
    best = rows.loc[rows.groupby("method", sort=False)["value"].idxmax()].set_index("method")
    return {name: {knob: float(best.loc[name, knob]) for knob in _KNOBS} for name in best.index}


def _language(run) -> dict[str, Any]:
    s = run.settings
    shape = {"width": s.lm_width, "depth": s.lm_depth, "heads": s.lm_heads, "context": s.lm_context}
    amount = {"batch": s.lm_batch, "steps": s.lm_steps, "checkpoint_every": s.checkpoint_every}
    scored = {"windows": s.lm_windows, "skip": s.lm_context // 3}
    text = {"text": s.text, "text_hash": _hash(s.text), "unit": s.token_unit, "vocabulary": s.vocabulary}
    return {**text, **shape, **amount, **scored, "precision": precision.resolve(s.precision, run.device)}


def _joint(s) -> dict[str, Any]:
    return {"target": s.target, "tau_min": s.tau_min, "tau_max": s.tau_max, "tempnet_rate": s.tempnet_rate}


def _frozen(run) -> dict[str, Any]:
    s = run.settings
    bounds = {"tau_min": s.frozen_tau_min, "tau_max": s.frozen_tau_max, "tempnet_rate": s.tempnet_rate}
    kind = {"method": "DRO + TempNet", "target": s.target, "equivariant": False}
    amount = {"frozen_steps": s.frozen_steps, "frozen_batch": s.frozen_batch, "frozen_rate": s.frozen_rate}
    return {**_language(run), **bounds, **kind, **amount, "rate": s.lm_rate, "frozen_windows": s.frozen_windows}


def towers_configuration(run) -> dict[str, Any]:
    """Return the configuration of two towers, but for method and tuning."""
    s = run.settings
    if s.pairs == "emoji" and s.side > 32:
        _check_sheets(s.side)
    data = {"pairs": s.pairs, "pairs_hash": _folder_hash(s.pairs), "side": s.side, "roll": s.roll}
    shape = {"towers": s.towers, "width": s.tower_width, "dim": s.tower_dim}
    amount = {"batch": s.pair_batch, "epochs": s.epochs, "rate": s.pair_rate}
    knobs = {"tau": 0.05, "rho": 3.5, "tau_rate": 1e-2, "gamma": 0.8, "tau_min": 0.01, "tau_max": 0.3}
    fixed = {
        "rho_grid": s.rho_grid,
        "checkpoint_every": s.checkpoint_every,
        "precision": precision.resolve(s.precision, run.device),
    }
    return {**data, **shape, **amount, **knobs, **fixed}


def _check_sheets(side: int) -> None:
    """Raise ``UserError`` before any unit starts if emoji of this many pixels, which are not embedded, are missing."""
    try:
        load_emoji(side)
    except Unavailable as error:
        raise UserError(
            f"emoji of {side} pixels are not at hand: give -p side=32, which are embedded, or get the sheets ({error})"
        ) from None


def _hash(source: str) -> str:
    """Return what a text's results depend on beside its name."""
    return fingerprint_of(read_text(source))


def _folder_hash(source: str) -> str:
    if source in _EMBEDDED_PAIRS:
        return ""
    files = sorted(p for p in Path(source).expanduser().rglob("*") if p.is_file())
    return fingerprint_of("\n".join(f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in files))
