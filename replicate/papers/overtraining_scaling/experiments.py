"""Units of work: ``(config, seed) -> rows``, from the default design to intervals. Configurations name the records.

Relative errors are 100 (prediction - truth) / truth, in per cent and signed.
"""

import numpy as np

from replicate.seeds import Seed

from . import designs, intervals, levenberg, other_laws, published, records
from .compute_units import cheapest_designs, frontier, loss_profile, shared_exponent, windows
from .fits import POINTS, averages, fit_errors, fit_losses, fit_rows, sizes_of
from .laws import M_BLIND, TIED, ErrorLaw, LossLaw, fit_error, fit_loss
from .rows import Rows, binomial_rows, coefficients, interval_rows, large_rows, place, run_rows
from .separable import fit
from .task_units import single_tasks, task_rule, thresholds

__all__ = [
    "baselines", "cheapest_designs", "default_fits", "exponents", "frontier", "interval_ladder", "loss_profile",
    "other_evaluations", "parsed", "recovery", "sensitivity", "shared_exponent", "single_tasks", "task_rule",
    "thresholds", "windows",
]  # fmt: skip


def recovery(config: dict, seed: Seed) -> Rows:
    """Fit losses and errors that lie exactly on the published laws, by both estimators (B0): no data needed."""
    loss, error = published.laws()[config["training_set"]]
    n, d = sizes_of(designs.LOSS_RUNS)
    losses = loss.at_size(n, d)
    at = np.linspace(2, 5, 6)
    fits = {
        "variable projection": (fit_loss(n, d, losses), fit_error(at, error.at(at))),
        "Levenberg-Marquardt": (levenberg.fit_loss(n, d, losses), levenberg.fit_error(at, error.at(at))),
    }
    pairs = [(name, *pair) for name, found in fits.items() for pair in zip((loss, error), found, strict=True)]
    return [
        {"estimator": name, "coefficient": key, "metric": "relative error", "value": abs(value / vars(truth)[key] - 1)}
        for name, truth, found in pairs
        for key, value in vars(found).items()
    ]


def parsed(config: dict, seed: Seed) -> Rows:
    """Read every file of the records and count: runs, evaluations, tasks, and how far D is from M N."""
    bed = records.load(config["source"])
    off = (bed.runs["D"] / bed.runs["N"] * 4 % 1).abs().max()  # multipliers are quarters of 20
    found = {
        "runs": len(bed.runs),
        "evaluations": int(bed.runs[list(records.EVALUATIONS)].notna().all().sum()),
        "tasks": bed.errors.shape[1],
        "missing values": int(bed.errors.isna().sum().sum() + bed.runs.isna().sum().sum()),
        "distance of M from quarters": float(off),
    }
    return [{"metric": name, "value": value} for name, value in found.items()]


def default_fits(config: dict, seed: Seed) -> Rows:
    """Fit both laws to table 1's runs; report coefficients and every run of the training set (E1)."""
    bed = records.load(config["source"]).of(config["training_set"])
    loss_fit = fit_losses(bed.runs, designs.LOSS_RUNS)
    rows = coefficients(LossLaw.of(loss_fit))
    predicted = loss_fit.predict(bed.runs[POINTS])[0]
    rows += run_rows(bed.runs, "loss", predicted, bed.runs["c4_val"].to_numpy(), designs.LOSS_RUNS)
    for target, truth in averages(bed).items():
        error_fit = fit_errors(bed.runs, truth)
        rows += [{"target": target, **row} for row in coefficients(ErrorLaw.of(error_fit))]
        chained = error_fit.predict(predicted[:, None])[0]
        rows += run_rows(bed.runs, target, chained, truth, designs.ERROR_RUNS)
        direct = error_fit.predict(bed.runs[["c4_val"]])[0]
        rows += run_rows(bed.runs, f"{target} at the measured loss", direct, truth, designs.ERROR_RUNS)
        tasks = records.TASKS_17 if target == "error17" else tuple(bed.errors)
        rows += binomial_rows(bed, target, truth, tasks)
    return rows


def other_evaluations(config: dict, seed: Seed) -> Rows:
    """The same loss law on another evaluation set (E2)."""
    bed = records.load(config["source"]).of(config["training_set"])
    fitted = fit_losses(bed.runs, designs.LOSS_RUNS, config["evaluation"])
    truth = bed.runs[config["evaluation"]].to_numpy()
    rows = run_rows(bed.runs, "loss", fitted.predict(bed.runs[POINTS])[0], truth, designs.LOSS_RUNS)
    return coefficients(LossLaw.of(fitted)) + rows


def exponents(config: dict, seed: Seed) -> Rows:
    """Fit the exponent at each M from the four small sizes: with the default fit's E, and with E free (E4)."""
    runs = records.load(config["source"]).of(config["training_set"]).runs
    shared = LossLaw.of(fit_losses(runs, designs.LOSS_RUNS)).E
    rows = []
    for m in designs.MULTIPLIERS:
        four = runs[(runs["M"] == m) & (runs["N"] < designs.LARGE)]
        if len(four) < len(designs.SMALL):
            continue  # C4 has no 0.411B run at M = 640
        slope, _ = np.polyfit(np.log(four["C"]), np.log(four["c4_val"] - shared), 1)
        free = float(-fit(M_BLIND, four[POINTS], four["c4_val"]).theta[0, 0])
        rows += [{"M": m, "E": "shared", "metric": "exponent", "value": float(-slope)}]
        rows += [{"M": m, "E": "free", "metric": "exponent", "value": free}]
    return rows


