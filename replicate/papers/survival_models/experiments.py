"""Units of work: ``(config, seed) -> rows``, one function per experiment."""

from math import log
from typing import Any

import numpy as np

from replicate.datasets import load_survival
from replicate.seeds import Seed

from . import cases, simulation, trials, validation
from . import identities as exact
from .authors_code import differences
from .cases import CASES
from .profile import profile, profile_interval
from .selection import comparison, fit_structures, structure, structures

Rows = list[dict[str, Any]]
_NORMAL = 1.959963984540054  # 97.5 % point


def identities(config: dict, seed: Seed) -> Rows:
    """Compare one member of the family with its closed form (C1)."""
    return [{"metric": "relative error", "value": exact.member_error(config["member"])}]


def shapes(config: dict, seed: Seed) -> Rows:
    """Compare hazard shapes with the rule on a grid, and turning points with their closed form (C2)."""
    turns = [exact.turning_error(g, k) for g, k in ((2.0, 0.1), (1.5, -0.5), (0.5, 4.0), (0.8, 2.0))]
    return [
        {"metric": "mismatches", "value": exact.shape_mismatches(config["points"]), "n": config["points"] ** 2},
        {"metric": "turning point error", "value": max(turns), "n": len(turns)},
    ]


def cure(config: dict, seed: Seed) -> Rows:
    """Compare survival far out with the closed form of the cured share (C3)."""
    errors = [exact.cure_error(lam, kappa) for lam in (0.2, 0.8, 3.0) for kappa in (-0.9, -0.3, -0.01)]
    return [{"metric": "error", "value": max(errors), "n": len(errors)}]


def effects(config: dict, seed: Seed) -> Rows:
    """Measure how far scale effects are from AFT and PH, and a power effect from both (C4)."""
    return [{"metric": name, "value": v} for name, v in exact.effect_errors(config["kappa"], 0.3).items()]


def s1(config: dict, seed: Seed) -> Rows:
    """Simulate and fit a baseline (S1: C5, C8)."""
    design = simulation.s1(config["kappa"])
    rng = seed.rng("s1", repr(config["kappa"]), config["n"])
    frame = simulation.draw(design, config["n"], rng)
    fitted = trials.fit(frame, {"lambda": (), "gamma": (), "kappa": ()}, starts=3, rng=rng)
    return [*_estimates(fitted, design.truth()), *_state(fitted, frame)]


def s2(config: dict, seed: Seed) -> Rows:
    """Simulate effects on lambda and gamma; test the one on gamma (S2: C7)."""
    design = simulation.s2(config["kappa"])
    rng = seed.rng("s2", repr(config["kappa"]), config["n"])
    frame = simulation.draw(design, config["n"], rng)
    small = trials.fit(frame, {"lambda": ("x",), "gamma": (), "kappa": ()}, starts=3, rng=rng)
    at = small.at("gamma", "Intercept") + 1
    terms = {"lambda": ("x",), "gamma": ("x",), "kappa": ()}
    large = trials.fit(frame, terms, starts=3, rng=rng, warm=[np.insert(small.estimates, at, 0.0)])
    gain = 2 * (large.loglik - small.loglik)
    test = {"metric": "likelihood ratio", "value": gain, "parameter": "gamma", "term": "x"}
    return [*_estimates(large, design.truth()), test, *_state(large, frame)]


def s3(config: dict, seed: Seed) -> Rows:
    """Simulate one scale effect; fit AFT, PH and both, with both scales free (S3: C6)."""
    design = simulation.s3(config["kappa"], config["truth"])
    rng = seed.rng("s3", config["truth"], repr(config["kappa"]), config["n"])
    frame = simulation.draw(design, config["n"], rng)
    free = {"phi": (), "lambda": (), "gamma": (), "kappa": ()}
    aft = trials.fit(frame, {**free, "phi": ("x",)}, starts=4, rng=rng)
    ph = trials.fit(frame, {**free, "lambda": ("x",)}, starts=4, rng=rng)
    warm = [np.insert(aft.estimates, 3, 0.0), np.insert(ph.estimates, 1, 0.0)]
    both = trials.fit(frame, {**free, "phi": ("x",), "lambda": ("x",)}, starts=4, rng=rng, warm=warm)
    i, j = both.at("phi", "x"), both.at("lambda", "x")
    covariance = both.optimum.covariance
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance[i, j] / np.sqrt(covariance[i, i] * covariance[j, j])
    best = min(("AFT", aft.aic), ("PH", ph.aic), ("both", both.aic), key=lambda pair: pair[1])[0]
    return [
        *_estimates(both, design.truth()),
        {"metric": "correlation", "value": float(correlation)},
        *({"metric": f"AIC chooses {name}", "value": int(best == name)} for name in ("AFT", "PH", "both")),
        *_state(both, frame),
    ]


