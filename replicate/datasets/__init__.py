"""Registered data files and their loaders; importing this loads neither torch, pooch, pandas nor scikit-learn."""

from replicate.datasets._download import Unavailable
from replicate.datasets._sources import Source
from replicate.datasets.archives import load_members
from replicate.datasets.bundled import Series, load_picture, load_series
from replicate.datasets.cifar10 import load_cifar10
from replicate.datasets.diabetes import Diabetes, load_diabetes
from replicate.datasets.digits import load_digits
from replicate.datasets.emoji import Emoji, load_emoji
from replicate.datasets.fetch import FileStatus, absent, data_hash, entry, fetch, locate, names, status, verify
from replicate.datasets.images import ImageData
from replicate.datasets.mnist import load_mnist
from replicate.datasets.registry import Entry, Registry, default_registry
from replicate.datasets.regression import Regression, has_regression, load_regression, regression_names
from replicate.datasets.survival import Survival, load_survival, survival_at_hand, survival_names
from replicate.datasets.telemetry import load_telemetry, telemetry_at_hand, telemetry_path
from replicate.datasets.text import load_help_topics, load_kjv

__all__ = [
    "Diabetes",
    "Emoji",
    "Entry",
    "FileStatus",
    "ImageData",
    "Registry",
    "Regression",
    "Series",
    "Source",
    "Survival",
    "Unavailable",
    "absent",
    "data_hash",
    "default_registry",
    "entry",
    "fetch",
    "has_regression",
    "load_cifar10",
    "load_diabetes",
    "load_digits",
    "load_emoji",
    "load_help_topics",
    "load_kjv",
    "load_members",
    "load_mnist",
    "load_picture",
    "load_regression",
    "load_series",
    "load_survival",
    "load_telemetry",
    "locate",
    "names",
    "regression_names",
    "status",
    "survival_at_hand",
    "survival_names",
    "telemetry_at_hand",
    "telemetry_path",
    "verify",
]
