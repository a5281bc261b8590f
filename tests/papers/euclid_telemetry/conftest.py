"""Shared missions: simulated once for all tests."""

import numpy as np
import pytest

from replicate.papers.euclid_telemetry.simulator import simulate


@pytest.fixture(scope="session")
def mission():
    """Return the default mission: 182 days, 39 events."""
    return simulate(rng=np.random.default_rng(0))


@pytest.fixture(scope="session")
def short():
    """Return twelve days with three events that have a cause."""
    return simulate(12, rng=np.random.default_rng(0), counts={"deice": 1, "vis_power": 1, "load_step": 1})
