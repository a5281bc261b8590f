"""The same table on a machine with a GPU: what steps cost there, and whether cpu and cuda compute the same numbers.

Run ``python benchmarks/gpu.py --seconds 120 --out DIR`` from the repository's root: rows go to DIR/gpu.csv, and every
part that would start after the time is up is left out, and says so. Without ``--out`` they go into the table itself.
Needs torch, numpy, scipy and psutil; torchvision where a part compares with it. ``--device cpu --tiny`` tries it out.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import torch  # noqa: E402
from harness import TABLE, Row, alone, alternate, compared, missing, write  # noqa: E402


@dataclass(frozen=True)
class Bench:
    """Where to compute, and whether small sizes are enough to see that everything runs."""

    device: str
    tiny: bool
    rounds: int

    def pick(self, full, tiny):
        """Return the size for this run."""
        return tiny if self.tiny else full

    def clock(self) -> float:
        """Return seconds, once the GPU has done what it was asked for."""
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def time(self, ways: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
        """Return seconds of every way, alternating."""
        return alternate(ways, self.rounds, clock=self.clock, warm=2)[0]

    def peak_mib(self, work: Callable[[], object]) -> float:
        """Return the largest memory PyTorch held on the GPU during ``work``, in MiB; 0 on a CPU."""
        if self.device != "cuda":
            work()
            return 0.0
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        work()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() / 2**20


def same(paper: str, what: str, size: str, difference: float, tolerance: float) -> Row:
    """Return the row of a comparison of cpu and GPU: a largest relative difference and the tolerance."""
    target = f"<= {tolerance:g}"
    unit = "relative difference from the CPU"
    return alone(f"same numbers: {what}", paper, size, difference, unit, target=target, agree=difference <= tolerance)


def off(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return |found - wanted| / |wanted| in the Euclidean norm, in float64."""
    found, wanted = found.detach().double().cpu(), wanted.detach().double().cpu()
    return float((found - wanted).norm() / wanted.norm())


def batchnorm_steps(bench: Bench) -> Iterator[Row]:
    """ResNet-14, BatchNorm only: images a second."""
    import os

    import batchnorm_only as bn

    pixels, labels = bn.photos(bench.pick(16384, 256))
    kinds, steps = ("fp32",) if bench.device == "cpu" else ("fp32", "bf16"), bench.pick(60, 1)
    for kind in kinds:
        with float32():
            differences = bn.agreement(pixels, labels, kind, bench.device)
        for what, *pair in zip(("loss", "gradient of gamma"), differences, bn.tolerance(kind), strict=True):
            size = f"ResNet-14, batch {bn.BATCH}, {kind} against fp32 NCHW"
            yield same(bn.PAPER, what, size, *pair)
    kind = kinds[-1]
    ways = {"ours": bn.ours(pixels, labels, "bn", kind, bench.device)}
    ways["all weights"] = bn.ours(pixels, labels, "all", kind, bench.device)
    ways["fp32 NCHW, images resident"] = resident(pixels, labels, bench.device)
    workers = bench.pick(min(8, os.cpu_count() or 1), 0)
    loop = f"plain loop, DataLoader with {workers} processes"
    size, options = f"ResNet-14, batch {bn.BATCH}, {kind}", {"per": steps * bn.BATCH, "unit": "images/s"}
    try:
        ways[loop] = bn.usual(pixels, labels, "plain loop", bench.device, workers)
    except ImportError as error:
        yield missing("training step", bn.PAPER, size, loop, f"not run: {error}", target=">= 2.5")
    spent = bench.time({name: bn.many(step, steps) for name, step in ways.items()})
    mine = spent.pop("ours")
    for name, theirs in spent.items():
        target = ">= 2.5" if name == loop else ""
        yield compared("training step", bn.PAPER, size, mine, theirs, name, **options, target=target)


