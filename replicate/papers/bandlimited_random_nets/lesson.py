"""What the notebook shows besides the experiments: maps, pictures, small tables, a fit as a user would do it."""

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from replicate.datasets import load_series

from . import certificates, figures_bounds, figures_data, infinite_width, problems, ridgelet
from .hidden import draw
from .measures import critical_bandwidths
from .picture_fit import reconstruction
from .spaces import fit_on_line, line_layer
from .targets import TARGETS

MAP_EXTENT = 120.0


def ridgelet_figure(run):
    """Draw the ridgelet transform of one period, sixteen periods and the sharp target."""
    x, w = infinite_width.gauss_legendre(0, 1, 400)
    grid = np.linspace(-MAP_EXTENT, MAP_EXTENT, run.settings.map_points)
    names = ("sin1", "sin16", "LW")
    values = ridgelet.transform(np.stack([TARGETS[name](x) for name in names], axis=1), x, w, grid, grid)
    layer = draw(run.rng("map"), 30, 200)
    nodes = np.stack([layer.weights[0], layer.biases])
    return figures_bounds.ridgelet({name: values[..., i] for i, name in enumerate(names)}, MAP_EXTENT, nodes)


def critical_figure(frame: pd.DataFrame):
    """Draw the critical bandwidth over the number of periods for every activation and solver at 300 nodes."""
    tables = {}
    for activation in dict.fromkeys(frame["activation"]):
        for penalty, solver in ((0.0, "truncated"), (1e-8, "ridge")):
            tables[f"{activation}, {solver}"] = critical_bandwidths(frame, activation=activation, penalty=penalty)
    return figures_bounds.critical(tables)


def picture_figure(run):
    """Draw the first photograph (48 x 64) and nets of growing bandwidth, at most 800 nodes."""
    name, width = run.settings.pictures[0], min(800, max(run.settings.picture_widths))
    picture = problems.picture(name)
    images, labels = {"photograph": picture.grey + picture.mean}, {"photograph": f"{width} nodes"}
    for bandwidth in (1, 3, 10, 30, 100):
        layer = draw(run.rng("strip", bandwidth), bandwidth, width, inputs=picture.places)
        made = reconstruction(layer, picture, 1e-6)
        miss = (made - picture.grey - picture.mean).ravel()[picture.test]
        key = f"$\\lambda$ = {bandwidth}"
        images[key], labels[key] = made, f"{problems.psnr(np.sqrt(np.mean(miss**2))):.1f} dB"
    return figures_data.pictures(images, labels)


def series_figure(frame: pd.DataFrame):
    """Draw the errors on the series with the bandwidths their cycles ask for."""
    return figures_data.series(frame, problems.cycle_bandwidths())


def fitted_points() -> pd.DataFrame:
    """Return the data behind the fits: the sharp target, and CO2 from 1990 to 1995."""
    x, data = np.linspace(0, 1, 400), load_series("co2")
    shown = (data.times >= 1990) & (data.times < 1995)
    sharp = pd.DataFrame({"problem": "LW", "x": x, "value": TARGETS["LW"](x)})
    return pd.concat([sharp, pd.DataFrame({"problem": "co2", "x": data.times[shown], "value": data.values[shown]})])


def effective_widths(operator: pd.DataFrame) -> pd.DataFrame:
    """Return N(eps), the number of nodes worth having, by bandwidth (rows) and precision (columns)."""
    rows = operator[operator["metric"] == "effective width"]
    return rows.pivot(index="bandwidth", columns="eps", values="value").astype(int)


def required_norms(error: float = 0.1) -> pd.DataFrame:
    """Return the least norm of a coefficient function with a relative error, for Gaussians in 1, 2, 3 dimensions.

    Rows are bandwidth times target width; Gaussian nodes. Zero means that no norm is excluded.
    """
    rows = {}
    for product in (0.2, 0.3, 0.5, 0.7, 0.9, 1.1):
        cuts = np.linspace(0.05, 12, 800)
        rows[product] = {f"m = {m}": _required(error, product, m, cuts) for m in (1, 2, 3)}
    return pd.DataFrame(rows).T.rename_axis("bandwidth x width")


def _required(error: float, bandwidth: float, m: int, cuts: np.ndarray) -> float:
    size = float(certificates.gaussian_tail(0.0, 1.0, m=m))
    tail = lambda cut: certificates.gaussian_tail(cut, 1.0, m=m)  # noqa: E731
    return certificates.smallest_budget(error * size, bandwidth, tail, "gauss", m=m, cuts=cuts)


