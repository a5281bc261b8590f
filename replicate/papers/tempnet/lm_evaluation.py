"""What temperatures do to a language model's predictions: likelihood, entropy, calibration, ranks."""

import pandas as pd
import torch
from torch import Tensor, nn

from .corpora import consecutive_windows

GRID = torch.logspace(-0.8, 0.8, 60, base=10).tolist()  # of the global temperature, about 0.16 to 6.3
_BINS = 15


@torch.no_grad()
def scored_logits(
    model: nn.Module, tokens: Tensor, *, context: int, windows: int, skip: int, batch: int = 128
) -> tuple[Tensor, Tensor]:
    """Return logits ``(n, V)`` float32 and next tokens ``(n,)`` at positions >= ``skip`` of side-by-side windows."""
    model.eval()
    device = next(model.parameters()).device
    cut = consecutive_windows(tokens, context + 1, windows)
    parts = [model(part[:, :-1].to(device))[:, skip:].float().flatten(0, 1) for part in cut.split(batch)]
    return torch.cat(parts), cut[:, skip + 1 :].flatten().to(device)


def negative_log_likelihood(logits: Tensor, targets: Tensor, tau: Tensor | float) -> Tensor:
    """Return -log softmax(z / tau)_y of each row, nats."""
    scaled = logits / (tau[:, None] if isinstance(tau, Tensor) else tau)
    return torch.logsumexp(scaled, 1) - scaled.gather(1, targets[:, None])[:, 0]


def entropy(logits: Tensor, tau: Tensor | float = 1.0) -> Tensor:
    """Return the entropy of softmax(z / tau) of each row, nats."""
    log_p = torch.log_softmax(logits / (tau[:, None] if isinstance(tau, Tensor) else tau), 1)
    return -(log_p.exp() * log_p).sum(1)


def best_global_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature of a 60-point logarithmic grid with the smallest mean negative log-likelihood."""
    return min(GRID, key=lambda tau: float(negative_log_likelihood(logits, targets, tau).mean()))


def calibration_error(logits: Tensor, targets: Tensor, tau: Tensor | float) -> float:
    """Return the expected calibration error of the top class in 15 equal bins of confidence (Guo et al. 2017)."""
    scaled = logits / (tau[:, None] if isinstance(tau, Tensor) else tau)
    confidence, guess = torch.softmax(scaled, 1).max(1)
    hit = (guess == targets).double()
    bins = (confidence * _BINS).long().clamp(max=_BINS - 1)
    gap = torch.zeros(_BINS, dtype=torch.float64, device=logits.device).index_add_(0, bins, hit - confidence.double())
    return float(gap.abs().sum() / len(targets))


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Return Spearman's rank correlation, ties with their mean rank; 0 if one of them is constant."""
    a, b = a.double().cpu().numpy(), b.double().cpu().numpy()
    if a.min() == a.max() or b.min() == b.max():
        return 0.0
    return float(pd.DataFrame({"a": a, "b": b}).corr("spearman").iloc[0, 1])  # scipy.stats takes 0.6 s to import


def scores(logits: Tensor, targets: Tensor, tau: Tensor | float) -> dict[str, float]:
    """Return mean negative log-likelihood, mean and spread of the entropy, and calibration error at a temperature."""
    spread = entropy(logits, tau)
    return {
        "NLL": float(negative_log_likelihood(logits, targets, tau).double().mean()),
        "entropy": float(spread.double().mean()),
        "entropy sd": float(spread.double().std()),
        "ECE": calibration_error(logits, targets, tau),
    }
