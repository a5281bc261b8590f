"""Which device computes: ``auto`` takes the GPU when there is one."""

import os
import shutil

from replicate.errors import UserError, nearest

CHOICES = ("auto", "cpu", "cuda")


def resolve(device: str) -> str:
    """Return ``"cpu"`` or ``"cuda"``.

    torch is imported only on machines that show an NVIDIA driver, so that asking stays cheap elsewhere.

    Raises:
        UserError: an unknown name, or ``cuda`` on a machine without a usable GPU.
    """
    if device not in CHOICES:
        raise UserError(f"unknown device {device!r}: {nearest(device, CHOICES)}")
    if device == "cpu":
        return "cpu"
    if _has_cuda():
        return "cuda"
    if device == "cuda":
        raise UserError("device 'cuda' was asked for, but torch sees no GPU here: use 'auto' or 'cpu'")
    return "cpu"


def _has_cuda() -> bool:
    if not (shutil.which("nvidia-smi") or os.path.exists("/dev/nvidia0")):
        return False
    import torch

    return torch.cuda.is_available()
