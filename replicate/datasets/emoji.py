"""Emoji: every symbol of Unicode 16 in two drawing styles, with its name: 7 572 image-text pairs."""

import functools
import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from replicate.datasets._decoding import decoding
from replicate.datasets.fetch import fetch

STYLES = ("google", "twitter")
SIDES = (32, 64)  # pixels; sheets of 32 are embedded, those of 64 are not
_BORDER = 1  # around an image, in its cell of the sheet
_TONES = {
    "1F3FB": "light skin tone",
    "1F3FC": "medium-light skin tone",
    "1F3FD": "medium skin tone",
    "1F3FE": "medium-dark skin tone",
    "1F3FF": "dark skin tone",
}


@dataclass(frozen=True, eq=False)
class Emoji:
    """Concepts with a caption each and a picture in each style.

    Args:
        images: ``(2, n, side, side, 3)`` uint8, styles in the order of `STYLES`, on white, read-only.
        captions: n lower-case captions, all different.
        categories: n names such as "Flags" (10 different).
        subcategories: n names such as "country-flag" (99 different, 1 to 259 concepts without skin tones).
    """

    images: np.ndarray
    captions: tuple[str, ...]
    categories: tuple[str, ...]
    subcategories: tuple[str, ...]


@functools.cache
def load_emoji(side: int = 32) -> Emoji:
    """Return 3 786 emoji (1 911 and their 1 875 variants in skin tone), decoded once per process (about 1 s).

    A caption is the name, the short names and the skin tones, e.g. "waving hand sign wave medium skin tone".

    Args:
        side: pixels, 32 (embedded) or 64 (other sheets of the same publisher: how to get them is in the error).

    Raises:
        ValueError: another side.
        Unavailable: the sheets are not at hand.
        DataError: a file is corrupt.
    """
    if side not in SIDES:
        raise ValueError(f"side is {side}; there are emoji of {' and '.join(map(str, SIDES))} pixels")
    path = fetch("emoji/emoji.json.gz")
    with decoding(path, "gzipped JSON"), gzip.open(path, "rt", encoding="utf-8") as file:
        table = json.load(file)
    records = _concepts(table, path)
    images = np.stack([_pictures(style, side, [r["cell"] for r in records]) for style in STYLES])
    images.flags.writeable = False
    names = ("caption", "category", "subcategory")
    return Emoji(images, *(tuple(record[name] for record in records) for name in names))


def _concepts(table: list[dict], path: Path) -> list[dict]:
    found = []
    for number, entry in enumerate(table):
        with decoding(f"{path}: record {number}", "an emoji with name, category and cell"):
            for tones, drawn in (("", entry), *entry.get("skin_variations", {}).items()):
                shared = {name: entry[name] for name in ("category", "subcategory")}
                cell = int(drawn["sheet_x"]), int(drawn["sheet_y"])
                found.append({**shared, "caption": _caption(entry, tones), "cell": cell})
    return found


def _caption(entry: dict, tones: str) -> str:
    named = " and ".join(_TONES[code] for code in tones.split("-")) if tones else ""
    words = " ".join([entry["name"] or "", *entry["short_names"]]).lower().replace("_", " ").replace("-", " ")
    return " ".join(f"{words} {named}".split())


def _pictures(style: str, side: int, cells: list[tuple[int, int]]) -> np.ndarray:
    from PIL import Image  # lazy, like all imports here: import time

    path = fetch(f"emoji/{style}_{side}.png")
    with decoding(path, "a sheet of pictures"):
        with Image.open(path) as sheet:
            drawn = sheet.convert("RGBA")
        white = Image.new("RGBA", drawn.size, "white")
        pixels = np.asarray(Image.alpha_composite(white, drawn).convert("RGB"))
        cell = side + 2 * _BORDER
        corners = [(x * cell + _BORDER, y * cell + _BORDER) for x, y in cells]
        if max(max(corner) for corner in corners) + side > min(pixels.shape[:2]):
            raise ValueError(f"{pixels.shape[1]} x {pixels.shape[0]} pixels are too few for its {len(cells)} pictures")
        return np.stack([pixels[top : top + side, left : left + side] for left, top in corners])
