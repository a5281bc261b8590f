"""Series and pictures that ship with statsmodels and scikit-learn: no download, their files' hashes are registered.

Another version of the package may carry another file; then a warning says so and the data are used.
"""

import functools
import hashlib
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from replicate.datasets.registry import default_registry
from replicate.errors import UserError, nearest

_SERIES = {"co2": "statsmodels/co2.csv", "sunspots": "statsmodels/sunspots.csv"}
_PICTURES = {"china": "sklearn/china.jpg", "flower": "sklearn/flower.jpg"}


@dataclass(frozen=True, eq=False)
class Series:
    """A series at equal steps, gaps left out.

    Args:
        name: the registry's data set.
        index: position of every value among all steps, ``(n,)``, 0 for the first step.
        steps: number of steps, gaps included.
        times: decimal years, ``(n,)``.
        values: ``(n,)``, in ``unit``.
        unit: e.g. ``ppm``.
    """

    name: str
    index: np.ndarray
    steps: int
    times: np.ndarray
    values: np.ndarray
    unit: str


@functools.cache
def load_series(name: str) -> Series:
    """Return a series: ``co2`` (weekly, Mauna Loa, 59 of 2 284 weeks missing) or ``sunspots`` (yearly, 1700 to 2008).

    Raises ``UserError`` for another name; warns if the installed package carries another file.
    """
    if name not in _SERIES:
        raise UserError(f"no series {name!r}: {nearest(name, _SERIES)}")
    module: Any = import_module(f"statsmodels.datasets.{name}")  # lazy: importing statsmodels takes a second
    _compare(Path(module.__file__).with_name(f"{name}.csv"), _SERIES[name])
    frame = module.load_pandas().data
    if name == "sunspots":
        years = frame["YEAR"].to_numpy(float)
        return Series(name, np.arange(len(years)), len(years), years, frame["SUNACTIVITY"].to_numpy(float), "number")
    days = (frame.index - frame.index[0]).days.to_numpy()
    first = frame.index[0]
    times = first.year + (first.day_of_year - 1) / 365.25 + days / 365.25
    values = frame["co2"].to_numpy(float)
    there = np.flatnonzero(np.isfinite(values))
    return Series(name, there, len(values), times[there], values[there], "ppm")


@functools.cache
def load_picture(name: str) -> np.ndarray:
    """Return a photograph, ``china`` or ``flower``, as uint8 ``(427, 640, 3)``, RGB, read-only.

    Raises ``UserError`` for another name; warns if the installed package carries another file.
    """
    if name not in _PICTURES:
        raise UserError(f"no picture {name!r}: {nearest(name, _PICTURES)}")
    import sklearn.datasets
    from PIL import Image

    path = Path(sklearn.datasets.__file__).parent / "images" / f"{name}.jpg"
    _compare(path, _PICTURES[name])
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    pixels.flags.writeable = False
    return pixels


def _compare(path: Path, name: str) -> None:
    entry = default_registry().entry(name)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != entry.checksum:
        warnings.warn(
            f"the installed {entry.bundled} ships another {path.name} than the registered one: SHA-256 {found}, "
            f"expected {entry.checksum}; results may differ",
            stacklevel=3,
        )
