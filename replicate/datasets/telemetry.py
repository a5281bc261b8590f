"""Real spacecraft and testbed telemetry: registered files of a mirror, or of their canonical origins."""

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from replicate.datasets._decoding import decoding
from replicate.datasets._download import Unavailable
from replicate.datasets._sources import MIRROR_VARIABLE
from replicate.datasets.fetch import fetch
from replicate.errors import UserError, nearest

if TYPE_CHECKING:
    import pandas as pd

# data set -> registered names, the first at hand is read
FILES = {
    "birds": ("telemetry/birds_eps.csv.gz",),
    "smap_msl": ("telemetry/smap_msl.npz",),
    "smap_msl_labels": ("telemetry/smap_msl_labels.csv",),
    "telemanom_run": ("telemetry/smap_msl_telemanom_run.csv",),
    "opssat": ("telemetry/opssat_ad_features.csv.gz", "telemetry/opssat_ad_dataset.csv"),
    "nab": ("telemetry/nab_real_known_cause.csv.gz",),
    "solar_orbiter": ("telemetry/solar_orbiter_daily.csv.gz",),
    "skab": ("telemetry/skab_gpl3/skab.csv.gz",),
    "tsb_ad": ("telemetry/tsb_ad_reference_vuspr.csv.gz",),
}


def telemetry_path(name: str) -> Path:
    """Return the verified file of a telemetry data set.

    Raises:
        UserError: an unknown name.
        Unavailable: no place has it.
        DataError: a corrupt file.
    """
    if name not in FILES:
        raise UserError(f"no telemetry data set {name!r}: {nearest(name, FILES)}")
    *first, last = FILES[name]
    for file in first:
        try:
            return fetch(file)
        except Unavailable:
            continue
    return fetch(last)


def telemetry_at_hand(name: str) -> bool:
    """Return whether a telemetry data set is on this machine or can be fetched."""
    return _at_hand(name, os.environ.get(MIRROR_VARIABLE, ""))


@functools.cache
def _at_hand(name: str, mirror: str) -> bool:
    """Ask once a process and mirror: without a network every answer takes seconds."""
    try:
        telemetry_path(name)
    except Unavailable:
        return False
    return True


def load_telemetry(name: str) -> "pd.DataFrame":
    """Return a telemetry table (every set but ``smap_msl``, whose arrays `telemetry_path` locates)."""
    import pandas as pd  # lazy: import time

    if name == "smap_msl":
        raise UserError("smap_msl is no table: numpy.load(telemetry_path('smap_msl'))")
    path = telemetry_path(name)
    with decoding(path, "a table of comma-separated values in UTF-8"):
        return pd.read_csv(path)
