"""What the notebook shows besides figures: small tables of what was measured, the method as a user would call it."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from replicate.rows import where
from replicate.seeds import Seed

from . import measures
from .dro import rho_for_entropy
from .figures import interval
from .measures import LADDER
from .pairs import SplitPairs, load_pairs
from .temperature_solver import exact_temperature
from .tempnet import TempNet


def as_a_library() -> pd.DataFrame:
    """Compute tau* of three rows of logits and an untrained TempNet's, as a user would; return them side by side."""
    logits = torch.tensor([[4.0, 0.0, 0.0, 0.0], [2.0, 1.0, 0.0, -1.0], [0.2, 0.1, 0.0, -0.1]], dtype=torch.float64)
    rho = rho_for_entropy(4, 0.8)
    tempnet = TempNet(4, tau_min=0.1, tau_max=3.0, generator=torch.Generator().manual_seed(0)).eval()
    index = pd.Index(["peaked", "sloping", "nearly flat"], name="row of logits")
    with torch.no_grad():
        predicted = tempnet(logits.float())
    return pd.DataFrame({"tau*": exact_temperature(logits, rho), "untrained TempNet": predicted}, index=index)


def two_by_four(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean validation NLL by training method (rows) and evaluation (columns): a token's, then a character's."""
    if frame.empty:
        return frame
    order = ["1", "global", "TempNet", "exact"]
    blocks = {}
    for metric, name in (("NLL", "{}"), ("NLL per character", "{}, a character")):
        rows = where(frame, metric=metric)
        wide = rows.pivot_table(index="method", columns="evaluation", values="value", aggfunc="mean")
        blocks[metric] = wide[[e for e in order if e in wide]].rename(columns=name.format)
    wide = pd.concat(blocks.values(), axis=1)
    return wide.reindex([m for m in LADDER if m in wide.index])


def differences(frame: pd.DataFrame, baseline: str = "CE") -> pd.DataFrame:
    """Return NLL minus the baseline's, same seed and evaluation: mean and 95 % interval, and the gain in perplexity."""
    if frame.empty:
        return frame
    found = {}
    for method in [m for m in LADDER if m != baseline and m in set(frame["method"])]:
        for evaluation, reference in (("1", "1"), ("global", "global"), ("own", "1")):
            a, b = measures.at(method, evaluation), {"method": baseline, "evaluation": reference}
            if (gain := measures.gain(frame, a, b)) is None:
                continue
            found[method, evaluation] = [gain.estimate, gain.ci_low, gain.ci_high, np.expm1(gain.estimate)]
    columns = ["difference", "low", "high", "perplexity, relative"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns).rename_axis("method, evaluated at")


def by_rate(scratch: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the first seed's NLL at tau = 1 by learning rate and method."""
    if others.empty:
        return others
    rows = where(pd.concat([scratch, others]), metric="NLL", evaluation="1", seed=0, method=["CE", "DRO + TempNet"])
    return rows.pivot_table(index="rate", columns="method", values="value")


def frozen_table(frame: pd.DataFrame, metrics=("NLL", "ECE", "entropy", "entropy sd", "mean tau")) -> pd.DataFrame:
    """Return scores of the frozen model at every temperature, means over seeds, one block a kind of TempNet."""
    if frame.empty:
        return frame
    rows = where(frame, metric=list(metrics), trained_on="own")
    index = ["method", "equivariant", "target", "evaluation"]
    return rows.pivot_table(index=index, columns="metric", values="value", sort=False)[list(metrics)]


def follows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rank correlations of TempNet's tau with tau* and with the entropy, on its own text and on the other."""
    if frame.empty:
        return frame
    rows = where(frame, evaluation="TempNet", metric=["Spearman(tau, tau*)", "Spearman(tau, entropy)"])
    index = ["method", "equivariant", "target"]
    return rows.pivot_table(index=index, columns=["metric", "trained_on"], values="value", sort=False)


def answers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the share of continuations ranked first that are true ones, by temperature."""
    if frame.empty:
        return frame
    return frame.pivot_table(index="evaluation", columns="metric", values="value", aggfunc="mean")


def recall_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return recalls by method, means over seeds."""
    names = ["TR@1", "IR@1", "TR@5", "IR@5", "TR@10", "IR@10", "mean R@1"]
    return where(frame, metric=names).pivot_table(index="method", columns="metric", values="value", sort=False)[names]


def probes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy of the linear probe and the temperatures of images alone, means over seeds; empty if not run."""
    if frame.empty:
        return pd.DataFrame(columns=["probe accuracy", "mean tau", "sd of tau"])
    wide = frame.pivot_table(index=["images", "method"], columns="metric", values="value", sort=False)
    return wide[["probe accuracy", "mean tau", "sd of tau"]].rename_axis(columns=None)


def against(frame: pd.DataFrame, rng: np.random.Generator, better: str = "TempNet") -> pd.DataFrame:
    """Return R@1 of TempNet minus each other method, over seeds (t interval) and over concepts (paired bootstrap)."""
    found = {}
    for other in [m for m in frame["method"].unique() if m != better]:
        if (pairs := measures.recall_gap(frame, better, other, "")) is None:
            continue
        low, _, high = measures.bootstrap(frame, better, other, rng)
        found[other] = [pairs.estimate, pairs.ci_low, pairs.ci_high, low, high]
    columns = ["difference", "low (seeds)", "high (seeds)", "low (concepts)", "high (concepts)"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns).rename_axis("TempNet minus")


def summary(frame: pd.DataFrame, metric: str, by: list[str]) -> pd.DataFrame:
    """Return mean and 95 % interval over seeds of one metric, by some columns."""
    rows = where(frame, metric=metric)
    found = {key: interval(part["value"]) for key, part in rows.groupby(by if len(by) > 1 else by[0], sort=False)}
    return pd.DataFrame.from_dict(found, orient="index", columns=["mean", "low", "high"])


def published_effects() -> pd.DataFrame:
    """Return the paper's gains beside their standard errors, as if the two evaluations were independent.

    From the table of language models in the authors' README; its errors are the harness's, of one run each. Questions
    are shared by both rows, so a paired error would be smaller; seeds are not in it, so the true one may be larger.
    """
    table = pd.read_csv(Path(__file__).with_name("published.csv"))
    found = {}
    for setting, rows in table.groupby("setting", sort=False):
        tasks = rows[~rows["task"].str.contains("perplexity")]
        gain = (tasks["tempnet"] - tasks["base"]).mean()
        error = np.sqrt((tasks["base_se"] ** 2 + tasks["tempnet_se"] ** 2).sum()) / len(tasks)
        cloze = rows[rows["task"].str.contains("perplexity")].iloc[0]
        fall, fall_error = cloze["base"] - cloze["tempnet"], np.hypot(cloze["base_se"], cloze["tempnet_se"])
        found[setting] = [gain, error, gain / error, fall, fall_error, fall / fall_error]
    columns = pd.MultiIndex.from_product(
        [["mean accuracy (points)", "Lambada perplexity"], ["gain", "error", "gain / error"]]
    )
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def test_images(run) -> np.ndarray:
    """Return the test images ``(n, side, side, channels)`` of the first style, for pictures."""
    s = run.settings
    split = SplitPairs.of(load_pairs(s.pairs, s.side), Seed(run.seed, 0).rng("split"), tuning=False)
    return split.test.images[0].permute(0, 2, 3, 1).numpy()
