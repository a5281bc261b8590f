"""Registered data files and their loaders; importing this loads neither torch, pooch, pandas nor scikit-learn."""

from replicate.datasets._download import Unavailable
from replicate.datasets._sources import Source
from replicate.datasets.cifar10 import load_cifar10
from replicate.datasets.digits import load_digits
from replicate.datasets.fetch import FileStatus, data_hash, entry, fetch, locate, names, status, verify
from replicate.datasets.images import ImageData
from replicate.datasets.mnist import load_mnist
from replicate.datasets.registry import Entry, Registry, default_registry
from replicate.datasets.survival import Survival, load_survival, survival_at_hand, survival_names
from replicate.datasets.telemetry import load_telemetry, telemetry_at_hand, telemetry_path

__all__ = [
    "Entry",
    "FileStatus",
    "ImageData",
    "Registry",
    "Source",
    "Survival",
    "Unavailable",
    "data_hash",
    "default_registry",
    "entry",
    "fetch",
    "load_cifar10",
    "load_digits",
    "load_mnist",
    "load_survival",
    "load_telemetry",
    "locate",
    "names",
    "status",
    "survival_at_hand",
    "survival_names",
    "telemetry_at_hand",
    "telemetry_path",
    "verify",
]
