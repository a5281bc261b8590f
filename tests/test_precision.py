"""Precision: bfloat16 where the hardware has it, float32 elsewhere, and never by accident."""

import pytest
import torch

from replicate import precision
from replicate.errors import UserError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16", "bf16"),
        ("flags\t\t: fpu avx2 amx_bf16", "bf16"),
        ("Features\t: fp asimd bf16", "bf16"),
        ("flags\t\t: fpu avx2 avx512f", "fp32"),
        ("", "fp32"),
    ],
)
def test_auto_follows_the_instruction_set(monkeypatch, tmp_path, line, expected):
    """Emulated bfloat16 is slower than float32."""
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor : 0\n{line}\n")
    flags = precision.cpu_flags(info)
    monkeypatch.setattr(precision, "cpu_flags", lambda: flags)
    assert precision.resolve("auto", "cpu") == expected


def test_a_system_without_the_file_computes_in_float32(tmp_path):
    """Not every system is Linux."""
    assert precision.cpu_flags(tmp_path / "absent") == frozenset()


def test_a_named_precision_is_kept():
    """Smoke runs ask for float32 whatever the machine."""
    assert [precision.resolve(p, "cpu") for p in ("fp32", "bf16")] == ["fp32", "bf16"]


def test_an_unknown_precision_names_the_nearest():
    """A misspelt precision must not silently become another."""
    with pytest.raises(UserError, match=r"unknown precision 'fp23': did you mean 'fp32'\?"):
        precision.resolve("fp23", "cpu")
    with pytest.raises(ValueError, match="resolve it to 'fp32' or 'bf16' first"):
        precision.autocast("auto", "cpu")


def test_autocast_changes_products_only_where_asked():
    """Parameters stay float32; fp32 must be untouched even inside another autocast."""
    layer = torch.nn.Linear(3, 2)
    with precision.autocast("bf16", "cpu"):
        assert layer(torch.ones(1, 3)).dtype == torch.bfloat16
        with precision.autocast("fp32", "cpu"):
            assert layer(torch.ones(1, 3)).dtype == torch.float32
    assert layer.weight.dtype == torch.float32
