"""What a figure that matplotlib drew shows: axes without a name, colours outside the shared ones, a cut edge."""

import re
from functools import cache
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image

from replicate.drawing import COLOURS, YELLOW

_G = "{http://www.w3.org/2000/svg}g"
_NUMBER = re.compile(r"(\\mathdefault|\\times|[eE$\d\s.,%^{}+×−-])+")  # at a tick, or the power of ten beside an axis
_ORDERED = ("viridis", "plasma", "coolwarm")  # for values that have an order


def unlabelled_axes(path: Path) -> list[str]:
    """Return the axes with numbers at their ticks and no label, such as ``"axes_2, y"``.

    An axis needs no label where its tick labels are off (pictures; panels that share their neighbour's) or are words.
    """
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    found = []
    for axes in _named(ElementTree.parse(path, parser).getroot().iter(_G), "axes_"):
        both = zip("xy", _named(axes.findall(_G), "matplotlib.axis_"), strict=False)
        found += [f"{axes.get('id')}, {name}" for name, axis in both if _needs_label(axis)]
    return found


def odd_colours(path: Path) -> set[str]:
    """Return the colours that are neither of the shared palette nor grey nor of a map for ordered values."""
    return {colour for colour in _colours(path) if not _is_grey(colour)} - _allowed()


def cut_off(path: Path) -> bool:
    """Say whether anything reaches the edge of a picture (PNG): a whole figure has a white margin all round."""
    pixels = np.asarray(Image.open(path).convert("L"))
    return any((edge < 255).any() for edge in (pixels[[0, -1], :], pixels[:, [0, -1]]))


def _needs_label(axis: ElementTree.Element) -> bool:
    groups = axis.findall(_G)
    ticks = [words for group in groups if "tick_" in group.get("id", "") for words in _words(group)]
    return any(map(_NUMBER.fullmatch, ticks)) and all(map(_NUMBER.fullmatch, _words(axis)))


def _words(group: ElementTree.Element) -> list[str]:
    """Return the texts of a group: matplotlib writes each as a comment beside the shapes of its letters."""
    texts = chain.from_iterable(_named(group.findall(_G), "text_"))
    return [part.text.strip() for part in texts if part.tag is ElementTree.Comment]


def _named(groups, start: str) -> list[ElementTree.Element]:
    return [group for group in groups if group.get("id", "").startswith(start)]


def _colours(path: Path) -> set[str]:
    return {c.lower() for c in re.findall(r"(?:stroke|fill): (#[0-9a-fA-F]{6})", path.read_text("utf-8"))}


def _is_grey(colour: str) -> bool:
    return colour[1:3] == colour[3:5] == colour[5:7]


@cache
def _allowed() -> set[str]:
    ordered = {to_hex(colormaps[name](place)) for name in _ORDERED for place in range(256)}
    return ordered | {to_hex(colour) for colour in (*COLOURS, YELLOW)}
