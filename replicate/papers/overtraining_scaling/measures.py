"""From the rows of experiments to the measurements that claims are judged by. DataFrames in, numbers out.

A study that did not run, or ran on the generated table, gives None: its claim is *not run*.
"""

import functools

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from replicate.measurement import Measurement, from_exact, from_interval

from . import designs
from .published import table
from .records import DATASET, SETS

OFF = "relative error, %"
HEADLINES = (("1.4B", 640), ("6.9B", 20))  # of RedPajama
_COEFFICIENTS = {"E", "a", "b", "eta", "eps", "k", "gamma"}


def _from_records(measure):
    """Let a measure see only frames that were measured on the records, of one training set at least."""

    @functools.wraps(measure)
    def checked(frame: pd.DataFrame, *args, **kwargs) -> Measurement | None:
        if frame.empty or set(frame["source"]) != {DATASET}:
            return None
        value = measure(frame, *args, **kwargs)
        return value if value is None or isinstance(value, Measurement) else from_exact(value, dataset=DATASET)

    return checked


def _all_sets(frame: pd.DataFrame) -> bool:
    return set(frame["training_set"]) == set(SETS.values())


def errors(frame: pd.DataFrame, target: str = "loss") -> pd.DataFrame:
    """Return the rows of relative errors of one target, in per cent, signed."""
    return frame[(frame["metric"] == OFF) & (frame["target"] == target)]


def recovered(frame: pd.DataFrame) -> Measurement:
    """Return the largest relative error of a recovered coefficient (B0)."""
    return from_exact(frame["value"].max())


@_from_records
def headline(frame: pd.DataFrame, target: str, size: str, multiplier: int) -> float | None:
    """Return the size of the error of one RedPajama run (A1, A2)."""
    rows = errors(frame, target)
    rows = rows[(rows["training_set"] == "RedPajama") & (rows["size"] == size) & (rows["M"] == multiplier)]
    return abs(rows["value"].item()) if len(rows) else None


@_from_records
def equal_coefficients(frame: pd.DataFrame) -> float | None:
    """Return how many of table 6's 21 coefficients are ours after rounding as printed (A3)."""
    return float(coefficients(frame)["equal"].sum()) if _all_sets(frame) else None


def coefficients(frame: pd.DataFrame) -> pd.DataFrame:
    """Return table 6 beside ours: ``printed``, ``ours``, ``equal``."""
    rows = frame[frame["coefficient"].isin(_COEFFICIENTS) & frame["target"].isin(["loss", "error17"])]
    ours = rows.set_index(["training_set", "coefficient"])["value"].rename("ours")
    both = (
        table("coefficients")
        .rename(columns={"name": "coefficient"})
        .set_index(ours.index.names)
        .join(ours, how="inner")
    )
    return both.assign(equal=[_as_printed(o, p) for o, p in zip(both["ours"], both["printed"], strict=True)])


def _as_printed(ours: float, printed: str) -> bool:
    """Return whether a number, rounded to the decimals of a printed one, is that one."""
    decimals = len(printed.partition(".")[2])
    return f"{ours:.{decimals}f}" == printed


@_from_records
def printed_cells(frame: pd.DataFrame, *targets: str) -> float | None:
    """Return the largest difference from the cells of figures 5, 11 and 12 (A4)."""
    if not _all_sets(frame):
        return None
    ours = frame[frame["metric"] == OFF]
    both = table("cells").merge(ours, on=["target", "training_set", "size", "M"], validate="one_to_one")
    both = both[both["target"].isin(targets)]
    return float((both["value"].abs() - both["printed"].astype(float)).abs().max())


@_from_records
def held_out(frame: pd.DataFrame, statistic: str) -> float | None:
    """Return a statistic (``median``, ``max``) of the loss errors of runs that were not fitted, M >= 10 (A4)."""
    rows = errors(frame)
    values = rows["value"][(rows["fitted"] == 0) & (rows["M"] >= 10)].abs()
    return float(values.agg(statistic)) if _all_sets(frame) else None


@_from_records
def undertrained(frame: pd.DataFrame) -> float | None:
    """Return the median error at M = 5 over that of runs not fitted with M >= 10 (A12)."""
    rows = errors(frame).assign(value=lambda r: r["value"].abs())
    usual = rows["value"][(rows["fitted"] == 0) & (rows["M"] >= 10)].median()
    return float(rows["value"][rows["M"] == 5].median() / usual) if _all_sets(frame) else None


