"""Where the project's folders are, independent of the working directory."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def project_root() -> Path:
    """Return the folder that holds ``notebooks/``, ``data/`` and ``results/``.

    ``$REPLICATE_ROOT`` wins; otherwise it is the folder the package was cloned into.
    """
    override = os.environ.get("REPLICATE_ROOT")
    return Path(override).resolve() if override else PACKAGE.parent


def papers_dir() -> Path:
    """Return the folder with one subfolder per paper: ``$REPLICATE_PAPERS`` or the package's own."""
    override = os.environ.get("REPLICATE_PAPERS")
    return Path(override).resolve() if override else PACKAGE / "papers"


def notebooks_dir() -> Path:
    """Return the folder with one notebook per paper."""
    return project_root() / "notebooks"


def results_dir(preset: str) -> Path:
    """Return ``results/<preset>``; it may not exist yet."""
    return project_root() / "results" / preset


def reference_dir(preset: str) -> Path:
    """Return the committed snapshot ``results/reference/<preset>``."""
    return project_root() / "results" / "reference" / preset


def unit_cache_dir() -> Path:
    """Return the folder of cached units of work (``$REPLICATE_CACHE`` or ``.cache/units``)."""
    override = os.environ.get("REPLICATE_CACHE")
    return Path(override).resolve() if override else project_root() / ".cache" / "units"
