"""Devices: a choice is honoured or refused, never replaced silently."""

import sys
from types import SimpleNamespace

import pytest

from replicate import device
from replicate.errors import UserError


@pytest.mark.parametrize(
    ("asked", "gpu", "got"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_auto_takes_the_gpu_when_there_is_one(monkeypatch, asked, gpu, got):
    """``auto`` must use what is there, ``cpu`` must not."""
    monkeypatch.setattr(device, "_has_cuda", lambda: gpu)
    assert device.resolve(asked) == got


def test_cuda_without_a_gpu_is_refused(monkeypatch):
    """Falling back to the CPU would turn minutes into days without a word."""
    monkeypatch.setattr(device, "_has_cuda", lambda: False)
    with pytest.raises(UserError, match="'cuda' was asked for, but torch sees no GPU here: use 'auto' or 'cpu'"):
        device.resolve("cuda")


@pytest.mark.parametrize("name", ["cude", "CUDA", "gpu", "", "cuda:0", None])
def test_unknown_devices_are_refused_with_the_choices(name):
    """A misspelt device must not mean the default."""
    with pytest.raises(UserError, match=r"unknown device .*\(allowed: auto, cpu, cuda\)"):
        device.resolve(name)
    with pytest.raises(UserError, match="did you mean 'cuda'"):
        device.resolve("cude")


def test_without_a_driver_torch_is_not_imported(monkeypatch):
    """The import takes seconds, which every command would pay."""
    monkeypatch.setattr(device.shutil, "which", lambda name: None)
    monkeypatch.setattr(device.os.path, "exists", lambda path: False)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would now raise
    assert device.resolve("auto") == "cpu"


@pytest.mark.parametrize("available", [True, False])
def test_with_a_driver_torch_decides(monkeypatch, available):
    """A driver without a usable GPU (or a CPU build of torch) is no GPU."""
    monkeypatch.setattr(device.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: available)))
    assert device.resolve("auto") == ("cuda" if available else "cpu")


def test_asking_for_the_cpu_never_probes(monkeypatch):
    """Probing a busy GPU can take seconds."""
    monkeypatch.setattr(device, "_has_cuda", lambda: pytest.fail("probed"))
    assert device.resolve("cpu") == "cpu"
