"""Walsh-Hadamard transform as a few small matrix products."""

from functools import lru_cache

import torch
from torch import Tensor

# Factors up to 32 x 32 are the fastest on one CPU core: larger cost more flops, smaller more passes over x.
_MAX_BITS = 5


def fwht(x: Tensor) -> Tensor:
    """Return the unnormalised Walsh-Hadamard transform ``H x`` over the last axis.

    ``x`` has shape ``(..., L)`` with ``L`` a power of two and a floating dtype; the result has the same
    shape and dtype and ``fwht(fwht(x)) == L x``. ``H_L`` is a Kronecker product of small Hadamard
    matrices (Sylvester order), so the vector is reshaped into at most ``ceil(log2(L) / 5)`` axes and
    every axis is multiplied with its own factor. Differentiable (``H`` is symmetric). Raises
    ``ValueError`` for another length.
    """
    length = x.shape[-1] if x.ndim else 0
    if length < 1 or length & (length - 1):
        raise ValueError(f"the last axis must have a power of two as length, found {length}; pad with zeros")
    y, inner = x, 1
    for bits in _axis_bits(length.bit_length() - 1):
        size = 1 << bits
        factor = _hadamard(bits, x.dtype, x.device)
        y = y.reshape(-1, size) @ factor if inner == 1 else torch.matmul(factor, y.reshape(-1, size, inner))
        inner *= size
    return y.reshape(x.shape)


def _axis_bits(total: int) -> list[int]:
    """Split ``log2 L`` into the fewest, most equal parts of at most 5 bits."""
    parts = -(-total // _MAX_BITS)
    return [total * (i + 1) // parts - total * i // parts for i in range(parts)]


@lru_cache(maxsize=32)
def _hadamard(bits: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    matrix = torch.ones(1, 1, dtype=dtype, device=device)
    for _ in range(bits):
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix
