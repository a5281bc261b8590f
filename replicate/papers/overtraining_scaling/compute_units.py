"""Units on compute: how predictions improve with it, which designs are cheapest, the grid search, a common exponent."""

import itertools

import numpy as np

from replicate.seeds import Seed

from . import designs, intervals, records
from .fits import POINTS, fit_losses, fit_rows
from .laws import ERROR, M_BLIND, TIED
from .rows import Rows, place
from .separable import Law, fit

GRID_GAP = (5.2e16, 5.2e17)  # FLOPs between which the authors leave grid runs out
SELECTED = (
    "d=96_l=8_h=4-8-0.003-0.033-8-211386240-100-3e-05",
    "d=512_l=8_h=4-64-0.003-0.033-64-1578280960-400-3e-05",
    "d=576_l=24_h=8-64-0.003-0.033-64-3073547520-400-3e-05",
    "d=1024_l=24_h=8-64-0.003-0.033-64-8232325120-2000-3e-05",
)


def windows(config: dict, seed: Seed) -> Rows:
    """Fit both laws to random subsets of the ``n`` cheapest RedPajama runs; predict two large runs (E8)."""
    bed = records.load(config["source"]).of("RedPajama")
    runs, errors = bed.runs, bed.average()
    cheap = runs[(runs["N"] < designs.LARGE) | ((runs["size"] == "1.4B") & (runs["M"] == 20))].sort_values("C").index
    targets = designs.rows(runs, (("1.4B", 640), ("6.9B", 20)))
    rng, rows = seed.rng("windows", config["n"]), []
    for draw in range(config["subsets"]):
        size = int(rng.integers(5, config["n"] + 1))
        at = sorted(rng.choice(cheap[: config["n"]], size, replace=False))
        loss_fit = fit_rows(runs, at)
        error_fit = fit(ERROR, runs[["c4_val"]].to_numpy()[at], errors[at])
        loss = loss_fit.predict(runs[POINTS].to_numpy()[targets])[0]
        error = error_fit.predict(loss[:, None])[0]
        what = {"draw": draw, "size of subset": size, "C": float(runs["C"].iloc[at].sum())}
        for target, found, truth, good in (
            ("loss", loss, runs["c4_val"].to_numpy()[targets], loss_fit.identified[0]),
            ("error17", error, errors[targets], loss_fit.identified[0] and error_fit.identified[0]),
        ):
            off = 100 * np.abs(found / truth - 1)
            known = {**what, "target": target, "identified": int(good), "metric": "relative error, %"}
            rows += [known | place(runs, i) | {"value": float(v)} for i, v in zip(targets, off, strict=True)]
    return rows


def loss_profile(config: dict, seed: Seed) -> Rows:
    """Hold E and refit the rest: residual scatter and what it predicts for the largest M (figure 8 of ours)."""
    runs = records.load(config["source"]).of(config["training_set"]).runs
    at, target = designs.rows(runs, designs.LOSS_RUNS), designs.large(runs)
    points, losses = runs[POINTS].to_numpy(), runs["c4_val"].to_numpy()
    without_floor = Law(
        lambda t, x: TIED.columns(t, x)[..., :2], lambda t, x: TIED.derivatives(t, x)[..., :2, :], TIED.grid, ("n", "d")
    )
    rows = []
    for floor in config["floors"]:
        fitted = fit(without_floor, points[at], losses[at] - floor)
        scatter = float(np.sqrt(fitted.sse[0] / len(at)))
        rows += [{"E": floor, "metric": "residual rms", "value": scatter}]
        predicted = fitted.predict(points[target])[0] + floor
        rows += [
            {"E": floor} | place(runs, i) | {"metric": "predicted loss", "value": float(v)}
            for i, v in zip(target, predicted, strict=True)
        ]
    return rows


def frontier(config: dict, seed: Seed) -> Rows:
    """Fit a C^-eta + E to the grid search's frontier and to the four selected runs; predict 1.4B and 6.9B (E9)."""
    grid = records.grid_search().sort_values(["C", "loss"])
    on_frontier = grid[grid["loss"] < grid["loss"].cummin().shift(fill_value=np.inf)]
    kept = on_frontier[(on_frontier["C"] < GRID_GAP[0]) | (on_frontier["C"] > GRID_GAP[1])]
    chosen = grid[grid["name"].isin(SELECTED)]
    sizes = np.array(records.PARAMETERS[-2:], float)
    at = np.column_stack([sizes, 20 * sizes])
    rows: Rows = [
        {"points": "all", "metric": "runs", "value": len(grid)},
        {"points": "all", "metric": "architectures", "value": grid["name"].str.split("-").str[0].nunique()},
        {"points": "frontier", "metric": "runs", "value": len(on_frontier)},
        {"points": "frontier", "metric": "runs kept", "value": len(kept)},
    ]
    for name, table in (("frontier", kept), ("four selected", chosen)):
        fitted = fit(M_BLIND, table[POINTS], table["loss"])
        rows += [{"points": name, "metric": "eta", "value": float(-fitted.theta[0, 0])}]
        rows += [{"points": name, "metric": "E", "value": float(fitted.coefficients[0, 1])}]
        predicted = zip(("1.4B", "6.9B"), fitted.predict(at)[0], strict=True)
        rows += [{"points": name, "size": size, "metric": "predicted loss", "value": float(v)} for size, v in predicted]
    drawn = seed.rng("frontier").integers(len(kept), size=(config["draws"], len(kept)))
    drawn = drawn[[len(set(row)) >= 5 for row in drawn]]
    if len(drawn):
        again = fit(M_BLIND, kept[POINTS].to_numpy()[drawn], kept["loss"].to_numpy()[drawn]).predict(at)
        for bound, values in zip(("low", "high"), intervals.bounds(again, level=0.95), strict=True):
            ends = zip(("1.4B", "6.9B"), values, strict=True)
            rows += [{"points": "frontier", "size": s, "metric": f"{bound}, 95 %", "value": float(v)} for s, v in ends]
    curve = {"frontier run": kept, "selected run": chosen}
    return rows + [
        {"points": name, "C": float(r.C), "metric": "loss", "value": float(r.loss)}
        for name, table in curve.items()
        for r in table.itertuples()
    ]


