"""Time and memory of the projections, against a dense and a sparse P in plain PyTorch.

A training step of 784-200-200-10 (D = 199,210) at d = 750, batch 128, Adam; an epoch is 469 of them. "dense in plain
PyTorch" and "sparse in plain PyTorch" store P as a matrix or in compressed rows (with its transpose, which the backward
pass needs) and multiply; gradients are autograd's. Memory is that of P, and the peak of a process of its own for
D = 1e8. Fastfood is also compared with the public package that has it.
"""

import argparse
import json
import subprocess
import sys
import time

import torch
from harness import alone, alternate, compared, missing, write
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from replicate import memory
from replicate.papers.intrinsic_dimension.networks import network
from replicate.papers.intrinsic_dimension.projections import projection
from replicate.papers.intrinsic_dimension.subspace import Subspace, tensor_sizes
from replicate.training import make_optimizer, stream

PAPER = "intrinsic_dimension"
KINDS = ["dense", "sparse", "sparse_vector", "fastfood", "fastfood_stacked", "one_hot"]
DIM, BATCH = 750, 128
DENSE, SPARSE = "dense P in plain PyTorch", "sparse P in plain PyTorch"
FASTFOOD = "scikit-learn-extra's Fastfood"
MIB = 2**20


class Plain(nn.Module):
    """theta0 + P t with a stored ``matrix`` ``(D, d)``, dense or in compressed rows, as one would write it."""

    def __init__(self, module: nn.Module, matrix: Tensor):
        super().__init__()
        self.module = module.requires_grad_(False)
        self.named = dict(module.named_parameters())
        self.theta0 = torch.cat([p.detach().reshape(-1) for p in self.named.values()])
        self.matrix, self.transposed = matrix, matrix.t().to_sparse_csr() if matrix.layout == torch.sparse_csr else None
        self.t = nn.Parameter(torch.zeros(matrix.shape[1]))

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's outputs."""
        step = self.matrix @ self.t if self.transposed is None else _SparseProduct.apply(self.t, self)
        pieces = (self.theta0 + step).split([p.numel() for p in self.named.values()])
        weights = {n: w.view(p.shape) for w, (n, p) in zip(pieces, self.named.items(), strict=True)}
        return functional_call(self.module, weights, (x,))

    @property
    def nbytes(self) -> int:
        """Bytes of P."""
        if self.transposed is None:
            return self.matrix.numel() * self.matrix.element_size()
        return sum(
            part.numel() * part.element_size()
            for m in (self.matrix, self.transposed)
            for part in (m.values(), m.crow_indices(), m.col_indices())
        )


class _SparseProduct(torch.autograd.Function):
    """P t in compressed rows, and P^T g: PyTorch's own backward pass of it forms a dense matrix."""

    @staticmethod
    def forward(ctx, t, plain):
        ctx.plain = plain
        return plain.matrix @ t

    @staticmethod
    def backward(ctx, gradient):
        return ctx.plain.transposed @ gradient, None


def module(tiny: bool) -> nn.Module:
    """Return the network: 784-200-200-10, or a small one."""
    return network("fc", generator=stream(0, "theta0"), **({"width": 8} if tiny else {}))


def net_name(tiny: bool) -> str:
    """Return the network's name in the table."""
    return "784-8-8-10" if tiny else "784-200-200-10"


def model(kind: str, dim: int, device: str = "cpu", tiny: bool = False) -> Subspace:
    """Return the network in a random subspace."""
    net = module(tiny)
    sizes = tensor_sizes(net)
    return Subspace(net, projection(kind, sum(sizes), dim, seed=0, tensor_sizes=sizes)).to(device)


def plain(kind: str, dim: int) -> Plain:
    """Return the same with a stored matrix: that of our dense or sparse projection, so that results can be compared."""
    ours = model(kind, dim).projection
    if kind == "dense":
        return Plain(module(False), ours.columns.t().contiguous())
    columns, negative = ours.signed_columns % dim, ours.signed_columns >= dim
    values = ours.scale[columns] * torch.where(negative, -1.0, 1.0)
    matrix = torch.sparse_coo_tensor(torch.stack([ours.rows.long(), columns.long()]), values, (ours.full_dim, dim))
    return Plain(module(False), matrix.to_sparse_csr())


def training_step(model: nn.Module):
    """Return a function that takes one Adam step on random pixels and returns the loss."""
    device = model.t.device
    x = torch.rand(BATCH, 784, generator=stream(0, "x")).to(device)
    y = torch.randint(10, (BATCH,), generator=stream(0, "y")).to(device)
    optimizer = make_optimizer("adam", [model.t], lr=0.1)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def steps(dim: int, rounds: int, repeats: int) -> list:
    """Return the rows of training steps and of P's memory."""
    models = {DENSE: plain("dense", dim), SPARSE: plain("sparse", dim)} | {kind: model(kind, dim) for kind in KINDS}

    def several(step):
        return lambda: [step() for _ in range(repeats)][-1]

    works = {name: several(training_step(m)) for name, m in models.items()}
    spent, losses = alternate(works, rounds, clock=time.process_time)
    per_step = {name: [1e3 * s / repeats for s in seconds] for name, seconds in spent.items()}
    size, rows = f"{net_name(False)}, d = {dim}, batch {BATCH}", []
    for kind in KINDS:
        for peer, same in ((DENSE, "dense"), (SPARSE, "sparse")):
            target = ">= 10" if peer == DENSE and kind not in ("dense", "sparse", "sparse_vector") else ""
            agree = abs(float(losses[kind] / losses[peer]) - 1) < 1e-3 if kind == same else "another P"
            pair = per_step[kind], per_step[peer]
            rows.append(
                compared(f"training step, {kind}", PAPER, size, *pair, peer, unit="ms", target=target, agree=agree)
            )
        held = [models[kind].projection.nbytes / MIB], [models[DENSE].nbytes / MIB]
        rows.append(compared(f"memory of P, {kind}", PAPER, size, *held, DENSE, unit="MiB"))
    return rows


