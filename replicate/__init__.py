"""Replications of machine-learning papers: claims as data, verdicts from our own measurements.

Importing this package is cheap: torch and the papers are imported only where they are used.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("replicate-papers")
except PackageNotFoundError:  # a source tree that was not installed
    __version__ = "0+unknown"
