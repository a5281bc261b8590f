"""The sliders of every notebook answer while the hand is still on them, with labelled axes in the shared colours."""

import importlib
import io
import json
import re
import statistics
import time

import drawn
import matplotlib.pyplot as plt
import pytest

from replicate import paper as papers
from replicate.paths import notebooks_dir

LIMIT = 0.2  # seconds of processor time from a slider's move to the picture
BUSY = 3  # on a slow or busy machine: this many times what two empty panels take


def _widget(slug: str):
    """Return the widget that a notebook's section Explore shows."""
    cells = json.loads((notebooks_dir() / f"{slug}.ipynb").read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    name = re.search(r"run\.explore\((\w+)\)", code)[1]
    module = re.search(rf"from (\S+) import [^\n]*\b{name}\b", code)[1]
    return getattr(importlib.import_module(module), name)()


def _positions(control) -> list[object]:
    """Return where a control can be moved to: both ends and the middle, or every choice."""
    if hasattr(control, "options"):
        return [value for _, value in control._options_full]
    low, high = control.min, control.max
    if hasattr(control, "base"):
        return [control.base**low, control.base ** ((low + high) / 2), control.base**high]
    middle = (low + high) // 2 if isinstance(low, int) else (low + high) / 2
    return [low, middle, high]


def _render() -> None:
    """Draw the open figures as a notebook does, and close them."""
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.canvas.print_figure(io.BytesIO(), format="png", bbox_inches="tight", dpi=figure.dpi)
        plt.close(figure)


def _limit() -> float:
    """Return the seconds a move may take on this machine, as it is just now."""
    spent = []
    for _ in range(3):
        before = time.process_time()
        plt.subplots(1, 2, figsize=(9.5, 3.2))
        _render()
        spent.append(time.process_time() - before)
    return max(LIMIT, BUSY * statistics.median(spent))


@pytest.fixture
def shown(monkeypatch):
    """Let ``plt.show`` draw without a screen; return the list of how many axes each picture had."""
    plt.switch_backend("agg")
    plt.close("all")
    axes = []

    def show(*args, **kwargs):
        axes.append(sum(len(plt.figure(n).axes) for n in plt.get_fignums()))
        _render()

    monkeypatch.setattr(plt, "show", show)
    return axes


@pytest.mark.parametrize("slug", papers.slugs())
def test_pictures_name_their_axes_and_keep_to_the_shared_colours(slug, monkeypatch, tmp_path):
    """What moves under the hand must be as readable as what is printed."""
    plt.switch_backend("agg")
    plt.close("all")
    monkeypatch.setattr(plt, "show", lambda: plt.savefig(tmp_path / "seen.svg"))
    widget = _widget(slug)
    widget.f(**{child._kwarg: child.value for child in widget.children if hasattr(child, "_kwarg")})
    plt.close("all")
    assert not drawn.unlabelled_axes(tmp_path / "seen.svg")
    assert not drawn.odd_colours(tmp_path / "seen.svg")


@pytest.mark.parametrize("slug", papers.slugs())
def test_sliders_answer_within_a_fifth_of_a_second(slug, shown, record_property):
    """Slower, and nobody explores. The first picture may take longer: it loads fonts and compiles."""
    widget = _widget(slug)
    controls = {child._kwarg: child for child in widget.children if hasattr(child, "_kwarg")}
    assert controls
    start = {name: control.value for name, control in controls.items()}
    shown.clear()
    widget.f(**start)
    moves = [{**start, name: value} for name, control in controls.items() for value in _positions(control)]
    spent = []
    for values in moves:
        before = time.process_time()
        widget.f(**values)
        spent.append(time.process_time() - before)
    record_property("milliseconds", [round(1000 * s) for s in spent])
    assert len(shown) == len(moves) + 1
    assert all(shown), "a picture without axes"
    assert statistics.median(spent) < _limit(), [f"{s:.3f}" for s in spent]
