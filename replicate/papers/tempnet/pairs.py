"""Image-text pairs as tensors: emoji with their names, halves of digits, or a folder of the user's images."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from replicate.datasets import load_digits, load_emoji
from replicate.errors import UserError

PADDING = 0  # the word of an empty place; words of the training captions are 1 ... W
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of n concepts in one or several drawing styles.

    Args:
        images: ``(styles, n, channels, side, side)`` uint8 (other shapes after n for other data).
        texts: ``(n, words)`` int64, `PADDING` at the end, or ``(n, d)`` float32: one a concept, for all styles.
        groups: n group names (subcategories, digits), for looking at temperatures by group.
        captions: n captions, for people.
        words: number of different words, padding included; 0 for texts that are no words.
    """

    images: Tensor
    texts: Tensor
    groups: tuple[str, ...]
    captions: tuple[str, ...]
    words: int

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, concepts: Tensor) -> "Pairs":
        """Return the pairs of these concepts."""
        chosen = concepts.tolist()
        groups, captions = (tuple(names[i] for i in chosen) for names in (self.groups, self.captions))
        return Pairs(self.images[:, concepts], self.texts[concepts], groups, captions, self.words)

    def to(self, device: str) -> "Pairs":
        """Return the pairs with their tensors on a device."""
        return Pairs(self.images.to(device), self.texts.to(device), self.groups, self.captions, self.words)


@dataclass(frozen=True, eq=False)
class SplitPairs:
    """Concepts for training, for tuning and for testing; no concept is in two of them."""

    train: Pairs
    validation: Pairs
    test: Pairs

    @classmethod
    def of(cls, pairs: Pairs, rng: np.random.Generator, *, tuning: bool) -> "SplitPairs":
        """Split at random: 20 % test; 10 % validation when ``tuning``, else the training set has them too."""
        order = torch.from_numpy(rng.permutation(len(pairs)))
        a, b = round(0.2 * len(pairs)), round(0.3 * len(pairs))
        if not 0 < a < b < len(pairs):
            raise ValueError(f"{len(pairs)} concepts cannot be split: give at least 10 pairs")
        return cls(pairs.take(order[b if tuning else a :]), pairs.take(order[a:b]), pairs.take(order[:a]))


def load_pairs(source: str, side: int) -> Pairs:
    """Return "emoji", "digits", or the pairs of a folder (see `read_folder`), images shrunk to ``side`` pixels."""
    if source == "emoji":
        return _emoji(side)
    if source == "digits":
        return _digits()
    return read_folder(Path(source).expanduser(), side)


def _emoji(side: int) -> Pairs:
    if 64 % side:
        raise ValueError(f"side is {side}; emoji have 64 or 32 pixels and shrink to 16 or 8")
    data = load_emoji(max(side, 32))
    images = torch.from_numpy(data.images.transpose(0, 1, 4, 2, 3).copy())
    if (block := max(side, 32) // side) > 1:
        blocks = images.unflatten(4, (side, block)).unflatten(3, (side, block))
        images = blocks.float().mean((4, 6)).round().to(torch.uint8)
    texts, words = encode(data.captions)
    return Pairs(images, texts, data.subcategories, data.captions, words)


def _digits() -> Pairs:
    """Return the left halves of the digits as images, their right halves as texts."""
    data = load_digits()
    images = torch.tensor(np.concatenate([data.train_images, data.test_images]))
    labels = np.concatenate([data.train_labels, data.test_labels])
    left = (images[:, None, :, :4].float() * (255 / 16)).round().to(torch.uint8)
    right = images[:, :, 4:].flatten(1).float() / 16
    names = tuple(str(label) for label in labels)
    return Pairs(left[None], right, names, tuple(f"right half of a {name}" for name in names), 0)


def read_folder(folder: Path, side: int) -> Pairs:
    """Return the user's pairs: images of a folder with their captions.

    Captions are the columns ``file`` and ``caption`` of ``captions.csv``, or a text file beside each image
    (``cat.txt`` for ``cat.jpg``). Images are cropped to a square at their centre. ``UserError`` for what is missing.
    """
    named = _captions(folder)
    if len(named) < 10:
        raise UserError(f"{folder} has {len(named)} images with captions; at least 10 are needed")
    images = torch.stack([_image(folder / name, side) for name in named])
    captions = tuple(named.values())
    texts, words = encode(captions)
    return Pairs(images[None], texts, ("",) * len(captions), captions, words)


def _captions(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise UserError(f"no folder {str(folder)!r}: give 'emoji', 'digits' or a folder of images with captions")
    table = folder / "captions.csv"
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if not {"file", "caption"} <= set(reader.fieldnames or ()):
                raise UserError(
                    f"{table} needs the columns file and caption, found {', '.join(reader.fieldnames or ())}"
                )
            return {row["file"]: row["caption"] for row in reader if row["caption"].strip()}
    images = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
    beside = {p.name: p.with_suffix(".txt") for p in images}
    return {name: path.read_text("utf-8").strip() for name, path in beside.items() if path.is_file()}


def _image(path: Path, side: int) -> Tensor:
    from PIL import Image, ImageOps  # lazy: import time

    with Image.open(path) as picture:
        fitted = ImageOps.fit(picture.convert("RGB"), (side, side))
    return torch.from_numpy(np.asarray(fitted).transpose(2, 0, 1).copy())


def encode(captions: Sequence[str]) -> tuple[Tensor, int]:
    """Return the words of captions as ``(n, longest)`` int64 and the number of different ones, padding included."""
    split = [caption.split() for caption in captions]
    known = {word: i for i, word in enumerate(sorted({w for words in split for w in words}), 1)}
    texts = torch.full((len(split), max(map(len, split))), PADDING)
    for i, words in enumerate(split):
        texts[i, : len(words)] = torch.tensor([known[word] for word in words])
    return texts, len(known) + 1