def cheapest_designs(config: dict, seed: Seed) -> Rows:
    """Choose small runs within table 1's compute that make the widest of three intervals narrowest.

    Linear theory around the default fit: what an experimenter could have computed before training anything more.
    """
    runs = records.load(config["source"]).of(config["training_set"]).runs
    default = fit_losses(runs, designs.LOSS_RUNS)
    budget = float(runs["C"].iloc[designs.rows(runs, designs.LOSS_RUNS)].sum())
    candidates = np.array(designs.pool(runs, least=config["least"]))
    points = runs[POINTS].to_numpy()
    slopes, at = default.jacobian(points)[0], default.jacobian(points[designs.large(runs)])[0]
    chosen = np.array(list(itertools.combinations(candidates, config["runs"])))
    chosen = chosen[runs["C"].to_numpy()[chosen].sum(axis=1) <= budget * (1 + 1e-9)]
    rows = []
    scored = [(_widest(slopes[part], at), part) for part in np.array_split(chosen, max(1, len(chosen) // 20_000))]
    widest = np.concatenate([value for value, _ in scored])
    best = chosen[widest.argmin()]
    for name, picked in (("table 1", np.array(designs.rows(runs, designs.LOSS_RUNS))), ("best", best)):
        fitted = fit_rows(runs, list(picked))
        predicted = fitted.predict(points[designs.large(runs)])[0]
        off = 100 * (predicted / runs["c4_val"].to_numpy()[designs.large(runs)] - 1)
        what = {"design": name, "which": ", ".join(f"{runs['size'].iloc[i]}/{runs['M'].iloc[i]:g}" for i in picked)}
        rows += [{**what, "metric": "widest amplification", "value": float(_widest(slopes[picked][None], at)[0])}]
        rows += [{**what, "metric": "compute, FLOPs", "value": float(runs["C"].iloc[picked].sum())}]
        for i, v in zip(designs.large(runs), off, strict=True):
            rows += [what | place(runs, i) | {"metric": "relative error, %", "value": float(v)}]
    return [*rows, {"design": "all", "metric": "designs within budget", "value": len(chosen)}]


def _widest(slopes: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the largest standard error at ``at`` ``(m, p)`` over noise, of designs ``(b, n, p)``; inf if singular."""
    information = slopes.transpose(0, 2, 1) @ slopes
    scale = np.sqrt(np.einsum("bpp->bp", information))
    information = information / (scale[:, :, None] * scale[:, None, :])
    usable = np.linalg.cond(information) < 1e13
    variance = np.full(len(slopes), np.inf)
    g = at[None] / scale[usable][:, None, :]
    inverse = np.linalg.inv(information[usable])
    variance[usable] = np.einsum("bmp,bpq,bmq->bm", g, inverse, g).max(axis=1)
    return np.sqrt(np.maximum(variance, 0))


def shared_exponent(config: dict, seed: Seed) -> Rows:
    """Fit all three training sets with one exponent and a floor and two heights each (section 9.4)."""
    bed = records.load(config["source"])
    sets = [bed.of(name).runs for name in records.SETS.values()]
    chosen = [runs.iloc[designs.rows(runs, designs.LOSS_RUNS)] for runs in sets]
    points = np.concatenate([np.column_stack([runs[POINTS], np.full(len(runs), k)]) for k, runs in enumerate(chosen)])
    law = joint_law(len(sets))
    fitted = fit(law, points, np.concatenate([runs["c4_val"] for runs in chosen]))
    rows: Rows = [{"metric": "eta", "value": float(-fitted.theta[0, 0] / 2)}]
    for k, (name, runs) in enumerate(zip(records.SETS.values(), sets, strict=True)):
        rows += [{"training_set": name, "metric": "E", "value": float(fitted.coefficients[0, 3 * k + 2])}]
        at = np.column_stack([runs[POINTS], np.full(len(runs), k)])
        off = 100 * (fitted.predict(at)[0] / runs["c4_val"] - 1)
        for i in designs.large(runs):
            row = {"training_set": name} | place(runs, i)
            rows += [row | {"metric": "relative error, %", "value": float(off.iloc[i])}]
    return rows


def joint_law(groups: int) -> Law:
    """Return the loss law over groups with one exponent: points are rows (N, D, group's number)."""

    def member(x):
        return (x[..., 2, None] == np.arange(groups))[..., None]  # (..., n, group, 1)

    def columns(theta, x):
        terms = member(x) * TIED.columns(theta, x[..., :2])[..., None, :]
        return terms.reshape(*terms.shape[:-2], -1)

    def slopes(theta, x):
        terms = member(x) * TIED.derivatives(theta, x[..., :2])[..., None, :, 0]
        return terms.reshape(*terms.shape[:-2], -1)[..., None]

    names = tuple(f"{name}, group {k}" for k in range(groups) for name in TIED.names)
    return Law(columns, slopes, TIED.grid, names)
