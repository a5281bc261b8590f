"""Units of work: ``(config, seed) -> rows``, one function per experiment."""

from typing import Any

import numpy as np

from replicate.seeds import Seed

from . import conformal, cubesats, detection, nasa, opssat, published, pumps, solar_orbiter, testbed, views
from .attributing import attributions
from .baselines import persistence
from .boosting import Trees
from .event_metrics import best_random, f1, point_adjusted, random_adjusted_f1
from .missions import mission, residuals
from .network import TEMPERATURES
from .top import top_table

Rows = list[dict[str, Any]]


def forecasts(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Measure Model 1's errors against persistence on every temperature (E1: C1)."""
    one = mission(config, seed)
    errors = residuals(config, seed, config["target"], config["mode"], device)
    naive = persistence(one.values, one.steps("15min"))
    rows: Rows = []
    for i, name in enumerate(TEMPERATURES):
        usable = np.isfinite(errors[:, i]) & np.isfinite(naive[:, i])
        rmse, base = (float(np.sqrt(np.mean(e[usable, i] ** 2))) for e in (errors, naive))
        what = {"channel": name, "n": int(usable.sum())}
        rows += [{**what, "metric": "RMSE", "value": rmse, "unit": "K"}]
        rows += [{**what, "metric": "ratio to persistence", "value": rmse / base}]
    return rows


def detectors(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Score one detector on a mission: metrics a channel, recall a kind of event, top-3 precision (E2: C2)."""
    one = mission(config, seed)
    score = detection.scores(config["detector"], one, config, seed, device)
    rows: Rows = []
    for i, name in enumerate(TEMPERATURES):
        if one.labels[:, i].any():
            found = detection.channel_metrics(one.labels[:, i], score[:, i], one.day)
            rows += [{"channel": name, "metric": metric, "value": value} for metric, value in found.items()]
    hits, total = detection.top_precision(one, score)
    rows += [{"metric": "top-3 in an event", "value": hits, "n": total}]
    for kind, number, flagged in detection.recalled(one, score):
        rows += [{"kind": kind, "event": number, "metric": "recalled", "value": int(flagged)}]
    return rows


def attribution(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Rank the true cause of every event, and look at what is attributed to sensor faults (E3: C3)."""
    return attributions(config, seed, device)


def top_anomalies(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Make the paper's table: the three largest anomalies of each temperature, explained (E4)."""
    return top_table(config, seed, device)


def overview(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Draw a mission at a glance."""
    return views.overview(config, seed, device)


def closeups(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Draw the surroundings of the strangest anomalies."""
    return views.closeups(config, seed, device)


def shap_sample(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Explain one temperature's score at many times (SHAP summary and dependence)."""
    return views.shap_sample(config, seed, device)


def intervals(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Measure how many later values conformal bands hold, and how wide they are (beyond the paper)."""
    errors = np.abs(residuals(config, seed, config["target"], "crossfit", device))
    found = conformal.coverage(errors, level=0.9, folds=config["folds"])
    rows: Rows = []
    for name, covered, width in zip(TEMPERATURES, *found, strict=True):
        rows += [{"channel": name, "metric": "coverage", "value": float(covered)}]
        rows += [{"channel": name, "metric": "half-width", "value": float(width), "unit": "K"}]
    return rows


def agreement(config: dict, seed: Seed, device: str = "cpu") -> Rows:
    """Compare the 33 peaks with those after each change of what the paper leaves open (beyond the paper)."""
    found = conformal.overlaps(config, seed, device)
    return [{"change": change, "metric": "Jaccard overlap", "value": value} for change, value in found.items()]


def cubesat_panels(config: dict, seed: Seed) -> Rows:
    """Rank the covariates of a CubeSat panel's heating (E5: C4)."""
    trees = Trees(150, 4, subsample=1.0)
    found = cubesats.importance(config["satellite"], config["panel"], trees)
    own = found[cubesats.COVARIATES.index(f"I_{config['panel']}")]
    failed = int((config["satellite"], config["panel"]) in cubesats.FAILED)
    rows: Rows = [{"metric": "rank of the own current", "value": int((found > own).sum()) + 1, "failed": failed}]
    return rows + [
        {"metric": "mean |SHAP|", "value": float(v), "covariate": name, "failed": failed}
        for name, v in zip(cubesats.COVARIATES, found, strict=True)
    ]


def testbed_faults(config: dict, seed: Seed) -> Rows:
    """Rank the sensors of one testbed experiment (E6: C4)."""
    trees = Trees(60, 3, learning_rate=0.2, subsample=1.0, objective="binary:logistic")
    found = testbed.contribution(config["file"], trees)
    first = testbed.SENSORS[int(found.argmax())]
    right = {"valve": testbed.FLOW, "rotor": testbed.ACCELEROMETERS}.get(config["fault"], ())
    rows: Rows = [{"metric": "right sensor first", "value": int(first in right), "sensor": first}] if right else []
    parts = zip(testbed.SENSORS, found, strict=True)
    return rows + [{"metric": "contribution", "value": float(v), "sensor": s, "unit": "log-odds"} for s, v in parts]


def nasa_threshold(config: dict, seed: Seed) -> Rows:
    """Forecast and threshold every NASA channel with one forecaster (E7: C5)."""
    trees = Trees(100, 4, columns=0.8, seed=seed.replicate)
    rows: Rows = []
    for name in config["channels"]:
        found = nasa.evaluate(name, config["forecaster"], trees)
        what = {"channel": name, "spacecraft": nasa.labels().loc[name, "spacecraft"]}
        rows += [{**what, "metric": metric, "value": value} for metric, value in found.items()]
    return rows


def nasa_stored(config: dict, seed: Seed) -> Rows:
    """Recount the authors' own stored LSTM run (E7: C5)."""
    table = nasa.stored_run().melt(["channel", "spacecraft"], var_name="metric", value_name="value")
    return table.to_dict("records")


def point_adjust(config: dict, seed: Seed) -> Rows:
    """Let random scores play against point adjustment: closed form and simulation (E8: C6)."""
    lengths, nominal, steps = nasa.segments(config["spacecraft"])
    best, p = best_random(lengths, nominal)
    truth = nasa.truth(config["spacecraft"])
    rng, grid = seed.rng("point adjust", config["spacecraft"]), np.geomspace(1e-4, 1, 41)
    score = rng.uniform(size=steps)
    simulated = [f1(truth, point_adjusted(truth, score < q)) for q in grid]
    at_best = [f1(truth, point_adjusted(truth, rng.uniform(size=steps) < p)) for _ in range(config["draws"])]
    rows: Rows = [
        {"metric": "segments", "value": len(lengths)},
        {"metric": "steps", "value": steps},
        {"metric": "anomalous share", "value": float(lengths.sum() / steps)},
        {"metric": "best F1-PA", "value": best},
        {"metric": "flag probability", "value": p},
        {"metric": "F1 of flagging everything", "value": f1(truth, np.ones(steps, dtype=bool))},
        {"metric": "simulated F1-PA at the best p", "value": float(np.mean(at_best)), "n": config["draws"]},
    ]
    closed = random_adjusted_f1(lengths, nominal, grid)
    for q, exact, drawn in zip(grid.tolist(), closed.tolist(), simulated, strict=True):
        rows += [{"metric": "closed form", "p": q, "value": exact}, {"metric": "simulated", "p": q, "value": drawn}]
    return rows


def opssat_detectors(config: dict, seed: Seed) -> Rows:
    """Fit one detector to OPS-SAT's labelled segments (E9: C7)."""
    number = 2137 if config["detector"] in {"isolation forest", "AdaBoost"} else 0  # the authors' seed
    trees = Trees(300, 6, subsample=1.0, objective="binary:logistic", seed=0)
    found = opssat.scores(config["detector"], number, trees)
    return [{"metric": metric, "value": value} for metric, value in found.items()]


def known_causes(config: dict, seed: Seed) -> Rows:
    """Forecast and score one real temperature of NAB (E10)."""
    found = pumps.evaluate(config["series"], config["detector"])
    return [{"metric": metric, "value": value} for metric, value in found.items()]


def solar_orbiter_days(config: dict, seed: Seed) -> Rows:
    """Find the largest daily changes of one Solar Orbiter temperature, gaps kept and removed, and its drivers."""
    name = config["temperature"]
    raw = solar_orbiter.telemetry()
    clean = solar_orbiter.without_gaps(raw)
    rows: Rows = []
    for gaps, table in (("as coded", raw), ("removed", clean)):
        for day, change in solar_orbiter.largest_changes(table[name]).items():
            rows += [{"metric": "daily change", "gaps": gaps, "day": f"{day:%Y-%m-%d}", "value": float(change)}]
    found = solar_orbiter.drivers(clean, name, Trees(150, 4, subsample=1.0))
    for covariate, size, correlation in zip(solar_orbiter.COVARIATES, *found, strict=True):
        rows += [{"metric": "mean |SHAP|", "covariate": covariate, "value": float(size)}]
        rows += [{"metric": "Spearman's correlation", "covariate": covariate, "value": float(correlation)}]
    return rows


def published_volumes(config: dict, seed: Seed) -> Rows:
    """Average the published VUS-PR of TSB-AD's detectors over the series of each data set."""
    return published.volumes()
