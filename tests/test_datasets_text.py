"""The embedded text and the emoji, against what their publishers say of them."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from replicate import datasets
from replicate.datasets import emoji as emoji_module
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


def test_sheets_of_64_pixels_are_read_where_they_are(tmp_path, monkeypatch):
    """Cells of 66 pixels: one picture a place, on white; other sides are refused."""
    from PIL import Image

    side = 62 * 66  # 62 cells each way, as the publisher's
    for style, colour in (("google", (10, 20, 30, 255)), ("twitter", (200, 100, 0, 255))):
        sheet = Image.new("RGBA", (side, side))
        sheet.paste(colour, (0, 0, side, side // 2))  # the upper half; below, transparent
        sheet.save(tmp_path / f"{style}_64.png", compress_level=1)
    paths = {f"emoji/{style}_64.png": tmp_path / f"{style}_64.png" for style in ("google", "twitter")}
    monkeypatch.setattr(emoji_module, "fetch", lambda name: paths.get(name) or datasets.fetch(name))
    emoji = load_emoji.__wrapped__(64)
    assert emoji.images.shape == (2, 3786, 64, 64, 3)
    values = {tuple(pixel) for pixel in emoji.images[1].reshape(-1, 3)[:: 64 * 64 + 1].tolist()}
    assert values <= {(200, 100, 0), (255, 255, 255)}
    assert emoji.captions == load_emoji().captions
    with pytest.raises(ValueError, match="side is 48; there are emoji of 32 and 64 pixels"):
        load_emoji(48)


@pytest.mark.data
def test_sheets_of_64_pixels_show_what_those_of_32_show():
    """Shrunk by blocks they are the same drawings, but for the vendor's own filter."""
    if datasets.verify("emoji/google_64.png").state != "verified":
        pytest.skip("the sheets of 64 pixels are not at hand")
    small, large = load_emoji().images.astype(float), load_emoji(64).images
    shrunk = large.reshape(2, 3786, 32, 2, 32, 2, 3).mean((3, 5))
    assert np.abs(shrunk - small).mean() < 5


def test_missing_sheets_say_how_to_get_them():
    """They are not embedded, and 32 pixels are."""
    if datasets.verify("emoji/google_64.png").state == "verified":
        pytest.skip("the sheets of 64 pixels are at hand")
    with pytest.raises(datasets.Unavailable, match=r"npm pack emoji-datasource-google@16\.0\.0"):
        load_emoji(64)


def test_they_are_registered_with_their_licences():
    """Redistribution rests on them."""
    assert {entry for name in ("kjv", "emoji", "emoji_64") for entry in datasets.names(name)} == {
        "text/kjv.txt.gz",
        "emoji/google_32.png",
        "emoji/twitter_32.png",
        "emoji/google_64.png",
        "emoji/twitter_64.png",
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
