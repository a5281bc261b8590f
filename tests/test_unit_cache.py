"""Unit results on disk come back exactly, or not at all."""

import json
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replicate.unit_cache import UnitCache, UnitResult, plain, plain_items, plain_rows

ROWS = [{"metric": "a", "value": 0.1, "step": 3}, {"metric": "b", "value": None, "tags": ["x", 1]}]


@pytest.fixture
def stored(tmp_path):
    """Return a cache, and the file of the one result in it."""
    cache = UnitCache(tmp_path / "units")
    cache.store("toy/noise", "abcd", UnitResult(ROWS, 1.5, 1.25, 80.0), {"config": {"dim": 2}})
    return cache, cache.path("toy/noise", "abcd")


def test_a_stored_result_comes_back(stored):
    """Resuming rests on this."""
    cache, path = stored
    assert cache.load("toy/noise", "abcd") == UnitResult(ROWS, 1.5, 1.25, 80.0)
    assert path.relative_to(cache.root).as_posix() == "toy/noise/ab/abcd.json"
    assert cache.load("toy/noise", "abce") is None
    assert cache.load("toy/other", "abcd") is None


def test_the_file_says_what_it_was_made_from(stored):
    """A person who looks at a file must see which unit it is."""
    assert json.loads(stored[1].read_text())["body"]["ingredients"] == {"config": {"dim": 2}}


@pytest.mark.parametrize("keep", [0, 1, 10, 100, -2])
def test_a_truncated_file_counts_as_absent(stored, keep):
    """A full disk or a lost machine leaves such files; reading one must mean computing again."""
    cache, path = stored
    path.write_bytes(path.read_bytes()[:keep])
    assert cache.load("toy/noise", "abcd") is None


@pytest.mark.parametrize(("old", "new"), [("0.1", "0.2"), ('"b"', '"c"'), ("1.25", "1.26"), ('"dim": 2', '"dim": 3')])
def test_an_edited_file_counts_as_absent(stored, old, new):
    """A flipped digit must not become a result."""
    cache, path = stored
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    assert cache.load("toy/noise", "abcd") is None


@pytest.mark.parametrize("content", [b"null", b"[]", b"3", b"{}", b'{"body": 1, "checksum": "x"}', b"\xff", b"[1,"])
def test_garbage_counts_as_absent(stored, content):
    """No content of a cache file may stop a sweep."""
    cache, path = stored
    path.write_bytes(content)
    assert cache.load("toy/noise", "abcd") is None


def test_a_valid_checksum_over_another_shape_counts_as_absent(stored):
    """A file of an older or newer layout must be computed again, not crash."""
    cache, path = stored
    entry = json.loads(path.read_text())
    entry["body"]["result"]["colour"] = 1
    from replicate.fingerprint import digest

    path.write_text(json.dumps({**entry, "checksum": digest(entry["body"])}))
    assert cache.load("toy/noise", "abcd") is None


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.one_of(VALUES, st.lists(VALUES, max_size=3)))
def test_values_survive_bit_for_bit(stored, value):
    """Cached and fresh results must give the same bytes: NaN, infinities, -0.0, any text, any integer."""
    cache, _ = stored
    cache.store("toy/noise", "ff", UnitResult([{"metric": "m", "value": plain(value)}], 0, 0, 0), {})
    assert repr(cache.load("toy/noise", "ff").rows[0]["value"]) == repr(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.1), 0.10000000149011612),
        (np.int64(2**62), 2**62),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        ((1, (2, "x")), [1, [2, "x"]]),
        ([np.int32(1)], [1]),
    ],
)
def test_numpy_scalars_become_python_ones(value, kept):
    """Units return NumPy scalars; JSON must keep their exact value and their kind."""
    assert plain(value) == kept
    assert type(plain(value)) is type(kept)
    assert math.isnan(plain(np.float64("nan")))


@pytest.mark.parametrize(
    "value", [np.zeros(1), {"a": 1}, {1}, b"x", 1j, np.complex64(1), date(2024, 1, 1), len, np.longdouble(1)]
)
def test_other_values_are_refused_with_their_key(value):
    """Turning an array into text would lose its digits and give a key that collides."""
    kind = type(plain_or_item(value)).__name__
    with pytest.raises(TypeError, match=f"'grid': a configuration or row may hold text, numbers .* not {kind}"):
        plain_items({"ok": 1, "grid": value})


def plain_or_item(value):
    """Return what NumPy makes of a scalar, which is what the message names."""
    return value.item() if isinstance(value, np.generic) else value


@pytest.mark.parametrize(
    ("row", "missing"), [({"metric": "a"}, "value"), ({"value": 1}, "metric"), ({}, "metric, value")]
)
def test_rows_need_a_metric_and_a_value(row, missing):
    """A row without value would show up as an empty measurement."""
    with pytest.raises(ValueError, match=f"missing: {missing}$"):
        plain_rows([{"metric": "a", "value": 1}, row])


def test_keys_become_text():
    """JSON makes text of them: a fresh and a cached column would have two names."""
    assert plain_items({1: "a"}) == {"1": "a"}
