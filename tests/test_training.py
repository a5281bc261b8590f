"""The shared training loop: determinism, order, schedules, penalties, accuracy."""

import math
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
import train_in_processes
from torch import nn
from torch.nn import functional as F

from replicate.training import accuracy, batch_input, kernel_penalty, make_optimizer, stream, train


def line(seed=0):
    model = nn.Linear(4, 3).requires_grad_(True)
    with torch.no_grad():
        model.weight.normal_(generator=stream(seed, "theta0"))
        model.bias.zero_()
    return model


def data(n=50):
    images = torch.randint(256, (n, 4), generator=stream(0, "images"), dtype=torch.uint8)
    return images, torch.randint(3, (n,), generator=stream(0, "labels"))


def fit(model=None, *, name="sgd", lr=0.1, seed=0, **options):
    model = model or line()
    defaults = {"epochs": 3, "batch_size": 16, "generator": stream(seed, "order")}
    optimizer = make_optimizer(name, model.parameters(), lr=lr)
    return model, train(model, *data(), optimizer=optimizer, **(defaults | options))


def test_same_seed_same_bits():
    """Lost: determinism of order and arithmetic."""
    (a, first), (b, again), (_, other) = fit(line()), fit(line()), fit(line(), seed=1)
    assert first == again
    assert torch.equal(a.weight, b.weight)
    assert first != other


def test_global_generator_is_not_used():
    """Lost: shuffling comes from the generator passed in."""
    model = line()
    before = torch.get_rng_state()
    fit(model)
    assert torch.equal(before, torch.get_rng_state())


def test_sgd_steps_against_a_hand_written_loop():
    """Lost: the update itself: batches of the permutation, last one smaller, cosine rate, penalty on kernels."""
    ours, _ = fit(line(), lr=0.2, schedule="cosine", l2=0.01, epochs=2)
    model, (images, labels) = line(), data()
    order, velocity, step = stream(0, "order"), [0.0, 0.0], 0
    for _ in range(2):
        for batch in torch.randperm(50, generator=order).split(16):
            loss = F.cross_entropy(model(images[batch] / 255), labels[batch]) + 0.01 * model.weight.square().sum()
            grads = torch.autograd.grad(loss, list(model.parameters()))
            rate = 0.2 * 0.5 * (1 + math.cos(math.pi * step / 8))
            velocity = [0.9 * v + g for v, g in zip(velocity, grads, strict=True)]
            with torch.no_grad():
                for p, v in zip(model.parameters(), velocity, strict=True):
                    p -= rate * v
            step += 1
    torch.testing.assert_close(ours.weight, model.weight)
    torch.testing.assert_close(ours.bias, model.bias)


def test_returned_loss_is_the_mean_over_examples():
    """Lost: the weight of the smaller last batch; with rate 0 the mean is the loss of the whole set."""
    model = line()
    _, losses = fit(model, lr=0.0)
    images, labels = data()
    expected = F.cross_entropy(model(images / 255), labels).item()
    assert losses == pytest.approx([expected] * 3, rel=1e-6)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop"])
def test_loss_falls(name):
    """Lost: any optimiser that descends."""
    _, losses = fit(name=name, lr=0.05, epochs=20)
    assert losses[-1] < losses[0]


def test_adam_has_the_papers_betas():
    """Lost: betas (0.9, 0.99) of the authors' code, not PyTorch's default."""
    assert make_optimizer("adam", [torch.zeros(1)], lr=1.0).defaults["betas"] == (0.9, 0.99)


def test_on_epoch_counts_from_one():
    """Lost: progress with epoch and loss."""
    seen = []
    _, losses = fit(on_epoch=lambda epoch, loss: seen.append((epoch, loss)))
    assert seen == list(zip([1, 2, 3], losses, strict=True))


def test_zero_epochs_change_nothing():
    """Lost: the edge of no training."""
    model = line()
    before = model.weight.clone()
    assert fit(model, epochs=0)[1] == []
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_accuracy_is_a_fraction_of_all_examples(batch_size):
    """Lost: independence of the batch size, smaller last batch included."""
    images, labels = data()
    model = line()
    expected = (model(images / 255).argmax(1) == labels).double().mean().item()
    assert accuracy(model, images, labels, batch_size=batch_size) == expected


