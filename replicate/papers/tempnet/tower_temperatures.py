"""What temperatures two towers ended with: by anchor, by the size of its subcategory, beside the exact tau*."""

import math
from collections import Counter
from typing import Any

import torch
from torch import Tensor

from .contrastive import differences
from .lm_evaluation import rank_correlation
from .pairs import Pairs
from .temperature_solver import exact_temperature
from .temperatures import FixedTemperature, LearnedTemperature
from .towers import TwoTowers
from .two_towers import DIRECTIONS, ContrastiveTrial, embeddings

Rows = list[dict[str, Any]]
_ANCHORS = 1000  # whose exact tau* is computed, against as many candidates
_SHOWN = 200
_EXTREMES = 10


@torch.no_grad()
def mean_rows(trial: ContrastiveTrial, towers: TwoTowers, rules: dict[str, Any]) -> Rows:
    """Return the mean temperature of the training anchors of each direction."""
    pairs = trial.data.train
    image, text = embeddings(towers, pairs)
    return [_mean(name, tau) for name, tau in _by_direction(rules, image[0], text).items()]


@torch.no_grad()
def temperature_rows(trial: ContrastiveTrial, towers: TwoTowers, rules: dict[str, Any]) -> Rows:
    """Return the temperatures of training anchors and, for a TempNet, of the test images with the most extreme ones."""
    pairs, rows = trial.data.train, []
    image, text = embeddings(towers, pairs)
    n = len(pairs)
    sizes = _group_sizes(pairs)
    for direction, tau in _by_direction(rules, image[0], text).items():
        named = {"direction": direction, "split": "train"}
        rows.append(_mean(direction, tau))
        if isinstance(rules[direction], FixedTemperature):
            continue
        rows.append({**named, "metric": "Spearman(tau, group size)", "value": rank_correlation(tau, sizes), "n": n})
        chosen = torch.linspace(0, n - 1, min(_SHOWN, n)).long()
        for metric, row in (("tau of an anchor", tau.cpu()), ("group size", sizes.cpu())):
            rows += [{**named, "place": int(i), "metric": metric, "value": float(row[i])} for i in chosen]
    rows += exact_rows(image[0], text, sizes, trial.config["rho_grid"])
    return [*rows, *_extreme_rows(trial, towers, rules)] if trial.config["method"] == "TempNet" else rows


def exact_rows(image: Tensor, text: Tensor, sizes: Tensor, rhos: list[float]) -> Rows:
    """Return the rank correlation of the exact tau* of image anchors with the size of their group, over rho.

    A rho of log n or more, n candidates, has no optimum: it is left out, as with a handful of the user's own pairs.
    """
    chosen = torch.linspace(0, len(text) - 1, min(_ANCHORS, len(text))).long().to(text.device)
    similarity = image[chosen] @ text[chosen].T
    h = differences(similarity)
    others = h[torch.isfinite(h)].reshape(len(h), -1)
    rows = []
    for rho in [rho for rho in rhos if rho < math.log(others.shape[1])]:
        best = exact_temperature(others.double(), rho)
        for metric, value in (
            ("Spearman(tau*, group size)", rank_correlation(best, sizes[chosen])),
            ("mean tau*", float(best.mean())),
        ):
            rows.append({"direction": "image", "split": "train", "at_rho": rho, "metric": metric, "value": value})
    return rows


def _extreme_rows(trial: ContrastiveTrial, towers: TwoTowers, rules: dict[str, Any]) -> Rows:
    """Return the test images with the smallest and the largest tau, by their place in the test set."""
    pairs = trial.data.test
    image, _ = embeddings(towers, pairs)
    tau = _of_anchors(rules["image"], image[0], len(pairs))
    order = tau.argsort()
    chosen = torch.cat([order[:_EXTREMES], order[-_EXTREMES:]]).tolist()
    named = {"direction": "image", "split": "test", "metric": "tau of an image"}
    return [{**named, "place": i, "caption": pairs.captions[i], "value": float(tau[i])} for i in chosen]


def hit_row(ranks: dict[str, Tensor]) -> dict[str, Any]:
    """Return, in one row, how many of a concept's queries (both directions, all styles) hit at 1, a digit a concept."""
    hits = torch.stack([(r == 0).long().sum(0) for r in ranks.values()]).sum(0)
    queries = sum(len(r) for r in ranks.values())
    digits = "".join(map(str, hits.tolist()))
    share = float(hits.double().mean() / queries)
    return {"metric": "hits at 1", "value": share, "hits": digits, "queries": queries, "n": len(hits)}


def _by_direction(rules: dict[str, Any], image: Tensor, text: Tensor) -> dict[str, Tensor]:
    """Return tau of every anchor of the first style."""
    anchors = dict(zip(DIRECTIONS, (image, text), strict=True))
    return {name: _of_anchors(rules[name], embedded, len(text)) for name, embedded in anchors.items()}


def _mean(direction: str, tau: Tensor) -> dict[str, Any]:
    named = {"direction": direction, "split": "train"}
    return {**named, "metric": "mean tau", "value": float(tau.double().mean()), "n": len(tau)}


def _of_anchors(rule: Any, anchors: Tensor, n: int) -> Tensor:
    """Return tau of the first style's anchors, in evaluation mode."""
    if isinstance(rule, LearnedTemperature):
        return rule.model.eval()(anchors)
    if isinstance(rule, FixedTemperature):
        return torch.full((n,), rule.tau)
    return rule.tau[:n]


def _group_sizes(pairs: Pairs) -> Tensor:
    counts = Counter(pairs.groups)
    return torch.tensor([float(counts[group]) for group in pairs.groups], device=pairs.texts.device)
