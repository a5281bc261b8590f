"""Claims meet measurements: one verdict each, as a table to keep and as a table to read."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from replicate.claim import Claim
from replicate.measurement import Measurement
from replicate.paper import Paper
from replicate.verdicts import judge

COLUMNS = [
    "paper", "claim", "statement", "metric", "unit", "published", "published_text", "source", "rule",
    "region", "why", "estimate", "ci_low", "ci_high", "confidence", "ci_method", "n_seeds", "dataset",
    "preset", "verdict", "reason", "note", "experiment", "figure",
]  # fmt: skip
_NUMBERS = ["published", "estimate", "ci_low", "ci_high", "confidence", "n_seeds"]


def read(path: Path) -> pd.DataFrame:
    """Return a ``claims.csv``: text stays as it was written ("750", "NA", ""), numbers are numbers."""
    texts = {name: str for name in COLUMNS if name not in _NUMBERS}
    exact = dict.fromkeys(_NUMBERS, lambda text: float(text) if text else math.nan)
    table = pd.read_csv(path, dtype=texts, converters=exact, keep_default_na=False)
    return table.astype({"n_seeds": int})


def judge_all(paper: Paper, measured: Mapping[str, Measurement], *, preset: str) -> pd.DataFrame:
    """Return one row per claim with the columns of :data:`COLUMNS`, in the order of ``paper.toml``."""
    rows = [_row(paper, claim, measured.get(claim.id), preset) for claim in paper.claims]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(paper: Paper, claim: Claim, measurement: Measurement | None, preset: str) -> dict[str, object]:
    unmet = claim.needs.unmet(dataset=measurement.dataset if measurement else "", preset=preset)
    verdict = judge(measurement, claim.region, comparable=not unmet, why_not_comparable=unmet)
    seen = measurement or Measurement(math.nan, math.nan, math.nan, 0, "")
    return {
        "paper": paper.slug,
        "claim": claim.id,
        "statement": claim.statement,
        "metric": claim.metric,
        "unit": claim.unit,
        "published": claim.published,
        "published_text": claim.published_label,
        "source": claim.source,
        "rule": claim.rule.kind,
        "region": str(claim.region),
        "why": claim.rule.why,
        "estimate": seen.estimate,
        "ci_low": seen.ci_low,
        "ci_high": seen.ci_high,
        "confidence": seen.confidence,
        "ci_method": seen.ci_method,
        "n_seeds": seen.n_seeds,
        "dataset": seen.dataset,
        "preset": preset,
        "verdict": str(verdict.outcome),
        "reason": verdict.reason,
        "note": seen.note,
        "experiment": claim.experiment,
        "figure": claim.figure,
    }


def scorecard(claims: pd.DataFrame) -> pd.DataFrame:
    """Return claims rounded for reading: ``ours`` holds estimate, interval and number of seeds."""
    return claims.assign(
        published=claims["published_text"].fillna(""),
        ours=[readable(row) for row in claims.to_dict("records")],
        source=claims["source"],
    )


def readable(row: Mapping[str, Any]) -> str:
    """Return ``742 [701, 785], n = 12``: three significant digits, the interval and the seeds."""
    if not row["n_seeds"] or math.isnan(row["estimate"]):
        return "-"
    if row["ci_method"] == "exact":
        return f"{short(row['estimate'])} (exact)"
    return f"{short(row['estimate'])} [{short(row['ci_low'])}, {short(row['ci_high'])}], n = {row['n_seeds']}"


def short(value: float) -> str:
    """Return a number with three significant digits, thousands separated, infinities as a sign."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if 0 < abs(value) < 1e-3 or abs(value) >= 1e15:
        return f"{value:.2e}"
    if abs(value) >= 999.5:
        digits = 3 - len(str(int(abs(value))))
        return f"{round(value, digits):,.0f}"
    return f"{value:.3g}"
