"""A toy paper, its runs and an isolated project root for every test that needs them."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pandas as pd
import pytest

from replicate import atomic, claims, manifest, paper
from replicate.measurement import Measurement

# a busy machine is slow, not wrong
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


def pytest_runtest_setup(item):
    """Skip tests of the real data where there are none."""
    if item.get_closest_marker("data") and not os.environ.get("REPLICATE_DATA"):
        pytest.skip("needs the real files in $REPLICATE_DATA")


TOY_PAPER = """\
short = "Toy"
summary = "A paper about nothing."
datasets = ["digits"]

[citation]
title = "On toys"
authors = "A. Author"
venue = "Journal of Toys"
year = 2020

[presets.smoke]
description = "seconds"
budget_seconds = 20
parameters = { dim = 2, rate = 0.1 }

[presets.default]
description = "minutes"
budget_seconds = 300
parameters = { dim = 20, rate = 0.1 }

[presets.paper]
description = "hours"
budget_seconds = 7200
parameters = { dim = 200, rate = 0.1 }

[[claims]]
id = "C1"
statement = "The mean is 93.1 %."
metric = "accuracy"
unit = "%"
published = 93.1
published_sd = 0.2
published_n = 5
source = "Table 2, row 3"
experiment = "noise"
rule = { kind = "within", tolerance = 1.0, why = "twice the paper's own seed spread" }

[[claims]]
id = "C2"
statement = "A beats B."
metric = "gap"
published_text = "A is higher"
source = "Figure 1"
experiment = "noise"
rule = { kind = "above", bound = 0, why = "an ordering" }
needs = { dataset = "mnist", presets = ["default", "paper"] }

[[deviations]]
what = "Batch size"
why = "not in the paper"
evidence = "the appendix lists every other setting"
claims = ["C1"]

[[corrections]]
date = 2024-01-02
what = "C1 used the wrong split"
cause = "a typing error"
claims = ["C1"]

[[compare]]
table = "accuracy"
metric = "loss"
relative = 0.01
why = "trained numbers drift"
"""


@pytest.fixture
def toy_paper_toml():
    """Return a builder: the toy ``paper.toml`` with pieces of text replaced, each found exactly once."""

    def build(*replacements: tuple[str, str], append: str = "") -> str:
        text = TOY_PAPER
        for old, new in replacements:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the toy paper"
            text = text.replace(old, new)
        return text + append

    return build


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """Give the test a project root, a unit cache and a papers folder of its own."""
    places = SimpleNamespace(root=tmp_path / "root", cache=tmp_path / "units", papers=tmp_path / "papers")
    for place in vars(places).values():
        place.mkdir()
    monkeypatch.setenv("REPLICATE_ROOT", str(places.root))
    monkeypatch.setenv("REPLICATE_CACHE", str(places.cache))
    monkeypatch.setenv("REPLICATE_PAPERS", str(places.papers))
    return places


@pytest.fixture
def read_toy(isolated, toy_paper_toml):
    """Return a function that writes a ``paper.toml`` (default: the toy's) and reads it back."""

    def read(text: str | bytes | None = None) -> paper.Paper:
        path = isolated.papers / "toy" / "paper.toml"
        text = toy_paper_toml() if text is None else text
        atomic.write_bytes(path, text if isinstance(text, bytes) else text.encode())
        return paper.read(path)

    return read


@pytest.fixture
def toy(read_toy) -> paper.Paper:
    """Return the toy paper."""
    return read_toy()


@pytest.fixture
def make_run(toy):
    """Return a function that writes a complete run directory of the toy paper, as ``Run.finish`` would."""

    def make(path: Path, *, measured=None, tables=None, status="complete", preset="smoke", **changes) -> Path:
        if measured is None:
            measured = {"C1": Measurement(93.0, 92.8, 93.2, 5, "t", dataset="digits")}
        for name, table in ({"accuracy": ACCURACY} if tables is None else tables).items():
            text = table if isinstance(table, str) else table.to_csv(index=False, lineterminator="\n")
            atomic.write_text(path / "tables" / f"{name}.csv", text)
        frame = claims.judge_all(changes.pop("paper", toy), measured, preset=preset)
        frame["paper"] = path.name
        atomic.write_text(path / "claims.csv", frame.to_csv(index=False, lineterminator="\n"))
        atomic.write_text(path / "figures" / "curve.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
        atomic.write_text(path / f"{path.name}.ipynb", json.dumps(NOTEBOOK))
        manifest.write(path, {"status": status, "slug": path.name, "preset": preset, **MANIFEST, **changes})
        return path

    return make


ACCURACY = pd.DataFrame(
    {
        "paper": "toy",
        "seed": [0, 1, 0, 1],
        "metric": ["acc", "acc", "loss", "loss"],
        "value": [0.5, 0.75, 1.5, 2.5],
    }
)
NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Toy"}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
MANIFEST = {
    "title": "On toys",
    "arxiv": "1234.56789",
    "device": "cpu",
    "jobs": 2,
    "seconds": 12.4,
    "experiments": {"noise": {"cpu_seconds": 3.0, "peak_mib": 100.0}},
    "hardware": {"processor": "a processor"},
    "deviations": [{"what": "Batch size", "why": "open", "evidence": "appendix", "claims": ["C1"]}],
    "corrections": [{"date": "2024-01-02", "what": "split", "cause": "typing"}],
}
