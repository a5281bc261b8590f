"""Drawing the random parts of each projection; exact normalisations, all numbers from one CPU generator.

Every function takes ``(full_dim, dim, generator, dtype, tensor_sizes)`` and returns the buffers of
the projection of its name; column norms are computed in float64.
"""

import itertools
import math

import torch
from torch import Tensor


def power_of_two(n: int) -> int:
    """Return the smallest power of two that is at least ``n``."""
    return 1 << (n - 1).bit_length()


def dense(full_dim, dim, generator, dtype, tensor_sizes):
    """Draw Gaussian columns and divide each by its norm."""
    columns = torch.empty(dim, full_dim, dtype=dtype).normal_(generator=generator)
    for column in columns:
        column /= torch.linalg.vector_norm(column, dtype=torch.float64)
    return {"columns": columns}


def orthogonal(full_dim, dim, generator, dtype, tensor_sizes):
    """Draw orthonormal columns, uniform (Haar) on the Stiefel manifold."""
    gaussian = torch.empty(full_dim, dim, dtype=torch.float64).normal_(generator=generator)
    q, r = torch.linalg.qr(gaussian)
    # The signs of R decide between bases; making them positive gives the Haar measure.
    return {"columns": (q * torch.sign(torch.diagonal(r))).t().contiguous().to(dtype)}


def identity(full_dim, dim, generator, dtype, tensor_sizes):
    """Draw nothing; raise ``ValueError`` unless d = D."""
    if dim != full_dim:
        raise ValueError(f"the identity projection needs d = D, found d = {dim} and D = {full_dim}")
    return {}


def one_hot(full_dim, dim, generator, dtype, tensor_sizes):
    """Draw a balanced assignment of rows to columns with random signs: one int32 per row."""
    index = torch.randperm(full_dim, generator=generator, dtype=torch.int32)
    index.remainder_(dim)
    for part in index.split(1 << 22):  # pieces: 1e8 random signs would need as much memory as P
        part += dim * torch.randint(2, part.shape, generator=generator, dtype=torch.int32)
    per_column = full_dim // dim + (torch.arange(dim) < full_dim % dim).double()
    return {"signed_columns": index, "scale": per_column.rsqrt().to(dtype)}


def sparse(full_dim, dim, generator, dtype, tensor_sizes):
    """Draw +- entries with density 1/sqrt(size of the tensor), tensor by tensor."""
    sizes = tensor_sizes or [full_dim]
    if sum(sizes) != full_dim:
        raise ValueError(f"tensor_sizes must sum to D = {full_dim}, found {sum(sizes)}; use tensor_sizes(module)")
    starts = itertools.accumulate(sizes, initial=0)
    blocks = [_bernoulli(n, dim, generator) + at * dim for n, at in zip(sizes, starts, strict=False)]
    return _sparse_buffers(torch.cat(blocks), full_dim, dim, generator, dtype)


def sparse_vector(full_dim, dim, generator, dtype, tensor_sizes):
    """Draw +- entries with density 1/sqrt(D)."""
    return _sparse_buffers(_bernoulli(full_dim, dim, generator), full_dim, dim, generator, dtype)


def _bernoulli(rows: int, dim: int, generator) -> Tensor:
    """Return sorted flat positions (int64) of i.i.d. Bernoulli(1/sqrt(rows)) entries of a (rows, dim) block.

    Gaps between successes are geometric, so the cost is the number of nonzeros, not rows x dim.
    """
    if rows == 1:
        return torch.arange(dim)
    total, p, found, last = rows * dim, rows**-0.5, [], -1.0
    while last < total:
        count = int((total - max(last, 0)) * p + 6 * math.sqrt(total * p)) + 16
        gaps = torch.empty(count, dtype=torch.float64).geometric_(p, generator=generator)
        found.append(gaps.cumsum(0) + last)
        last = found[-1][-1].item()
    positions = torch.cat(found)
    return positions[positions < total].long()


def _sparse_buffers(positions, full_dim, dim, generator, dtype):
    positions = torch.cat([positions, _one_entry_in_empty_columns(positions, full_dim, dim, generator)])
    columns = positions % dim
    scale = torch.bincount(columns, minlength=dim).double().rsqrt().to(dtype)
    signed = columns + dim * torch.randint(2, columns.shape, generator=generator)
    return {"rows": (positions // dim).int(), "signed_columns": signed.int(), "scale": scale}


def _one_entry_in_empty_columns(positions, full_dim, dim, generator):
    """A column without entries (only likely for tiny D) cannot have unit length: give it one random row."""
    empty = (torch.bincount(positions % dim, minlength=dim) == 0).nonzero().view(-1)
    return torch.randint(full_dim, empty.shape, generator=generator) * dim + empty


def fastfood(full_dim, dim, generator, dtype, tensor_sizes):
    """Draw B, Pi (modulo n) and G of one block, G scaled by ``1/sqrt(D sum G^2)``."""
    length = power_of_two(full_dim)
    gauss = torch.empty(length, dtype=torch.float64).normal_(generator=generator)
    source = torch.randperm(length, generator=generator, dtype=torch.int32) % power_of_two(dim)
    scale = (full_dim * gauss.square().sum()).rsqrt()
    return {"signs": _signs((dim,), generator, dtype), "source": source, "gauss": (gauss * scale).to(dtype)}


def stacked_fastfood(full_dim, dim, generator, dtype, tensor_sizes):
    """Draw B, Pi and G of ``ceil(D/n)`` blocks, G scaled by ``1/(sqrt(n sum G_k^2) sqrt(D/n))``."""
    n = power_of_two(dim)
    blocks = -(-full_dim // n)
    gauss = torch.empty(blocks, n, dtype=torch.float64).normal_(generator=generator)
    scale = (full_dim * gauss.square().sum(1, keepdim=True)).rsqrt()  # = 1 / (sqrt(n sum G_k^2) sqrt(D/n))
    source = torch.rand(blocks, n, generator=generator, dtype=torch.float64).argsort(1)
    source += n * torch.arange(blocks)[:, None]
    signs = _signs((blocks, n), generator, dtype)
    return {"signs": signs, "source": source.view(-1).int(), "gauss": (gauss * scale).to(dtype)}


def _signs(shape, generator, dtype):
    return torch.randint(2, shape, generator=generator).to(dtype).mul_(2).sub_(1)
