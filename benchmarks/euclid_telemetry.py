"""How fast are scores and attributions, against the straightforward loop with the shap package's explainer?

The same two fitted models for all. Ours: one forecast, one residual and one attribution call for all points, TreeSHAP
by the booster itself. The loop: for every point a forecast, a residual and `shap.TreeExplainer.shap_values` of one
row. In between: shap's explainer called once for all points. Rounds alternate in one process, one thread; figures are
medians of points per second and of ratios over rounds, and the largest difference of the numbers is printed.
Then how long a mission takes to simulate, and NASA-like channels to threshold.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import shap
from rich.console import Console
from rich.table import Table

from replicate.papers.euclid_telemetry.boosting import contributions, predict
from replicate.papers.euclid_telemetry.dynamic_threshold import detect
from replicate.papers.euclid_telemetry.explain import memory
from replicate.papers.euclid_telemetry.forecast import design
from replicate.papers.euclid_telemetry.network import TEMPERATURES
from replicate.papers.euclid_telemetry.pipeline import EXPLAINING, FORECASTING
from replicate.papers.euclid_telemetry.schedule import COVARIATES
from replicate.papers.euclid_telemetry.simulator import simulate

Work = Callable[[], tuple[np.ndarray, np.ndarray]]  # -> scores (n,), attributions (n, p)


def prepare(days: int, features: str):
    """Return fitted models and inputs of one temperature of a simulated mission."""
    mission = simulate(days, rng=np.random.default_rng(0))
    values = mission.telemetry[list(TEMPERATURES)].to_numpy(float)
    x, y, _ = design(values, TEMPERATURES.index("fom3"), [2, 6], "raw")
    usable = np.isfinite(x).all(axis=1)
    x, y = x[usable].astype(np.float32), y[usable]
    step = mission.telemetry.index[1] - mission.telemetry.index[0]
    inputs = memory(mission.telemetry[list(COVARIATES)], step, features)[usable]
    first = FORECASTING.fit(x, y)
    second = EXPLAINING.fit(inputs, np.abs(y - predict(first, x)))
    return first, second, x, y, inputs


def ours(first, second, x, y, inputs) -> Work:
    """Return scores and attributions of all points in two calls."""
    return lambda: (np.abs(y - predict(first, x)), contributions(second, inputs)[0])


def loop(first, second, x, y, inputs) -> Work:
    """Return the loop one would write: point by point, with the shap package."""
    explainer = shap.TreeExplainer(second)

    def work():
        scores, attributed = np.empty(len(y)), np.empty(inputs.shape)
        for i in range(len(y)):
            scores[i] = abs(y[i] - first.inplace_predict(x[i : i + 1])[0])
            attributed[i] = explainer.shap_values(inputs[i : i + 1])[0]
        return scores, attributed

    return work


def batch(first, second, x, y, inputs) -> Work:
    """Return shap's explainer called once for all points."""
    explainer = shap.TreeExplainer(second)
    return lambda: (np.abs(y - first.inplace_predict(x)), explainer.shap_values(inputs))


def timed(work: Work) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """Return processor seconds and results."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def compare(days: int, features: str, points: int, rounds: int) -> list[list[str]]:
    """Return a row a way of doing it: points per second, ratio to ours, largest difference."""
    first, second, x, y, inputs = prepare(days, features)
    few = slice(0, points)
    ways = {
        "ours": (ours(first, second, x, y, inputs), len(y)),
        "shap, one call": (batch(first, second, x[few], y[few], inputs[few]), points),
        "shap, point by point": (loop(first, second, x[few], y[few], inputs[few]), points),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    results = {}
    for _ in range(rounds):
        for name, (work, n) in ways.items():
            seconds, results[name] = timed(work)
            rates[name].append(n / seconds)
    rows = []
    for name, found in results.items():
        ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates[name], strict=True))
        scores, attributed = results["ours"]
        gap = max(
            np.abs(scores[: len(found[0])] - found[0]).max(), np.abs(attributed[: len(found[1])] - found[1]).max()
        )
        rows.append([features, name, f"{statistics.median(rates[name]):,.0f}", f"{ratio:.1f}", f"{gap:.1e}"])
    return rows


def others(rounds: int) -> list[list[str]]:
    """Return processor seconds of a mission and of 81 channels under the dynamic threshold, after compilation."""
    rng = np.random.default_rng(0)
    test = rng.normal(size=(81, 6300)).cumsum(axis=1) / 50
    forecast = test + 0.05 * rng.normal(size=test.shape)
    tasks = {
        "mission of 182 days, 60 s steps": lambda: simulate(rng=np.random.default_rng(0)),
        "dynamic threshold, 81 channels of 6,300": lambda: [detect(*pair) for pair in zip(test, forecast, strict=True)],
    }
    rows = []
    for name, task in tasks.items():
        task()
        seconds = []
        for _ in range(rounds):
            start = time.process_time()
            task()
            seconds.append(time.process_time() - start)
        rows.append([name, f"{statistics.median(seconds):.2f}"])
    return rows


def main() -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=182)
    parser.add_argument("--points", type=int, default=1000, help="points the shap package gets")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    table = Table("features", "way", "points / s", "ours is faster by", "largest difference")
    for features in ("inst", "lagged"):
        for row in compare(given.days, features, given.points, given.rounds):
            table.add_row(*row)
    second = Table("task", "processor seconds")
    for row in others(given.rounds):
        second.add_row(*row)
    console = Console()
    console.print(table, second)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    console.print(f"peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
