"""Training on several devices: the same model as on one, up to the order of sums; on CPU processes here."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from replicate import paper
from replicate.papers.tempnet.data_parallel import configuration, keep, train_on_devices
from replicate.papers.tempnet.language import LanguageTrial
from replicate.seeds import Seed

OTHER = "help topics"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Trained models are kept on disk: not among the user's."""
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))


def _settings():
    return {**paper.load("tempnet").preset("smoke").parameters, "text": OTHER}


@pytest.mark.parametrize("method", ["CE", "DRO + TempNet"])
def test_one_process_is_the_ordinary_training(method):
    """Bit for bit: the same stream of batches, optimisers, schedule and clipping."""
    from lightning_fabric import Fabric

    trial = LanguageTrial(configuration(_settings(), method, "cpu"), Seed(0, 0))
    model, tempnet = trial.model(), trial.tempnet() if trial.objective.has_tempnet else None
    trial.train(model, tempnet, trial.corpus.train, purpose="pretraining")
    theirs, _ = train_on_devices(trial, Fabric(accelerator="cpu", devices=1))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(model.parameters(), theirs.parameters(), strict=True))


def test_two_processes_give_the_scores_of_one():
    """The command, on two CPU processes; weights without a gradient (Adam divides noise by noise) may differ."""
    command = [sys.executable, "-m", "replicate.papers.tempnet.data_parallel", "--preset", "smoke", "--text", OTHER]
    command += ["--accelerator", "cpu", "--devices", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads(done.stdout.splitlines()[-1])
    trial = LanguageTrial(configuration(_settings(), "CE", "cpu"), Seed(0, 0))
    kept, _ = trial.pretrained()  # the two processes left it here
    fresh = trial.model()
    trial.train(fresh, None, trial.corpus.train, purpose="pretraining")
    expected = [row for row in trial.evaluate(fresh, None) if row["metric"] == "NLL"]
    again = [row for row in trial.evaluate(kept, None) if row["metric"] == "NLL"]
    for ours, theirs, taken in zip(rows, expected, again, strict=True):
        assert ours["value"] == pytest.approx(theirs["value"], abs=2e-3)
        assert taken["value"] == pytest.approx(ours["value"], abs=1e-6)


def test_kept_model_is_what_the_studies_take_up():
    """Trained on many devices once, frozen and fine-tuned in the notebook."""
    trial = LanguageTrial(configuration(_settings(), "CE", "cpu"), Seed(0, 3))
    model = trial.model()
    keep(trial, model)
    taken, _ = LanguageTrial({**trial.config, "method": "DRO + TempNet"}, Seed(0, 3)).pretrained()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), taken.parameters(), strict=True))


def test_batch_that_cannot_be_shared_is_refused():
    """Instead of unequal shares, whose mean would be another loss."""
    config = {**configuration(_settings(), "CE", "cpu"), "batch": 15}
    trial = LanguageTrial(config, Seed(0, 0))
    fabric = SimpleNamespace(world_size=2, global_rank=0, device="cpu")
    with pytest.raises(ValueError, match="a batch of 15 windows cannot be shared by 2 processes"):
        train_on_devices(trial, fabric)
