"""Tables that only OpenML has: fetched by its number, verified by the checksum OpenML publishes, kept as CSV."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from replicate.datasets.registry import Entry

if TYPE_CHECKING:
    import pandas as pd

_CONNECT_SECONDS = 20


class Unreachable(Exception):
    """OpenML did not answer, or with other bytes than its own checksum says."""


def openml_table(entry: Entry, folder: Path) -> Path:
    """Fetch a table by its OpenML number into ``folder`` and return the path of the CSV, target last.

    scikit-learn compares the file with the MD5 of OpenML's description. Raises ``Unreachable`` otherwise.
    """
    try:
        table = _fetch(entry.openml, folder / "openml")
    except Exception as error:  # scikit-learn passes on whatever the network raises
        raise Unreachable(f"OpenML {entry.openml}: {type(error).__name__}") from None
    target = folder / entry.name
    partial = target.with_name(f".{target.name}.partial")
    table.to_csv(partial, index=False, lineterminator="\n")
    os.replace(partial, target)
    return target


def _fetch(number: int | None, home: Path) -> "pd.DataFrame":
    import socket

    from sklearn.datasets import fetch_openml  # lazy: only downloads need it

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_CONNECT_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "retrying": the failure itself is reported
            found = fetch_openml(
                data_id=number, as_frame=True, data_home=str(home), n_retries=1, delay=0.1, parser="auto"
            )
    finally:
        socket.setdefaulttimeout(before)
    return found.data.assign(**{found.target.name: found.target})
