"""What does TempNet cost a training step, and how long does the exact tau* take?

Training: a decoder-only transformer of GPT-2 small's shape (or smaller, --quick), forward, backward and AdamW, with
(a) cross-entropy at a fixed temperature and (b) the robust loss with a TempNet on every token. Steps of (a) and (b)
alternate in one process; the overhead is the median over pairs. Memory: the peak of a process of its own that takes two
steps, above what it has at its start: parameters, gradients, optimiser states, activations, logits. Exact tau*: 100 000
rows of 256 logits, against SciPy's bracketing solver row by row on some of them, whose results are compared.
"""

import argparse
import multiprocessing
import time
from statistics import median

import torch
from scipy.optimize import brentq
from torch.nn import functional as F

from replicate import memory as replicate_memory
from replicate.papers.tempnet import TempNet, exact_temperature, rho_for_entropy, robust_cross_entropy, temper
from replicate.papers.tempnet.language_model import LanguageModel

SHAPES = {
    "quick": {"vocab_size": 2048, "width": 256, "depth": 4, "heads": 4, "context": 256},
    "gpt2": {"vocab_size": 50257, "width": 768, "depth": 12, "heads": 12, "context": 1024},
}


VARIANTS = {"fixed tau": 0, "TempNet": 1, "TempNet, learn_every=4": 4}  # 0: none


def stepper(shape: dict, tokens: int, learn_every: int):
    """Return a function that takes one training step on ``tokens`` tokens; ``learn_every`` 0 trains without TempNet."""
    generator = torch.Generator().manual_seed(0)
    model = LanguageModel(**shape, generator=generator)
    options = {"tau_min": 0.5, "tau_max": 5.0, "generator": generator, "learn_every": learn_every}
    net = TempNet(shape["vocab_size"], **options) if learn_every else None
    parts = [model] if net is None else [model, net]
    optimizers = [torch.optim.AdamW(part.parameters(), lr=1e-4) for part in parts]
    length = min(tokens, shape["context"])
    data = torch.randint(shape["vocab_size"], (tokens // length, length + 1), generator=generator)
    rho = rho_for_entropy(shape["vocab_size"], 2.83)

    def step() -> None:
        logits = model(data[:, :-1])
        if net is None:
            loss = F.cross_entropy(logits.flatten(0, 1), data[:, 1:].flatten())
        else:
            loss = robust_cross_entropy(logits, data[:, 1:], net(logits), rho)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()

    return step


def clocks() -> tuple[float, float]:
    """Return wall and processor seconds: on a busy machine the second is the one to trust."""
    return time.perf_counter(), time.process_time()


def training(shape: dict, tokens: int, repeats: int) -> None:
    """Alternate fixed-temperature and TempNet steps; print medians and ratios."""
    steps = {name: stepper(shape, tokens, learn_every) for name, learn_every in VARIANTS.items()}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for repeat in range(repeats + 1):
        for name, step in steps.items():
            before = clocks()
            step()
            after = clocks()
            if repeat:  # the first step of each allocates the optimiser's states
                spent[name].append((after[0] - before[0], after[1] - before[1]))
    for i, clock in enumerate(("wall", "processor")):
        for name, times in spent.items():
            ratios = [b[i] / a[i] for a, b in zip(spent["fixed tau"], times, strict=True)]
            seconds, overhead = median(t[i] for t in times), 100 * (median(ratios) - 1)
            print(f"  {clock:9s} {name:24s} {seconds:7.2f} s a step, overhead {overhead:+.1f} % ({len(ratios)} pairs)")


def peak(shape: dict, tokens: int, learn_every: int, threads: int, answer) -> None:
    """Put the peak memory of two training steps (MiB), in this process alone, into a queue."""
    torch.set_num_threads(threads)
    replicate_memory.reset_peak()
    before = replicate_memory.peak_mib()
    step = stepper(shape, tokens, learn_every)
    step()
    step()
    answer.put(replicate_memory.peak_mib() - before)


def memory(shape: dict, tokens: int, threads: int) -> None:
    """Print peak memory with and without TempNet."""
    found = {}
    context = multiprocessing.get_context("spawn")
    for name, learn_every in VARIANTS.items():
        answer = context.Queue()
        process = context.Process(target=peak, args=(shape, tokens, learn_every, threads, answer))
        process.start()
        found[name] = answer.get()
        process.join()
    for name, mib in found.items():
        print(f"  memory    {name:24s} {mib:7.0f} MiB, overhead {100 * (mib / found['fixed tau'] - 1):+.1f} %")


def solver(rows: int, repeats: int) -> None:
    """Time the exact tau* in float32 and float64 and compare it with SciPy on some rows."""
    for dtype in (torch.float32, torch.float64):
        h = 3 * torch.randn(rows, 256, generator=torch.Generator().manual_seed(0), dtype=dtype)
        times, processor = [], []
        for _ in range(repeats):
            before = clocks()
            found = exact_temperature(h, 4.0)
            after = clocks()
            times.append(after[0] - before[0])
            processor.append(after[1] - before[1])
        checked = 200
        start = time.perf_counter()
        theirs = [
            brentq(lambda tau, row=row: temper(row, tau).divergence.item() - 4.0, 1e-3, 1e3, xtol=1e-13)
            for row in h[:checked].double()
        ]
        scipy = (time.perf_counter() - start) / checked * rows
        off = (found[:checked].double() / torch.tensor(theirs, dtype=torch.float64) - 1).abs().max().item()
        print(
            f"  {str(dtype)[6:]}: {rows} rows x 256: {median(times):.2f} s wall, {median(processor):.2f} s processor "
            f"(median of {repeats}); SciPy row by row would take {scipy:.0f} s; largest relative difference {off:.1e}"
        )


def main() -> None:
    """Print overheads of a training step and times of the solver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small model instead of GPT-2 small's shape")
    parser.add_argument("--tokens", type=int, default=1024, help="tokens a step")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", choices=("training", "memory", "solver"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    name = "quick" if options.quick else "gpt2"
    shape = SHAPES[name]
    print(f"{name}: {shape}, {options.tokens} tokens a step, {options.threads} threads")
    if options.only in (None, "training"):
        training(shape, options.tokens, options.repeats)
    if options.only in (None, "memory"):
        memory(shape, options.tokens, options.threads)
    if options.only in (None, "solver"):
        print("exact tau*")
        solver(100_000, options.repeats)


if __name__ == "__main__":
    main()
