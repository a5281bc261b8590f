"""What the figures of all papers share: colours, and how a figure is finished."""

from typing import Any

from matplotlib.figure import Figure

# Okabe and Ito's, which people with any of the common colour deficiencies tell apart; yellow only as a fill
BLUE, RED, GREEN, ORANGE, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"
YELLOW = "#F0E442"
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, "0.3", "0.6")  # of lines in one panel, in this order
GREY: dict[str, Any] = {"color": "0.5", "linewidth": 0.8}  # a line to compare with
_MARKERS = "os^Dv"


def look(number: int) -> dict[str, Any]:
    """Return colour and marker of line ``number`` (from 0) of a panel: another marker each time round the colours."""
    turn, place = divmod(number, len(COLOURS))
    return {"color": COLOURS[place], "marker": _MARKERS[turn % len(_MARKERS)]}


def finish(figure: Figure) -> Figure:
    """Take the upper and right frames away and lay the panels out, unless the figure has a layout of its own."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    if figure.get_layout_engine() is None:
        figure.tight_layout()
    return figure
