"""What the figures of all papers share."""

from matplotlib.figure import Figure


def finish(figure: Figure) -> Figure:
    """Take the upper and right frames away and lay the panels out, unless the figure has a layout of its own."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    if figure.get_layout_engine() is None:
        figure.tight_layout()
    return figure
