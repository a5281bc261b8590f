"""Two towers on several devices: losses and parameters of one at the same whole batch; on CPU processes here."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
import towers_in_processes
from torch import nn

from replicate import paper
from replicate.papers.tempnet import towers_parallel
from replicate.papers.tempnet.shared_batches import Share
from replicate.papers.tempnet.two_towers import METHODS, SCHEDULED, ContrastiveTrial, retrieval_rows
from replicate.seeds import Seed


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """Return what each of two processes found, trained once for all methods."""
    folder = tmp_path_factory.mktemp("towers")
    command = [sys.executable, towers_in_processes.__file__, str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPLICATE_CACHE", str(folder / "units"))
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


def _same(found, expected):
    losses, towers, rules = found
    assert losses == pytest.approx(expected[0][-len(losses) :], rel=1e-4, abs=1e-5)
    for name, value in expected[1].items():
        torch.testing.assert_close(towers[name], value, rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(rules, expected[2], strict=True):
        assert ours.keys() == theirs.keys()
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", [*METHODS, *SCHEDULED])
def test_two_processes_train_as_one_at_the_same_whole_batch(processes, method):
    """Every loss sees all pairs of the batch; without gathered gradients the towers would go apart at once."""
    alone = towers_in_processes.fit(method)
    assert len(alone[0]) == 1438 // 64
    for world, found, _ in processes:
        assert world == 2
        _same(found[method], alone)


def test_killed_processes_go_on_together(processes):
    """From the one file that the first of them wrote: steps 10 to the end, of a training killed in its 13th."""
    alone = towers_in_processes.fit("TempNet")
    for _, _, resumed in processes:
        assert len(resumed[0]) == len(alone[0]) - 10
        _same(resumed, alone)


def test_the_command_prints_recalls_and_keeps_the_weights(tmp_path):
    """As the module's docstring has it, on one process."""
    command = [sys.executable, "-m", "replicate.papers.tempnet.towers_parallel", "--preset", "smoke", "--rho", "2.0"]
    command += ["--accelerator", "cpu", "--devices", "1", "--save", str(tmp_path / "towers.pt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    settings = paper.load("tempnet").preset("smoke").parameters
    config = towers_parallel.configuration(settings, "TempNet", "cpu", rho=2.0)
    trial = ContrastiveTrial(config, Seed(0, 0))
    towers, _ = trial.run()
    assert json.loads(done.stdout.splitlines()[-1]) == retrieval_rows(towers, trial.data.test, "test")[0]
    kept = torch.load(tmp_path / "towers.pt", weights_only=True)
    assert all(torch.allclose(kept[name], value, atol=1e-6) for name, value in towers.state_dict().items())


def test_default_setting_is_the_middle_of_the_methods_three():
    """And the rest of the configuration that of the notebook."""
    settings = paper.load("tempnet").preset("default").parameters
    config = towers_parallel.configuration(settings, "SogCLR", "cpu")
    assert (config["tau"], config["batch"], config["tuning"]) == (0.1, 256, False)
    assert towers_parallel.configuration(settings, "SogCLR", "cpu", tau=0.3)["tau"] == 0.3


def _fabric(kind, world=2):
    return SimpleNamespace(
        device=torch.device(kind), world_size=world, global_rank=1, setup_module=lambda towers: towers
    )


def test_batch_statistics_are_common_on_gpus():
    """BatchNorm would otherwise see half of the batch; PyTorch has no such layer for CPUs."""
    for kind, layer in (("cuda", nn.SyncBatchNorm), ("cpu", nn.BatchNorm2d)):
        towers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        weight = towers[1].weight
        shared = Share(4, _fabric(kind)).towers(towers)
        assert type(shared[1]) is layer
        assert shared[1].weight is weight
        assert type(towers[1]) is layer  # what is evaluated and kept


def test_rows_are_shared_out():
    """Alone all of them; of two the second takes every other."""
    batch = torch.arange(6)
    assert torch.equal(Share(6).mine(batch), batch)
    assert Share(6, _fabric("cpu")).mine(batch).tolist() == [1, 3, 5]


def test_batch_that_cannot_be_shared_is_refused():
    """Instead of unequal shares, which cannot be gathered."""
    with pytest.raises(ValueError, match="a batch of 255 pairs cannot be shared by 2 processes: give a multiple"):
        Share(255, _fabric("cpu"))
