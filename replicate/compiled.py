"""Compile a function of tensors for a GPU, where launching many small kernels is what costs.

On a CPU, without a compiler, or with ``$REPLICATE_COMPILE=0`` the function stays as it is. Compiled sums are rounded in
another order, so results agree with the others within float tolerance, not bit by bit.
"""

import logging
import os
from collections.abc import Callable
from typing import Any

import torch

log = logging.getLogger("replicate.compiled")
SWITCH = "REPLICATE_COMPILE"


def compiled(function: Callable, device: str, **options: Any) -> Callable:
    """Return ``torch.compile(function, **options)`` for "cuda", else the function itself.

    The first call compiles. If that fails (no C compiler, no Triton, an operation that cannot be compiled), it says so
    once and goes on with the function as it is.
    """
    if torch.device(device).type != "cuda" or os.environ.get(SWITCH) == "0":
        return function
    return _WithFallback(function, torch.compile(function, **options))


def forget_compiled() -> None:
    """Free what was compiled in this process, and its memory on the GPU; what is called again compiles again."""
    if torch.cuda.is_available():
        torch.compiler.reset()


class _WithFallback:
    def __init__(self, function: Callable, fast: Callable):
        self._function, self._fast, self._works = function, fast, False

    def __call__(self, *inputs: object) -> object:
        if self._works:
            return self._fast(*inputs)
        try:
            outputs = self._fast(*inputs)
        except Exception as error:  # compilers fail in many ways; what is wrong with the inputs fails again below
            log.warning("not compiled (%s): %s", type(error).__name__, str(error).splitlines()[0] if str(error) else "")
            self._fast = self._function
            outputs = self._function(*inputs)
        self._works = True
        return outputs
