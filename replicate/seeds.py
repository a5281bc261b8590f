"""Random streams named by what they are for, derived with ``numpy.random.SeedSequence``.

A stream depends on the base seed, the replicate and the words that name it, never on the position in a
loop or on the number of workers. Two units that name the same stream share it: this is how pairs stay
paired (the same start weights under every projection), and how everything else stays independent.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, order=True)
class Seed:
    """One replicate of an experiment.

    Args:
        base: the user's base seed (notebook parameter ``seed``), >= 0.
        replicate: the replicate's number, >= 0; replicates are the unit of uncertainty.
    """

    base: int
    replicate: int

    def __post_init__(self):
        if self.base < 0 or self.replicate < 0:
            raise ValueError(f"seeds must be >= 0, got base={self.base}, replicate={self.replicate}")

    def sequence(self, *words: object) -> np.random.SeedSequence:
        """Return the seed sequence of the stream named by ``words``: strings, numbers, lists of them.

        Raises:
            TypeError: for other words; their text may hold an address and would differ in every process.
        """
        digest = hashlib.sha256(repr(_plain(words)).encode()).digest()
        name = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
        return np.random.SeedSequence([self.base, self.replicate, *name])

    def rng(self, *words: object) -> np.random.Generator:
        """Return a NumPy generator for the stream named by ``words``."""
        return np.random.default_rng(self.sequence(*words))

    def integer(self, *words: object) -> int:
        """Return a 63-bit integer for things that must be re-creatable from one number."""
        return int(self.sequence(*words).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def torch(self, *words: object) -> "torch.Generator":
        """Return a CPU ``torch.Generator`` for the stream named by ``words``."""
        import torch

        return torch.Generator().manual_seed(self.integer(*words))


def _plain(word: object) -> object:
    """Return a word whose ``repr`` depends on its value alone: a NumPy 3 is a 3, a list is a tuple."""
    if isinstance(word, np.generic):
        word = word.item()
    if isinstance(word, tuple | list):
        return tuple(_plain(w) for w in word)
    if word is None or type(word) in (str, bool, int, float):
        return word
    raise TypeError(f"a stream is named by strings and numbers, not by {type(word).__name__}")
