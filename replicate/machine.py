"""On what a run was made: commit, versions, hardware. For the manifest, never for a table."""

import os
import platform
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import psutil

from replicate.paths import project_root

_CODE = ("replicate", "notebooks", "data", "pyproject.toml", "constraints.txt")


def describe() -> dict[str, object]:
    """Return commit and dirty state, package versions and hardware as JSON-like data."""
    return {
        "code": commit(),
        "python": sys.version.split()[0],
        "hardware": hardware(),
        "versions": versions(),
    }


def commit() -> dict[str, object]:
    """Return ``{"commit": hash, "dirty": bool}``; both None outside a git checkout.

    Where only the files were copied, as to the nodes of a cluster, ``$REPLICATE_COMMIT`` may name their commit.
    Dirty means that code or notebooks differ from the commit or are new; results and notes do not count.
    """
    root = project_root()
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return {"commit": os.environ.get("REPLICATE_COMMIT"), "dirty": None}
    return {"commit": head, "dirty": bool(_git(root, "status", "--porcelain", "--", *_CODE))}


def hardware() -> dict[str, object]:
    """Return processor, cores this process may use, memory in GiB, GPU name and platform."""
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": _gpu(),
    }


def versions() -> dict[str, str]:
    """Return the version of every installed distribution, by name."""
    found = {d.metadata["Name"].lower(): d.version for d in distributions() if d.metadata["Name"]}
    return dict(sorted(found.items()))


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def _gpu() -> str | None:
    torch = sys.modules.get("torch")  # asking must not cost an import
    if torch is None or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_name()
