"""Train on ImageNet on several devices, of one machine or several; the notebook takes up what this has trained.

    python -m torch.distributed.run --nproc-per-node 8 -m replicate.papers.batchnorm_only.imagenet_parallel \\
        --folder /data/imagenet --depth 200
    replicate run batchnorm_only --preset paper -p imagenet_folder=/data/imagenet -p imagenet_seeds=1

One process a device. Killed, it goes on from its last epoch. A checkpoint is found by seed, depth, precision, images at
once and code: train and evaluate with the same. Several machines need one cache (REPLICATE_CACHE on a shared disk).
"""

import argparse
import json
import logging
import os

import torch

from replicate import precision
from replicate.seeds import Seed

from .imagenet_resnet import DEPTHS
from .imagenet_unit import configuration, fabric_precision, trained_rows


def main() -> None:
    """Train, keep a checkpoint after every epoch, and print the accuracies as JSON, a line a metric."""
    from lightning_fabric import Fabric

    options = _options()
    if options.accelerator == "cpu":
        torch.set_num_threads(1)
    choice = precision.resolve(options.precision, options.accelerator)
    changes = {name: value for name in ("crop", "epochs", "batch") if (value := getattr(options, name))}
    config = configuration(options.folder, options.depth, choice, at_once=options.at_once, **changes)
    if options.workers is not None:
        config["workers"] = options.workers
    here, whole = (int(os.environ.get(name, "1")) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    fabric = Fabric(
        accelerator=options.accelerator,
        devices=here,
        num_nodes=whole // here,
        strategy="ddp" if whole > 1 else "auto",
        precision=fabric_precision(config),
    )
    fabric.launch()
    logging.basicConfig(level=logging.INFO if fabric.is_global_zero else logging.WARNING, format="%(message)s")
    rows = trained_rows(fabric, config, Seed(options.seed, options.replicate))
    if fabric.is_global_zero:
        for row in rows:
            print(json.dumps(row))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, help="holds train/<class>/*.JPEG and val/<class>/*.JPEG")
    parser.add_argument("--depth", type=int, default=200, choices=sorted(DEPTHS))
    parser.add_argument("--seed", type=int, default=0, help="base seed, as in the notebook")
    parser.add_argument("--replicate", type=int, default=0, help="which of the notebook's imagenet_seeds")
    parser.add_argument("--at-once", type=int, default=128, help="images a process computes, and normalises, at once")
    parser.add_argument("--precision", default="auto", choices=precision.PRECISIONS)
    parser.add_argument(
        "--accelerator", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cuda", "cpu")
    )
    parser.add_argument("--workers", type=int, help="processes that read images, for each device")
    for name, what in (("crop", "side of a crop"), ("epochs", "passes"), ("batch", "images a step, all devices")):
        parser.add_argument(f"--{name}", type=int, help=f"{what}; default: as published")
    return parser.parse_args()


if __name__ == "__main__":
    main()
