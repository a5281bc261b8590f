"""Stopping: the best step, patience, batches."""

import pytest
import torch

from replicate.papers.quantile_aggregation.training_curve import Schedule, batch_size, batches, run


def walk(losses, schedule):
    """Run with a validation loss that is read from a list."""
    state = {"step": 0, "kept": None}
    found = iter(losses)

    def step():
        state["step"] += 1

    def keep():
        state["kept"] = state["step"]

    curve = run(step, (lambda: next(found)) if losses else None, keep, schedule)
    return curve, state["kept"]


def test_the_best_step_is_kept_and_patience_counts_from_it():
    """Stopping one look too early or keeping the last weights would change every result."""
    curve, kept = walk([3.0, 1.0, 2.0, 2.0, 9.0], Schedule(100, 10, 20))
    assert (curve.best_step, curve.best_loss, curve.steps, kept) == (20, 1.0, 40, 20)


def test_caps_and_training_without_validation():
    """The last block is shortened to the cap."""
    curve, kept = walk([5.0, 4.0, 3.0], Schedule(25, 10, 100))
    assert (curve.steps, kept) == (25, 25)
    curve, kept = walk([], Schedule(7, 5, 5))
    assert (curve.best_step, curve.steps, kept) == (7, 7, 7)


def test_nan_losses_keep_something():
    """A diverged network must be visible, not crash for want of weights."""
    curve, kept = walk([float("nan")] * 3, Schedule(30, 10, 20))
    assert kept == curve.steps == curve.best_step


def test_training_again_for_the_best_number_of_steps_gives_the_kept_weights():
    """The paper's code trains again from scratch; with the same start and batches that is what is kept here."""

    def train(schedule, losses):
        generator = torch.Generator().manual_seed(0)
        weight = torch.zeros(3)
        data = torch.randn(50, 3, generator=generator)
        order, kept = batches(50, 8, generator), {}
        found = iter(losses)

        def step():
            weight.add_(0.1 * (data[next(order)].mean(0) - weight))

        run(step, (lambda: next(found)) if losses else None, lambda: kept.update(w=weight.clone()), schedule)
        return kept["w"]

    early = train(Schedule(60, 10, 30), [3.0, 1.0, 2.0, 2.0, 2.0])
    assert torch.equal(early, train(Schedule(20, 20, 20), []))


@pytest.mark.parametrize(("n", "size"), [(308, 32), (999, 32), (1000, 64), (9999, 64), (10_000, 128), (20, 16), (5, 5)])
def test_batch_size_rule(n, size):
    """2^(3 + floor(log10 n)), as in the paper's code."""
    assert batch_size(n) == size


def test_batches_visit_every_row_once_an_epoch():
    """A wrong slice would leave rows out for ever."""
    stream = batches(10, 5, torch.Generator().manual_seed(0))
    assert sorted(torch.cat([next(stream), next(stream)]).tolist()) == list(range(10))
    stream = batches(10, 4, torch.Generator().manual_seed(0))
    assert [len(next(stream)) for _ in range(4)] == [4] * 4


def test_schedules_must_be_positive():
    """Zero patience would stop before the first step."""
    with pytest.raises(ValueError, match="must be at least 1"):
        Schedule(10, 10, 0)
