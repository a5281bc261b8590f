"""What the paper's first version and independent re-runs publish as figures: small tables with their sources."""

from functools import cache
from pathlib import Path

import pandas as pd

from replicate.rows import where

_HERE = Path(__file__).parent
_TEXTS = ("total", "bn_percent", "output_percent", "shortcut_percent")
PAPER = "arXiv v1 figure"  # how the sources of the paper's own values begin


@cache
def accuracies() -> pd.DataFrame:
    """Return CIFAR-10 test accuracies in %: depth, width, condition, accuracy, error (of reading off), source."""
    return pd.read_csv(_HERE / "published_accuracy.csv")


@cache
def curves() -> pd.DataFrame:
    """Return accuracies by epoch in %: depth, condition, epoch, accuracy, source."""
    return pd.read_csv(_HERE / "published_curves.csv")


@cache
def table1() -> pd.DataFrame:
    """Return Table 1 as printed (arXiv v2): family, depth, width, and texts total, bn_, output_, shortcut_percent."""
    return pd.read_csv(_HERE / "published_table1.csv", dtype=dict.fromkeys(_TEXTS, str))


def of_paper(table: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """Return the paper's own rows (not the re-runs') whose columns have the given values."""
    return where(table[table["source"].str.startswith(PAPER)], **columns)