def ghosts(rng: np.random.Generator) -> pd.DataFrame:
    """Return two nets with the same output, a Mexican hat: one node of slope 1, and 300 nodes all steeper than 2.

    Their difference is a "ghost": coefficients that give zero. All of the second lies outside the box of bandwidth 2.
    """
    layer = line_layer(rng, 6.0, 300, name="mexican", slowest=1 / 3)
    (fit,) = fit_on_line(layer, 1.0, [0.0], target="mexican")
    rows = [("one node", 1.0, 1.0, 0.0, 1.0), ("300 nodes", 2.0, fit.steepest, fit.error, fit.l1_norm)]
    columns = ["net", "smallest slope", "largest slope", "relative error", "l1 norm"]
    return pd.DataFrame(rows, columns=columns).set_index("net")


def paired_tests(frame: pd.DataFrame, *, width: int, target: str = "LW") -> pd.DataFrame:
    """Return how each bandwidth compares with the best one: ratio of median errors, paired Wilcoxon p value.

    Empty below six draws, where no such test can reject at 5 %.
    """
    rows = frame[(frame["metric"] == "test rmse") & (frame["target"] == target) & (frame["width"] == width)]
    table = rows.pivot(index="seed", columns="bandwidth", values="value")
    if len(table) < 6:
        return pd.DataFrame()
    best = table.median().idxmin()
    others = [b for b in table.columns if b != best]
    ratios = [table[b].median() / table[best].median() for b in others]
    values = [float(wilcoxon(np.log(table[b] / table[best])).pvalue) for b in others]
    return pd.DataFrame({"error / best": ratios, "p": values}, index=pd.Index(others, name=f"best: {best:g}"))


def tidy_tests(tests: pd.DataFrame) -> pd.DataFrame:
    """Return the paired tests with one metric a row; empty if there are none."""
    long = tests.rename_axis("bandwidth").reset_index() if len(tests) else tests
    return long.melt("bandwidth", var_name="metric") if len(tests) else tests


def tidy_slopes(slopes: pd.DataFrame) -> pd.DataFrame:
    """Return the slopes with one metric a row; empty if there are none."""
    return slopes.melt(["activation", "solver", "width"], var_name="metric") if len(slopes) else slopes


def medians(
    frame: pd.DataFrame, index: str, columns: str, *, metric: str | list[str] = "test rmse", **cell: object
) -> pd.DataFrame:
    """Return the median over seeds of a metric, a row ``index``, a column ``columns``; empty if nothing was run."""
    if not len(frame):
        return pd.DataFrame()
    rows = frame[frame["metric"].isin([metric] if isinstance(metric, str) else metric)]
    for name, value in cell.items():
        rows = rows[rows[name] == value]
    return rows.groupby([index, columns], sort=False)["value"].median().unstack(columns)


def quartiles(frame: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Return the median and the quartiles over seeds, one metric a row; ``keys`` name what was measured."""
    groups = frame.groupby(list(keys), sort=False)["value"]
    table = groups.quantile([0.25, 0.5, 0.75]).rename("value").reset_index()
    names = {0.25: "lower quartile", 0.5: "median", 0.75: "upper quartile"}
    last = table.pop(f"level_{len(keys)}").map(names)
    return table.assign(metric=last)[[*keys, "metric", "value"]]


def kept_critical(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return what is stored of ``critical``: quartiles of the errors, and the critical bandwidth of every draw."""
    cell = ["activation", "width", "penalty"]
    parts = []
    for (activation, width, penalty), part in frame.groupby(cell):
        table = critical_bandwidths(part, activation=activation, width=width, penalty=penalty)
        long = table.reset_index().melt("seed", var_name="target")
        names = {"activation": activation, "width": width, "penalty": penalty, "metric": "critical bandwidth"}
        parts.append(long.assign(**names)[[*cell, "target", "seed", "metric", "value"]])
    errors = quartiles(frame, *cell, "target", "bandwidth")
    return {"critical": errors, "critical_bandwidths": pd.concat(parts)}


def kept_widths(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``widths`` that are stored for every draw: test errors and ranks."""
    return compact(frame[frame["metric"].isin(["test rmse", "rank"])])


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table's rows without columns that say the same everywhere or hold a list of settings."""
    lists = [c for c in frame if frame[c].map(lambda v: isinstance(v, list)).any()]
    frame = frame.drop(columns=[c for c in ("paper", "experiment", *lists) if c in frame])
    return frame.drop(columns="status") if "status" in frame and (frame["status"] == "ok").all() else frame
