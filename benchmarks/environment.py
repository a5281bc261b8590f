"""Set up the environment of the benchmarks: the suite's packages as they are, and the peers on top.

Its folder holds only what the suite has not; for the rest it looks into the suite's environment, where nothing is
written. Peers are installed one by one: one that cannot be had is named, and its rows of the table will say so.

Run by ``make bench`` as ``python benchmarks/environment.py .venv-bench``, with the suite's interpreter.
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

HERE = Path(__file__).parent
CONSTRAINTS = HERE.parent / "constraints.txt"


def requirements(path: Path = HERE / "requirements.txt") -> list[str]:
    """Return the peers, "name==version" each."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def create(folder: Path) -> Path:
    """Make the environment that falls back on this interpreter's packages; return its interpreter."""
    venv.create(folder, with_pip=False, clear=True)
    python = folder / "bin" / "python"
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    suite = sysconfig.get_path("purelib")
    (packages / "suite.pth").write_text(f"import site; site.addsitedir({suite!r})\n")
    return python


def install(python: Path, peer: str) -> bool:
    """Install one peer with the suite's pins; print why where it cannot be had."""
    options = ["--quiet", "--disable-pip-version-check", "--constraint", str(CONSTRAINTS)]
    done = subprocess.run([str(python), "-m", "pip", "install", *options, peer], capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in reversed(done.stderr.splitlines()) if "ERROR" in line), "no reason given")
        print(f"{peer} cannot be installed and will be missing in the table: {reason}", file=sys.stderr)
    return not done.returncode


def main() -> None:
    """Create the environment and install all peers."""
    python = create(Path(sys.argv[1]))
    peers = requirements()
    there = [peer for peer in peers if install(python, peer)]
    print(f"benchmark environment: {len(there)} of {len(peers)} peers installed")


if __name__ == "__main__":
    main()