def products(dim: int, rounds: int) -> list:
    """Return the rows of P t and P^T g alone, where the network's own work does not hide them."""
    dense = plain("dense", dim)
    full = len(dense.theta0)
    t, g = torch.randn(dim, generator=stream(0, "t")), torch.randn(full, generator=stream(0, "g"))
    works = {DENSE: lambda: (dense.matrix @ t, dense.matrix.t() @ g)}
    drawn = {kind: model(kind, dim).projection for kind in KINDS}
    works |= {kind: lambda p=p: (p.matvec(t), p.adjoint(g)) for kind, p in drawn.items()}
    spent, found = alternate({n: _repeat(w, 10) for n, w in works.items()}, rounds, clock=time.process_time)
    spent = {name: [100 * s for s in seconds] for name, seconds in spent.items()}
    same = all(torch.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in zip(found["dense"], found[DENSE], strict=True))
    size = f"D = {full:,}, d = {dim}"
    return [
        compared(f"P t and P^T g, {kind}", PAPER, size, spent[kind], spent[DENSE], DENSE, unit="ms",
                 target=">= 10" if kind in ("fastfood", "fastfood_stacked", "one_hot") else "",
                 agree=same if kind == "dense" else "another P")
        for kind in KINDS
    ]  # fmt: skip


def _repeat(work, times: int):
    return lambda: [work() for _ in range(times)][-1]


def public_fastfood(dim: int, rounds: int) -> list:
    """Return the row of Fastfood features of ``full_dim`` outputs, by the public package and by our blocks."""
    full, name = 199_210, "P t, fastfood_stacked"
    size = f"D = {full:,}, d = {dim}"
    try:
        from sklearn_extra.kernel_approximation import Fastfood
    except Exception as error:  # not installed, or built against another numpy
        return [missing(name, PAPER, size, FASTFOOD, f"not run: {type(error).__name__}: {str(error).splitlines()[0]}")]
    ours = projection("fastfood_stacked", full, dim, seed=0)
    t = torch.randn(dim, generator=stream(0, "t"))
    peer = Fastfood(n_components=full, random_state=0).fit(t[None].double().numpy())
    works = {"ours": lambda: ours.matvec(t), "peer": lambda: peer.transform(t[None].double().numpy())}
    spent, _ = alternate({n: _repeat(w, 5) for n, w in works.items()}, rounds, clock=time.process_time)
    pair = ([200 * s for s in spent[n]] for n in works)
    return [compared(name, PAPER, size, *pair, FASTFOOD, unit="ms", agree="another P, and it adds cosines")]


def large_product(full_dim: int, dim: int) -> dict[str, float]:
    """Draw a one-hot P, apply it and its adjoint once; return seconds and the peak memory of this process."""
    memory.reset_peak()
    before, start = memory.peak_mib(), time.process_time()
    drawn = projection("one_hot", full_dim, dim, seed=0)
    after_draw = time.process_time()
    drawn.adjoint(drawn.matvec(torch.ones(dim)))
    done = time.process_time()
    peak = memory.peak_mib() - before
    return {"draw": after_draw - start, "both products": done - after_draw, "peak": peak, "held": drawn.nbytes / MIB}


def large(quick: bool) -> list:
    """Return the rows of a large product, in a fresh process, so that the peak is its own."""
    full_dim, dim = (10**7, 10**3) if quick else (10**8, 10**4)
    command = [sys.executable, __file__, "--large-product", str(full_dim), str(dim)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    size = f"D = {full_dim:.0e}, d = {dim:.0e}"
    return [
        alone("P t and P^T g, one_hot", PAPER, size, found["both products"], "s"),
        alone("bytes a parameter held by P, one_hot", PAPER, size, found["held"] * MIB / full_dim, "B", target="<= 8"),
        alone(
            "bytes a parameter at the peak of drawing and products", PAPER, size, found["peak"] * MIB / full_dim, "B"
        ),
    ]


def main() -> None:
    """Parse the arguments, measure, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="d = 100, few repeats, D = 1e7")
    parser.add_argument("--large-product", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.large_product:
        print(json.dumps(large_product(*options.large_product)))
        return
    dim, rounds = (100, 3) if options.quick else (DIM, 5)
    write(large(options.quick))
    write(products(dim, rounds))
    write(steps(dim, rounds, 3))
    write(public_fastfood(dim, rounds))


if __name__ == "__main__":
    main()
