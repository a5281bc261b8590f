"""Time and memory of the projections: one epoch of 784-200-200-10 at d = 750, and a product with D = 1e8.

Run ``python benchmarks/intrinsic_dimension_projections.py [--quick]``. One thread; times are CPU seconds, which a
busy machine disturbs less than wall time. An epoch is measured over a few steps and scaled to 469 (batch 128).
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from replicate.papers.intrinsic_dimension.networks import network
from replicate.papers.intrinsic_dimension.projections import projection
from replicate.papers.intrinsic_dimension.subspace import Subspace, tensor_sizes
from replicate.training import make_optimizer, stream

KINDS = ["dense", "sparse", "sparse_vector", "fastfood", "fastfood_stacked", "one_hot"]
DIM, BATCH, STEPS_PER_EPOCH = 750, 128, 469
MIB = 2**20


def cpu_seconds(step, repeats: int) -> float:
    """Return the CPU seconds of one call, the best of three averages over ``repeats`` calls."""
    step()
    averages = []
    for _ in range(3):
        start = time.process_time()
        for _ in range(repeats):
            step()
        averages.append((time.process_time() - start) / repeats)
    return min(averages)


def measure(kind: str, dim: int, repeats: int) -> dict[str, float]:
    """Return milliseconds of both products and of a step, seconds of an epoch, MiB of P and seconds to draw it."""
    module = network("fc", generator=stream(0, "theta0"))
    sizes = tensor_sizes(module)
    start = time.process_time()
    drawn = projection(kind, sum(sizes), dim, seed=0, tensor_sizes=sizes)
    drawing = time.process_time() - start
    model = Subspace(module, drawn)
    t, g = torch.randn(dim, generator=stream(0, "t")), torch.randn(sum(sizes), generator=stream(0, "g"))
    step = cpu_seconds(training_step(model), repeats)
    return {
        "P t (ms)": 1e3 * cpu_seconds(lambda: drawn.matvec(t), repeats),
        "P^T g (ms)": 1e3 * cpu_seconds(lambda: drawn.adjoint(g), repeats),
        "step (ms)": 1e3 * step,
        "epoch (s)": STEPS_PER_EPOCH * step,
        "P (MiB)": drawn.nbytes / MIB,
        "draw (s)": drawing,
    }


def training_step(model: Subspace):
    """Return a function that takes one Adam step on random pixels."""
    x = torch.rand(BATCH, 784, generator=stream(0, "x"))
    y = torch.randint(10, (BATCH,), generator=stream(0, "y"))
    optimizer = make_optimizer("adam", [model.t], lr=0.1)

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def large_product(full_dim: int, dim: int) -> dict[str, float]:
    """Draw a one-hot P, apply it and its adjoint once; return seconds and the peak memory of this process."""
    start = time.perf_counter()
    drawn = projection("one_hot", full_dim, dim, seed=0)
    after_draw = time.perf_counter()
    drawn.adjoint(drawn.matvec(torch.ones(dim)))
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"draw (s)": after_draw - start, "both products (s)": done - after_draw, "peak RSS (MiB)": peak}


def in_subprocess(full_dim: int, dim: int) -> dict[str, float]:
    """Run `large_product` in a fresh process, so that the peak is its own."""
    command = [sys.executable, __file__, "--large-product", str(full_dim), str(dim)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def report(quick: bool) -> None:
    """Print both tables."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    full_dim, dim = (10**7, 10**3) if quick else (10**8, 10**4)
    # First: on Linux a child's peak starts at its parent's, which is small only before the dense matrix.
    console.print({f"one_hot, D = {full_dim:.0e}, d = {dim:.0e}": in_subprocess(full_dim, dim)})
    repeats = 3 if quick else 15
    rows = {kind: measure(kind, 100 if quick else DIM, repeats) for kind in KINDS}
    products = {kind: row["P t (ms)"] + row["P^T g (ms)"] for kind, row in rows.items()}
    title = f"784-200-200-10, d = {100 if quick else DIM}, batch {BATCH}, one thread"
    table = Table("projection", *rows["dense"], "products vs dense", "epoch vs dense", title=title)
    for kind, row in rows.items():
        ratios = products["dense"] / products[kind], rows["dense"]["epoch (s)"] / row["epoch (s)"]
        table.add_row(kind, *(f"{v:.3g}" for v in row.values()), *(f"{r:.1f}x" for r in ratios))
    console.print(table)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="d = 100, few repeats, D = 1e7")
    parser.add_argument("--large-product", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.large_product:
        print(json.dumps(large_product(*arguments.large_product)))
    else:
        report(arguments.quick)


if __name__ == "__main__":
    main()
