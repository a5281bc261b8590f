"""The import rules of .importlinter hold."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_import_rules_hold():
    """Papers that import each other, or shared code that knows papers, could not be deleted or added freely."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_importing_the_package_does_not_import_torch():
    """The command line must answer at once."""
    code = "import sys, replicate.cli, replicate.running; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_command_line_imports_no_heavy_package():
    """Help and mistakes must be answered in half a second; each of these takes a good part of that, or more."""
    code = "import sys, replicate.cli; sys.exit(str(HEAVY & set(sys.modules)) if HEAVY & set(sys.modules) else 0)"
    heavy = {"torch", "numpy", "scipy", "pandas", "matplotlib", "sklearn", "xgboost", "IPython"}
    done = subprocess.run([sys.executable, "-c", f"HEAVY = {heavy}\n{code}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_a_cluster_nothing_of_dask_is_imported():
    """Nobody pays for an engine that is not used; it need not even be installed."""
    code = "import sys, replicate.run, replicate.running; sys.exit(bool({'dask', 'distributed'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
