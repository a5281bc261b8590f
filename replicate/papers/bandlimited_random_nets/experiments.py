"""Units of work: ``(config, seed) -> rows``, one function per experiment."""

from typing import Any

import numpy as np
from mpmath import mp
from scipy.signal import lombscargle

from replicate.datasets import load_series
from replicate.seeds import Seed

from . import certificates as certs
from . import constructive, high_precision, infinite_width, picture_fit, problems, ridgelet, spaces, trained
from .factorisation import Factorisation
from .hidden import draw
from .network import RandomNet, RandomNetCV
from .paths import path, rms
from .targets import TARGETS

Rows = list[dict[str, Any]]
_EXTENDED = {  # targets of the precision study in any number of digits
    "sin4": lambda x: mp.sin(8 * mp.pi * x),
    "narrow": lambda x: mp.exp(-((20 * (x - mp.mpf(1) / 2)) ** 2)),
}


def widths(config: dict, seed: Seed) -> Rows:
    """Return errors on analytic targets over the width, by bandwidth (C1, C2, R2)."""
    rng = seed.rng("widths", config["bandwidth"])
    problem = problems.analytic(config["targets"], config["n"], rng)
    layer = draw(rng, config["bandwidth"], max(config["widths"]))
    points = path(layer, *_split(problem), widths=config["widths"])
    return [
        {"width": p.width, "target": name, "metric": metric, "value": float(values[i])}
        for p in points
        for i, name in enumerate(config["targets"])
        for metric, values in (("test rmse", p.test), ("train rmse", p.train), ("coefficient norm", p.norm))
    ] + [{"width": p.width, "metric": "rank", "value": p.rank} for p in points]


def fits(config: dict, seed: Seed) -> Rows:
    """Return values of a fitted net, for the picture of the fits: the sharp target, or five years of CO2."""
    rng = seed.rng("fits", config["problem"], config["bandwidth"])
    if config["problem"] == "LW":
        problem = problems.analytic(["LW"], 1000, rng)
        places = shown = np.linspace(0, 1, 150)
        mean, penalty = 0.0, 0.0
    else:
        problem, data = problems.series("co2"), load_series("co2")
        shown = np.linspace(1990, 1995, 150)
        places = (shown - data.times[0]) / (data.times[-1] - data.times[0])
        mean, penalty = float(data.values[np.arange(len(data.values)) % 5 != 2].mean()), 1e-10
    layer = draw(rng, config["bandwidth"], config["width"])
    c = Factorisation(layer(problem.inputs)).solve(problem.targets[:, 0], config["width"], penalty=penalty).coefficients
    values = layer(places[:, None]) @ c * problem.scale + mean
    return [{"x": float(a), "metric": "prediction", "value": float(b)} for a, b in zip(shown, values, strict=True)]


def operator(config: dict, seed: Seed) -> Rows:
    """Return singular values, floors and norm budgets of the infinitely wide net (R2)."""
    found = infinite_width.spectrum(config["bandwidth"], points=config["points"], nodes=config["nodes"])
    kept = found.values[: config["kept"]]
    rows = [{"metric": "singular value", "index": i, "value": float(value)} for i, value in enumerate(kept)]
    for name, eps in (("1e-4", 1e-4), ("1e-8", 1e-8), ("1e-12", 1e-12), ("256 eps", 256 * infinite_width.FLOAT64)):
        rows.append({"metric": "effective width", "eps": name, "value": found.effective_width(eps)})
    for target in config["targets"]:
        values = TARGETS[target](found.x)
        rows.append({"metric": "floor", "target": target, "eps": "256 eps", "value": found.floor(values)})
        for budget in config["budgets"]:
            what = {"target": target, "budget": budget}
            rows.append({**what, "metric": "budget error", "value": found.budget_error(values, budget)})
    return rows


def precision(config: dict, seed: Seed) -> Rows:
    """Fit the same net in float32, float64 and many digits (R1)."""
    d, rng = config["width"], seed.rng("precision", config["width"], config["bandwidth"])
    layer = draw(rng, config["bandwidth"], d)
    n = 2 * d + 20
    x = (0.5 + 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n))[:, None]
    test = np.linspace(0, 1, 101)[:, None]
    targets, rows = config["targets"], []
    for name, dtype in (("float32", np.float32), ("float64", np.float64)):
        y, y_test = (np.concatenate([TARGETS[t](v) for t in targets], axis=1).astype(dtype) for v in (x, test))
        (point,) = path(layer, x.astype(dtype), y, test.astype(dtype), y_test, widths=[d])
        rows += _precision_rows(name, targets, point.test, point.norm)
        rows.append({"precision": name, "metric": "rank", "value": point.rank})
    for digits in config["digits"]:
        with mp.workdps(digits):
            y, y_test = (np.array([[_EXTENDED[t](mp.mpf(p)) for t in targets] for p in v[:, 0]]) for v in (x, test))
        what = {"precision": f"{digits} digits"}
        try:
            error, norm = high_precision.errors(layer, x, y, test, y_test, digits)
        except high_precision.TooFewDigits:
            rows.append({**what, "metric": "test rmse", "value": None, "status": "too few digits"})
            continue
        rows += _precision_rows(f"{digits} digits", targets, error, norm)
    return rows


