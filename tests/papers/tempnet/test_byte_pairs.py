"""Byte-pair encoding: nothing is lost, nothing leaks from held-out text, the same text gives the same tokens."""

import subprocess
import sys

import pandas as pd
import pytest
import torch
from tokenizers import decoders

from replicate.datasets import load_help_topics
from replicate.papers.tempnet.byte_pairs import BytePairs
from replicate.papers.tempnet.corpora import Corpus, load_corpus

TEXT = load_help_topics()[:60_000]
STRANGE = "naïve\r\n\t 漢字 😀 \x00\u2028 end"  # characters the training text does not have


@pytest.fixture(scope="module")
def pairs():
    """Return a small vocabulary of the help topics."""
    return BytePairs.of(TEXT, 600)


def test_every_text_round_trips(pairs):
    """Byte for byte, the training text and what it never showed."""
    for text in (TEXT, STRANGE, ""):
        assert b"".join(pairs.bytes_of[token] for token in pairs.encode(text).tolist()) == text.encode()


def test_tokens_are_pairs_of_the_training_text(pairs):
    """As many as asked for, on average of more than two characters; frequent words are one."""
    tokens = pairs.encode(TEXT)
    assert len(pairs) == 600
    assert len(TEXT) / len(tokens) > 2
    assert len(pairs.encode(" the")) == 1


def test_bytes_are_those_the_library_decodes(pairs):
    """Our table of bytes against the library's decoder, over the whole vocabulary; all 256 bytes are there."""
    decoder = decoders.ByteLevel()
    for token, ours in enumerate(pairs.bytes_of):
        assert decoder.decode([pairs.tokenizer.id_to_token(token)]) == ours.decode("utf-8", "replace")
    assert {bytes([byte]) for byte in range(256)} <= set(pairs.bytes_of)


def test_lengths_add_up_to_characters(pairs):
    """A character of four bytes counts once, in the token it begins in."""
    for text in (TEXT, STRANGE):
        assert pairs.lengths[pairs.encode(text)].sum() == len(text)


def test_tokens_are_shown(pairs):
    """As text; a piece of a character as its bytes."""
    assert "".join(pairs.decode(pairs.encode("for the name\n"))) == "for the name\n"
    assert pairs.decode(pairs.encode("漢"))[0].startswith("\\xe6")


def test_same_text_same_tokens_in_another_process(pairs):
    """Workers train their own vocabulary: a model of one must read the tokens of another."""
    code = (
        "import torch; from replicate.papers.tempnet.byte_pairs import BytePairs; "
        "from replicate.datasets import load_help_topics as text; "
        "print(BytePairs.of(text()[:60_000], 600).encode(text()[:2000]).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(pairs.encode(TEXT[:2000]).tolist())


def test_held_out_text_makes_no_tokens():
    """A word that only validation has stays in pieces; frequent in training it is one token."""
    seen, unseen = "house tree river " * 600, "zyzzyva quixotry " * 60
    held_out = Corpus.split(seen + unseen, unit="bpe", size=300)
    other = Corpus.split(seen + ("quite different " * 80)[: len(unseen)], unit="bpe", size=300)
    assert held_out.vocabulary.bytes_of == other.vocabulary.bytes_of
    assert len(held_out.vocabulary.encode(" zyzzyva")) > 4
    assert len(held_out.vocabulary.encode(" river")) == 1


def test_parts_are_cut_before_encoding():
    """No token reaches across a border, and the parts are the whole text."""
    corpus = Corpus.split(TEXT, unit="bpe", size=500)
    parts = [corpus.train, corpus.calibration, corpus.validation]
    lengths = [int(corpus.vocabulary.lengths[part].sum()) for part in parts]
    assert lengths == [54_000, 3_000, 3_000]
    assert torch.equal(corpus.train, corpus.vocabulary.encode(TEXT[:54_000]))


def test_a_models_vocabulary_reads_another_text(pairs):
    """For transfer: no character is left out."""
    other = Corpus.split(STRANGE * 100, vocabulary=pairs)
    tokens = torch.cat([other.train, other.calibration, other.validation])
    assert pairs.lengths[tokens].sum() == 100 * len(STRANGE)


def test_own_folder_and_parquet_are_encoded(tmp_path):
    """The user's text goes the same way as the embedded one."""
    (tmp_path / "texts").mkdir()
    for name, part in (("a", TEXT[:20_000]), ("b", TEXT[20_000:40_000])):
        (tmp_path / "texts" / f"{name}.txt").write_text(part, "utf-8")
    pd.DataFrame({"text": [TEXT[:20_000], TEXT[20_000:40_000]]}).to_parquet(tmp_path / "t.parquet")
    corpora = [load_corpus(str(tmp_path / name), "bpe", 400) for name in ("texts", "t.parquet")]
    assert len(corpora[0].vocabulary) == 400
    assert all(torch.equal(corpora[0].train, corpus.train) for corpus in corpora)


def test_a_short_text_has_fewer_tokens():
    """No pair is left to merge: the vocabulary says how many there are."""
    assert 256 < len(BytePairs.of("to be or not to be", 2048)) < 280


def test_unusable_vocabularies_are_refused():
    """With what to give instead."""
    with pytest.raises(ValueError, match="a vocabulary of 256 has no room for pairs: give more than the 256 bytes"):
        Corpus.split(TEXT, unit="bpe", size=256)
    with pytest.raises(ValueError, match="the text is empty"):
        BytePairs.of(" \n", 300)
