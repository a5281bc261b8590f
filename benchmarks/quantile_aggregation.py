"""How fast is a training step of local, fine weights, against forming the weights and multiplying?

Both do the same: gate network, pinball loss, backward pass, Adam with amsgrad, on one thread. "naive" forms the weights
``(batch, p m, m)``, repeats the base quantiles to that shape and multiplies; "ours" is `averaging.fine_head` with the
fused optimiser. Steps alternate in one process; the ratio is the median over repeats. Memory is the rise of the peak
of a fresh process. The three products of the gate's last layer are the same in both; with the exponentials and the
optimiser they are a floor under any way of doing it, which is timed as well, and bounds the ratio.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from replicate.papers.quantile_aggregation.gates import Local
from replicate.papers.quantile_aggregation.levels import even_levels

FEATURES, HIDDEN = 8, 64


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
    """One model with its optimiser and data; `step` returns the loss."""

    def __init__(self, kind: str, p: int, m: int, batch: int):
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(batch, FEATURES, generator=generator)
        self.y = torch.randn(batch, generator=generator)
        self.z = torch.randn(batch, p, m, generator=generator).sort(2).values
        self.levels = torch.as_tensor(even_levels(m), dtype=torch.float32)
        local = Local(p, m, "fine", features=FEATURES, hidden=HIDDEN, dropout=0.0, generator=generator)
        self.model = local if kind == "ours" else Naive(p, m, local)
        fused = {"fused": True} if kind == "ours" else {}
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, weight_decay=1e-7, amsgrad=True, **fused)

    def step(self) -> float:
        """Take one training step."""
        self.optimizer.zero_grad(set_to_none=True)
        error = self.y[:, None] - self.model(self.x, self.z)
        loss = torch.maximum(self.levels * error, (self.levels - 1) * error).mean()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def alternate(p: int, m: int, batch: int, repeats: int, steps: int) -> tuple[np.ndarray, float]:
    """Return milliseconds a step, ``(repeats, 2)`` for ours and naive, and the losses' largest relative difference."""
    both = [Stepper(kind, p, m, batch) for kind in ("ours", "naive")]
    times, difference = np.zeros((repeats, 2)), 0.0
    for repeat in range(repeats):
        losses = []
        for number, stepper in enumerate(both):
            start = time.perf_counter()
            losses.append([stepper.step() for _ in range(steps)])
            times[repeat, number] = 1e3 * (time.perf_counter() - start) / steps
        ours, naive = map(np.array, losses)
        difference = max(difference, float(np.max(np.abs(ours / naive - 1))))
    return times, difference


def floor(p: int, m: int, batch: int, repeats: int) -> float:
    """Return the median milliseconds of what no way of doing it can leave out, each part in the best form found.

    These are the last layer's three matrix products, one exponential a logit, and one fused step of the optimiser.
    """
    h, w = torch.randn(batch, HIDDEN), torch.randn(m, p * m, HIDDEN)
    logits, slope = torch.empty(batch, p * m), torch.randn_like(w)
    back, times = torch.zeros(batch, HIDDEN), []
    w.requires_grad_().grad = slope
    optimizer = torch.optim.Adam([w], lr=1e-3, weight_decay=1e-7, amsgrad=True, fused=True)
    with torch.no_grad():
        for _ in range(repeats):
            start = time.perf_counter()
            for level in range(m):
                torch.mm(h, w[level].t(), out=logits)
                torch.mm(logits.t(), h, out=slope[level])
                back.addmm_(logits.mul_(1e-3).exp_(), w[level])
            optimizer.step()
            times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def peak(kind: str, p: int, m: int, batch: int) -> float:
    """Return by how many MiB three steps raise the peak memory of a fresh process."""
    command = [sys.executable, __file__, "--child", kind, "--p", str(p), "--m", str(m), "--batch", str(batch)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def child(kind: str, p: int, m: int, batch: int) -> None:
    """Print the rise of the peak memory over three steps, model and optimiser included."""
    torch.randn(8, 8) @ torch.randn(8, 8)
    before = high_water()
    stepper = Stepper(kind, p, m, batch)
    for _ in range(3):
        stepper.step()
    print(high_water() - before)


def high_water() -> float:
    """Return this process's peak resident memory in MiB (Linux; unlike getrusage's it starts anew with the program)."""
    (line,) = [row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> None:
    """Print a table: milliseconds a step, the ratio, the floor, memory, agreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--p", type=int, default=6, help="base models")
    parser.add_argument("--m", type=int, nargs="*", default=[19, 49, 99], help="levels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.child:
        return child(options.child, options.p, options.m[0], options.batch)
    columns = ("levels", "ours, ms", "naive, ms", "naive / ours", "floor, ms", "ours, MiB", "naive, MiB", "agree")
    table = Table(*columns, title=f"a training step of local-fine, p = {options.p}, batch {options.batch}")
    for m in options.m:
        times, difference = alternate(options.p, m, options.batch, options.repeats, max(2, 200 // m))
        ours, naive = np.median(times, axis=0)
        ratio = np.median(times[:, 1] / times[:, 0])
        bound = floor(options.p, m, options.batch, options.repeats)
        memory = [peak(kind, options.p, m, options.batch) for kind in ("ours", "naive")]
        agree = "yes" if difference < 1e-4 else f"no ({difference:.1e})"
        numbers = (ours, naive, ratio, bound, *memory)
        table.add_row(str(m), *(f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in numbers), agree)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
