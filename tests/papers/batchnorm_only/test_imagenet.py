"""ImageNet's training on several devices: two processes on this CPU, on patterns that can be told apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import TensorDataset

from replicate.errors import DataError
from replicate.papers.batchnorm_only.conditions import trainable
from replicate.papers.batchnorm_only.imagenet import Recipe, folders, train
from replicate.papers.batchnorm_only.imagenet_resnet import initialised
from replicate.papers.batchnorm_only.network import network
from replicate.seeds import Seed

SCRIPT = Path(__file__).with_name("distributed.py")


def _launch(folder, epochs):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, str(SCRIPT), str(folder), str(epochs)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank{rank}-{epochs}.pt", weights_only=True) for rank in (0, 1)]


def test_two_processes_train_one_network(tmp_path):
    """Averaged gradients keep the copies equal; frozen weights stay; a second start goes on from the checkpoint."""
    first, second = _launch(tmp_path, 3)
    start = network(8, Seed(0, 0)).state_dict()
    assert first["world"] == 2
    assert first["losses"] == second["losses"]
    assert len(first["losses"]) == 3
    assert first["losses"][-1] < first["losses"][0]
    assert first["accuracies"] == second["accuracies"]
    assert 0 <= first["accuracies"][1] <= first["accuracies"][5] <= 1
    for name, value in first["model"].items():
        if "running" in name:  # each process's own
            continue
        assert torch.equal(value, second["model"][name]), name
        trained = "norm" in name or ".shortcut.1." in name
        if not trained:
            assert torch.equal(value, start[name]), name
    assert not torch.equal(first["model"]["norm.weight"], start["norm.weight"])
    resumed, _ = _launch(tmp_path, 4)
    assert resumed["losses"][:3] == first["losses"]
    assert len(resumed["losses"]) == 4


def test_a_batch_that_cannot_be_shared_is_refused():
    """Processes with unequal shares would average unequal gradients."""

    class Three:
        world_size = 3

    with pytest.raises(ValueError, match="a batch of 1024 cannot be shared by 3 processes: take a multiple"):
        train(Three(), None, None, None, Recipe(), seed=0)


def test_missing_imagenet_says_which_layout_is_wanted(tmp_path):
    """ImageNet cannot be downloaded for anybody."""
    with pytest.raises(DataError, match=r"no folder .*train: ImageNet-1k is wanted as .*/train/<class>"):
        folders(tmp_path)


def test_a_batch_in_parts_has_the_whole_batchs_gradient():
    """One GPU must train as eight do: gradients of parts add up, the short last batch's too."""
    data = TensorDataset(torch.randn(20, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2)
    ends = []
    for at_once in (0, 3, 8):
        model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
        nn.init.constant_(model[1].weight, 0.01), nn.init.zeros_(model[1].bias)
        selection = trainable(model, "output")
        recipe = Recipe(epochs=2, batch=8, rate=0.1, drops=(1,), warmup=0, at_once=at_once)
        fabric = Fabric(accelerator="cpu", devices=1)
        _, losses = train(fabric, model, selection, data, recipe, seed=0)
        ends.append((torch.tensor(losses), model[1].weight.detach()))
    for losses, weight in ends[1:]:
        torch.testing.assert_close(losses, ends[0][0])
        torch.testing.assert_close(weight, ends[0][1])


def test_imagenet_networks_start_as_the_papers():
    """The same He-normal weights and gamma ~ U(0, 1), forward through torchvision's layout."""
    model = initialised(18, Seed(0, 0), classes=5).eval()
    assert abs(model.bn1.weight.mean().item() - 0.5) < 0.15
    assert model.conv1.weight.var().item() == pytest.approx(2 / 147, rel=0.1)
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 5)