@_from_records
def optimum(frame: pd.DataFrame) -> float | None:
    """Return the largest distance of M* from the published ones (A11)."""
    published = {"C4": 3.36, "RedPajama": 7.42, "RefinedWeb": 5.85}
    found = frame[frame["coefficient"] == "M*"].set_index("training_set")["value"]
    return float((found - pd.Series(published)).abs().max()) if _all_sets(frame) else None


@_from_records
def ranks(frame: pd.DataFrame, *, above_compute: bool = False) -> float | None:
    """Return Spearman's correlation of predicted and measured 17-task error of the nine large runs (A7)."""
    if not _all_sets(frame):
        return None
    wide = large_errors(frame)
    own = spearmanr(wide["predicted"], wide["measured"]).statistic
    return float(own - above_compute * spearmanr(-wide["C"], wide["measured"]).statistic)


def large_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Return predicted and measured 17-task errors of the large runs, one row a run, with their compute."""
    rows = frame[(frame["target"] == "error17") & frame["size"].isin(["1.4B", "6.9B"])]
    rows = rows[rows["metric"].isin(["predicted", "measured"])]
    return rows.pivot(index=["training_set", "size", "M", "C"], columns="metric", values="value").reset_index()


@_from_records
def saving(frame: pd.DataFrame, target: str) -> float | None:
    """Return the compute of a headline run over that of all fitted runs, the smaller of the two (A8)."""
    rows = errors(frame, target)
    rows = rows[rows["training_set"] == "RedPajama"]
    points = designs.LOSS_RUNS if target == "loss" else designs.ERROR_RUNS
    spent = sum(_compute(rows, *point) for point in points)
    return min(_compute(rows, *point) for point in HEADLINES) / spent if len(rows) else None


def _compute(rows: pd.DataFrame, size: str, multiplier: int) -> float:
    return rows["C"][(rows["size"] == size) & (rows["M"] == multiplier)].item()


@_from_records
def task_cells(frame: pd.DataFrame, fit: str, *, averages_only: bool = False) -> float | None:
    """Return the largest difference from the cells of table 2 or 7 (A5, A6)."""
    both = table("tasks").merge(frame[frame["metric"] == OFF], on=["fit", "training_set", "task"])
    both = both[(both["fit"] == fit) & ((both["task"] == "17 tasks") | (not averages_only))]
    return float((both["value"] - both["printed"].astype(float)).abs().max()) if _all_sets(frame) else None


def task_errors(frame: pd.DataFrame, fit: str) -> pd.DataFrame:
    """Return the errors of the tasks in table 2, in per cent, training sets by tasks."""
    rows = frame[(frame["metric"] == OFF) & (frame["fit"] == fit)]
    wide = rows.pivot(index="training_set", columns="task", values="value")
    return wide[list(table("tasks")["task"].unique())]


@_from_records
def unpredictable(frame: pd.DataFrame, *, above: float = 5) -> float | None:
    """Return how many of the 12 single-task cells are off by more than ``above`` per cent (A5)."""
    cells = task_errors(frame, "table 1").drop(columns="17 tasks")
    return float((cells > above).to_numpy().sum()) if _all_sets(frame) else None


@_from_records
def average_error(frame: pd.DataFrame, fit: str, statistic: str, sets: tuple[str, ...]) -> float | None:
    """Return a statistic of the 17-task errors over training sets (A5, A6)."""
    return float(task_errors(frame, fit)["17 tasks"].loc[list(sets)].agg(statistic)) if _all_sets(frame) else None


@_from_records
def rule_differs(frame: pd.DataFrame) -> float:
    """Return on how many tasks the rule and the authors' list differ (A10)."""
    return float(((frame["value"] >= 0.1) != (frame["chosen by the authors"] == 1)).sum())


@_from_records
def exponents_outside(frame: pd.DataFrame) -> float | None:
    """Return how many exponents at M = 20 and above, with shared E, lie outside 0.11 to 0.15 (A9)."""
    found = _shared(frame)["value"]
    return float(((found < 0.11) | (found > 0.15)).sum()) if _all_sets(frame) else None


