"""Training under a condition: what changes and what does not, resuming, clear errors."""

import pytest
import torch

from replicate.papers.batchnorm_only import trained
from replicate.papers.batchnorm_only.conditions import CONDITIONS, count
from replicate.papers.batchnorm_only.network import network
from replicate.papers.batchnorm_only.trained import train_network
from replicate.seeds import Seed

SEED = Seed(0, 0)


def _start(config):
    return network(config["depth"], SEED, norm_init=config.get("norm_init", "uniform")).state_dict()


@pytest.mark.parametrize("condition", sorted(CONDITIONS))
def test_only_the_selected_parameters_move(tiny, condition):
    """Decay must not shrink what is frozen, and running statistics move in every condition."""
    found = train_network({**tiny, "condition": condition}, SEED)
    before, after = _start(tiny), found.model.state_dict()
    for name, parameter in found.model.named_parameters():
        moved = not torch.equal(before[name], after[name])
        assert moved == (name in found.selection.parameters) == parameter.requires_grad, name
        assert (parameter.grad is not None) == moved
    assert not torch.equal(before["norm.running_mean"], after["norm.running_mean"])


@pytest.mark.parametrize("condition", ["random_k", "random_global", "random_layer"])
def test_masked_weights_stay_the_same_bits(tiny, condition):
    """Momentum and decay must not leak into entries that are not trained."""
    found = train_network({**tiny, "condition": condition}, SEED)
    before, after = _start(tiny), found.model.state_dict()
    for name in found.selection.parameters:
        changed = before[name] != after[name]
        mask = found.selection.masks[name].bool()
        assert not changed[~mask].any()
        assert changed[mask].float().mean() > 0.9
    assert found.selection.size == count(found.model, ("gamma", "beta"))


def test_the_batch_is_the_papers_unless_said(tiny):
    """Half the batch takes other steps; the paper's, said or not, is the same training."""
    silent, said, half = (train_network({**tiny, **b}, SEED).history for b in ({}, {"batch": 128}, {"batch": 64}))
    assert silent == said
    assert half[0]["loss"] != silent[0]["loss"]


def test_a_killed_training_resumes_to_the_same_bits(tiny, tmp_path, monkeypatch):
    """What an epoch draws must depend on the epoch alone, and the optimiser's momentum must be kept.

    Five epochs: a shorter training is not tested, hence here not killed, before its end.
    """
    whole = train_network({**tiny, "epochs": 5}, SEED)
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))
    monkeypatch.setattr(trained, "KEPT_FROM", 1)
    with monkeypatch.context() as patch:
        patch.setattr(trained, "accuracy", _die_at(3))
        with pytest.raises(KeyboardInterrupt):
            train_network({**tiny, "epochs": 5}, SEED)
    assert len(list((tmp_path / "checkpoints" / "batchnorm_only").glob("*.pt"))) == 1
    resumed = train_network({**tiny, "epochs": 5}, SEED)
    assert resumed.history == whole.history
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    again = train_network({**tiny, "epochs": 5}, SEED)
    assert again.history == whole.history


def _die_at(call):
    calls = []

    def accuracy(*args, **options):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return 0.0

    from replicate.resumable import accuracy as real

    return lambda *args, **options: (accuracy(), real(*args, **options))[1]
