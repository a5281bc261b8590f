"""Learning-rate schedules: the values at the steps where they change."""

import pytest

from replicate.schedules import one_cycle, schedule, step_drops

STEPS = 391  # a CIFAR-10 epoch in batches of 128


def test_the_papers_schedule_drops_at_epochs_80_and_120():
    """One step late and an epoch would train at ten times the rate."""
    factor = schedule("steps", epochs=160, steps_per_epoch=STEPS, drops=[80, 120])
    found = [factor(s) for s in (0, 80 * STEPS - 1, 80 * STEPS, 120 * STEPS - 1, 120 * STEPS, 160 * STEPS - 1)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_warm_up_rises_from_zero_to_the_full_rate():
    """ImageNet's first five epochs."""
    factor = step_drops([100], warmup=10)
    assert [factor(s) for s in (0, 5, 10, 99, 100)] == pytest.approx([0, 0.5, 1, 1, 0.1])


@pytest.mark.parametrize("steps", [1, 2, 7, 314])
def test_one_cycle_is_a_triangle(steps):
    """It starts at 0, reaches the full rate after a quarter, ends at 0, and never leaves [0, 1]."""
    factor = one_cycle(steps)
    values = [factor(s) for s in range(steps + 1)]
    assert min(values) >= 0
    assert max(values) <= 1
    assert values[-1] == 0
    if steps % 4 == 0:
        assert values[steps // 4] == 1


def test_an_unknown_schedule_names_the_nearest():
    """A misspelt schedule must not become a constant rate."""
    with pytest.raises(ValueError, match="unknown schedule 'step'; did you mean 'steps'"):
        schedule("step", epochs=1, steps_per_epoch=1)
