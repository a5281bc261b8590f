"""In which precision a network computes: bfloat16 autocast where the hardware multiplies it, float32 elsewhere.

Under autocast weights, momentum and normalisation statistics stay float32; matrix products and convolutions take
bfloat16. On a CPU without the instructions bfloat16 is emulated and slower than float32, so it is not chosen there.
"""

from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import torch

from replicate.errors import UserError, nearest

PRECISIONS = ("auto", "fp32", "bf16")
_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 in two ways, Arm; as Linux names them
_CPU_INFO = Path("/proc/cpuinfo")


def resolve(precision: str, device: str) -> str:
    """Return ``"fp32"`` or ``"bf16"``; "auto" takes bf16 where `has_bf16` says so.

    Resolve once, before a sweep, and put the answer into the configurations: results in the two differ.

    Raises:
        UserError: an unknown name (names the nearest).
    """
    if precision not in PRECISIONS:
        raise UserError(f"unknown precision {precision!r}: {nearest(precision, PRECISIONS)}")
    if precision != "auto":
        return precision
    return "bf16" if has_bf16(device) else "fp32"


def has_bf16(device: str) -> bool:
    """Return whether this machine's ``"cpu"`` or ``"cuda"`` device multiplies bfloat16 in hardware."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_available() and torch.cuda.get_device_capability(device)[0] >= 8
    return bool(_CPU_FLAGS & cpu_flags())


@cache
def cpu_flags(path: Path = _CPU_INFO) -> frozenset[str]:
    """Return the instruction sets of the first core as Linux lists them; empty on other systems."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return frozenset()
    first = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(first.partition(":")[2].split())


def autocast(precision: str, device: str) -> AbstractContextManager:
    """Return the context of forward passes and losses: does nothing for "fp32".

    Raises:
        ValueError: "auto", or another name that is no precision: `resolve` it first.
    """
    if precision not in ("fp32", "bf16"):
        raise ValueError(f"precision {precision!r} cannot be computed in; resolve it to 'fp32' or 'bf16' first")
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")
