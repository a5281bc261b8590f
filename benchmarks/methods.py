"""The methods whose cost is measured against the size of their problem, and what their operations say it should be."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Run = Callable[[], object]


@dataclass(frozen=True)
class Method:
    """One method and one measure of its problem's size.

    Args:
        paper, name: what it is.
        size: what grows.
        smallest: the smallest size; the largest is ten times that.
        time, memory: exponents that the operations say, as text ("1", "1 (n log n)").
        prepare: builds inputs of a size and returns the function to be measured.
        remark: what else weighs in at these sizes.
    """

    paper: str
    name: str
    size: str
    smallest: int
    time: str
    memory: str
    prepare: Callable[[int], Run]
    remark: str = ""


def _projection(kind: str) -> Callable[[int], Run]:
    def prepare(full: int) -> Run:
        import torch

        from replicate.papers.intrinsic_dimension.projections import projection

        torch.set_num_threads(1)
        t, g = torch.ones(200), torch.ones(full)

        def run():
            drawn = projection(kind, full, 200, seed=0)
            return drawn, drawn.matvec(t), drawn.adjoint(g)

        return run

    return prepare


def _batchnorm(batch: int) -> Run:
    import torch
    from torch.nn import functional as F

    from replicate.papers.batchnorm_only.conditions import trainable
    from replicate.papers.batchnorm_only.network import network
    from replicate.seeds import Seed

    torch.set_num_threads(1)
    model = network(14, Seed(0, 0)).to(memory_format=torch.channels_last).train()
    optimizer = trainable(model, "bn").sgd(lr=0.1, momentum=0.9, weight_decay=1e-4)
    x = torch.rand(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.arange(batch) % 10

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return run


def _net(n: int, width: int) -> Run:
    from replicate.papers.bandlimited_random_nets.factorisation import Factorisation

    rng = np.random.default_rng(0)
    h, y = rng.normal(size=(n, width)), rng.normal(size=(n, 1))
    return lambda: Factorisation(h).solve(y, width)


def _distillation_grid(n: int) -> Run:
    from replicate.papers.self_distillation.distillation import Distillation, grid_losses
    from replicate.papers.self_distillation.spectrum import decompose

    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 20))
    seen, cross = Distillation(decompose(x @ x.T), rng.normal(size=n)), rng.normal(size=(100, n))
    at = seen.at(cross)
    return lambda: grid_losses(at, np.zeros(100), np.geomspace(0.01, 100, 100), np.linspace(0, 1, 21), 20)


def _decomposition(n: int) -> Run:
    from replicate.papers.self_distillation.spectrum import decompose

    x = np.random.default_rng(0).normal(size=(n, 20))
    gram = x @ x.T
    return lambda: decompose(gram)


def _survival(n: int) -> Run:
    from replicate.papers.survival_models.likelihood import Model, Observed
    from replicate.papers.survival_models.newton import maximise

    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 5))])
    times, end = rng.weibull(1.5, n), rng.uniform(0, 3, n)
    observed = Observed(np.minimum(times, end), (times <= end).astype(float))
    model = Model({"tau": x, "alpha": np.ones((n, 1))}, {"beta": 0.0, "nu": np.log(2.0)})
    return lambda: maximise(observed, model, starts=1)


def _local_fine(m: int) -> Run:
    from quantile_aggregation import Stepper

    step = Stepper("ours", 6, m, 64)
    return lambda: step().item()


def _forest(n: int) -> Run:
    from replicate.papers.quantile_aggregation.forests import QuantileForest

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 8)), rng.normal(size=n)
    model = QuantileForest(trees=20).fit(x, y)
    return lambda: model.predict(x)


def _cv_plus(n: int) -> Run:
    from replicate.papers.quantile_aggregation.conformal import cv_plus

    rng = np.random.default_rng(0)
    ends, scores = rng.normal(size=(10, 100)), rng.normal(size=n)
    fold = np.arange(n) % 10
    return lambda: cv_plus(ends - 1, ends + 1, fold, scores, 0.2)


def _tree_shap(points: int) -> Run:
    from replicate.papers.euclid_telemetry.boosting import contributions
    from replicate.papers.euclid_telemetry.pipeline import EXPLAINING

    rng = np.random.default_rng(0)
    x = rng.normal(size=(10_000, 30)).astype(np.float32)
    model = EXPLAINING.fit(x, np.abs(x[:, 0] + x[:, 1] * x[:, 2]))
    new = rng.normal(size=(points, 30)).astype(np.float32)
    return lambda: contributions(model, new)


def _matrix_profile(n: int) -> Run:
    from replicate.papers.euclid_telemetry.baselines import matrix_profile

    series = np.random.default_rng(0).normal(size=n).cumsum()
    return lambda: matrix_profile(series, 50)


def _dynamic_threshold(n: int) -> Run:
    from replicate.papers.euclid_telemetry.dynamic_threshold import detect

    rng = np.random.default_rng(0)
    y = rng.normal(size=n).cumsum() / 50
    forecast = y + 0.05 * rng.normal(size=n)
    return lambda: detect(y, forecast)


def _exact_tau(rows: int, logits: int) -> Run:
    import torch

    from replicate.papers.tempnet import exact_temperature

    torch.set_num_threads(1)
    h = 3 * torch.randn(rows, logits, generator=torch.Generator().manual_seed(0))
    return lambda: exact_temperature(h, 4.0)


def _robust_loss(vocabulary: int) -> Run:
    import torch

    from replicate.papers.tempnet import TempNet, robust_cross_entropy

    torch.set_num_threads(1)
    logits = torch.randn(256, vocabulary, requires_grad=True)
    targets, net = torch.arange(256), TempNet(vocabulary, tau_min=0.5, tau_max=5.0)

    def run():
        logits.grad = None
        net.zero_grad(set_to_none=True)
        robust_cross_entropy(logits, targets, net(logits), 4.0).backward()

    return run


METHODS = [
    Method("intrinsic_dimension", "dense P: drawn, P t, P^T g", "D", 100_000, "1", "1", _projection("dense")),
    Method("intrinsic_dimension", "sparse P: drawn, P t, P^T g", "D", 1_000_000, "0.5", "0.5", _projection("sparse"),
           "P t itself has D numbers: between 0.5 and 1"),
    Method("intrinsic_dimension", "Fastfood, one block", "D", 200_000, "1 (D log D)", "1", _projection("fastfood"),
           "blocks are powers of two: steps"),
    Method("intrinsic_dimension", "Fastfood, stacked blocks", "D", 200_000, "1", "1", _projection("fastfood_stacked")),
    Method("intrinsic_dimension", "one-hot P", "D", 1_000_000, "1", "1", _projection("one_hot"),
           "random order of memory: slower once D numbers outgrow the cache"),
    Method("batchnorm_only", "training step of ResNet-14", "images", 16, "1", "1", _batchnorm),
    Method("bandlimited_random_nets", "all widths", "samples", 5_000, "1", "1", lambda n: _net(n, 100)),
    Method("bandlimited_random_nets", "all widths of a wider net", "width", 60, "2", "1", lambda d: _net(5_000, d),
           "products of narrow blocks are slower a number"),
    Method("self_distillation", "decomposition", "samples", 200, "3", "2", _decomposition),
    Method("self_distillation", "42,000 students after it", "samples", 500, "1", "1", _distillation_grid),
    Method("survival_models", "AFT regression with six coefficients", "subjects", 50_000, "1", "1", _survival),
    Method("quantile_aggregation", "step of local-fine", "levels", 15, "2", "2", _local_fine,
           "below 50 levels calls of PyTorch weigh in"),
    Method("quantile_aggregation", "quantile forest, prediction of its rows", "rows", 500, "1", "1", _forest,
           "weights are sparse: their number grows with the rows in a leaf, not with all rows"),
    Method("quantile_aggregation", "CV+ intervals at 100 new rows", "training rows", 20_000, "1", "1", _cv_plus,
           "selects along the first axis of an array that outgrows the cache"),
    Method("euclid_telemetry", "TreeSHAP by the booster", "points", 5_000, "1", "1", _tree_shap),
    Method("euclid_telemetry", "matrix profile", "samples", 3_000, "2", "1", _matrix_profile),
    Method("euclid_telemetry", "dynamic threshold", "samples", 10_000, "1", "1", _dynamic_threshold),
    Method("tempnet", "exact tau*, 256 logits a row", "rows", 20_000, "1", "0", lambda n: _exact_tau(n, 256),
           "chunks keep its memory constant"),
    Method("tempnet", "exact tau*, 500 rows", "logits", 5_000, "1", "0", lambda n: _exact_tau(500, n)),
    Method("tempnet", "robust loss with TempNet, 256 rows", "vocabulary", 5_000, "1", "1", _robust_loss),
]  # fmt: skip