def resident(pixels, labels, device: str) -> Callable[[], None]:
    """Return the step of a plain fp32 NCHW loop, BatchNorm only, whose normalised images lie on the device already."""
    import batchnorm_only as bn

    from replicate.papers.batchnorm_only.conditions import trainable
    from replicate.papers.batchnorm_only.network import network
    from replicate.seeds import Seed

    model = network(14, Seed(0, 0)).to(device).train()
    optimizer = trainable(model, "bn").sgd(lr=0.1, momentum=0.9, weight_decay=1e-4)
    images = torch.tensor(pixels, device=device).permute(0, 3, 1, 2).float().div_(255).contiguous()
    wanted = torch.tensor(labels, device=device)
    batches = bn.draws(len(images), device)

    def step() -> None:
        chosen, _ = next(batches)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images[chosen]), wanted[chosen]).backward()
        optimizer.step()

    return step


def tempnet_steps(bench: Bench) -> Iterator[Row]:
    """GPT-2 small's shape with and without TempNet: time and peak memory."""
    import tempnet as tn

    shape, kind = tn.SHAPES[bench.pick("gpt2", "tiny")], bench.pick("bf16", "fp32")
    tokens, few = bench.pick(8192, 64), bench.pick(2, 1)
    size = f"{bench.pick(tn.SHAPE_NAMES['gpt2'], 'tiny')}, {tokens:,} tokens, {kind}"
    variants = {tn.FIXED: 0, **tn.VARIANTS}

    def trained(learn_every: int) -> None:
        step = tn.stepper(shape, tokens, learn_every, bench.device, kind)
        step()
        step()

    used = {name: bench.peak_mib(lambda k=k: trained(k)) for name, k in variants.items()}
    steps = {n: tn.stepper(shape, tokens, k, bench.device, kind) for n, k in variants.items()}
    spent = bench.time({name: many(step, few) for name, step in steps.items()})
    per_step = {name: [s / few for s in seconds] for name, seconds in spent.items()}
    for name in tn.VARIANTS:
        pair = per_step[name], per_step[tn.FIXED]
        yield compared(f"{name}: time of a training step", tn.PAPER, size, *pair, tn.FIXED, target=tn.CEILING)
        if used[tn.FIXED]:
            pair = [used[name]], [used[tn.FIXED]]
            yield compared(
                f"{name}: peak memory of training", tn.PAPER, size, *pair, tn.FIXED, unit="MiB", target=tn.CEILING
            )
    short = tn.SHAPES[bench.pick("quick", "tiny")]
    with float32():
        losses = [first_losses(tn.stepper(short, 64, 1, device, dropout=0.0)) for device in (bench.device, "cpu")]
    yield same(tn.PAPER, "losses of 3 steps with TempNet", "small model, fp32, no dropout", off(*losses), 1e-4)


def tempnet_solver(bench: Bench) -> Iterator[Row]:
    """The exact tau* of 1e5 rows, and the robust loss with its gradient."""
    from replicate.papers.tempnet import exact_temperature, robust_cross_entropy

    rows = bench.pick(100_000, 1000)
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-9)):
        h = 3 * torch.randn(rows, 256, generator=torch.Generator().manual_seed(0), dtype=dtype)
        there = h.to(bench.device)
        spent = bench.time({"ours": lambda x=there: exact_temperature(x, 4.0)})
        size = f"{rows:,} rows of 256, {str(dtype)[6:]}"
        yield alone("exact tau*", "tempnet", size, median(spent["ours"]), "s")
        yield same(
            "tempnet", "exact tau*", size, off(exact_temperature(there, 4.0), exact_temperature(h, 4.0)), tolerance
        )
    logits, tau = torch.randn(64, 1000, dtype=torch.float64), torch.rand(64, dtype=torch.float64) + 0.5
    targets, gradients = torch.randint(1000, (64,)), []
    for device in (bench.device, "cpu"):
        z, t = (x.detach().clone().to(device).requires_grad_() for x in (logits, tau))
        robust_cross_entropy(z, targets.to(device), t, 2.0).backward()
        gradients.append(torch.cat([z.grad.flatten(), t.grad]))
    yield same("tempnet", "gradients of the robust loss", "64 rows of 1,000, float64", off(*gradients), 1e-10)


