"""Normalisation, adjoint and cost of every projection (section 2 and supplement of the paper)."""

import math

import pytest
import torch

from replicate.papers.intrinsic_dimension.drawing import power_of_two
from replicate.papers.intrinsic_dimension.projections import KINDS, projection

D, d = 500, 40
SIZES = [300, 20, 160, 20]
RANDOM = sorted(set(KINDS) - {"identity"})
STRUCTURED = ["dense", "sparse", "sparse_vector", "one_hot", "orthogonal"]


def draw(kind, full_dim=D, dim=d, *, seed=0, dtype=torch.float64, **options):
    return projection(kind, full_dim, full_dim if kind == "identity" else dim, seed=seed, dtype=dtype, **options)


def matrix(p, dtype=torch.float64):
    return torch.stack([p.matvec(e) for e in torch.eye(p.dim, dtype=dtype)], 1)


def normal(n, seed, dtype=torch.float64):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("dim", [1, 3, 64])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_adjoint(kind, dim, dtype, rtol):
    """Lost: <P t, g> = <t, P^T g>, without which the gradient in t is wrong."""
    p = draw(kind, dim=dim, dtype=dtype)
    t, g = normal(p.dim, 1, dtype), normal(D, 2, dtype)
    assert p(t).shape == (D,)
    assert p.adjoint(g).shape == (p.dim,)
    size = (p(t).norm() * g.norm()).item()
    assert abs((p(t) @ g - t @ p.adjoint(g)).item()) < rtol * size


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_backward_is_the_adjoint(kind):
    """Lost: grad_t = P^T grad_theta, also to second order."""
    p = draw(kind, full_dim=12, dim=5)
    t = normal(p.dim, 1).requires_grad_()
    assert torch.autograd.gradcheck(p, (t,))
    assert torch.autograd.gradgradcheck(lambda t: p(t).pow(3), (t,))


@pytest.mark.parametrize("options", [{}, {"tensor_sizes": SIZES}])
@pytest.mark.parametrize("kind", STRUCTURED)
def test_columns_have_unit_length(kind, options):
    """Lost: a unit step in t is a unit step in theta."""
    torch.testing.assert_close(matrix(draw(kind, **options)).norm(dim=0), torch.ones(d).double())


def test_unit_columns_of_a_tiny_sparse_matrix():
    """Lost: unit length where a random column would be empty (density 1/2 of 4 rows)."""
    norms = matrix(draw("sparse_vector", full_dim=4, dim=4, seed=3)).norm(dim=0)
    torch.testing.assert_close(norms, torch.ones(4).double())


