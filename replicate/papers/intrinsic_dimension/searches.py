"""Find d90 of one problem with runs from a sweep: evaluate, refit, ask where to look next."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from .dimension import D90
from .measures import fit
from .search import next_dims

Work = list[tuple[dict[str, Any], int]]


def find_d90(
    run_units: Callable[[Work], pd.DataFrame],
    config: Mapping[str, Any],
    *,
    starts: Sequence[int],
    budget: int,
    max_dim: int,
    threshold: float = 0.9,
    metric: str = "test accuracy",
    points_per_round: int = 4,
    target_halfwidth: float = 0.03,
) -> tuple[pd.DataFrame, D90]:
    """Search d90 with at most ``budget`` runs, each with fresh streams (replicate = number of the run).

    Args:
        run_units: maps (configuration, replicate) pairs to tidy rows, such as a bound ``Run.units``.
        config: the problem; ``dim`` is filled in.
        starts: dimensions run first, at the same time; two that straddle the threshold save rounds.
        budget: most runs to spend, >= len(starts).
        max_dim: D, the largest dimension that makes sense.
        points_per_round: runs proposed together; fixed, so that the course is the same for any number of workers.
        target_halfwidth: stop when the relative half-width from run noise is below this.

    Returns:
        All rows in the order of the replicates, and the fit of all runs.
    """
    work = [({**config, "dim": min(d, max_dim)}, i) for i, d in enumerate(starts)]
    frame = run_units(work)
    while True:
        seen = frame[frame["metric"] == metric]
        proposal = next_dims(
            zip(seen["dim"], seen["value"], strict=True),
            threshold=threshold,
            start=starts[0],
            max_dim=max_dim,
            n_test=int(seen["n"].iloc[0]),
            points_per_round=points_per_round,
            budget=budget,
            target_halfwidth=target_halfwidth,
        )
        if not proposal.dims:
            ordered = frame.sort_values(["seed", "metric"], ignore_index=True)
            return ordered, fit(ordered, threshold=threshold, metric=metric)
        done = len(seen)
        work = [({**config, "dim": d}, done + i) for i, d in enumerate(proposal.dims)]
        frame = pd.concat([frame, run_units(work)], ignore_index=True)