def projections(bench: Bench) -> Iterator[Row]:
    """Products with every kind of projection against the dense one, and whether cpu and cuda agree."""
    import intrinsic_dimension_projections as ip

    from replicate.papers.intrinsic_dimension.projections import projection

    big, dim = bench.pick(199_210, 2000), bench.pick(750, 50)
    size = f"D = {big:,}, d = {dim}"
    drawn = {kind: projection(kind, big, dim, seed=0).to(bench.device) for kind in ip.KINDS}
    t, g = torch.randn(dim), torch.randn(big)
    there = t.to(bench.device), g.to(bench.device)
    repeats = bench.pick(50, 2)
    works = {k: many(lambda p=p: (p.matvec(there[0]), p.adjoint(there[1])), repeats) for k, p in drawn.items()}
    spent = {k: [1e3 * s / repeats for s in v] for k, v in bench.time(works).items()}
    for kind in ip.KINDS[1:]:
        name = f"P t and P^T g, {kind}"
        yield compared(name, ip.PAPER, size, spent[kind], spent["dense"], "dense", unit="ms")
    for kind, p in drawn.items():
        here = projection(kind, big, dim, seed=0)
        found = torch.cat([p.matvec(there[0]).cpu(), p.adjoint(there[1]).cpu()])
        yield same(
            ip.PAPER, f"P t and P^T g, {kind}", size, off(found, torch.cat([here.matvec(t), here.adjoint(g)])), 1e-5
        )
    steps = {
        k: many(ip.training_step(ip.model(k, dim, bench.device, bench.tiny)), bench.pick(20, 1))
        for k in ("dense", "fastfood", "one_hot")
    }
    spent = {k: [1e3 * s / bench.pick(20, 1) for s in v] for k, v in bench.time(steps).items()}
    for kind in ("fastfood", "one_hot"):
        size = f"{ip.net_name(bench.tiny)}, d = {dim}, batch {ip.BATCH}"
        yield compared(f"training step, {kind}", ip.PAPER, size, spent[kind], spent["dense"], "dense", unit="ms")
    big, dim = bench.pick(10**8, 10**4), bench.pick(10**4, 100)
    drawn = projection("one_hot", big, dim, seed=0).to(bench.device)
    t = torch.ones(dim, device=bench.device)
    seconds = median(bench.time({"ours": lambda: drawn.adjoint(drawn.matvec(t))})["ours"])
    yield alone("P^T P t, one_hot", ip.PAPER, f"D = {big:.0e}, d = {dim:.0e}", 1e3 * seconds, "ms")


def local_fine(bench: Bench) -> Iterator[Row]:
    """A training step of local, fine weights against forming the weights."""
    import quantile_aggregation as qa

    p, m = bench.pick((6, 99), (2, 9))
    for batch in bench.pick((64, 1024), (16,)):
        yield from qa.step_rows(p, m, batch, bench.rounds, bench.device, bench.clock)
    difference = qa.difference(p, m, 64, bench.device, other=("ours", "cpu"))
    yield same(qa.PAPER, f"losses of {qa.CHECKED} steps of local-fine", f"p = {p}, {m} levels", difference, 1e-4)


