"""Compiling is for GPUs, and a compiler that fails must not cost a result."""

import logging

import torch

from replicate import compiled as module
from replicate.compiled import SWITCH, compiled, forget_compiled


def double(x):
    return 2 * x


def broken(function, **options):
    """Return what torch.compile gives where no C compiler is installed: it fails at the first call."""

    def fast(x):
        raise RuntimeError("no compiler found\nmore lines")

    return fast


def test_on_a_cpu_a_function_stays_what_it_is():
    """Snapshots are made with the plain functions."""
    assert compiled(double, "cpu", dynamic=False) is double


def test_the_switch_leaves_it_uncompiled_on_a_gpu(monkeypatch):
    """A cluster's nodes may have no compiler."""
    monkeypatch.setenv(SWITCH, "0")
    assert compiled(double, "cuda") is double


def test_a_failing_compiler_is_told_once_and_the_function_takes_over(monkeypatch, caplog):
    """The second call does not try again."""
    monkeypatch.setattr(torch, "compile", broken)
    function = compiled(double, "cuda")
    with caplog.at_level(logging.WARNING, logger=module.log.name):
        assert function(torch.tensor(3.0)) == 6
        assert function(torch.tensor(4.0)) == 8
    assert [r.getMessage() for r in caplog.records] == ["not compiled (RuntimeError): no compiler found"]


def test_options_reach_the_compiler_and_its_function_is_used(monkeypatch):
    """What compiles is called again and again."""
    asked = []
    monkeypatch.setattr(torch, "compile", lambda f, **options: asked.append(options) or (lambda x: f(x) + 1))
    function = compiled(double, "cuda", mode="reduce-overhead")
    assert [function(1), function(2)] == [3, 5]
    assert asked == [{"mode": "reduce-overhead"}]


def test_forgetting_without_a_gpu_does_nothing():
    """Called at the end of every training."""
    forget_compiled()
