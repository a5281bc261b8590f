"""A figure's files, SVG and PNG, without dates or random ids; a worker writes them where one is running."""

import pickle
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from replicate import atomic, workers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 150


class FigureFiles:
    """Writes figures into a folder, in the background; `wait` says when all are whole.

    Args:
        folder: where ``<name>.svg`` and ``<name>.png`` go.
        salt: makes the ids inside an SVG file the same each time, and different between papers.
    """

    def __init__(self, folder: Path, salt: str):
        self.folder, self.salt = folder, salt
        self._writing: list[tuple[Future, Figure, str]] = []

    def add(self, figure: "Figure", name: str) -> None:
        """Lay a figure out and write its two files, or have them written."""
        if (layout := figure.get_layout_engine()) is not None:
            layout.execute(figure)  # once, before anything is measured
            figure.set_layout_engine("none")
        if workers.running() and (packed := _packed(figure)):
            written = workers.submit(_write_there, packed, _style(), self.folder, name, self.salt)
            self._writing.append((written, figure, name))
        else:
            _write(figure, self.folder, name, self.salt)

    def wait(self) -> None:
        """Return when every file is written; what a worker could not write is written here, or raises here."""
        writing, self._writing = self._writing, []
        for written, figure, name in writing:
            if written.exception() is not None:
                _write(figure, self.folder, name, self.salt)


def _packed(figure: "Figure") -> bytes | None:
    """Return the figure as bytes, lambdas of its axes included; None if something in it cannot travel."""
    try:
        return cloudpickle.dumps(figure)
    except Exception:
        return None


def _write(figure: "Figure", folder: Path, name: str, salt: str) -> None:
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": f"{salt}/{name}", "svg.fonttype": "path"}):
        frame = figure.get_tightbbox().padded(matplotlib.rcParams["savefig.pad_inches"])
        draw = partial(figure.savefig, bbox_inches=frame)
        atomic.write_with(folder / f"{name}.svg", partial(draw, metadata={"Date": None}))
        atomic.write_with(folder / f"{name}.png", partial(draw, dpi=_DPI))


def _write_there(figure: bytes, style: Any, folder: Path, name: str, salt: str) -> None:
    """Write a figure that comes from another process, in that one's style."""
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    with matplotlib.rc_context(style):
        drawn = pickle.loads(figure)  # of our own making: it comes from the notebook's process
        _write(drawn, folder, name, salt)
        plt.close(drawn)


def _style() -> dict[str, Any]:
    """Return the settings of this process that are not matplotlib's own."""
    import matplotlib

    default = matplotlib.rcParamsDefault
    return {k: v for k, v in matplotlib.rcParams.items() if v != default[k] and not k.startswith("backend")}
