"""The resumable loop: what it does to a model, what it says when it cannot go on."""

import logging

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from replicate.checkpoint import Checkpoint
from replicate.device_images import on_device
from replicate.resumable import Diverged, Training, accuracy
from replicate.schedules import constant
from replicate.seeds import Seed
from replicate.threads import torch_threads


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return on_device(
        rng.integers(0, 256, (10, 4, 4, 1), dtype=np.uint8), np.arange(10) % 2, pad=0, mean=(0.5,), std=(0.5,)
    )


def _training(model, rate=0.1, batch=4, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    return Training(model, optimizer, constant(), batch, lambda what, epoch: Seed(0, 0).torch(what, epoch), **options)


def _model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))


def test_an_epoch_is_plain_sgd_over_a_permutation(images):
    """Written out by hand: the same permutation, batches of 4, 4 and 2, momentum."""
    training = _training(_model())
    images = images.__class__(images.padded, images.labels, 0, images.mean, images.std, mirror=False)
    record = training.run(images, 1)[0]
    model, losses = _model(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    inputs, labels = images.plain(0, 10)
    for batch in torch.randperm(10, generator=Seed(0, 0).torch("order", 0)).split(4):
        loss = F.cross_entropy(model(inputs[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * len(batch))
    assert record["loss"] == pytest.approx(sum(losses) / 10, rel=1e-5)
    assert torch.allclose(training.model[1].weight, model[1].weight, atol=1e-6)


def test_accuracy_counts_every_image_once(images):
    """The last, smaller batch must count as much an image as the others."""
    model = _model()
    inputs, labels = images.plain(0, 10)
    expected = (model(inputs).argmax(1) == labels).float().mean().item()
    assert accuracy(model, images, batch_size=3) == pytest.approx(expected)


def test_a_loss_that_is_no_number_stops_the_training(images):
    """Hours of NaN help nobody."""
    with pytest.raises(Diverged, match=r"the loss became nan in epoch 1.*lower the rate, or start with a warm-up"):
        _training(_model(), rate=float("nan")).run(images, 3)


def test_too_little_memory_says_what_to_do(images):
    """'DefaultCPUAllocator' is no advice."""

    class Hungry(nn.Linear):
        def forward(self, x):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")

    with pytest.raises(MemoryError, match="too little memory for a step of 4 images: take a smaller batch"):
        _training(Hungry(2, 2)).run(images, 1)


def test_other_errors_pass_unchanged(images):
    """A mistake in a network must not be told as a lack of memory."""
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        _training(nn.Sequential(nn.Flatten(), nn.Linear(3, 2))).run(images, 1)


def test_progress_tells_speed_and_time_left(images, caplog):
    """Someone who waits for hours wants to know how long."""
    with caplog.at_level(logging.INFO, "replicate.training"):
        _training(_model()).run(images, 2)
    assert "epoch 1 of 2: loss" in caplog.text
    assert "images/s" in caplog.text
    assert "0.0 min left" in caplog.text


def test_checkpoints_come_every_few_epochs_and_at_the_end(images, tmp_path):
    """The last epoch counts even if it is not a multiple."""
    kept = Checkpoint(tmp_path / "a.pt", "x")
    seen = []
    training = _training(_model(), checkpoint=kept, every=2)
    training.run(images, 3, after_epoch=lambda e: seen.append(len((kept.load() or {"history": []})["history"])) or {})
    assert seen == [0, 0, 2]
    assert [r["epoch"] for r in kept.load()["history"]] == [1, 2, 3]


def test_nothing_to_train_only_moves_statistics(images):
    """The condition in which nothing is trained has no optimiser."""
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(16, 2)).requires_grad_(False)
    before = model[2].weight.clone()
    Training(model, None, constant(), 4, lambda what, epoch: Seed(0, 0).torch(what, epoch)).run(images, 1)
    assert torch.equal(model[2].weight, before)
    assert model[0].num_batches_tracked == 3


def test_threads_are_put_back():
    """A unit that takes two threads must not leave them to the next one."""
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="at least 1, got 0"), torch_threads(0):
        pass