def ridge_path(bench: Bench) -> Iterator[Row]:
    """Random nets of all widths by blocks, float64, on cpu and GPU."""
    import numpy as np

    from replicate.papers.bandlimited_random_nets.blockwise import ridge_errors
    from replicate.papers.bandlimited_random_nets.hidden import draw

    n, width = bench.pick(65_536, 500), bench.pick(1000, 20)
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(n, 2))
    y = np.sin(20 * x[:, 0]) * x[:, 1]
    layer, widths = draw(rng, 30.0, width, inputs=2), [width // 10, width // 2, width]
    data = layer, x, y[:, None], x[: n // 10], y[: n // 10, None]
    errors = {}

    def on(device: str) -> Callable[[], None]:
        return lambda: errors.update({device: ridge_errors(*data, widths=widths, penalty=1e-8, device=device)})

    ways = {"ours": on(bench.device)} | ({"cpu": on("cpu")} if bench.device != "cpu" else {})
    spent, _ = alternate(ways, 2, clock=bench.clock, warm=1)
    size = f"n = {n:,}, width {width:,}, float64"
    if "cpu" in spent:
        yield compared(
            "ridge errors of all widths by blocks",
            "bandlimited_random_nets",
            size,
            spent["ours"],
            spent["cpu"],
            "the same on the CPU",
        )
    found, wanted = (torch.tensor(errors[device])[:, 1:] for device in (bench.device, "cpu"))
    yield same("bandlimited_random_nets", "errors of all widths", size, off(found, wanted), 1e-8)


def distilled_network(bench: Bench) -> Iterator[Row]:
    """A training step of a distilled ResNet, and its loss and gradients on cpu and GPU."""
    from replicate.papers.self_distillation.resnet import DistillationLoss, resnet

    images, labels = torch.rand(bench.pick(128, 4), 3, 32, 32), torch.arange(bench.pick(128, 4)) % 10

    def student(device: str):
        model, teacher = resnet(18, 10, 0).to(device), resnet(18, 10, 1).to(device)
        loss_of, x, y = DistillationLoss(10, 0.5, teacher), images.to(device), labels.to(device)

        def backward() -> torch.Tensor:
            model.zero_grad()
            loss = loss_of(model, x, y)
            loss.backward()
            return torch.cat([loss.detach().reshape(1), *(p.grad.flatten() for p in model.parameters())])

        return backward

    size = f"ResNet-18, batch {len(images)}, fp32"
    with float32():
        found, wanted = student(bench.device)(), student("cpu")()
    yield same("self_distillation", "loss of a distilled network", size, off(found[:1], wanted[:1]), 1e-4)
    yield same("self_distillation", "gradient of a distilled network", size, off(found[1:], wanted[1:]), 1e-2)
    seconds = median(bench.time({"ours": student(bench.device)})["ours"])
    yield alone(
        "loss and gradients of a distilled network", "self_distillation", size, len(images) / seconds, "images/s"
    )


def many(step: Callable[[], object], steps: int) -> Callable[[], None]:
    """Return a function that takes so many steps."""

    def work() -> None:
        for _ in range(steps):
            step()

    return work


def first_losses(step: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Return the losses of three steps."""
    return torch.stack([step().cpu() for _ in range(3)])


@contextmanager
def float32() -> Iterator[None]:
    """Let the GPU compute float32 as the CPU does: by default its convolutions round to TF32's ten bits."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


PARTS = [batchnorm_steps, tempnet_steps, tempnet_solver, projections, local_fine, distilled_network, ridge_path]


def run(bench: Bench, seconds: float, table: Path) -> int:
    """Write the rows of all parts that fit into the time; return how many parts failed."""
    failed, start = 0, time.monotonic()
    for part in PARTS:
        spent = time.monotonic() - start
        if spent > seconds:
            print(f"-- {part.__name__}: left out, {spent:.0f} s of {seconds:.0f} are used", flush=True)
            continue
        print(f"-- {part.__name__}: {part.__doc__}", flush=True)
        try:
            for row in part(bench):
                write([row], table)
        except Exception as error:  # one part that fails must not cost the others
            failed += 1
            print(f"   failed: {type(error).__name__}: {error}", flush=True)
        if bench.device == "cuda":
            torch.cuda.empty_cache()
    print(f"{len(PARTS) - failed} of {len(PARTS)} parts without an error, {time.monotonic() - start:.0f} s")
    return failed


def main() -> None:
    """Run all parts on the GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: to try it out")
    parser.add_argument("--seconds", type=float, default=600, help="no part starts after so many seconds")
    parser.add_argument("--out", type=Path, help="folder for gpu.csv, instead of the table itself")
    parser.add_argument("--tiny", action="store_true", help="small sizes and one round")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("no GPU here: torch sees no CUDA device, nothing measured (try --device cpu --tiny)")
        return
    if options.device == "cpu" and options.out is None:
        parser.error("--device cpu is for trying it out: give --out, so that the table keeps its rows")
    torch.manual_seed(0)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    table = TABLE if options.out is None else options.out / "gpu.csv"
    raise SystemExit(run(Bench(options.device, options.tiny, 1 if options.tiny else 5), options.seconds, table) > 0)


if __name__ == "__main__":
    main()