@pytest.mark.parametrize(
    ("images", "scale", "expected"),
    [
        (torch.tensor([255], dtype=torch.uint8), None, 1.0),
        (torch.tensor([8], dtype=torch.uint8), 16.0, 0.5),
        (torch.tensor([3.0]), None, 3.0),
        (torch.tensor([3.0]), 2.0, 1.5),
    ],
)
def test_scaling_of_a_batch(images, scale, expected):
    """Lost: x/255 of stored bytes, and floats left alone."""
    before = images.clone()
    result = batch_input(images, scale)
    assert result.item() == expected
    assert result.dtype == torch.float32
    assert torch.equal(images, before)


def test_penalty_of_an_ordinary_network():
    """Lost: kernels only; biases of any shape and norm scales are free."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    expected = model[0].weight.square().sum() + model[2].weight.square().sum()
    torch.testing.assert_close(kernel_penalty(model), expected)


def test_streams_differ_by_seed_and_purpose():
    """Lost: independent theta0, P and order from one integer."""
    numbers = [torch.rand(1, generator=stream(s, p)).item() for s in (0, 1) for p in ("theta0", "projection", "order")]
    assert len(set(numbers)) == 6
    assert torch.rand(1, generator=stream(0, "theta0")).item() == numbers[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "adamm"}, "unknown optimizer 'adamm'; did you mean 'adam'"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'; did you mean 'cosine'"),
    ],
)
def test_unknown_names(options, message):
    """Lost: the hint at the nearest name."""
    with pytest.raises(ValueError, match=message):
        fit(**options)


def test_negative_seed():
    """Lost: the message for a seed NumPy cannot use."""
    with pytest.raises(ValueError, match="seeds must be >= 0"):
        stream(-1, "order")


def test_objective_replaces_the_cross_entropy_and_takes_soft_targets():
    """Lost: training on soft targets; cross-entropy written as an objective must give the same bits."""
    plain, losses = fit(line())
    same, again = fit(line(), objective=lambda model, x, y: F.cross_entropy(model(x), y))
    assert losses == again
    assert torch.equal(plain.weight, same.weight)
    images, labels = data()
    soft = F.one_hot(labels, 3).float()
    model = line()
    options = {"epochs": 5, "batch_size": 16, "generator": stream(0, "order")}
    optimizer = make_optimizer("sgd", model.parameters(), lr=0.1)
    path = train(model, images, soft, optimizer=optimizer, objective=squared, **options)
    assert path[-1] < path[0]


def squared(model, x, y):
    return (model(x).softmax(1) - y).square().sum(1).mean()


def test_augmentation_changes_inputs_and_fixed_order_needs_no_generator():
    """Lost: hooks of image training: each batch is changed once; without shuffling the order is that of the data."""
    seen = []

    def dark(x):
        seen.append(len(x))
        return torch.zeros_like(x)

    fit(line(), augment=dark, epochs=1)
    assert seen == [16, 16, 16, 2]
    a, b = (fit(line(), shuffle=False, generator=stream(s, "order"))[0].weight for s in (0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, fit(line())[0].weight)


def test_weight_decay_is_half_a_squared_norm():
    """Lost: the penalty of the optimiser: one SGD step with decay equals one on the loss plus decay / 2 |theta|^2."""
    images, labels = data()
    models = line(), line()
    for model, decay in zip(models, (0.3, 0.0), strict=True):
        optimizer = make_optimizer("sgd", model.parameters(), lr=0.1, weight_decay=decay)
        loss = F.cross_entropy(model(images / 255), labels)
        if not decay:
            loss = loss + 0.15 * sum(p.square().sum() for p in model.parameters())
        loss.backward()
        optimizer.step()
    assert torch.allclose(models[0].weight, models[1].weight, atol=1e-6)


def test_two_processes_train_as_one_at_the_same_whole_batch(tmp_path):
    """More devices must change the time and nothing else; the tolerance is what float32 sums in another order take."""
    command = [sys.executable, train_in_processes.__file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    losses, parameters = train_in_processes.fit()
    assert losses[-1] < 0.98 * losses[0]
    for rank in (0, 1):
        world, theirs, found = torch.load(tmp_path / f"rank{rank}.pt", weights_only=True)
        assert world == 2
        assert theirs == pytest.approx(losses, rel=1e-5)
        for name, value in parameters.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


def test_a_batch_too_small_for_the_processes_is_refused():
    """A process without rows would average in a loss of nothing, which is no number."""
    model, options = line(), {"epochs": 1, "batch_size": 16, "generator": stream(0, "order")}
    options |= {"optimizer": make_optimizer("sgd", model.parameters(), lr=0.1)}
    with pytest.raises(ValueError, match="a batch of 3 rows cannot be shared by 4 processes"):
        train(model, *data(19), fabric=SimpleNamespace(world_size=4, global_rank=0), **options)
