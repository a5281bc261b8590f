"""How long does it take to import the package, and until ``replicate --help`` is printed?

Seconds of the processor, each in processes of its own: the import alone, and the whole command, interpreter included.
Both in the suite's own environment, if there is one beside this folder.
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from harness import alone, write

IMPORT = "import time; start = time.process_time(); import replicate; print(time.process_time() - start)"
SUITE = Path(__file__).parents[1] / ".venv" / "bin" / "python"
PYTHON = str(SUITE) if SUITE.is_file() else sys.executable
HELP = "from replicate.cli import main; main()"


def importing() -> float:
    """Return the seconds of ``import replicate`` in a fresh interpreter."""
    return float(subprocess.run([PYTHON, "-c", IMPORT], capture_output=True, text=True, check=True).stdout)


def helping() -> float:
    """Return the seconds of the command ``replicate --help``."""
    before = _children()
    subprocess.run([PYTHON, "-c", HELP, "--help"], capture_output=True, check=True)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure both and write their rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = range(parser.parse_args().rounds)
    helping()  # compiles what is not compiled yet
    pairs = [(importing(), helping()) for _ in rounds]
    values = [median(column) for column in zip(*pairs, strict=True)]
    write([
        alone("import replicate", "suite", "a fresh interpreter", values[0], "s", target="<= 0.3"),
        alone("replicate --help", "suite", "a fresh interpreter", values[1], "s", target="<= 0.5"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
