"""The embedded text and the emoji, against what their publishers say of them."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from replicate import datasets
from replicate.datasets import load_emoji, load_help_topics, load_kjv
from replicate.errors import DataError


def test_kjv_against_its_published_size_and_hash():
    """66 characters, 4 138 977 in all, without the brackets around added words."""
    text = load_kjv()
    assert len(text) == 4_138_977
    assert len(set(text)) == 66
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "113af71c0373fd3a3d5a8515110498c93812fa760a9058f913d7b50ed4ca0668"
    )
    assert text.startswith("In the beginning God created the heaven and the earth.")


def test_help_topics_are_this_pythons_own():
    """Technical English, whatever the version."""
    text = load_help_topics()
    assert len(text) > 300_000
    assert 'The "assert" statement' in text


def test_emoji_against_the_counts_of_unicode_16():
    """1 911 symbols and 1 875 variants in skin tone, in two styles, in 99 subcategories."""
    emoji = load_emoji()
    assert emoji.images.shape == (2, 3786, 32, 32, 3)
    assert emoji.images.dtype == np.uint8
    assert not emoji.images.flags.writeable
    assert len(set(emoji.captions)) == 3786
    counts = Counter(emoji.subcategories)
    assert len(counts) == 99
    assert (counts["country-flag"], counts["animal-amphibian"]) == (259, 1)
    assert len(set(emoji.categories)) == 10


def test_emoji_pictures_belong_to_their_captions():
    """Japan's flag is white with a red middle, in both styles; a cell's border is not part of the picture."""
    emoji = load_emoji()
    at = next(i for i, caption in enumerate(emoji.captions) if caption.startswith("japan flag"))
    for picture in emoji.images[:, at]:
        red, green, blue = picture[16, 16].astype(int)
        assert red > 150
        assert max(green, blue) < 100
        assert (picture[2, 2] > 200).all()


def test_skin_tones_are_named_and_drawn():
    """Five tones, or two at once; variants differ in their pictures."""
    emoji = load_emoji()
    waving = [i for i, caption in enumerate(emoji.captions) if caption.startswith("waving hand sign wave")]
    assert len(waving) == 6
    assert sum("skin tone" in emoji.captions[i] for i in waving) == 5
    pictures = emoji.images[0, waving].reshape(6, -1)
    assert len(np.unique(pictures, axis=0)) == 6
    assert any(" and " in caption and caption.count("skin tone") == 2 for caption in emoji.captions)


def test_they_are_registered_with_their_licences():
    """Redistribution rests on them."""
    assert {entry for name in ("kjv", "emoji") for entry in datasets.names(name)} == {
        "text/kjv.txt.gz",
        "emoji/google_32.png",
        "emoji/twitter_32.png",
        "emoji/emoji.json.gz",
    }
    assert "CC BY 4.0" in datasets.entry("emoji/twitter_32.png").licence
    for name in datasets.names("emoji"):
        assert datasets.verify(name).state == "verified"


def test_damaged_text_is_refused(tmp_path, monkeypatch):
    """A mirror with other bytes would change every result."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "kjv.txt.gz").write_bytes(b"not the book")
    monkeypatch.setenv("REPLICATE_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"text/kjv\.txt\.gz"):
        datasets.fetch("text/kjv.txt.gz")
