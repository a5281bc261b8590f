"""How fast are scores and attributions, thresholds and matrix profiles, against what one would use instead?

Attributions: the same two fitted models for all. Ours: one forecast, one residual and one attribution call for all
points, TreeSHAP by the booster itself. The loop: for every point a forecast, a residual and the shap package's
`TreeExplainer.shap_values` of one row; and that explainer called once for all points. Thresholds: the dynamic threshold
of NASA-like channels, against its search written with NumPy, level by level. Matrix profile: against stumpy.
Rounds alternate in one process, one thread; seconds are of the processor.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from unittest import mock

import numpy as np
from harness import alone, alternate, compared, missing, write

from replicate.papers.euclid_telemetry import dynamic_threshold
from replicate.papers.euclid_telemetry.baselines import matrix_profile
from replicate.papers.euclid_telemetry.boosting import contributions, predict
from replicate.papers.euclid_telemetry.explain import memory
from replicate.papers.euclid_telemetry.forecast import design
from replicate.papers.euclid_telemetry.network import TEMPERATURES
from replicate.papers.euclid_telemetry.pipeline import EXPLAINING, FORECASTING
from replicate.papers.euclid_telemetry.schedule import COVARIATES
from replicate.papers.euclid_telemetry.simulator import simulate

PAPER = "euclid_telemetry"
LOOP, CALL = "shap.TreeExplainer, point by point", "shap.TreeExplainer, one call"
NUMPY, PYTHON, STUMPY = "its search in NumPy", "its search in plain Python", "stumpy.stump"
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
    import shap

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
    import shap

    explainer = shap.TreeExplainer(second)
    return lambda: (np.abs(y - first.inplace_predict(x)), explainer.shap_values(inputs))


def attributions(days: int, features: str, points: int, rounds: int) -> list:
    """Return the rows of scores and attributions: points a second, where the peers get so many points."""
    first, second, x, y, inputs = prepare(days, features)
    few = slice(0, points)
    some = first, second, x[few], y[few], inputs[few]
    ways = {"ours": ours(first, second, x, y, inputs), CALL: batch(*some), LOOP: loop(*some)}
    spent, found = alternate(ways, rounds, clock=time.process_time)
    mine = [s / len(y) for s in spent["ours"]]
    size, rows = f"{features} features, {len(y):,} points", []
    for peer in (LOOP, CALL):
        off = max(np.abs(a[few] - b).max() for a, b in zip(found["ours"], found[peer], strict=True))
        theirs, target = [s / points for s in spent[peer]], ">= 5" if peer == LOOP else ""
        rate = {"per": 1, "unit": "points/s"}
        name = "scores and attributions"
        rows.append(compared(name, PAPER, size, mine, theirs, peer, **rate, target=target, agree=bool(off < 1e-4)))
    return rows


def best_level(values: np.ndarray, mean: float, sd: float, levels: np.ndarray, widen: int) -> float:
    """Return the best threshold level as one would write it with NumPy: each level on its own."""
    best, best_score = 12.0, -1e7
    if mean == 0.0 or sd == 0.0:
        return best
    for z in levels:
        outside = values >= mean + z * sd
        below = values[~outside]
        if not outside.any() or not below.size:
            continue
        wide = np.convolve(outside, np.ones(2 * widen + 1), "same") > 0.5
        edges = np.flatnonzero(np.diff(np.concatenate([[0], wide.astype(int), [0]])))
        groups, covered = int(np.sum(edges[1::2] - edges[::2] > 1)), int(wide.sum())
        score = ((mean - below.mean()) / mean + (sd - below.std()) / sd) / (groups**2 + covered)
        if score >= best_score and groups <= 5 and covered < 0.5 * len(values):
            best, best_score = z, score
    return best


def thresholds(channels: int, few: int, rounds: int) -> list:
    """Return the rows of the dynamic threshold: its search compiled, or in NumPy, or (``few`` channels) in Python."""
    rng = np.random.default_rng(0)
    test = rng.normal(size=(channels, 6300)).cumsum(axis=1) / 50
    errors = 0.2 * rng.normal(size=test.shape) * (1 + 4 * (rng.random(test.shape) < 0.01))  # every window is searched
    pairs = list(zip(test, test + errors, strict=True))
    compiled = dynamic_threshold._best_level
    searches = {NUMPY: (best_level, channels), PYTHON: (compiled.py_func, few)}
    rows = []
    for peer, (search, n) in searches.items():

        def detected(which, n=n):
            with mock.patch.object(dynamic_threshold, "_best_level", which):
                return [dynamic_threshold.detect(*pair) for pair in pairs[:n]]

        ways = {"ours": partial(detected, compiled), peer: partial(detected, search)}
        spent, found = alternate(ways, rounds, clock=time.process_time)
        same = all(np.array_equal(a, b) for a, b in zip(found["ours"], found[peer], strict=True))
        size, target = f"channels of 6,300: {n}", ">= 5" if peer == PYTHON else ""
        rows.append(compared("dynamic threshold", PAPER, size, *spent.values(), peer, target=target, agree=same))
    return rows


def profiles(n: int, window: int, rounds: int) -> list:
    """Return the row of the matrix profile against stumpy's."""
    name, size = "matrix profile", f"n = {n:,}, window {window}"
    try:
        import stumpy
    except ImportError as error:
        return [missing(name, PAPER, size, STUMPY, f"not run: {error}")]
    series = np.random.default_rng(0).normal(size=n).cumsum()
    ways = {"ours": lambda: matrix_profile(series, window), STUMPY: lambda: stumpy.stump(series, window)[:, 0]}
    spent, found = alternate(ways, rounds, clock=time.process_time)
    same = bool(np.allclose(found["ours"], found[STUMPY].astype(float), rtol=1e-6, atol=1e-6))
    return [compared(name, PAPER, size, *spent.values(), STUMPY, agree=same)]


def main() -> None:
    """Measure and write all rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=182)
    parser.add_argument("--points", type=int, default=1000, help="points the shap package gets")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for features in ("inst", "lagged"):
        write(attributions(given.days, features, given.points, given.rounds))
    write(thresholds(10, 1, given.rounds))
    write(profiles(20_000, 100, given.rounds))
    ways = {"ours": lambda: simulate(rng=np.random.default_rng(0))}
    spent, _ = alternate(ways, given.rounds, clock=time.process_time)
    write([alone("simulating a mission", PAPER, "182 days, 60 s steps", float(np.median(spent["ours"])), "s")])


if __name__ == "__main__":
    main()
