"""The outputs stored with the notebooks are compared for real: a changed one fails, and little is masked."""

import configparser
import json
import re
import shlex
import subprocess
import sys

import pytest

from replicate.paths import notebooks_dir, project_root

ROOT = project_root()
LOOSE = "nbval-ignore-output"


def _nbval(folder) -> dict[str, list[str]]:
    """Run nbval as the Makefile does, on the notebooks in ``folder``; return the cells that passed and failed."""
    recipe = re.search(r"^nbval:.*?\n(.*?)\n\n", (ROOT / "Makefile").read_text(), flags=re.M | re.S)[1]
    options = shlex.split(recipe.replace("\\\n", " ").partition("/pytest ")[2])
    assert "--nbval" in options, "without it pytest finds nothing to compare"
    kept = [o for o in options if o.startswith("--nbval") or o.endswith(".cfg")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-q", *kept, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    lines = re.findall(r"^(PASSED|FAILED) (\S+\.ipynb::Cell \d+)", done.stdout, flags=re.M)
    assert lines, done.stdout[-2000:] + done.stderr[-2000:]
    return {kind: [name.rpartition("/")[2] for k, name in lines if k == kind] for kind in ("PASSED", "FAILED")}


def _changed(notebook: dict) -> tuple[dict, int]:
    """Return a copy of a notebook with one digit of a stored table changed, and the number of its code cell."""
    copied = json.loads(json.dumps(notebook))
    code = [cell for cell in copied["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code):
        for data in (output.get("data", {}) for output in cell["outputs"]):
            text = "".join(data.get("text/html", ""))
            if found := re.search(r"<td>(\d)", text):
                other = (int(found[1]) + 1) % 10
                data["text/html"] = text[: found.start(1)] + str(other) + text[found.end(1) :]
                return copied, number
    raise AssertionError("no stored table with a number")


def test_a_changed_output_fails_and_the_stored_one_passes(tmp_path):
    """One digit, in one cell: if nbval let it pass, every stored output would be decoration."""
    stored = json.loads((notebooks_dir() / "index.ipynb").read_text("utf-8"))
    changed, number = _changed(stored)
    for name, notebook in (("same", stored), ("other", changed)):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    found = _nbval(tmp_path)
    assert found["FAILED"] == [f"other.ipynb::Cell {number}"]
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert len(found["PASSED"]) == 2 * len(code) - 1


@pytest.mark.parametrize("path", sorted(notebooks_dir().glob("*.ipynb")), ids=lambda p: p.stem)
def test_little_is_masked(path):
    """A pattern that matches too much would hide changes in silence."""
    masks = configparser.ConfigParser(interpolation=None)
    masks.read(ROOT / "tests" / "nbval_sanitize.cfg")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    strict = [c for c in cells if c["cell_type"] == "code" and LOOSE not in c["metadata"].get("tags", [])]
    texts = ["".join(o.get("data", {}).get("text/plain", "")) for cell in strict for o in cell["outputs"]]
    text = "\n".join(t for t in texts if not t.startswith("<"))  # figures and widgets: only their address and size
    numbers = len(re.findall(r"\d+", text))
    for name in masks.sections():
        text = re.sub(masks[name]["regex"], masks[name]["replace"], text)
    assert numbers > 10
    assert len(re.findall(r"\d+", text)) >= 0.95 * numbers
