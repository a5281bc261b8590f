"""The outputs committed with a notebook: those of a run at its own parameters, the preset ``smoke``.

``make test`` compares them (nbval); ``make notebooks`` writes them anew after a notebook or its method changed.
"""

import os
import tempfile
from pathlib import Path

from replicate import execute
from replicate.paper import Paper


def refresh(paper: Paper) -> Path:
    """Execute a paper's notebook as it stands and put its outputs into the file.

    Raises:
        NotebookFailed: a cell failed; the committed notebook is left as it was.
    """
    with tempfile.TemporaryDirectory(prefix="replicate-outputs-") as folder:
        executed = Path(folder) / paper.notebook.name
        execute.execute_notebook(paper.notebook, executed, {}, env={"REPLICATE_RUN_DIR": ""})
        staged = paper.notebook.with_suffix(".new")
        staged.write_bytes(executed.read_bytes())
        os.replace(staged, paper.notebook)
    return paper.notebook
