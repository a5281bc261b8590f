"""Train the shared loop in two CPU processes (gloo); the first writes what one process is compared with."""

import sys

import torch
from lightning_fabric import Fabric
from torch import nn

from replicate.training import make_optimizer, stream, train

OPTIONS = {"epochs": 4, "batch_size": 16, "schedule": "cosine", "l2": 1e-3}


def problem() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """Return a small network and 83 examples: the last batch of an epoch has 3, which two cannot halve."""
    images = torch.randint(256, (83, 12), generator=stream(0, "images"), dtype=torch.uint8)
    model = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=stream(0, "theta0"))
    return model, images, torch.arange(83) % 3


def fit(fabric: Fabric | None = None) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Train and return the losses of the epochs and the parameters."""
    model, images, labels = problem()
    trained, optimizer = model, make_optimizer("sgd", model.parameters(), lr=0.3)
    if fabric:
        trained, optimizer = fabric.setup(model, optimizer)
    losses = train(trained, images, labels, optimizer=optimizer, generator=stream(0, "order"), fabric=fabric, **OPTIONS)
    return losses, model.state_dict()


if __name__ == "__main__":
    torch.set_num_threads(1)
    both = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    both.launch()
    found = fit(both)
    torch.save((both.world_size, *found), f"{sys.argv[1]}/rank{both.global_rank}.pt")
