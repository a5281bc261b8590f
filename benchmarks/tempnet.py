"""What does TempNet cost a training step, and how long does the exact tau* take?

Training: a decoder-only transformer of GPT-2 small's shape (or smaller, --quick), forward, backward and AdamW, with
cross-entropy at a fixed temperature or the robust loss with a TempNet on every token. Steps alternate in one process.
Memory: the peak of a process of its own that takes two steps, above what it has at its start: parameters, gradients,
optimiser states, activations, logits. Exact tau*: 100,000 rows of 256 logits, against SciPy's bracketing solver row by
row on some of them, whose results are compared.
"""

import argparse
import multiprocessing
import time

import torch
from harness import alternate, compared, write
from scipy.optimize import brentq
from torch.nn import functional as F

from replicate import memory as replicate_memory
from replicate.papers.tempnet import TempNet, exact_temperature, rho_for_entropy, robust_cross_entropy, temper
from replicate.papers.tempnet.language_model import LanguageModel
from replicate.precision import autocast

PAPER, FIXED = "tempnet", "fixed temperature"
SHAPES = {
    "tiny": {"vocab_size": 128, "width": 32, "depth": 1, "heads": 2, "context": 32},
    "quick": {"vocab_size": 2048, "width": 256, "depth": 4, "heads": 4, "context": 256},
    "gpt2": {"vocab_size": 50304, "width": 768, "depth": 12, "heads": 12, "context": 1024},
}
SHAPE_NAMES = {"gpt2": "GPT-2 small's shape"}  # with the vocabulary padded to 50,304, as in the paper's code
VARIANTS = {"TempNet": 1, "TempNet, learn_every=4": 4}  # learn_every; 0 trains without a TempNet
CEILING = "<= 1.05"


def stepper(shape: dict, tokens: int, learn_every: int, device: str = "cpu", kind: str = "fp32", dropout=0.5):
    """Return a function that takes one training step on ``tokens`` tokens; ``learn_every`` 0 trains without TempNet."""
    generator = torch.Generator().manual_seed(0)
    model = LanguageModel(**shape, generator=generator).to(device)
    drops = torch.Generator(device).manual_seed(0)
    net = None
    if learn_every:
        options = {
            "tau_min": 0.5,
            "tau_max": 5.0,
            "generator": generator,
            "learn_every": learn_every,
            "dropout": dropout,
        }
        net = TempNet(shape["vocab_size"], **options).to(device)
        net.generator = drops
    parts = [model] if net is None else [model, net]
    optimizers = [torch.optim.AdamW(part.parameters(), lr=1e-4) for part in parts]
    length = min(tokens, shape["context"])
    data = torch.randint(shape["vocab_size"], (tokens // length, length + 1), generator=generator).to(device)
    rho = rho_for_entropy(shape["vocab_size"], 2.83)

    def step() -> float:
        with autocast(kind, device):
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
        return loss.detach()

    return step


def training(shape: dict, size: str, tokens: int, repeats: int, clock) -> None:
    """Alternate fixed-temperature and TempNet steps; write the overheads."""
    steps = {FIXED: stepper(shape, tokens, 0)} | {name: stepper(shape, tokens, k) for name, k in VARIANTS.items()}
    spent, _ = alternate(steps, repeats, clock=clock)
    fixed = spent.pop(FIXED)
    write(
        [
            compared(f"{n}: time of a training step", PAPER, size, s, fixed, FIXED, target=CEILING)
            for n, s in spent.items()
        ]
    )


def peak(shape: dict, tokens: int, learn_every: int, threads: int, answer) -> None:
    """Put the peak memory of two training steps (MiB), in this process alone, into a queue."""
    torch.set_num_threads(threads)
    replicate_memory.reset_peak()
    before = replicate_memory.peak_mib()
    step = stepper(shape, tokens, learn_every)
    step()
    step()
    answer.put(replicate_memory.peak_mib() - before)


def memory(shape: dict, size: str, tokens: int, threads: int) -> None:
    """Write peak memory with and without TempNet."""
    found = {}
    context = multiprocessing.get_context("spawn")
    for name, learn_every in {FIXED: 0, **VARIANTS}.items():
        answer = context.Queue()
        process = context.Process(target=peak, args=(shape, tokens, learn_every, threads, answer))
        process.start()
        found[name] = answer.get()
        process.join()
    options = {"unit": "MiB", "target": CEILING}
    fixed = [found.pop(FIXED)]
    write(
        [compared(f"{n}: peak memory of training", PAPER, size, [m], fixed, FIXED, **options) for n, m in found.items()]
    )


def solver(rows: int, repeats: int, clock, checked: int = 200) -> None:
    """Time the exact tau* in float32 and float64 and compare it with SciPy on some rows."""
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-9)):
        h = 3 * torch.randn(rows, 256, generator=torch.Generator().manual_seed(0), dtype=dtype)
        some = h[:checked].double()

        def scipy(some=some) -> list[float]:
            return [
                brentq(lambda tau, r=r: temper(r, tau).divergence.item() - 4.0, 1e-3, 1e3, xtol=1e-13) for r in some
            ]

        ways = {"ours": lambda h=h: exact_temperature(h, 4.0), "SciPy": scipy}
        spent, found = alternate(ways, repeats, clock=clock)
        off = (found["ours"][:checked].double() / torch.tensor(found["SciPy"], dtype=torch.float64) - 1).abs().max()
        theirs = [seconds / checked * rows for seconds in spent["SciPy"]]
        name, size = f"SciPy's brentq row by row ({checked} rows, scaled)", f"{rows:,} rows of 256, {str(dtype)[6:]}"
        write([compared("exact tau*", PAPER, size, spent["ours"], theirs, name, agree=bool(off < tolerance))])


def main() -> None:
    """Measure overheads of a training step and times of the solver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small model instead of GPT-2 small's shape")
    parser.add_argument("--tokens", type=int, default=1024, help="tokens a step")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=("processor", "wall"), default="processor", help="wall on an idle machine")
    parser.add_argument("--only", choices=("training", "memory", "solver"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.clock == "processor" else time.perf_counter
    name = "quick" if options.quick else "gpt2"
    shape = SHAPES[name]
    threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
    size = f"{SHAPE_NAMES.get(name, name)}, {options.tokens:,} tokens, {threads}"
    if options.only in (None, "training"):
        training(shape, size, options.tokens, options.repeats, clock)
    if options.only in (None, "memory"):
        memory(shape, size, options.tokens, options.threads)
    if options.only in (None, "solver"):
        solver(100_000, options.repeats, clock)


if __name__ == "__main__":
    main()
