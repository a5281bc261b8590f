"""Choosing among the rows of experiments: what the measures and figures of all papers begin with."""

import pandas as pd


def where(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """Return the rows whose columns have the given values, one or a list of them.

    A study that did not run gives a frame without rows and columns; it stays as it is. ``KeyError`` for a column that
    a frame with rows lacks.

    >>> frame = pd.DataFrame({"metric": ["loss", "loss", "step"], "seed": [0, 1, 0], "value": [0.3, 0.4, 9.0]})
    >>> where(frame, metric="loss", seed=[1, 2])["value"].tolist()
    [0.4]
    >>> where(pd.DataFrame(), metric="loss").empty
    True
    """
    for name, wanted in columns.items():
        if frame.empty:
            return frame
        frame = frame[frame[name].isin(wanted if isinstance(wanted, list | tuple) else [wanted])]
    return frame
