"""Byte-pair encoding of a text, byte-level: every text can be encoded, whatever the vocabulary was trained on."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTES = 256
_SEEN = 2  # how often a pair has to be there to become a token


@dataclass(frozen=True, eq=False)
class BytePairs:
    """Tokens of one or more bytes: the 256 bytes, and the pairs of tokens merged most often in a training text.

    Merges never reach across words or lines (GPT-2's rule for what a word is). The same text gives the same tokens.
    """

    tokenizer: "Tokenizer"

    @classmethod
    def of(cls, text: str, size: int) -> "BytePairs":
        """Return the vocabulary of a training text, of at most ``size`` tokens: fewer where no pair is left to merge.

        Raises ``ValueError`` for an empty text or a size that has no room for a merge.
        """
        if size <= _BYTES:
            raise ValueError(f"a vocabulary of {size} has no room for pairs: give more than the {_BYTES} bytes")
        if not text.strip():
            raise ValueError("the text is empty: give at least some thousand characters")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a unit of work has one thread
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # lazy: only texts in pairs need it

        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=size, min_frequency=_SEEN, initial_alphabet=alphabet, show_progress=False
        )
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.train_from_iterator(text.splitlines(keepends=True), trainer)
        return cls(tokenizer)

    def __len__(self) -> int:
        return self.tokenizer.get_vocab_size()

    def encode(self, text: str) -> Tensor:
        """Return tokens ``(n,)`` int64."""
        lines = self.tokenizer.encode_batch(text.splitlines(keepends=True))
        return torch.tensor([token for line in lines for token in line.ids], dtype=torch.int64)

    def decode(self, tokens: Tensor) -> list[str]:
        r"""Return the text of each token ``(n,)``; bytes that are only a part of a character are shown as ``\xc3``."""
        return [self.bytes_of[token].decode("utf-8", "backslashreplace") for token in tokens.tolist()]

    @cached_property
    def bytes_of(self) -> list[bytes]:
        """The bytes of every token."""
        names = sorted(self.tokenizer.get_vocab().items(), key=lambda named: named[1])
        return [bytes(_BYTE_OF[symbol] for symbol in name) for name, _ in names]

    @cached_property
    def lengths(self) -> Tensor:
        """How many characters begin in each token, ``(V,)`` float64: over a text they add up to its length."""
        return torch.tensor([sum(map(begins_character, token)) for token in self.bytes_of], dtype=torch.float64)


def begins_character(byte: int) -> bool:
    """Return whether a byte of UTF-8 begins a character: all but 0x80 ... 0xBF."""
    return byte & 0xC0 != 0x80


def _byte_of() -> dict[str, int]:
    """Return the byte that a symbol of byte-level encoding stands for: itself if visible, the others from 256 on."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(_BYTES) if byte not in visible]
    return {**{chr(b): b for b in visible}, **{chr(_BYTES + i): b for i, b in enumerate(hidden)}}


_BYTE_OF = _byte_of()
