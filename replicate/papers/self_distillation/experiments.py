"""Units of work: ``(config, seed) -> rows``, one function per experiment."""

from typing import Any

import numpy as np

from replicate.seeds import Seed

from . import data_rows, identities, networks, published, real_data, toy_rows
from .distillation import losses
from .image_chain import ImageChain
from .networks import ESTIMATED, Classroom, Recipe
from .optimal_weight import risk
from .repeated import attained_risk, attaining_weights, best_one_step, best_ridge, oracle_shrinkage, signal, spectrum

Rows = list[dict[str, Any]]
_PENALTIES = np.geomspace(1e-4, 1e3, 141)  # of tuned ridge on real data
_MONTE_CARLO = 2021  # seed of the redrawn toys


def exact(config: dict, seed: Seed) -> Rows:
    """Measure the error of one identity (C1, C4, C5)."""
    return [{"metric": "error", "value": identities.CHECKS[config["check"]](seed.rng("identities"))}]


def published_losses(config: dict, seed: Seed) -> Rows:
    """Compare every published loss of the toy with ours, at the labelled and at the true weight (C2, C3)."""
    rows = []
    for cell in published.losses().itertuples():
        where = {"source_table": cell.table, "labelled": cell.weight}
        where |= {"step": int(cell.step)} if np.isfinite(cell.step) else {"at": "limit"}
        for name, weight in (("labelled", cell.weight), ("true", cell.actual_weight)):
            ours = published.our_loss(weight, cell.step)
            values = {"published": cell.loss, "ours": ours, "difference": abs(ours - cell.loss)}
            rows += [{**where, "at_weight": name, "weight": weight, "metric": m, "value": v} for m, v in values.items()]
    return rows


def published_figures(config: dict, seed: Seed) -> Rows:
    """Compare values read off the published plots with ours, at the legend's weight and at 0.35 (C3, C7)."""
    rows = []
    for point in published.figure_values().itertuples():
        for weight in {point.weight, 0.35 if point.weight else 0.0}:
            ours = published.our_figure_value(weight, point.quantity, point.k)
            values = {"read off": point.value, "ours": ours, "difference": abs(ours - point.value)}
            where = {"quantity": point.quantity, "k": point.k, "labelled": point.weight, "weight": weight}
            rows += [{**where, "metric": m, "value": v} for m, v in values.items()]
    return rows


def toy_losses(config: dict, seed: Seed) -> Rows:
    """Measure the toy's loss by step at one weight (C2, C3)."""
    return toy_rows.losses(config["weight"], config["steps"])


def toy_fits(config: dict, seed: Seed) -> Rows:
    """Fit the toy: curves by step at one weight."""
    return toy_rows.fits(config["weight"], config["steps"])


def toy_spectra(config: dict, seed: Seed) -> Rows:
    """Measure shrinkages and their ratios by step at one weight (C5, C7)."""
    return toy_rows.spectra(config["weight"], config["steps"])


def ratio_rule(config: dict, seed: Seed) -> Rows:
    """Compare the rule that decides whether a ratio grows with what it does, on random problems (C7)."""
    wrong, decided, falls = identities.rule_mismatches(config["cases"], seed.rng("ratio rule"))
    return [
        {"metric": "mismatches", "value": wrong, "n": decided},
        {"metric": "share of steps that fall", "value": falls / decided, "n": decided},
    ]


def convergence(config: dict, seed: Seed) -> Rows:
    """Measure how fast the toy approaches its limit at one weight (C6)."""
    return toy_rows.convergence(config["weight"], config["steps"])


def toy_weights(config: dict, seed: Seed) -> Rows:
    """Choose the toy's weights greedily, clipped or not (C8)."""
    return toy_rows.greedy(config["clipped"], config["steps"])


def toy_controls(config: dict, seed: Seed) -> Rows:
    """Measure what distillation must beat on the toy."""
    return toy_rows.controls()


def parabola(config: dict, seed: Seed) -> Rows:
    """Compare the closed-form weight with a grid of weights (C8)."""
    teacher = None if config["step"] == 2 else config["teacher_weight"]
    return toy_rows.weight_parabola(config["points"], teacher)


def population(config: dict, seed: Seed) -> Rows:
    """Measure the population weight over the teacher's penalty at one noise level."""
    return toy_rows.population(config["noise"], config["points"])


def constrained(config: dict, seed: Seed) -> Rows:
    """Distil the toy under a constraint on the error instead of a penalty (Mobahi et al. 2020)."""
    return toy_rows.constrained(config["kernel"])


def monte_carlo(config: dict, seed: Seed) -> Rows:
    """Redraw the toy's noise and measure mean losses at one weight; all weights share the draws."""
    rng = np.random.default_rng([_MONTE_CARLO, seed.replicate, seed.base])
    return toy_rows.monte_carlo(config["weight"], config["draws"], rng)


def monte_carlo_controls(config: dict, seed: Seed) -> Rows:
    """Measure on the same draws what distillation must beat."""
    rng = np.random.default_rng([_MONTE_CARLO, seed.replicate, seed.base])
    return toy_rows.monte_carlo_controls(config["draws"], rng)


