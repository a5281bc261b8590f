"""Units of work: networks that are not trained, and one trained in a random subspace."""

from typing import Any

from replicate.seeds import Seed

from .controls import start_accuracy, subspace_accuracy

Rows = list[dict[str, Any]]


def untrained(config: dict, seed: Seed, *, device: str) -> Rows:
    """Test the start weights, with untouched running statistics and with statistics of the training images."""
    untouched, refreshed, n = start_accuracy(config, seed, device)
    return [
        {"metric": "accuracy", "value": untouched, "statistics": "untouched", "n": n, "split": "test"},
        {"metric": "accuracy", "value": refreshed, "statistics": "refreshed", "n": n, "split": "test"},
    ]


def subspace(config: dict, seed: Seed, *, device: str) -> Rows:
    """Train in a random subspace of as many dimensions as there are gammas and betas."""
    value, dim, n = subspace_accuracy(config, seed, device)
    accuracy = {"metric": "accuracy", "value": value, "split": "test", "n": n}
    return [accuracy, {"metric": "trained parameters", "value": dim, "split": "test"}]
