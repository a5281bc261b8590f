"""Train two towers on several devices with Lightning Fabric: the same losses over the same whole batches.

    python -m replicate.papers.tempnet.towers_parallel --preset paper --method TempNet --devices 4

Prints the recalls on new concepts as JSON; ``--save towers.pt`` keeps the weights. The batch is the preset's whole one:
a multiple of the number of devices.
"""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch

from replicate import paper
from replicate.seeds import Seed

from . import studies
from .data_parallel import arguments, device_kind, fabric_of
from .two_towers import METHODS, SCHEDULED, ContrastiveTrial, retrieval_rows

_KNOBS = ("tau", "rho")


def configuration(settings: Mapping[str, Any], method: str, device: str, **knobs: float) -> dict[str, Any]:
    """Return the configuration of a training as the notebook's study has it, at the middle of the method's settings.

    ``knobs``: tau or rho instead.
    """
    run = SimpleNamespace(settings=SimpleNamespace(**settings), device=device)
    middle = studies.SETTINGS[method][1]
    return {**studies.towers_configuration(run), "tuning": False, "method": method, **middle, **knobs}


def main() -> None:
    """Train, print the recalls as JSON, and keep the weights where asked to."""
    parser = arguments(__doc__)
    parser.add_argument("--method", default="TempNet", choices=(*METHODS, *SCHEDULED))
    parser.add_argument("--pairs", help="instead of the preset's: emoji, digits, or a folder of images with captions")
    for knob in _KNOBS:
        parser.add_argument(f"--{knob}", type=float, help="instead of the middle of the method's settings")
    parser.add_argument("--save", help="file for the trained weights")
    options = parser.parse_args()
    settings: dict[str, Any] = dict(paper.load("tempnet").preset(options.preset).parameters)
    if options.pairs:
        settings["pairs"] = options.pairs
    knobs = {knob: value for knob in _KNOBS if (value := getattr(options, knob)) is not None}
    config = configuration(settings, options.method, device_kind(options), **knobs)
    fabric = fabric_of(options, "32-true")  # the towers' own forward pass is in the configuration's precision
    fabric.launch()
    trial = ContrastiveTrial(config, Seed(options.seed, options.replicate), str(fabric.device))
    towers, _ = trial.run(fabric)
    if fabric.is_global_zero:
        if options.save:
            torch.save(towers.state_dict(), options.save)
        print(json.dumps(retrieval_rows(towers, trial.data.test, "test")[0]))
    fabric.barrier()


if __name__ == "__main__":
    main()
