"""More than one computing thread for a unit that says so: one long training on all cores."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute with ``count`` threads here, then as before.

    Sums are split by the number of threads: put the number into the unit's configuration, so that results that differ
    in their last bits have different names.
    """
    if count < 1:
        raise ValueError(f"threads must be at least 1, got {count}")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
