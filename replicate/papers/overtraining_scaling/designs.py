"""Which runs are fitted: names to rows of a training set's table."""

from collections.abc import Callable

import pandas as pd

SMALL = ("0.011B", "0.079B", "0.154B", "0.411B")
LINE = tuple((size, 20) for size in SMALL)
ANCHOR = ("0.011B", 320)
LOSS_RUNS = (*LINE, ANCHOR)  # table 1
ERROR_RUNS = (*LOSS_RUNS, ("1.4B", 20))
LARGE = 1e9  # held out from every design: the 1.4B and 6.9B runs
MULTIPLIERS = (5, 10, 20, 40, 80, 160, 320, 640)


def rows(runs: pd.DataFrame, points: tuple[tuple[str, float], ...]) -> list[int]:
    """Return the positions of (size, M) points, in their order; a ``KeyError`` names a run that does not exist."""
    at = {(size, float(m)): i for i, (size, m) in enumerate(zip(runs["size"], runs["M"], strict=True))}
    return [at[size, float(m)] for size, m in points]


def large(runs: pd.DataFrame) -> list[int]:
    """Return the positions of the three held-out runs: 1.4B at M = 20, at its largest M, and 6.9B."""
    return [i for i, n in enumerate(runs["N"]) if n > LARGE]


def pool(runs: pd.DataFrame, *, least: float = 5, without: str = "") -> list[int]:
    """Return the small runs with M of at least ``least``, but those of one size."""
    chosen = (runs["N"] < LARGE) & (runs["M"] >= least) & (runs["size"] != without)
    return list(chosen.to_numpy().nonzero()[0])


def without(size: str) -> Callable[[pd.DataFrame], list[int]]:
    """Return the default design less one of the four runs at M = 20."""
    return lambda runs: rows(runs, tuple(p for p in LOSS_RUNS if p != (size, 20)))


def line(multiplier: float) -> Callable[[pd.DataFrame], list[int]]:
    """Return the design whose four sizes stand at another M; the anchor is the usual one, at M = 320 0.011B/20."""
    anchor = ANCHOR if multiplier != ANCHOR[1] else ("0.011B", 20)
    return lambda runs: rows(runs, (*((size, multiplier) for size in SMALL), anchor))


DESIGNS: dict[str, Callable[[pd.DataFrame], list[int]]] = {
    "default (5 runs)": lambda runs: rows(runs, LOSS_RUNS),
    **{f"without {size}/20": without(size) for size in SMALL},
    **{f"line M={m} for M=20": line(m) for m in (5, 10, 40, 80, 160, 320)},
    "all small, M >= 20": lambda runs: pool(runs, least=20),
    "all small, M >= 10": lambda runs: pool(runs, least=10),
    "all small": pool,
    "M >= 20 without 0.011B": lambda runs: pool(runs, least=20, without="0.011B"),
    "M >= 20 without 0.411B": lambda runs: pool(runs, least=20, without="0.411B"),
}


def possible(design: Callable[[pd.DataFrame], list[int]], runs: pd.DataFrame) -> bool:
    """Return whether a training set has all runs of a design."""
    try:
        return bool(design(runs))
    except KeyError:
        return False


def anchors(runs: pd.DataFrame) -> dict[str, list[int]]:
    """Return the default design with its anchor replaced by every other small run off the line M = 20, by name."""
    four = rows(runs, LINE)
    others = [i for i in pool(runs) if runs["M"].iloc[i] != 20]
    return {f"{runs['size'].iloc[i]}/{runs['M'].iloc[i]:g}": [*four, i] for i in others}