@_from_records
def exponent_slope(frame: pd.DataFrame) -> float | None:
    """Return the largest absolute slope of eta per doubling of M over training sets (A9)."""
    slopes = [np.polyfit(np.log2(r["M"]), r["value"], 1)[0] for _, r in _shared(frame).groupby("training_set")]
    return float(np.abs(slopes).max()) if _all_sets(frame) else None


def _shared(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["E"] == "shared") & (frame["M"] >= 20)]


@_from_records
def other_cells(frame: pd.DataFrame) -> float | None:
    """Return the largest difference from the cells of figures 7 and 10 (A13)."""
    both = table("others").merge(errors(frame), on=["training_set", "evaluation", "size", "M"], validate="one_to_one")
    return float((both["value"].abs() - both["printed"].astype(float)).abs().max()) if _all_sets(frame) else None


@_from_records
def trend(frame: pd.DataFrame, target: str, *, rng: np.random.Generator, draws: int = 500) -> Measurement:
    """Return the rank correlation of fitted compute and error, the weaker of two runs, with a bootstrap interval (A14).

    Subsets whose fit is not identified are left out; whole subsets are resampled.
    """
    rows = frame[(frame["target"] == target) & (frame["identified"] == 1)]
    found = []
    for _, part in rows.groupby("size"):
        compute, off = part["C"].to_numpy(), part["value"].to_numpy()
        again = (rng.integers(len(part), size=len(part)) for _ in range(draws))
        drawn = [spearmanr(compute[i], off[i]).statistic for i in again]
        limits = tuple(np.percentile(drawn, [2.5, 97.5]))
        own = spearmanr(compute, off).statistic
        found.append(from_interval(own, limits, n_seeds=len(part), ci_method="bootstrap of subsets", dataset=DATASET))
    return max(found, key=lambda m: m.estimate)


@_from_records
def narrowest(frame: pd.DataFrame) -> float | None:
    """Return the smaller I1 half-width of the two headline predictions, per cent of the truth (B1)."""
    rows = _ladder(frame, "I1", "half-width, %")
    wanted = pd.MultiIndex.from_tuples([("RedPajama", *point) for point in HEADLINES])
    rows = rows[rows.set_index(["training_set", "size", "M"]).index.isin(wanted)]
    return float(rows["value"].min()) if len(rows) == len(HEADLINES) else None


@_from_records
def covered(frame: pd.DataFrame) -> float | None:
    """Return how many of the nine large runs lie in their I3 interval (B2)."""
    rows = _ladder(frame, "I3", "covered")
    return float(rows["value"].sum()) if len(rows) == 3 * len(SETS) else None


def _ladder(frame: pd.DataFrame, interval: str, metric: str) -> pd.DataFrame:
    chosen = (frame["interval"] == interval) & (frame["metric"] == metric) & (frame["pool"] == "default design")
    return frame[chosen & (frame["evaluation"] == "c4_val")]


@_from_records
def range_over_drops(frame: pd.DataFrame) -> float | None:
    """Return by how much dropping one of four runs moves the error at 6.9B, RedPajama (B3)."""
    rows = frame[frame["design"].isin([f"without {size}/20" for size in designs.SMALL]) & (frame["size"] == "6.9B")]
    rows = rows[(rows["training_set"] == "RedPajama") & (rows["evaluation"] == "c4_val")]
    return float(np.ptp(rows["value"])) if len(rows) else None


@_from_records
def resolution(frame: pd.DataFrame) -> float | None:
    """Return the binomial standard error of the 6.9B run's average over that average, per cent, RedPajama (B4)."""
    rows = frame[(frame["metric"] == "binomial error, %") & (frame["training_set"] == "RedPajama")]
    rows = rows[(rows["size"] == "6.9B") & (rows["target"] == "error17")]
    return float(rows["value"].item()) if len(rows) else None


@_from_records
def untied_less_tied(frame: pd.DataFrame) -> float | None:
    """Return by how much the median error of nine large runs falls when exponents are tied, M >= 20 (B5)."""
    rows = frame[(frame["evaluation"] == "c4_val") & (frame["target"] == "loss")]
    median = rows["value"].abs().groupby(rows["baseline"]).median()
    return float(median["untied, M >= 20"] - median["default law, M >= 20"]) if _all_sets(frame) else None
