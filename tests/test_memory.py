"""Peak memory belongs to the work that was measured."""

import numpy as np
import pytest

from replicate import memory


@pytest.mark.skipif(not memory._RESET.exists(), reason="the kernel cannot forget a peak here")
def test_a_peak_does_not_outlive_its_work():
    """Lost: the cost of an experiment; a small one after a large one would look as large."""
    memory.reset_peak()
    before = memory.peak_mib()
    assert np.ones(2**25).sum() == 2**25  # 256 MiB
    assert memory.peak_mib() > before + 200
    memory.reset_peak()
    assert memory.peak_mib() < before + 100


def test_without_such_a_kernel_the_process_peak_is_reported(monkeypatch, tmp_path):
    """Lost: runs on other systems."""
    monkeypatch.setattr(memory, "_RESET", tmp_path / "none" / "reset")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none" / "status")
    memory.reset_peak()
    assert memory.peak_mib() > 10