def sensitivity(config: dict, seed: Seed) -> Rows:
    """Fit other designs and every other anchor; report the three large runs (E5)."""
    bed = records.load(config["source"]).of(config["training_set"])
    chosen = {name: design(bed.runs) for name, design in designs.DESIGNS.items() if designs.possible(design, bed.runs)}
    rows = []
    for kind, group in (("design", chosen), ("anchor", designs.anchors(bed.runs))):
        for name, at in group.items():
            fitted = fit_rows(bed.runs, at, config["evaluation"])
            values = fitted.predict(bed.runs[POINTS])[0]
            what = {"kind": kind, "design": name, "identified": int(fitted.identified[0])}
            rows += [what | row for row in large_rows(bed.runs, values, config["evaluation"])]
    return rows


def baselines(config: dict, seed: Seed) -> Rows:
    """Predict the three large runs with every other law and estimator (E6)."""
    bed = records.load(config["source"]).of(config["training_set"])
    found = other_laws.of_loss(bed.runs, config["evaluation"])
    rows = [
        {"baseline": name, "target": "loss", **row}
        for name, values in found.items()
        for row in large_rows(bed.runs, values, config["evaluation"])
    ]
    predicted = fit_losses(bed.runs, designs.LOSS_RUNS, config["evaluation"]).predict(bed.runs[POINTS])[0]
    for target, truth in averages(bed).items():
        for name, values in other_laws.of_error(bed, truth, predicted, target).items():
            rows += [{"baseline": name, "target": target, **row} for row in large_rows(bed.runs, values, truth)]
    return rows


def interval_ladder(config: dict, seed: Seed) -> Rows:
    """Predict the three large runs with 90 % intervals of every kind (E7). ``draws`` = 0: linear theory alone."""
    bed, evaluation, draws = (
        records.load(config["source"]).of(config["training_set"]),
        config["evaluation"],
        config["draws"],
    )
    runs, large = bed.runs, designs.large(bed.runs)
    at, truth = runs.iloc[large][POINTS].to_numpy(), runs[evaluation].to_numpy()[large]
    pools = {
        "default design": designs.rows(runs, designs.LOSS_RUNS),
        "small, M >= 20": designs.pool(runs, least=20),
        "small, M >= 10": designs.pool(runs, least=10),
        "all small": designs.pool(runs),
    }
    fits = {name: fit_rows(runs, chosen, evaluation) for name, chosen in pools.items()}
    rows = []
    for name, fitted in fits.items():
        centre, half = intervals.linear(fitted, at)
        what = {"interval": "I1", "pool": name}
        rows += interval_rows(runs, large, what, centre, (centre - half, centre + half), truth)
        sizes = zip(large, intervals.amplification(fitted, at), strict=True)
        rows += [what | place(runs, i) | {"metric": "error amplification", "value": float(v)} for i, v in sizes]
    if draws:
        rows += _simulated(bed, config, seed, fits, pools, at, truth)
    return rows


def _simulated(bed, config, seed, fits, pools, at, truth) -> Rows:
    """Return the rows of I2, I3, I4 and the pairs bootstrap."""
    runs, large, evaluation, draws = bed.runs, designs.large(bed.runs), config["evaluation"], config["draws"]
    stream = (config["training_set"], evaluation)
    pool, default = fits["small, M >= 20"], fits["default design"]
    i2 = intervals.residual_bootstrap(pool, at, draws, seed.rng("I2", *stream))
    sigma = intervals.run_noise(runs, evaluation)
    i3 = intervals.propagated(default, at, sigma, draws, seed.rng("I3", *stream))
    chosen = runs.iloc[pools["small, M >= 20"]]
    pairs, rejected = intervals.pairs_bootstrap(
        TIED, chosen, chosen[POINTS], chosen[evaluation], at, draws, seed.rng("pairs", *stream)
    )
    centres = {name: fitted.predict(at)[0] for name, fitted in fits.items()}
    kinds = [("I2", "small, M >= 20", i2), ("pairs", "small, M >= 20", pairs), ("I3", "default design", i3)]
    rows: Rows = [
        {"interval": "I3", "metric": "run-to-run noise of log loss", "value": sigma},
        {"interval": "pairs", "metric": "resamples rejected", "value": rejected},
    ]
    for kind, name, drawn in kinds:
        what = {"interval": kind, "pool": name}
        rows += interval_rows(runs, large, what, centres[name], intervals.bounds(drawn), truth)
    fitted, errors = fit_errors(runs, bed.average(), evaluation), bed.average()[large]
    noise = intervals.error_noise(fitted, bed.noise()[designs.rows(runs, designs.ERROR_RUNS)])
    i4 = intervals.chained(fitted, i3, noise, draws, seed.rng("I4", *stream))
    centre = fitted.predict(centres["default design"][:, None])[0]
    what = {"interval": "I4", "pool": "default design"}
    rows += interval_rows(runs, large, what, centre, intervals.bounds(i4), errors)
    binomial = 100 * bed.noise()[large] / errors
    places = zip(large, binomial, strict=True)
    return rows + [what | place(runs, i) | {"metric": "binomial error, %", "value": float(v)} for i, v in places]
