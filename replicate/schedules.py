"""Learning rates over the steps of a training, as factors of the optimiser's own rate."""

from collections.abc import Callable, Sequence

from replicate.errors import nearest

Schedule = Callable[[int], float]


def step_drops(drops: Sequence[int], *, factor: float = 0.1, warmup: int = 0) -> Schedule:
    """Return ``step -> factor^(drops passed)``; during the first ``warmup`` steps it rises linearly from 0.

    Args:
        drops: steps, counted from 0, from which on the rate is ``factor`` times what it was.
        factor: of each drop.
        warmup: steps of the rise; step 0 then has rate 0, step ``warmup`` the full rate.
    """
    drops = sorted(drops)

    def at(step: int) -> float:
        rise = min(1.0, step / warmup) if warmup else 1.0
        return rise * factor ** sum(step >= drop for drop in drops)

    return at


def one_cycle(steps: int, *, rise: float = 0.25) -> Schedule:
    """Return a triangle: from 0 to 1 over the share ``rise`` of the steps, then back to 0 at step ``steps``."""
    top = max(1.0, rise * steps)
    return lambda step: step / top if step < top else max(0.0, (steps - step) / max(1e-12, steps - top))


def constant() -> Schedule:
    """Return the factor 1 for ever."""
    return lambda step: 1.0


def schedule(name: str, *, epochs: int, steps_per_epoch: int, drops: Sequence[int] = (), warmup: int = 0) -> Schedule:
    """Return a schedule by name: "constant", "one_cycle", or "steps" with ``drops`` and ``warmup`` in epochs.

    Raises ``ValueError`` for another name.
    """
    makers = {
        "constant": constant,
        "one_cycle": lambda: one_cycle(epochs * steps_per_epoch),
        "steps": lambda: step_drops([d * steps_per_epoch for d in drops], warmup=warmup * steps_per_epoch),
    }
    if name not in makers:
        raise ValueError(f"unknown schedule {name!r}; {nearest(name, makers)}")
    return makers[name]()
