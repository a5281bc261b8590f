"""``manifest.json``: what a run directory holds, what it was made from, and whether it is whole.

A directory counts as a result only if its manifest says ``complete`` and every file it lists is there
with the listed size and hash. The report reads run directories through this module and nothing else.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replicate import atomic

NAME = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True)
class Found:
    """What is at a run directory's place: its state, the manifest if readable, and why not complete."""

    path: Path
    state: str  # "complete", "incomplete" or "absent"
    manifest: dict[str, Any]
    why: str = ""


def write(directory: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the size and hash of every other file in ``directory``."""
    atomic.write_json(directory / NAME, {"schema": SCHEMA, **manifest, "files": _inventory(directory)})


def read(directory: Path) -> Found:
    """Return the state of a run directory; a damaged one is ``incomplete`` and says why."""
    if not directory.is_dir():
        return Found(directory, "absent", {}, "never run")
    try:
        manifest = json.loads((directory / NAME).read_text(encoding="utf-8"))
        status = manifest["status"]
        files = {name: (entry["bytes"], entry["sha256"]) for name, entry in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Found(directory, "incomplete", {}, f"no readable {NAME} ({type(error).__name__})")
    if status != "complete":
        return Found(directory, "incomplete", manifest, f"the run stopped while {status!r}")
    for name, (size, sha256) in files.items():
        if why := _damage(directory / name, size, sha256):
            return Found(directory, "incomplete", manifest, f"{name} {why}")
    return Found(directory, "complete", manifest)


def _inventory(directory: Path) -> dict[str, dict[str, object]]:
    files = sorted(p for p in directory.rglob("*") if p.is_file() and p.name != NAME)
    return {
        str(p.relative_to(directory)): {"bytes": p.stat().st_size, "sha256": _sha256(p)}
        for p in files
        if not p.name.startswith(".")
    }


def _damage(path: Path, size: int, sha256: str) -> str:
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != size:
        return f"has {path.stat().st_size} bytes instead of {size}"
    return "" if _sha256(path) == sha256 else "has changed since the run"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
