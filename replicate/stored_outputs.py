"""The outputs committed with a notebook: those of a run at its own parameters, the preset ``smoke``.

``make test`` compares them (nbval); ``make notebooks`` writes them anew after a notebook or its method changed.
"""

import os
import tempfile
from pathlib import Path

from replicate import execute
from replicate.suite import CELL_TIMEOUT


def refresh(notebook: Path) -> Path:
    """Execute a notebook as it stands, put its outputs into the file, and return its path.

    Raises:
        NotebookFailed: a cell failed; the committed notebook is left as it was.
    """
    with tempfile.TemporaryDirectory(prefix="replicate-outputs-") as folder:
        executed = Path(folder) / notebook.name
        limit = CELL_TIMEOUT["smoke"]  # a kernel that has lost a reply would be waited for without end
        execute.execute_notebook(notebook, executed, {}, env={"REPLICATE_RUN_DIR": ""}, cell_timeout=limit)
        staged = notebook.with_suffix(".new")
        staged.write_bytes(executed.read_bytes())
        os.replace(staged, notebook)
    return notebook