def certificates(config: dict, seed: Seed) -> Rows:
    """Return errors on the whole line beside their certified lower bounds (C4)."""
    rows, bandwidth, size = [], config["bandwidth"], config["target_width"]
    rng = seed.rng("certificates", bandwidth, size)
    layer = spaces.line_layer(rng, bandwidth, max(config["widths"]))
    for width in config["widths"]:
        fits = spaces.fit_on_line(layer.first(width), size, config["penalties"])
        for penalty, fit in zip(config["penalties"], fits, strict=True):
            bound = certs.finite_width_bound(fit.l1_norm, bandwidth, width=size) / fit.target_norm
            values = {"relative error": fit.error, "bound": bound, "l1 norm": fit.l1_norm}
            rows += [{"width": width, "penalty": penalty, "metric": k, "value": v} for k, v in values.items()]
    return rows


def literal_reading(config: dict, seed: Seed) -> Rows:
    """Fit a target with ridgelet energy outside the box, which the net nevertheless reaches (C5)."""
    bandwidth = config["bandwidth"]
    rng = seed.rng("literal reading", bandwidth)
    layer = spaces.line_layer(rng, bandwidth, config["width"], name="mexican")
    (fit,) = spaces.fit_on_line(layer, 1.0, [0.0], target="mexican")
    share = ridgelet.mexican_share_outside(bandwidth, 1.0)
    values = {"share outside": share, "relative error": fit.error, "l1 norm": fit.l1_norm}
    return [{"metric": k, "value": v} for k, v in values.items()]


def ridgelet_shares(config: dict, seed: Seed) -> Rows:
    """Return the share of a target's ridgelet energy outside boxes of several bandwidths."""
    x, w = infinite_width.gauss_legendre(0, 1, config["nodes"])
    found = ridgelet.shares_outside(TARGETS[config["target"]](x), x, w, config["bandwidths"])
    pairs = zip(config["bandwidths"], found, strict=True)
    return [{"bandwidth": bandwidth, "metric": "share outside", "value": share} for bandwidth, share in pairs]


def critical(config: dict, seed: Seed) -> Rows:
    """Return relative errors on targets of growing complexity at one bandwidth (C3)."""
    rng = seed.rng("critical")  # the same points and directions at every bandwidth: a paired comparison
    problem = problems.analytic(config["targets"], config["n"], rng)
    size = rms(problem.test_targets - problem.test_targets.mean(axis=0))
    layer = draw(rng, config["bandwidth"], max(config["widths"]), activation_name=config["activation"])
    points = path(layer, *_split(problem), widths=config["widths"], penalties=config["penalties"])
    return [
        {"width": p.width, "penalty": p.penalty, "target": name, "metric": "relative error", "value": float(value)}
        for p in points
        for name, value in zip(config["targets"], p.test / size, strict=True)
    ]


def series(config: dict, seed: Seed) -> Rows:
    """Return errors on a series over the width at one bandwidth, in the series' unit (R3)."""
    problem = problems.series(config["series"])
    layer = draw(seed.rng("series", config["bandwidth"]), config["bandwidth"], max(config["widths"]))
    points = path(layer, *_split(problem), widths=config["widths"], penalties=[config["penalty"]])
    return [
        {"width": p.width, "metric": metric, "value": float(value[0]) * problem.scale}
        for p in points
        for metric, value in (("test rmse", p.test), ("train rmse", p.train))
    ]


def series_choice(config: dict, seed: Seed) -> Rows:
    """Return the bandwidth that blocked cross-validation chooses for a series, and its test error."""
    problem = problems.series(config["series"])
    inputs, targets, test, test_targets = _split(problem)
    options = {"penalty": config["penalty"], "blocked": config["blocked"], "random_state": seed.integer("choice")}
    found = RandomNetCV(config["bandwidths"], config["width"], **options).fit(inputs, targets)
    error = float(rms(found.predict(test) - test_targets)[0]) * problem.scale
    return [{"metric": "bandwidth", "value": found.bandwidth_}, {"metric": "test rmse", "value": error}]