def selection(config: dict, seed: Seed) -> Rows:
    """Fit the structures to one trial and compare them by AIC and BIC."""
    case = CASES[config["case"]]
    wanted = list(structures()) if config["structures"] == ["all"] else config["structures"]
    fits = fit_structures(
        case.frame(),
        wanted,
        covariates=list(case.covariates),
        duration_col="time",
        event_col="event",
        starts=config["starts"],
        seed=seed.integer("selection"),
        interior=True,  # optima on the boundary ridge are no estimates
    )
    table = comparison(fits).set_index("label")
    rows = [
        {"structure": label, "metric": metric, "value": float(value)}
        for label, row in table.iterrows()
        for metric, value in row.items()
    ]
    for label, fitted in fits.items():
        if not fitted.regular_:
            continue  # where a search stops on a ridge is no estimate
        for (parameter, term), estimate in fitted.params_.items():
            what = {"structure": label, "parameter": parameter, "term": term}
            error = fitted.standard_errors_[parameter, term]
            rows += [{**what, "metric": "estimate", "value": float(estimate)}]
            rows += [{**what, "metric": "standard error", "value": float(error)}]
    return rows


def special_cases(config: dict, seed: Seed) -> Rows:
    """Fit an AFT regression with free kappa and its three special cases (C8)."""
    case, rng = CASES[config["case"]], seed.rng("special cases", config["case"])
    frame, covariates = case.frame(), case.covariates
    shapes = {"phi": covariates, "gamma": ()}
    models = {
        "free kappa": ({**shapes, "lambda": (), "kappa": ()}, {}),
        "Burr XII": ({**shapes, "lambda": ()}, {"kappa": 0.0}),
        "log-logistic": (shapes, {"kappa": 0.0}),
        "Weibull": (shapes, {"kappa": log(2)}),
    }
    rows = []
    for name, (terms, fixed) in models.items():
        fitted = trials.fit(frame, terms, fixed=fixed, starts=config["starts"], rng=rng)
        rows += [{"model": name, "metric": "log-likelihood", "value": fitted.loglik}]
        rows += [{"model": name, "metric": "AIC", "value": fitted.aic}]
    return rows


def authors_code(config: dict, seed: Seed) -> Rows:
    """Compare our fit with the authors' code on its public test data (C9)."""
    frame = load_survival("protect").frame
    return differences(config["model"], frame, rng=seed.rng("authors' code"))


def time_units(config: dict, seed: Seed) -> Rows:
    """Fit one structure with time in another unit; report the log-likelihood in the original one (C10)."""
    frame = CASES[config["case"]].frame()
    changed = frame.assign(time=frame["time"] * config["factor"])
    fitted = _fit(config, changed, seed.rng("time units"))
    in_original = fitted.loglik + frame["event"].sum() * log(config["factor"])
    kappa = float(np.expm1(fitted.estimates[fitted.at("kappa")]))
    return [{"metric": "log-likelihood in years", "value": float(in_original)}, {"metric": "kappa", "value": kappa}]


def kappa_profile(config: dict, seed: Seed) -> Rows:
    """Profile the likelihood over kappa: a curve, the estimate and the 95 % limits (C11)."""
    fitted = _fit(config, CASES[config["case"]].frame(), seed.rng("kappa profile"))
    at = fitted.model.slices["nu"].start
    column = fitted.at("kappa") - at
    grid = np.log1p(np.linspace(-0.75, 1.25, config["points"]))
    curve = profile(fitted.observed, fitted.model, fitted.optimum, "nu", column, grid)
    limits = profile_interval(fitted.observed, fitted.model, fitted.optimum, "nu", column)
    estimate = fitted.estimates[fitted.at("kappa")]
    numbers = {"lower limit": limits.lower, "estimate": estimate, "upper limit": limits.upper}
    points = [
        {"kappa": float(np.expm1(nu)), "value": float(v - fitted.loglik)} for nu, v in zip(grid, curve, strict=True)
    ]
    return [
        *({"metric": name, "value": float(np.expm1(value))} for name, value in numbers.items()),
        *({"metric": "relative profile log-likelihood", **point} for point in points),
    ]


