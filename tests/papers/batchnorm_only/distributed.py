"""What each of two processes does in ``test_imagenet``: train BatchNorm only on patterns, write what it ended with.

Usage: ``python distributed.py FOLDER EPOCHS``; Fabric starts the second process.
"""

import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.utils.data import TensorDataset

from replicate.checkpoint import Checkpoint
from replicate.papers.batchnorm_only.conditions import trainable
from replicate.papers.batchnorm_only.imagenet import Recipe, top_accuracies, train
from replicate.papers.batchnorm_only.network import network
from replicate.seeds import Seed


def main(folder: Path, epochs: int) -> None:
    """Train, and save parameters, losses and accuracies of this process."""
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    patterns = torch.randn(10, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(160) % 10
    images = patterns[labels] + 0.3 * torch.randn(160, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    data = TensorDataset(images, labels)
    model = network(8, Seed(0, 0))
    selection = trainable(model, "bn")
    recipe = Recipe(epochs=epochs, batch=32, rate=0.2, drops=(100,), warmup=1)
    kept = Checkpoint(folder / "checkpoint.pt", "test")
    wrapped, losses = train(fabric, model, selection, data, recipe, seed=0, checkpoint=kept)
    accuracies = top_accuracies(fabric, wrapped, data, batch=40)
    result = {"model": model.state_dict(), "losses": losses, "accuracies": accuracies, "world": fabric.world_size}
    torch.save(result, folder / f"rank{fabric.global_rank}-{epochs}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
