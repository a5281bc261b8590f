"""The fast transform against SciPy's matrix, a textbook vector and its own algebra."""

import pytest
import torch
from scipy.linalg import hadamard

from replicate.papers.intrinsic_dimension.hadamard import fwht


def test_known_vector():
    """Lost: the (Sylvester) order of the transform."""
    x = torch.tensor([1.0, 0, 1, 0, 0, 1, 1, 0])
    assert fwht(x).tolist() == [4, 2, 0, -2, 0, 2, 0, 2]


@pytest.mark.parametrize("length", [1, 2, 4, 32, 64, 1024])
def test_matrix_against_scipy(length):
    """Lost: agreement with the Hadamard matrix for one and for several axes (32 -> 64 is the first split)."""
    matrix = fwht(torch.eye(length, dtype=torch.float64))
    assert torch.equal(matrix, torch.from_numpy(hadamard(length)).double())


def test_applied_twice_is_length_times_identity():
    """Lost: H H = L I at the length used for 199,210 parameters."""
    x = torch.randn(2**18, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(fwht(fwht(x)) / 2**18, x, rtol=0, atol=1e-12)


def test_leading_axes_are_independent():
    """Lost: batching, on which stacked Fastfood relies."""
    x = torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(fwht(x)[1, 2], fwht(x[1, 2]))
    assert fwht(x).shape == x.shape


def test_gradient_is_the_transform_of_the_gradient():
    """Lost: differentiability (H is symmetric)."""
    x = torch.randn(3, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(fwht, (x,))


@pytest.mark.parametrize("x", [torch.zeros(0), torch.zeros(6), torch.tensor(1.0)])
def test_other_lengths_are_refused(x):
    """Lost: the message that says what to do about another length."""
    with pytest.raises(ValueError, match=r"power of two as length, found (0|6); pad with zeros"):
        fwht(x)