@pytest.mark.parametrize(("kind", "dim"), [("fastfood", 40), ("fastfood_stacked", 40), ("fastfood_stacked", 64)])
def test_fastfood_columns_are_exact_for_a_power_of_two(kind, dim):
    """Lost: the authors' normalisation; without truncation every column has length 1 exactly."""
    norms = matrix(draw(kind, full_dim=512, dim=dim)).norm(dim=0)
    torch.testing.assert_close(norms, torch.ones(dim).double(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", ["fastfood", "fastfood_stacked"])
def test_fastfood_mean_square_column_is_one_after_truncation(kind):
    """Lost: E|column|^2 = 1 when D = 300 cuts blocks of 512 or 64; 60 draws, bound of five standard errors."""
    squares = torch.stack([matrix(draw(kind, full_dim=300, seed=s)).square().sum(0).mean() for s in range(60)])
    assert abs(squares.mean() - 1) < 5 * squares.std() / math.sqrt(60)


def test_fastfood_against_its_definition():
    """Lost: [H G Pi H B pad(t)]_{1..D} / sqrt(D sum G^2), multiplied out with full-length matrices."""
    p = draw("fastfood", full_dim=100, dim=5)
    from scipy.linalg import hadamard

    h = torch.from_numpy(hadamard(128)).double()
    padded = torch.zeros(128, 5).double()
    padded[:5] = torch.diag(p.signs)
    inner = h @ padded
    expected = (h @ (p.gauss[:, None] * inner[p.source.long()]))[:100]  # source: the permutation modulo 8
    torch.testing.assert_close(matrix(p), expected)
    assert torch.bincount(p.source).tolist() == [16] * 8
    scaled = (p.gauss.square().sum() * 100).item()
    assert scaled == pytest.approx(1.0)


@pytest.mark.parametrize(("full_dim", "dim"), [(500, 40), (41, 40), (40, 40), (7, 1)])
def test_one_hot_columns_are_orthonormal_and_balanced(full_dim, dim):
    """Lost: P^T P = I, and counts that differ by at most one."""
    p = matrix(draw("one_hot", full_dim=full_dim, dim=dim))
    torch.testing.assert_close(p.T @ p, torch.eye(dim).double())
    counts = (p != 0).sum(0)
    assert counts.max() - counts.min() <= 1
    assert ((p != 0).sum(1) == 1).all()


def test_orthogonal_and_identity():
    """Lost: P^T P = P P^T = I at d = D, which C10 needs."""
    p = matrix(draw("orthogonal", full_dim=30, dim=30))
    torch.testing.assert_close(p @ p.T, torch.eye(30).double())
    assert torch.equal(matrix(draw("identity", full_dim=30)), torch.eye(30).double())


@pytest.mark.parametrize(
    ("options", "expected"), [({"tensor_sizes": [784 * 200, 200, 200 * 200, 200, 2000, 10]}, 671.6), ({}, 446.3)]
)
def test_nonzeros_per_column_of_the_mnist_network(options, expected):
    """Lost: density 1/sqrt(n) per tensor: 396 + 14 + 200 + 14 + 45 + 3 = 672, against sqrt(D) = 446."""
    p = projection("sparse", 199_210, 300, seed=0, **options)
    standard_error = math.sqrt(expected / 300)
    assert abs(len(p.rows) / 300 - expected) < 5 * standard_error


def test_sparse_entries_are_independent_of_their_row():
    """Lost: uniform positions from the geometric gaps; chi-square over 10 parts of the rows, 5 sd."""
    p = projection("sparse_vector", 10_000, 500, seed=0)
    counts = torch.bincount(p.rows.long() // 1000).double()
    mean = counts.mean()
    chi2 = ((counts - mean) ** 2 / mean).sum().item()
    assert chi2 < 9 + 5 * math.sqrt(18)
    assert abs((p.signed_columns >= 500).double().mean() - 0.5) < 5 / math.sqrt(4 * len(p.rows))


@pytest.mark.parametrize("kind", RANDOM)
def test_seed_determines_the_matrix(kind):
    """Lost: re-creation from the seed, and different matrices for different seeds; no global generator."""
    before = torch.get_rng_state()
    same, again, other = draw(kind, seed=1), draw(kind, seed=1), draw(kind, seed=2)
    assert torch.equal(matrix(same), matrix(again))
    assert not torch.equal(matrix(same), matrix(other))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("kind", "expected"), [("dense", 1.0), ("one_hot", 1.0), ("fastfood", 1.0), ("identity", 1.0)])
def test_coverage_of_full_rows(kind, expected):
    """Lost: the statement that every parameter can move."""
    assert draw(kind).coverage() == expected


def test_coverage_of_sparse_rows():
    """Lost: pitfall 8 of the paper's method: 1 - (1 - 1/sqrt(D))^d of the parameters can move, here 0.33."""
    p = projection("sparse_vector", 10_000, 40, seed=0)
    assert p.coverage() == pytest.approx(1 - 0.99**40, abs=5 * math.sqrt(0.22 / 10_000))
    moved = p(torch.ones(40)).count_nonzero() / 10_000
    assert moved <= p.coverage()


@pytest.mark.parametrize(("kind", "per_parameter"), [("one_hot", 4), ("fastfood", 11), ("fastfood_stacked", 13)])
def test_memory_is_linear_in_the_parameters(kind, per_parameter):
    """Lost: O(D) memory: at most this many bytes a parameter, plus O(d), at D = 199,210."""
    for dim in (10, 1000):
        p = projection(kind, 199_210, dim, seed=0)
        assert p.nbytes <= per_parameter * 199_210 + 8 * 1024


def test_sparse_memory():
    """Lost: O(d sqrt(D)) memory, 8 bytes an entry."""
    p = projection("sparse_vector", 199_210, 100, seed=0)
    assert p.nbytes == 8 * len(p.rows) + 4 * 100


@pytest.mark.parametrize("dim", [0, D + 1])
def test_dimension_outside_the_network(dim):
    """Lost: the message for d > D."""
    with pytest.raises(ValueError, match=rf"d = {dim} must lie in \[1, D\], found D = {D} parameters"):
        projection("one_hot", D, dim, seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "onehot"}, "unknown projection 'onehot'; did you mean 'one_hot'"),
        ({"kind": "identity"}, "identity projection needs d = D, found d = 40 and D = 500"),
        ({"kind": "sparse", "tensor_sizes": [3, 4]}, "tensor_sizes must sum to D = 500, found 7"),
        ({"kind": "one_hot", "full_dim": 2**30 + 1}, "must be at most 1073741824"),
    ],
)
def test_impossible_requests(options, message):
    """Lost: errors that say what was found and what is allowed."""
    options = {"kind": "one_hot", "full_dim": D, "dim": d, "seed": 0} | options
    with pytest.raises(ValueError, match=message):
        projection(options.pop("kind"), options.pop("full_dim"), options.pop("dim"), **options)


def test_wrong_shape_of_t():
    """Lost: the shape check before a silent broadcast."""
    with pytest.raises(ValueError, match=r"shape \(40,\) for this projection, found \(41,\)"):
        draw("one_hot")(torch.zeros(41).double())


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (2, 2), (3, 4), (199_210, 2**18)])
def test_power_of_two(n, expected):
    """Lost: the block lengths."""
    assert power_of_two(n) == expected
