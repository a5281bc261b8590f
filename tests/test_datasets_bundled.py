"""Series and pictures inside installed packages: sizes, units, and a warning when a package ships another file."""

import hashlib

import numpy as np
import pytest

from replicate import datasets
from replicate.datasets import bundled
from replicate.errors import UserError


def test_co2_against_its_published_description():
    """Lost: gaps, times or units. 2,284 weeks from 1958-03-29 to 2001-12-29, 59 missing (statsmodels)."""
    co2 = datasets.load_series("co2")
    assert (co2.steps, len(co2.values), co2.unit) == (2284, 2225, "ppm")
    assert co2.times[0] == pytest.approx(1958 + 87 / 365.25)
    assert co2.times[-1] == pytest.approx(2001.99, abs=0.01)
    assert (np.diff(co2.index) >= 1).all()
    assert 312 < co2.values.min() < co2.values.max() < 375


def test_sunspots_against_their_published_description():
    """Lost: 309 years from 1700 to 2008; the maximum is 190.2 in 1957."""
    sunspots = datasets.load_series("sunspots")
    assert len(sunspots.values) == sunspots.steps == 309
    assert (sunspots.times[0], sunspots.times[-1]) == (1700, 2008)
    assert sunspots.times[sunspots.values.argmax()] == 1957


def test_pictures_are_read_only_colour():
    """Lost: a caller who changes the shared array."""
    china = datasets.load_picture("china")
    assert (china.shape, china.dtype) == ((427, 640, 3), np.uint8)
    with pytest.raises(ValueError, match="read-only"):
        china[0, 0, 0] = 1


def test_unknown_names_propose_the_nearest():
    """Lost: an ImportError from inside a package."""
    with pytest.raises(UserError, match="did you mean 'sunspots'"):
        datasets.load_series("sunspot")
    with pytest.raises(UserError, match="no picture 'chine': did you mean 'china'"):
        datasets.load_picture("chine")


@pytest.mark.parametrize("load", ["load_series", "load_picture"])
def test_another_file_in_the_package_is_said_and_used(load, monkeypatch):
    """Lost: results that differ without a word, or a run refused because a package was updated."""
    digest = hashlib.sha256(b"another file")
    monkeypatch.setattr(bundled.hashlib, "sha256", lambda data: digest)
    name = {"load_series": "sunspots", "load_picture": "flower"}[load]
    with pytest.warns(
        UserWarning, match=f"ships another {name}.* than the registered one: SHA-256 {digest.hexdigest()}"
    ):
        assert getattr(bundled, load).__wrapped__(name) is not None


def test_the_registry_knows_them():
    """Lost: licence and origin in `replicate data list`; a hash in every cache key."""
    for name in ("co2", "sunspots", "china", "flower"):
        (entry,) = (datasets.entry(file) for file in datasets.names(name))
        assert entry.bundled in ("statsmodels", "scikit-learn")
        assert len(datasets.data_hash(name)) == 12