def diabetes(config: dict, seed: Seed) -> Rows:
    """Distil kernel ridge on one split of the diabetes data: every penalty and weight from one decomposition."""
    split = real_data.diabetes(real_data.split_rng(seed))

    def score(predictions):
        return losses(predictions, split.test_targets)

    rows = data_rows.tuned_ridge(split, _PENALTIES, score, "test error")
    for penalty in config["penalties"]:
        rows += data_rows.chains(split, penalty, config["weights"], config["steps"], score, "test error")
        rows += data_rows.one_shot(split, penalty, score, "test error")
    return [{"split": "test", "n": len(split.test_targets), **row} for row in rows]


def digits(config: dict, seed: Seed) -> Rows:
    """Distil kernel ridge on one split of noisily labelled digits."""
    split = real_data.digits(config["noise"], real_data.split_rng(seed))

    def score(predictions):
        return real_data.accuracy(predictions, split.test_targets)

    return _classification(split, config, score)


def tangent(config: dict, seed: Seed) -> Rows:
    """The same with the tangent kernel of a two-layer ReLU network on unit-norm digits."""
    split, means = real_data.tangent_digits(config["noise"], real_data.split_rng(seed))

    def score(predictions):
        return real_data.accuracy(predictions + means, split.test_targets + means)

    return _classification(split, config, score)


def finite_width(config: dict, seed: Seed) -> Rows:
    """Train a network of one width with an L2 pull to its start; compare it with ridge under the tangent kernel."""
    split, _ = real_data.tangent_digits(config["noise"], real_data.split_rng(seed))
    data = real_data.noisy_digits(config["noise"], real_data.split_rng(seed))
    unit = [x[:200] / np.linalg.norm(x[:200], axis=1, keepdims=True) for x in (data.pixels[0], data.pixels[2])]
    return data_rows.finite_width(split, unit, config["penalty"], config["width"], seed.rng("network"))


def repeated(config: dict, seed: Seed) -> Rows:
    """Compare the best ridge, the best single step and r steps on a known spectrum (Pareek, Du, Oh 2024)."""
    d, theta = spectrum(config["r"]), signal(config["r"], config["direction"])
    oracle = oracle_shrinkage(theta)
    weights = attaining_weights(d, oracle)
    values = {
        "ridge": best_ridge(d, theta),
        "one step": best_one_step(d, theta),
        "r steps": attained_risk(d, weights, theta),
        "oracle": float(risk(oracle, theta, 1.0)),
        "largest weight": float(max(abs(w) for w in weights)),
    }
    return [{"metric": name, "value": value} for name, value in values.items()]


def small_networks(config: dict, seed: Seed, device: str) -> Rows:
    """Train one first network and its chains of students at every weight, on noisily labelled digits (C9)."""
    data = real_data.noisy_digits(config["noise"], real_data.split_rng(seed))
    recipe = Recipe(**{k: config[k] for k in ("width", "epochs", "batch", "rate", "decay")})
    room = Classroom(data, recipe, seed, device)
    first = room.fit(room.truth[0], 1)
    rows = [{"step": 1, "alpha": "first", **row} for row in networks.scores(first, room.truth)]
    for weight in [*config["weights"], ESTIMATED]:
        links = networks.chain(room, first, weight, config["steps"], hard=config["teacher"] == "hard")
        for link in links:
            where = {"step": link.step, "alpha": weight if weight == ESTIMATED else f"{weight:g}"}
            rows += [{**where, **row} for row in networks.scores(link.outputs, room.truth)]
            values = {"weight": link.weight, "trainings": link.trainings}
            values |= {"raw weight": link.raw} if weight == ESTIMATED else {}
            rows += [{**where, "metric": name, "value": value} for name, value in values.items()]
    return rows


def tuned_networks(config: dict, seed: Seed, device: str) -> Rows:
    """Train the first network at several weight decays: what a chain of students must beat."""
    data = real_data.noisy_digits(config["noise"], real_data.split_rng(seed))
    rows = []
    for decay in config["decays"]:
        recipe = Recipe(**{k: config[k] for k in ("width", "epochs", "batch", "rate")}, decay=decay)
        room = Classroom(data, recipe, seed, device)
        rows += [{"decay": decay, **row} for row in networks.scores(room.fit(room.truth[0], 1), room.truth)]
    return rows


def images(config: dict, seed: Seed, device: str) -> Rows:
    """Train (or load) one ResNet of a chain on CIFAR-10 and all before it, and score it (C10)."""
    chain = ImageChain({k: v for k, v in config.items() if k not in ("weight", "step")}, seed, device)
    weight = config["weight"] if config["weight"] == ESTIMATED else float(config["weight"])
    model, trained, used, raw = chain.network(weight, config["step"])
    rows = chain.scores(model, trained)
    rows.append({"metric": "weight used", "value": used})
    return rows + ([{"metric": "raw weight", "value": raw}] if weight == ESTIMATED and config["step"] > 1 else [])


def _classification(split: real_data.Split, config: dict, score: data_rows.Score) -> Rows:
    rows = data_rows.tuned_ridge(split, _PENALTIES, score, "test accuracy")
    for penalty in config["penalties"]:
        rows += data_rows.chains(split, penalty, config["weights"], config["steps"], score, "test accuracy")
    return [{"split": "test", "n": len(split.test_targets), **row} for row in rows]
