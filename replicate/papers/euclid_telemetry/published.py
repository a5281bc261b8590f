"""What TSB-AD (Liu and Paparrizos 2024) published on series of the same origins, cut anew: roughly comparable."""

from typing import Any

import pandas as pd

from replicate.datasets import load_telemetry

SETS = ("SMAP", "MSL", "NAB")


def volumes() -> list[dict[str, Any]]:
    """Return the mean VUS-PR of every detector over the series of a data set, and how many there are.

    ``track`` U has one variable a series, M several.
    """
    table = load_telemetry("tsb_ad")
    table = table[table["dataset"].isin(SETS)]
    means = table.groupby(["track", "dataset", "algorithm"])["vus_pr"].agg(["mean", "size"]).reset_index()
    return [
        {
            "track": r.track,
            "spacecraft": r.dataset,
            "detector": r.algorithm,
            "metric": "VUS-PR",
            "value": r.mean,
            "n": r.size,
        }
        for r in means.itertuples()
    ]


def beside(ours: pd.DataFrame, theirs: pd.DataFrame, track: str = "U", best: int = 3) -> pd.DataFrame:
    """Return mean VUS-PR by detector and data set: ours first, then the best few published ones and the worst.

    Args:
        ours: columns detector, spacecraft, value, one row a series.
        theirs: rows of `volumes`.
        track: which published series.
        best: how many published detectors of each data set to show.
    """
    if ours.empty or theirs.empty:
        return pd.DataFrame()
    mine = ours.groupby(["detector", "spacecraft"], sort=False)["value"].mean().unstack("spacecraft")
    rows = theirs[(theirs["track"] == track) & theirs["spacecraft"].isin(mine.columns)]
    published = rows.pivot(index="detector", columns="spacecraft", values="value")
    shown = {name for column in published for name in published[column].nlargest(best).index}
    shown |= {published[column].idxmin() for column in published}
    order = published.mean(axis=1).sort_values(ascending=False).index
    published = published.loc[[name for name in order if name in shown]]
    return pd.concat({"ours": mine, "TSB-AD": published}, names=["by"]).reindex(columns=mine.columns)
