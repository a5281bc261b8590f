"""How fast is a training step of local, fine weights, against forming the weights and multiplying?

Both do the same: gate network, pinball loss, backward pass, Adam with amsgrad, on one thread. "naive" forms the weights
``(batch, p m, m)``, repeats the base quantiles to that shape and multiplies; ours is `averaging.fine_head` with the
fused optimiser. Memory is the rise of the peak of a fresh process. The three products of the gate's last layer are the
same in both; with the exponentials and the optimiser they are a floor under any way of doing it, which is timed as
well, and bounds the ratio. Forests are compared with the package quantile-forest, conformal intervals with MAPIE.
"""

import argparse
import subprocess
import sys
import time

import numpy as np
import torch
from harness import alternate, compared, missing, write
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from torch import Tensor, nn

from replicate import memory
from replicate.papers.quantile_aggregation import conformal
from replicate.papers.quantile_aggregation.gates import Local

PAPER, FEATURES, HIDDEN = "quantile_aggregation", 8, 64
NAIVE, FOREST, MAPIE = "naive fine aggregation", "quantile-forest", "MAPIE"
CHECKED = 3  # steps after which losses are compared


class Naive(nn.Module):
    """The same function with the weights formed: logits ``(batch, p m, m)``, softmax over the middle axis."""

    def __init__(self, p: int, m: int, like: Local):
        super().__init__()
        self.p, self.m = p, m
        self.first, self.second = nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.head = nn.Linear(HIDDEN, p * m * m)
        with torch.no_grad():
            for mine, other in zip((self.first, self.second), like.hidden, strict=True):
                mine.weight.copy_(other.weight), mine.bias.copy_(other.bias)
            self.head.weight.copy_(like.head.weight.view(m, p * m, -1).transpose(0, 1).reshape(p * m * m, -1))
            self.head.bias.copy_(like.head.bias.view(m, p * m).t().reshape(-1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return averaged quantiles ``(batch, m)``."""
        h = nn.functional.elu(self.second(nn.functional.elu(self.first(x))))
        w = torch.softmax(self.head(h).view(len(x), self.p * self.m, self.m), 1)
        return (w * z.flatten(1).unsqueeze(2).repeat(1, 1, self.m)).sum(1)


class Stepper:
    """One model with its optimiser and data; calling it takes a training step and returns the loss."""

    def __init__(self, kind: str, p: int, m: int, batch: int, device: str = "cpu"):
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(batch, FEATURES, generator=generator).to(device)
        self.y = torch.randn(batch, generator=generator).to(device)
        self.z = torch.randn(batch, p, m, generator=generator).sort(2).values.to(device)
        self.levels = torch.arange(1, m + 1, device=device) / (m + 1)
        local = Local(p, m, "fine", features=FEATURES, hidden=HIDDEN, dropout=0.0, generator=generator)
        self.model = (local if kind == "ours" else Naive(p, m, local)).to(device)
        fused = {"fused": True} if kind == "ours" else {}
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, weight_decay=1e-7, amsgrad=True, **fused)

    def __call__(self) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        error = self.y[:, None] - self.model(self.x, self.z)
        loss = torch.maximum(self.levels * error, (self.levels - 1) * error).mean()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def difference(p: int, m: int, batch: int, device: str = "cpu", *, other: tuple[str, str] = ("naive", "cpu")) -> float:
    """Return the largest relative difference of the first losses of ours on a device and of another kind and device."""
    first, second = Stepper("ours", p, m, batch, device), Stepper(other[0], p, m, batch, other[1])
    pairs = [(first().item(), second().item()) for _ in range(CHECKED)]
    return max(abs(a / b - 1) for a, b in pairs)


def repeated(step: Stepper, steps: int):
    """Return a function that takes so many steps."""

    def work() -> None:
        for _ in range(steps):
            step()

    return work


def step_rows(p: int, m: int, batch: int, rounds: int, device: str = "cpu", clock=time.process_time) -> list:
    """Return the rows of a training step: against the naive way, and against the floor."""
    steps = max(2, 200 // m)
    ways = {kind: repeated(Stepper(kind, p, m, batch, device), steps) for kind in ("ours", "naive")}
    ways["floor"] = repeated(Floor(p, m, batch, device), steps)
    spent, _ = alternate(ways, rounds, clock=clock)
    mine, naive, floor = ([1e3 * s / steps for s in spent[name]] for name in ways)
    size = f"p = {p}, {m} levels, batch {batch}"
    agree = difference(p, m, batch, device, other=("naive", device)) < 1e-4
    name, bound = "training step of local-fine", "floor: products, exponentials, Adam"
    return [
        compared(name, PAPER, size, mine, naive, NAIVE, unit="ms", target=">= 3" if m == 99 else "", agree=agree),
        compared(name, PAPER, size, mine, floor, bound, unit="ms"),
        compared("the floor of such a step", PAPER, size, floor, naive, NAIVE, unit="ms"),
    ]


class Floor:
    """What no way of doing it can leave out, each part in the best form found.

    These are the last layer's three matrix products, one exponential a logit, and one fused step of the optimiser.
    """

    def __init__(self, p: int, m: int, batch: int, device: str = "cpu"):
        self.h, self.w = torch.randn(batch, HIDDEN, device=device), torch.randn(m, p * m, HIDDEN, device=device)
        self.logits, self.slope = torch.empty(batch, p * m, device=device), torch.randn_like(self.w)
        self.back = torch.zeros(batch, HIDDEN, device=device)
        self.w.requires_grad_().grad = self.slope
        self.optimizer = torch.optim.Adam([self.w], lr=1e-3, weight_decay=1e-7, amsgrad=True, fused=True)

    @torch.no_grad()
    def __call__(self) -> None:
        for level in range(len(self.w)):
            torch.mm(self.h, self.w[level].t(), out=self.logits)
            torch.mm(self.logits.t(), self.h, out=self.slope[level])
            self.back.addmm_(self.logits.mul_(1e-3).exp_(), self.w[level])
        self.optimizer.step()


def peak(kind: str, p: int, m: int, batch: int) -> float:
    """Return by how many MiB three steps raise the peak memory of a fresh process."""
    command = [sys.executable, __file__, "--child", kind, "--p", str(p), "--m", str(m), "--batch", str(batch)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def child(kind: str, p: int, m: int, batch: int) -> None:
    """Print the rise of the peak memory over three steps, model and optimiser included."""
    torch.randn(8, 8) @ torch.randn(8, 8)
    memory.reset_peak()
    before = memory.peak_mib()
    step = Stepper(kind, p, m, batch)
    for _ in range(3):
        step()
    print(memory.peak_mib() - before)


def rows_of(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features ``(n, 8)`` and targets ``(n,)`` whose spread depends on a feature."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, FEATURES))
    return x, x[:, 0] + np.abs(x[:, 1]) * rng.normal(size=n)


def forests(n: int, rounds: int) -> list:
    """Return the rows of quantile forests: fitting, and 99 quantiles of as many new samples as were fitted."""
    from replicate.papers.quantile_aggregation.forests import QuantileForest

    (x, y), (new, _) = rows_of(n, 0), rows_of(n, 1)
    levels = np.arange(1, 100) / 100
    size = f"{n:,} rows, 50 trees"
    try:
        from quantile_forest import RandomForestQuantileRegressor
    except ImportError as error:
        return [missing("quantile forest", PAPER, size, FOREST, f"not run: {error}", target=">= 0.9")]
    options = {"min_samples_split": 8, "min_samples_leaf": 8, "max_features": 1.0, "random_state": 0}
    fits = {
        "ours": lambda: QuantileForest(levels).fit(x, y),
        FOREST: lambda: RandomForestQuantileRegressor(50, max_samples_leaf=None, n_jobs=1, **options).fit(x, y),
    }
    fitting, models = alternate(fits, rounds, clock=time.process_time)
    predictions = {
        "ours": lambda: models["ours"].predict(new),
        FOREST: lambda: models[FOREST].predict(new, quantiles=list(levels)),
    }
    predicting, found = alternate(predictions, rounds, clock=time.process_time)
    off = np.abs(found["ours"] - found[FOREST]).mean() / y.std()
    agree = f"same trees and weights; interpolated differently, by {off:.0e} sd on average"
    options = {"target": ">= 0.9", "agree": agree}
    names = "quantile forest, fit", "quantile forest, 99 quantiles of each row"
    return [
        compared(n, PAPER, size, *s.values(), FOREST, **options)
        for n, s in zip(names, (fitting, predicting), strict=True)
    ]


def split_conformal(n: int, rounds: int) -> list:
    """Return the row of calibrated intervals: base quantiles are given, so only the calibration is timed."""
    size = f"{n:,} calibration and {n:,} new rows"
    x, y = rows_of(n, 0)
    new, _ = rows_of(n, 1)
    low, high, middle = (Shifted(c).fit(x, y) for c in (-1.0, 1.0, 0.0))
    name = "conformalised quantile regression"
    try:
        from mapie.regression import ConformalizedQuantileRegressor
    except ImportError as error:
        return [missing(name, PAPER, size, MAPIE, f"not run: {error}", target=">= 0.9")]

    def ours() -> np.ndarray:
        margin = conformal.split_margin(conformal.conformity(y, low.predict(x), high.predict(x)), 0.2)
        return np.stack([low.predict(new) - margin, high.predict(new) + margin], 1)

    def mapie() -> np.ndarray:
        model = ConformalizedQuantileRegressor([low, high, middle], confidence_level=0.8, prefit=True)
        return model.conformalize(x, y).predict_interval(new, symmetric_correction=True)[1][:, :, 0]

    return [_conformal(name, size, ours, mapie, rounds)]


def cross_conformal(n: int, folds: int, rounds: int) -> list:
    """Return the row of CV+ intervals around a linear model, its fits included."""
    size = f"{n:,} training and {n:,} new rows, {folds} folds"
    (x, y), (new, _) = rows_of(n, 0), rows_of(n, 1)
    name = "CV+ intervals of a linear model"
    try:
        from mapie.regression import CrossConformalRegressor
    except ImportError as error:
        return [missing(name, PAPER, size, MAPIE, f"not run: {error}", target=">= 0.9")]

    def ours() -> np.ndarray:
        fold, left_out, at_new = np.empty(n, dtype=int), np.empty(n), []
        for number, (train, held) in enumerate(KFold(folds).split(x)):
            model = LinearRegression().fit(x[train], y[train])
            fold[held], left_out[held] = number, model.predict(x[held])
            at_new.append(model.predict(new))
        return np.stack(conformal.cv_plus(at_new, at_new, fold, np.abs(y - left_out), 0.2), 1)

    def mapie() -> np.ndarray:
        model = CrossConformalRegressor(LinearRegression(), confidence_level=0.8, cv=KFold(folds), method="plus")
        return model.fit_conformalize(x, y).predict_interval(new)[1][:, :, 0]

    return [_conformal(name, size, ours, mapie, rounds)]


def _conformal(name: str, size: str, ours, mapie, rounds: int):
    spent, found = alternate({"ours": ours, MAPIE: mapie}, rounds, clock=time.process_time)
    same = bool(np.allclose(found["ours"], found[MAPIE], atol=1e-9))
    return compared(name, PAPER, size, *spent.values(), MAPIE, target=">= 0.9", agree=same)


class Shifted(RegressorMixin, BaseEstimator):
    """A base quantile that costs nothing: the first feature plus a number of the second's size."""

    def __init__(self, sign=0.0):
        self.sign = sign

    def fit(self, x, y):
        """Note how many features there are."""
        self.n_features_in_ = x.shape[1]
        return self

    def predict(self, x):
        """Return ``(n,)``."""
        return x[:, 0] + self.sign * np.abs(x[:, 1])


def main() -> None:
    """Measure and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--p", type=int, default=6, help="base models")
    parser.add_argument("--m", type=int, nargs="*", default=[19, 49, 99], help="levels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.child:
        return child(options.child, options.p, options.m[0], options.batch)
    for m in options.m:
        write(step_rows(options.p, m, options.batch, options.rounds))
        used = [[peak(kind, options.p, m, options.batch)] for kind in ("ours", "naive")]
        size = f"p = {options.p}, {m} levels, batch {options.batch}"
        write([compared("memory of training local-fine", PAPER, size, *used, NAIVE, unit="MiB")])
    write(forests(2000, options.rounds))
    write(split_conformal(100_000, options.rounds))
    write(cross_conformal(2000, 10, options.rounds))


if __name__ == "__main__":
    main()
