"""The collector pauses and comes back as it was."""

import gc
import importlib

import pytest

from replicate import collector


def _import_without_it(module: str) -> None:
    with collector.paused():
        assert not gc.isenabled()
        importlib.import_module(module)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled):
    """Also after an error: a process without it would grow for ever."""
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(ModuleNotFoundError):
            _import_without_it("no.such.module")
        assert gc.isenabled() == enabled
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.enable()
