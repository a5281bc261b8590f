"""Train one language model on several devices with Lightning Fabric: the same losses, the same batches, shared out.

    python -m replicate.papers.tempnet.data_parallel --preset paper --method "DRO + TempNet" --devices 4

Every process draws the whole batch from the same stream and takes its own rows, so the number of devices changes only
the order of sums (and TempNet's dropout). A model trained by cross-entropy is kept where the notebook's studies look.
"""

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from replicate import paper, precision
from replicate.seeds import Seed

from . import studies
from .corpora import random_windows
from .descent import warm_cosine
from .language import SHAPE, LanguageTrial
from .lm_training import METHODS
from .tempnet import TempNet

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_BETAS = (0.9, 0.95)


def train_on_devices(trial: LanguageTrial, fabric) -> tuple[nn.Module, TempNet | None]:
    """Train as `LanguageTrial.train` does, on every device of a launched ``lightning_fabric.Fabric``.

    The configuration's batch is the whole one: it must be a multiple of the number of processes. Returns the modules on
    this process's device; they are the same everywhere.

    Raises:
        ValueError: a batch that cannot be shared out equally.
    """
    c, world = trial.config, fabric.world_size
    if c["batch"] % world:
        raise ValueError(f"a batch of {c['batch']} windows cannot be shared by {world} processes: give a multiple")
    model, tempnet = trial.model(), trial.tempnet() if trial.objective.has_tempnet else None
    adamw = torch.optim.AdamW(model.parameters(), lr=c["rate"], betas=_BETAS, weight_decay=0.1)
    model, adamw = fabric.setup(model, adamw)
    own = None
    if tempnet is not None:
        own = torch.optim.AdamW(tempnet.parameters(), lr=c["tempnet_rate"], betas=_BETAS, weight_decay=0.0)
        tempnet, own = fabric.setup(tempnet, own)
    factor = warm_cosine(c["steps"], warm_up=max(1, c["steps"] // 10))
    order = trial.seed.torch("order", "pretraining")
    model.train()
    for step in range(c["steps"]):
        windows = random_windows(trial.corpus.train, c["context"] + 1, c["batch"], order)
        mine = windows[fabric.global_rank :: world].to(fabric.device)
        logits = model(mine[:, :-1])
        tau = trial.objective.temperature(logits, tempnet)
        loss = trial.objective.loss(logits, mine[:, 1:], tau)
        adamw.param_groups[0]["lr"] = c["rate"] * factor(step)
        for optimizer in filter(None, (adamw, own)):
            optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        fabric.clip_gradients(model, adamw, max_norm=1.0)
        for optimizer in filter(None, (adamw, own)):
            optimizer.step()
    return model.module, None if tempnet is None else tempnet.module


def keep(trial: LanguageTrial, model: nn.Module) -> None:
    """Store a model trained by cross-entropy where `LanguageTrial.pretrained` looks for it."""
    kept = trial._checkpoint("pretrained", {name: trial.config[name] for name in SHAPE})
    kept.save({"model": model.state_dict(), "curve": []})


def configuration(settings: Mapping[str, Any], method: str, device: str) -> dict[str, Any]:
    """Return the configuration of a training from scratch, as the notebook's study has it."""
    from types import SimpleNamespace

    run = SimpleNamespace(settings=SimpleNamespace(**settings), device=device)
    return {**studies.scratch_configuration(run), "method": method}


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments that trainings on several devices share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="paper", choices=("smoke", "default", "paper"))
    parser.add_argument("--seed", type=int, default=0, help="base seed")
    parser.add_argument("--replicate", type=int, default=0)
    parser.add_argument("--devices", default="auto", help="how many, or auto")
    parser.add_argument("--accelerator", default="auto", help="auto, cpu or cuda")
    return parser


def device_kind(options: argparse.Namespace) -> str:
    """Return "cuda" or "cpu"."""
    return "cuda" if options.accelerator in ("auto", "cuda") and torch.cuda.is_available() else "cpu"


def fabric_of(options: argparse.Namespace, numbers: Literal["32-true", "bf16-mixed"]) -> "Fabric":
    """Return the fabric of these arguments, to be launched."""
    from lightning_fabric import Fabric  # lazy: only trainings on several devices need it

    devices = int(options.devices) if options.devices.isdigit() else options.devices
    return Fabric(accelerator=options.accelerator, devices=devices, precision=numbers)


def main() -> None:
    """Train, keep the model if it was trained by cross-entropy, and print its scores as JSON."""
    parser = arguments(__doc__)
    parser.add_argument("--method", default="CE", choices=METHODS)
    parser.add_argument("--text", help="instead of the preset's: kjv, help topics, a file or folder of text")
    options = parser.parse_args()
    settings: dict[str, Any] = dict(paper.load("tempnet").preset(options.preset).parameters)
    if options.text:
        settings["text"] = options.text
    kind = device_kind(options)
    mixed = precision.resolve(settings["precision"], kind) == "bf16"
    fabric = fabric_of(options, "bf16-mixed" if mixed else "32-true")
    fabric.launch()
    config = configuration(settings, options.method, kind)
    trial = LanguageTrial(config, Seed(options.seed, options.replicate), str(fabric.device))
    model, tempnet = train_on_devices(trial, fabric)
    if fabric.is_global_zero:
        if options.method == "CE":
            keep(LanguageTrial(config, trial.seed, kind), model)
        rows = trial.evaluate(model, tempnet)
        print(json.dumps([row for row in rows if row["metric"] == "NLL"]))
    fabric.barrier()


if __name__ == "__main__":
    main()
