"""Texts as tokens and image-text pairs: embedded ones, the user's own, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from replicate.errors import UserError
from replicate.papers.tempnet.corpora import Corpus, Vocabulary, consecutive_windows, random_windows, read_text
from replicate.papers.tempnet.pairs import PADDING, SplitPairs, encode, load_pairs


def test_characters_round_trip():
    """Encoding and decoding, characters outside the BMP too."""
    text = "a bad 😀 cab\n"
    vocabulary = Vocabulary.of(text)
    assert "".join(vocabulary.decode(vocabulary.encode(text))) == text
    assert len(vocabulary) == len(set(text))


def test_bytes_are_utf8():
    """256 tokens whatever the text."""
    vocabulary = Vocabulary.of("é", "bytes")
    assert len(vocabulary) == 256
    assert vocabulary.encode("é").tolist() == [0xC3, 0xA9]
    assert vocabulary.decode(torch.tensor([97, 0xC3])) == ["a", "<195>"]


def test_unknown_characters_are_left_out():
    """A model reads another text with its own vocabulary."""
    assert Vocabulary.of("abc").encode("a-b-c!z").tolist() == [0, 1, 2]


def test_parts_are_consecutive_and_disjoint():
    """Calibration and validation come after the training text: nothing leaks."""
    corpus = Corpus.split("".join(chr(33 + i % 90) for i in range(1000)))
    sizes = [len(part) for part in (corpus.train, corpus.calibration, corpus.validation)]
    assert sizes == [900, 50, 50]
    whole = torch.cat([corpus.train, corpus.calibration, corpus.validation])
    assert torch.equal(whole, corpus.vocabulary.encode("".join(chr(33 + i % 90) for i in range(1000))))


def test_windows():
    """Side by side and spread for scoring, anywhere for training."""
    tokens = torch.arange(100)
    cut = consecutive_windows(tokens, 10, 4)
    assert cut[:, 0].tolist() == [0, 30, 60, 90]
    assert torch.equal(cut[1], torch.arange(30, 40))
    drawn = random_windows(tokens, 10, 500, torch.Generator().manual_seed(0))
    assert drawn.shape == (500, 10)
    assert (drawn[:, 1:] - drawn[:, :-1] == 1).all()
    assert {0, 90} <= set(drawn[:, 0].tolist())


@pytest.mark.parametrize("windows", [lambda t: consecutive_windows(t, 10, 3), lambda t: random_windows(t, 10, 3, None)])
def test_too_short_a_text_is_refused(windows):
    """With what to change."""
    with pytest.raises(ValueError, match="9 tokens hold no window of 10: give a longer text or a shorter context"):
        windows(torch.arange(9))


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_text_is_refused(text):
    """Before a model is built for it."""
    with pytest.raises(ValueError, match="the text is empty"):
        Corpus.split(text)


def test_one_character_is_refused():
    """One class has no temperature."""
    with pytest.raises(ValueError, match="1 different characters; a language model needs at least 2"):
        Corpus.split("aaaa")


def test_unknown_unit_is_refused():
    """And those there are named."""
    with pytest.raises(ValueError, match="unit is 'words'; choose 'characters', 'bytes' or 'bpe'"):
        Corpus.split("ab", unit="words")


def test_own_texts_are_read(tmp_path):
    """A file, a folder (in the order of names, deep), a Parquet file."""
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "z.txt").write_text("first")
    (tmp_path / "c.md").write_text("not read")
    assert read_text(str(tmp_path / "b.txt")) == "second"
    assert read_text(str(tmp_path)) == "first\nsecond"
    pd.DataFrame({"text": ["one", None, "two"]}).to_parquet(tmp_path / "t.parquet")
    assert read_text(str(tmp_path / "t.parquet")) == "one\ntwo"


def test_unusable_texts_are_refused(tmp_path):
    """Nothing there, nothing in it, no column."""
    with pytest.raises(UserError, match="no text '/nowhere'"):
        read_text("/nowhere")
    with pytest.raises(UserError, match=r"holds no text: a folder needs \.txt files"):
        read_text(str(tmp_path))
    pd.DataFrame({"words": ["one"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match="has no column 'text', but words"):
        read_text(str(tmp_path / "t.parquet"))


def test_embedded_text_and_pairs():
    """What the default preset runs on."""
    corpus = Corpus.split(read_text("kjv"))
    assert len(corpus.vocabulary) == 66
    pairs = load_pairs("emoji", 16)
    assert pairs.images.shape == (2, 3786, 3, 16, 16)
    assert pairs.texts.shape[0] == len(pairs.groups) == 3786


def test_emoji_are_shrunk_by_blocks():
    """A pixel of 16 is the mean of four of 32."""
    small, whole = load_pairs("emoji", 16).images[1, 700], load_pairs("emoji", 32).images[1, 700].float()
    blocks = whole.reshape(3, 16, 2, 16, 2).mean((2, 4))
    assert (small.float() - blocks).abs().max() <= 0.5
    with pytest.raises(ValueError, match="side is 24"):
        load_pairs("emoji", 24)


def test_digit_halves_belong_together():
    """Left and right half of the same digit."""
    pairs = load_pairs("digits", 8)
    assert pairs.images.shape == (1, 1797, 1, 8, 4)
    assert pairs.texts.shape == (1797, 32)
    assert pairs.texts.max() <= 1


def test_concepts_are_split_apart():
    """No concept is trained on and tested; with tuning a tenth is set aside."""
    pairs = load_pairs("emoji", 8)
    for tuning, trained in ((False, 3029), (True, 2650)):
        split = SplitPairs.of(pairs, np.random.default_rng(0), tuning=tuning)
        names = [set(part.captions) for part in (split.train, split.test)]
        assert [len(n) for n in names] == [trained, 757]
        assert not names[0] & names[1]
        assert (set(split.validation.captions) <= names[0]) is not tuning


def test_captions_are_padded():
    """Words in alphabetical order from 1, padding 0."""
    texts, words = encode(["cat", "a big cat"])
    assert words == 4
    assert texts.tolist() == [[3, PADDING, PADDING], [1, 2, 3]]


def _pictures(folder, count):
    for i in range(count):
        Image.new("RGB", (20 + i, 30), (10 * i, 0, 0)).save(folder / f"p{i:02}.png")


def test_own_pairs_are_read(tmp_path):
    """From a table, or from text files beside the images; cropped to a square."""
    _pictures(tmp_path, 12)
    for i in range(11):
        (tmp_path / f"p{i:02}.txt").write_text(f"picture {i}")
    pairs = load_pairs(str(tmp_path), 8)
    assert pairs.images.shape == (1, 11, 3, 8, 8)
    assert pairs.captions[10] == "picture 10"
    table = pd.DataFrame({"file": [f"p{i:02}.png" for i in range(12)], "caption": [f"red {i}" for i in range(12)]})
    table.to_csv(tmp_path / "captions.csv", index=False)
    assert load_pairs(str(tmp_path), 8).captions[11] == "red 11"


def test_unusable_pairs_are_refused(tmp_path):
    """No folder, too few, a table without its columns."""
    with pytest.raises(UserError, match="no folder '/nowhere'"):
        load_pairs("/nowhere", 8)
    with pytest.raises(UserError, match="has 0 images with captions; at least 10"):
        load_pairs(str(tmp_path), 8)
    (tmp_path / "captions.csv").write_text("image,text\na.png,b\n")
    with pytest.raises(UserError, match="needs the columns file and caption, found image, text"):
        load_pairs(str(tmp_path), 8)
