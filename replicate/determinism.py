"""Sums in a fixed order, so that a repeated run gives the same bytes: one thread on a CPU, chosen kernels on a GPU."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread(libraries: Mapping[str, str]) -> Iterator[None]:
    """Compute with one thread, as workers do: sums in another order would change the last bits."""
    if "torch" not in libraries and "torch" not in sys.modules:
        with threadpool_limits(1):
            yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def same_sums() -> Iterator[None]:
    """Let a GPU add in a fixed order, so that a repeated run gives the same bytes; warn where it cannot."""
    import torch

    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