def bootstrap(config: dict, seed: Seed) -> Rows:
    """Choose a structure by AIC on one resample of a trial: how much of the choice is chance?"""
    case = CASES[config["case"]]
    frame = case.frame()
    rows = seed.rng("bootstrap", config["case"]).integers(len(frame), size=len(frame))
    fits = fit_structures(
        frame.iloc[rows].reset_index(drop=True),
        config["structures"],
        covariates=list(case.covariates),
        duration_col="time",
        event_col="event",
        starts=config["starts"],
        interior=True,
    )
    table = comparison(fits).set_index("label")
    usable = table[table["regular"] & table["converged"]]
    chosen = usable["AIC"].idxmin() if len(usable) else "none"
    return [{"structure": label, "metric": "chosen", "value": int(label == chosen)} for label in config["structures"]]


def validate(config: dict, seed: Seed) -> Rows:
    """Fit a model on 70 % of a trial and score it on the rest; models share the splits."""
    case = CASES[config["case"]]
    train, test = validation.split(case.frame(), seed.rng("split", config["case"]))
    predict = validation.fit(config["model"], train, case.covariates)
    if predict is None:  # counted, never dropped silently
        return [{"metric": "fitted", "value": 0, "n": len(test)}]
    found = {"fitted": 1, **validation.scores(predict, train, test)}
    return [{"metric": name, "value": value, "n": len(test)} for name, value in found.items()]


def transfer(config: dict, seed: Seed) -> Rows:
    """Fit a model on the Rotterdam patients; score it on the German trial, over time and by groups of risk."""
    train, test = (load_survival(name).frame for name in ("rotterdam", "gbsg"))
    covariates = cases.TRANSFER
    scale = train[list(covariates)].agg(["mean", "std"])
    train, test = (t.assign(**(t[list(covariates)] - scale.loc["mean"]) / scale.loc["std"]) for t in (train, test))
    predict = validation.fit(config["model"], train, covariates)
    if predict is None:
        return [{"metric": "fitted", "value": 0, "n": len(test)}]
    held = validation.held_out(train, test)
    survival = predict(held.table, held.times)
    found = {"fitted": 1, **validation.scores(predict, train, test)}
    rows: Rows = [{"metric": name, "value": value, "n": len(test)} for name, value in found.items()]
    curves = {
        "Brier score at time": validation.brier_over_time(held, survival),
        "concordance up to time": validation.concordance_over_time(held, survival),
    }
    for name, values in curves.items():
        rows += [{"metric": name, "time": t, "value": v} for t, v in zip(held.times.tolist(), values, strict=True)]
    groups = validation.calibration(held, survival[:, held.middle], 10)
    for number, group in enumerate(groups.to_dict("records")):
        size = int(group.pop("n"))
        rows += [{"metric": f"{name} survival", "group": number, "value": v, "n": size} for name, v in group.items()]
    return rows


def _fit(config: dict, frame, rng: np.random.Generator) -> trials.Fitted:
    terms = trials.terms_of(structure(config["structure"]), CASES[config["case"]].covariates)
    return trials.fit(frame, terms, starts=config["starts"], rng=rng)


def _estimates(fitted: trials.Fitted, truth: dict[tuple[str, str], float]) -> Rows:
    rows, errors = [], fitted.optimum.standard_errors
    for name, estimate, error in zip(fitted.names, fitted.estimates, errors, strict=True):
        true = truth.get(name, 0.0)
        what = {"parameter": name[0], "term": name[1], "truth_value": true}
        covered = int(abs(estimate - true) <= _NORMAL * error) if np.isfinite(error) else 0
        rows += [
            {**what, "metric": "estimate", "value": float(estimate)},
            {**what, "metric": "standard error", "value": float(error)},
            {**what, "metric": "covered", "value": covered},
        ]
    return rows


def _state(fitted: trials.Fitted, frame) -> Rows:
    """Return whether the optimum is a regular one; failures are counted, never dropped."""
    found = fitted.optimum
    return [
        {"metric": "converged", "value": int(found.converged)},
        {"metric": "regular", "value": int(found.regular)},
        {"metric": "censored share", "value": 1 - float(frame["event"].mean()), "n": len(frame)},
    ]
