"""Texts as tokens: embedded ones by name, the user's own by path, split into training, calibration and validation."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from replicate.datasets import load_help_topics, load_kjv
from replicate.errors import UserError

from .byte_pairs import BytePairs, begins_character

_EMBEDDED = {"kjv": load_kjv, "help topics": load_help_topics}
_HELD_OUT = 0.1  # of the text, at its end: half calibrates (global temperature, learning rates), half validates
UNITS = ("characters", "bytes", "bpe")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Which token stands for what: the characters of a text, or the 256 bytes."""

    symbols: tuple[str, ...] | None

    @classmethod
    def of(cls, text: str, unit: str = "characters") -> "Vocabulary":
        """Return the vocabulary of a text; ``ValueError`` if it has fewer than two characters."""
        symbols = tuple(sorted(set(text))) if unit == "characters" else None
        if symbols is not None and len(symbols) < 2:
            raise ValueError(f"the text has {len(symbols)} different characters; a language model needs at least 2")
        return cls(symbols)

    def __len__(self) -> int:
        return 256 if self.symbols is None else len(self.symbols)

    def encode(self, text: str) -> Tensor:
        """Return tokens ``(n,)`` int64; characters that are not in the vocabulary are left out."""
        if self.symbols is None:
            return torch.from_numpy(np.frombuffer(text.encode(), np.uint8).astype(np.int64))
        table = {ord(symbol): i for i, symbol in enumerate(self.symbols)}
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        lookup = np.full(max(int(codes.max(initial=0)), max(table)) + 1, -1)
        lookup[list(table)] = list(table.values())
        tokens = lookup[codes]
        return torch.from_numpy(tokens[tokens >= 0])

    def decode(self, tokens: Tensor) -> list[str]:
        """Return the symbol of each token ``(n,)``; a byte above 127 is shown as its number."""
        if self.symbols is None:
            return [chr(t) if t < 128 else f"<{t}>" for t in tokens.tolist()]
        return [self.symbols[t] for t in tokens.tolist()]

    @property
    def lengths(self) -> Tensor | None:
        """How many characters begin in each token, ``(V,)`` float64; None where every token is one character."""
        if self.symbols is not None:
            return None
        return torch.tensor([begins_character(byte) for byte in range(256)], dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as tokens ``(n,)`` int64 in three consecutive parts, and its vocabulary."""

    train: Tensor
    calibration: Tensor
    validation: Tensor
    vocabulary: Vocabulary | BytePairs

    @classmethod
    def split(
        cls, text: str, *, unit="characters", size: int = 0, vocabulary: Vocabulary | BytePairs | None = None
    ) -> "Corpus":
        """Split a text: first 90 % train, next 5 % calibrate, last 5 % validate.

        Args:
            text: not empty.
            unit: what a token is: "characters", "bytes", or "bpe", byte pairs merged in the training part alone.
            size: of the vocabulary of "bpe".
            vocabulary: of another text, when its model is to read this one; instead of ``unit`` and ``size``.

        Raises:
            ValueError: an empty text, an unknown unit, a size without room for pairs.
        """
        if unit not in UNITS:
            raise ValueError(f"unit is {unit!r}; choose 'characters', 'bytes' or 'bpe'")
        if not text.strip():
            raise ValueError("the text is empty: give at least some thousand characters")
        if vocabulary is None:
            vocabulary = BytePairs.of(_cut(text)[0], size) if unit == "bpe" else Vocabulary.of(text, unit)
        if isinstance(vocabulary, BytePairs):  # no token reaches from one part into the next
            train, calibration, validation = map(vocabulary.encode, _cut(text))
        else:
            train, calibration, validation = _cut(vocabulary.encode(text))
        return cls(train, calibration, validation, vocabulary)


def _cut(sequence):
    """Return the three parts of a text or of its tokens."""
    first, second = int(len(sequence) * (1 - _HELD_OUT)), int(len(sequence) * (1 - _HELD_OUT / 2))
    return sequence[:first], sequence[first:second], sequence[second:]


@functools.cache
def load_corpus(source: str, unit: str, size: int = 0) -> Corpus:
    """Return the corpus of a source (see `read_text`), read once per process."""
    return Corpus.split(read_text(source), unit=unit, size=size)


def read_text(source: str) -> str:
    """Return a text: "kjv", "help topics", or what a path holds.

    A path may be a .txt file, a folder of .txt files (read in the order of their names), or a Parquet file with a
    column ``text``. Raises ``UserError`` if there is nothing to read.
    """
    if source in _EMBEDDED:
        return _EMBEDDED[source]()
    path = Path(source).expanduser()
    if path.suffix == ".parquet" and path.is_file():
        text = "\n".join(_parquet_texts(path))
    elif path.is_dir():
        text = "\n".join(p.read_text("utf-8") for p in sorted(path.rglob("*.txt")))
    elif path.is_file():
        text = path.read_text("utf-8")
    else:
        raise UserError(
            f"no text {source!r}: give 'kjv', 'help topics', a .txt file, a folder of such, or a Parquet file"
        )
    if not text.strip():
        raise UserError(f"{source} holds no text: a folder needs .txt files, a Parquet file a column 'text', not empty")
    return text


def _parquet_texts(path: Path) -> list[str]:
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(path)
    if "text" not in table.schema_arrow.names:
        raise UserError(f"{path} has no column 'text', but {', '.join(table.schema_arrow.names)}: rename one")
    return [text for text in table.read(columns=["text"]).column("text").to_pylist() if text]


def consecutive_windows(tokens: Tensor, length: int, most: int) -> Tensor:
    """Return up to ``most`` windows ``(w, length)`` side by side, evenly spread over the tokens.

    Raises ``ValueError`` if there is not a single one.
    """
    available = len(tokens) // length
    if available < 1:
        raise ValueError(f"{len(tokens)} tokens hold no window of {length}: give a longer text or a shorter context")
    chosen = torch.linspace(0, available - 1, min(most, available)).long()
    return tokens[chosen[:, None] * length + torch.arange(length)]


def random_windows(tokens: Tensor, length: int, count: int, generator: torch.Generator) -> Tensor:
    """Return ``count`` windows ``(count, length)`` that start anywhere."""
    if len(tokens) < length:
        raise ValueError(f"{len(tokens)} tokens hold no window of {length}: give a longer text or a shorter context")
    starts = torch.randint(len(tokens) - length + 1, (count, 1), generator=generator)
    return tokens[starts + torch.arange(length)]
