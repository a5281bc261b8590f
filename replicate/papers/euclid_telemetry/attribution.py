"""Was the right covariate named? Ranks of the true cause, and simple explainers to compare SHAP with."""

import numpy as np
import pandas as pd


def rank_of(importance: np.ndarray, wanted: list[int]) -> int:
    """Return the rank (1 = most important) of the best of the ``wanted`` covariates; ties share the mean rank.

    Args:
        importance: (p,), larger = more important; NaN counts as least.
        wanted: positions of the covariates that would be right.
    """
    importance = np.where(np.isfinite(importance), importance, -np.inf)
    ranks = [((importance > importance[i]).sum() + ((importance == importance[i]).sum() + 1) / 2) for i in wanted]
    return int(np.ceil(min(ranks)))


def correlation(scores: np.ndarray, covariates: np.ndarray, at: int, reach: int) -> np.ndarray:
    """Return |Pearson r| of the score and each covariate within ``reach`` samples of the peak, (p,); 0 if constant."""
    rows = slice(max(at - reach, 0), at + reach + 1)
    usable = np.isfinite(scores[rows])
    s = scores[rows][usable]
    x = covariates[rows][usable]
    with np.errstate(invalid="ignore", divide="ignore"):
        s = s - s.mean()
        x = x - x.mean(axis=0)
        r = (x * s[:, None]).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (s**2).sum())
    return np.abs(np.nan_to_num(r, nan=0.0, posinf=0.0, neginf=0.0))


def recent_z(covariates: np.ndarray, at: int, *, recent: int = 4, skip: int, history: int) -> np.ndarray:
    """Return |z| of each covariate's mean over the last ``recent`` samples, peak included, (p,).

    Against the ``history`` samples that end ``skip`` samples before the peak.
    """
    now = covariates[max(at - recent + 1, 0) : at + 1].mean(axis=0)
    past = covariates[max(at - skip - history, 0) : max(at - skip, 1)]
    spread = past.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.abs(now - past.mean(axis=0)) / spread
    changed = np.abs(now - past.mean(axis=0)) > 1e-9
    return np.where(spread > 1e-9, z, np.where(changed, np.inf, 0.0)).clip(max=1e12)


def concentration(importance: np.ndarray) -> float:
    """Return the share of the largest importance in the sum; 0 where nothing is important."""
    total = float(np.sum(importance))
    return float(np.max(importance)) / total if total > 0 else 0.0


def hit_curve(ranks: pd.Series, longest: int = 10) -> pd.Series:
    """Return the share of events whose cause is among the first k, for k = 1 ... ``longest``."""
    return pd.Series({k: float((ranks <= k).mean()) for k in range(1, longest + 1)})
