"""Crossing penalties by hand and against a double loop."""

import numpy as np
import pytest
import torch

from replicate.papers.quantile_aggregation.crossing import margins, penalty

LEVELS = np.array([0.1, 0.5, 0.9])


def test_penalty_of_the_worked_example():
    """(3 - 2) and (4 - 3.5) over 10 pairs."""
    assert penalty(torch.tensor([[1.0, 3, 2, 4, 3.5]]), torch.zeros(5, 5)).item() == pytest.approx(0.15)


def test_penalty_against_a_double_loop():
    """The vectorised pairs must be all pairs s < t, each with its own margin."""
    rng = np.random.default_rng(0)
    q, delta = rng.standard_normal((7, 6)), np.abs(rng.standard_normal((6, 6)))
    by_hand = np.mean([[max(r[s] - r[t] + delta[s, t], 0) for s in range(6) for t in range(s + 1, 6)] for r in q])
    assert penalty(torch.tensor(q), torch.tensor(delta)).item() == pytest.approx(by_hand, rel=1e-12)
    assert penalty(torch.zeros(3, 1), torch.zeros(1, 1)) == 0


def test_margins():
    """Constant, proportional to levels, or to the residuals' quantiles."""
    residuals = np.linspace(0, 10, 101)
    assert margins("none", LEVELS, 1.0).max() == 0
    assert (margins("single", LEVELS, 0.2) == 0.2).all()
    assert margins("vector", LEVELS, 0.5)[0].tolist() == pytest.approx([0, 0.2, 0.4])
    assert margins("adaptive", LEVELS, 0.5, residuals)[0].tolist() == pytest.approx([0, 2, 4])
    assert (np.tril(margins("adaptive", LEVELS, 0.5, residuals)) == 0).all()


def test_separated_quantiles_are_free():
    """With margins kept the penalty must be exactly 0, or it would distort good predictions."""
    q = torch.tensor([[0.0, 1.0, 2.0]])
    assert penalty(q, torch.tensor(margins("single", LEVELS, 0.99), dtype=torch.float32)) == 0


def test_mistakes():
    """Unknown kinds, negative scales and missing residuals are named."""
    with pytest.raises(ValueError, match="did you mean 'adaptive'"):
        margins("adapt", LEVELS, 1.0)
    with pytest.raises(ValueError, match="must be >= 0"):
        margins("single", LEVELS, -1.0)
    with pytest.raises(ValueError, match="adaptive margins need residuals"):
        margins("adaptive", LEVELS, 1.0)
