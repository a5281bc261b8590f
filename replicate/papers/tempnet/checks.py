"""What the methods refuse, said in words: one place for the bounds of rho, tau and logits."""

import math

import torch
from torch import Tensor


def check_rho(rho: float, candidates: int) -> None:
    """Refuse a rho no distribution over ``candidates`` can have as its divergence from uniform."""
    if candidates < 2:
        raise ValueError(f"a temperature needs at least 2 candidates (classes, logits) in a row, found {candidates}")
    limit = math.log(candidates)
    if not 0 < rho < limit:
        raise ValueError(
            f"rho is {rho:g}; with {candidates} candidates it must lie strictly between 0 and log {candidates} = "
            f"{limit:.4f}: give rho_for_entropy({candidates}, H) with the entropy H, in nats, that rows should have"
        )


def check_bounds(tau_min: float, tau_max: float, *, zero_allowed: bool = False) -> None:
    """Refuse bounds that leave no temperature between them."""
    if not (tau_min < tau_max and (tau_min > 0 or (zero_allowed and tau_min == 0))):
        least = "0 <=" if zero_allowed else "0 <"
        raise ValueError(f"tau_min is {tau_min:g} and tau_max {tau_max:g}; need {least} tau_min < tau_max")


def check_no_nan(row_values: Tensor, name: str) -> None:
    """Refuse NaN; ``row_values`` holds one number a row that is NaN when the row has one."""
    bad = torch.isnan(row_values)
    if bad.any():
        first = int(bad.flatten().nonzero()[0])
        raise ValueError(
            f"{name}: {int(bad.sum())} of {bad.numel()} rows hold NaN, the first is row {first}; "
            "look for a diverged training (lower the learning rate) or a division by zero before the logits"
        )