def residual_spectrum(config: dict, seed: Seed) -> Rows:
    """Return amplitudes of the residual of weekly CO2 over the frequency in cycles a year."""
    problem, data = problems.series("co2"), load_series("co2")
    layer = draw(seed.rng("series", config["bandwidth"]), config["bandwidth"], config["width"])
    c = Factorisation(layer(problem.inputs)).solve(problem.targets, config["width"], penalty=config["penalty"])
    test = np.arange(len(data.values)) % 5 == 2
    residual = (problem.test_targets - layer(problem.test_inputs) @ c.coefficients)[:, 0] * problem.scale
    frequencies = np.linspace(0.1, 3, config["frequencies"])
    power = lombscargle(data.times[test], residual, 2 * np.pi * frequencies)
    amplitude = np.sqrt(4 * power / len(residual))  # of the sine that explains most, in ppm
    return [
        {"frequency": float(f), "metric": "amplitude", "value": float(v), "unit": "ppm"}
        for f, v in zip(frequencies, amplitude, strict=True)
    ]


def image(config: dict, seed: Seed, device: str) -> Rows:
    """Return signal-to-noise ratios of a photograph regressed on the place of its pixels."""
    picture = problems.picture(config["picture"], full=config["full"])
    layer = draw(
        seed.rng("image", config["bandwidth"]), config["bandwidth"], max(config["widths"]), inputs=picture.places
    )
    return picture_fit.ratios(layer, picture, config["widths"], config["penalty"], device)


def baselines(config: dict, seed: Seed) -> Rows:
    """Return errors on the sharp target over the width by where the weights are drawn."""
    rng = seed.rng("baselines")  # the same points for every placement and bandwidth
    problem = problems.analytic(["LW"], config["n"], rng)
    options = {"inputs": problem.inputs, "placement": config["placement"]}
    layer = draw(rng, config["bandwidth"], max(config["widths"]), **options)
    points = path(layer, *_split(problem), widths=config["widths"])
    return [{"width": p.width, "metric": "test rmse", "value": float(p.test[0])} for p in points]


def remedies(config: dict, seed: Seed) -> Rows:
    """Return errors on the sharp target of nets that adapt to it: chosen bandwidth, chosen nodes, trained weights."""
    problem = problems.analytic(["LW"], config["n"], seed.rng("baselines"))
    inputs, targets, test, test_targets = _split(problem)
    predict, width = trained.REMEDIES[config["remedy"]](inputs, targets[:, 0], config["width"], seed)
    error = float(rms(predict(test) - test_targets[:, 0]))
    return [{"metric": "test rmse", "value": error}, {"metric": "nodes", "value": width}]


def incremental(config: dict, seed: Seed) -> Rows:
    """Return training errors of the incremental net that never refits."""
    rng = seed.rng("incremental", config["bandwidth"])
    problem = problems.analytic(["LW"], config["n"], rng)
    layer = draw(rng, config["bandwidth"], max(config["counts"]))
    found = constructive.incremental_errors(layer, problem.inputs, problem.targets[:, 0], config["counts"])
    return [
        {"width": n, "metric": "train rmse", "value": value} for n, value in zip(config["counts"], found, strict=True)
    ]


def control(config: dict, seed: Seed) -> Rows:
    """Return the explained variance on held-out diabetes data; the replicate is the fold."""
    problem = problems.diabetes(seed.replicate % 5, seed=seed.replicate // 5)
    inputs, targets, test, test_targets = _split(problem)
    options = {"activation": "tanh", "penalty": config["penalty"], "intercept": True}
    net = RandomNet(config["bandwidth"], config["width"], **options, random_state=seed.integer("control"))
    score = float(net.fit(inputs, targets[:, 0]).score(test, test_targets[:, 0]))
    return [{"metric": "explained variance", "value": score}]


def _split(problem: problems.Problem) -> tuple[np.ndarray, ...]:
    return problem.inputs, problem.targets, problem.test_inputs, problem.test_targets


def _precision_rows(name: str, targets: list[str], errors: np.ndarray, norms: np.ndarray) -> Rows:
    return [
        {"precision": name, "target": target, "metric": metric, "value": float(values[i])}
        for i, target in enumerate(targets)
        for metric, values in (("test rmse", errors), ("coefficient norm", norms))
    ]
