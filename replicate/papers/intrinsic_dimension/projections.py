"""Random projections ``P: R^d -> R^D`` of section 2 and the supplement, never materialised except "dense".

Columns have unit length, so a unit step in ``t`` is a unit step in ``theta``. All random numbers are
drawn on the CPU and then moved, so that a seed means the same ``P`` on every device.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from replicate.errors import nearest
from replicate.papers.intrinsic_dimension import drawing
from replicate.papers.intrinsic_dimension.drawing import power_of_two
from replicate.papers.intrinsic_dimension.hadamard import fwht
from replicate.training import stream

_MAX_FULL_DIM = 2**30  # indices are 32-bit integers with one bit for the sign


class Projection(nn.Module):
    """A frozen linear map with its adjoint; subclasses implement ``matvec`` and ``adjoint``.

    ``full_dim`` is D, ``dim`` is d, ``kind`` the name given to `projection` and ``seed`` the integer it
    was drawn from. Calling it with ``t`` of shape ``(d,)`` returns ``P t`` of shape ``(D,)``,
    differentiable through the adjoint. The random parts are buffers, so ``.to(device)`` moves them; they
    are not saved because the seed re-creates them.
    """

    def __init__(self, kind: str, full_dim: int, dim: int, *, seed: int, **buffers: Tensor):
        super().__init__()
        self.kind, self.full_dim, self.dim, self.seed = kind, full_dim, dim, seed
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, t: Tensor) -> Tensor:
        """Return ``P t`` of shape ``(D,)`` for ``t`` of shape ``(d,)``."""
        if t.shape != (self.dim,):
            raise ValueError(f"t must have shape ({self.dim},) for this projection, found {tuple(t.shape)}")
        return _Linear.apply(t, self.matvec, self.adjoint)

    def matvec(self, t: Tensor) -> Tensor:
        """Return ``P t`` outside autograd."""
        raise NotImplementedError

    def adjoint(self, g: Tensor) -> Tensor:
        """Return ``P^T g`` of shape ``(d,)`` for ``g`` of shape ``(D,)``, outside autograd."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes held by ``P``."""
        return sum(b.numel() * b.element_size() for b in self.buffers())

    def coverage(self) -> float:
        """Return the fraction of the D coordinates that can move (rows of ``P`` that are not zero)."""
        return 1.0


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, matvec, adjoint):
        ctx.maps = matvec, adjoint
        return matvec(x)

    @staticmethod
    def backward(ctx, grad):
        matvec, adjoint = ctx.maps
        return _Linear.apply(grad, adjoint, matvec), None, None


class _Matrix(Projection):
    """A stored matrix, transposed to ``(d, D)``: both products stream it twice as fast as ``(D, d)``."""

    columns: Tensor

    def matvec(self, t):
        return self.columns.t() @ t

    def adjoint(self, g):
        return self.columns @ g


class _Identity(Projection):
    def matvec(self, t):
        return t.clone()

    def adjoint(self, g):
        return g.clone()


class _Sparse(Projection):
    """Entries ``+-1/sqrt(nonzeros of the column)``; ``signed_columns`` is column + d when negative.

    Adds with ``index_add_``, which on CUDA is only bit-reproducible under
    ``torch.use_deterministic_algorithms``.
    """

    scale: Tensor
    rows: Tensor
    signed_columns: Tensor

    def matvec(self, t):
        values = _with_negatives(t * self.scale).index_select(0, self.signed_columns)
        return t.new_zeros(self.full_dim).index_add_(0, self.rows, values)

    def adjoint(self, g):
        return _add_signed(g.index_select(0, self.rows), self.signed_columns, self.dim) * self.scale

    def coverage(self):
        touched = torch.zeros(self.full_dim, dtype=torch.bool, device=self.rows.device)
        return touched.index_fill_(0, self.rows.long(), True).double().mean().item()


class _OneHot(Projection):
    """Count sketch: row j holds one ``s_j / sqrt(n_h(j))``; one int32 keeps both ``h(j)`` and ``s_j``."""

    scale: Tensor
    signed_columns: Tensor

    def matvec(self, t):
        return _with_negatives(t * self.scale).index_select(0, self.signed_columns)

    def adjoint(self, g):
        return _add_signed(g, self.signed_columns, self.dim) * self.scale


class _Fastfood(Projection):
    """``[H G Pi H B pad_L(t)]_{1..D} / sqrt(D sum G^2)``, one block of length ``L = 2^ceil(log2 D)``.

    ``H_L = H_{L/n} (x) H_n``, and ``pad_L(t)`` lives in the first ``n = 2^ceil(log2 d)`` places, so the
    inner transform is the length-n transform repeated L/n times: ``source`` holds the permutation modulo
    n.
    """

    signs: Tensor
    gauss: Tensor
    source: Tensor

    def matvec(self, t):
        inner = fwht(_pad(t * self.signs, power_of_two(self.dim)))
        return fwht(inner.index_select(0, self.source).mul_(self.gauss))[: self.full_dim]

    def adjoint(self, g):
        inner = fwht(_pad(g, len(self.gauss))).mul_(self.gauss)
        folded = g.new_zeros(power_of_two(self.dim)).index_add_(0, self.source, inner)
        return fwht(folded)[: self.dim] * self.signs


class _StackedFastfood(Projection):
    """``K = ceil(D/n)`` independent blocks of length ``n = 2^ceil(log2 d)``, cut at D: O(D log d)."""

    signs: Tensor
    gauss: Tensor
    source: Tensor

    def matvec(self, t):
        inner = fwht(self.signs * _pad(t, self.signs.shape[1]))
        shuffled = inner.view(-1).index_select(0, self.source).view_as(inner)
        return fwht(shuffled.mul_(self.gauss)).view(-1)[: self.full_dim]

    def adjoint(self, g):
        inner = fwht(_pad(g, self.signs.numel()).view_as(self.signs)).mul_(self.gauss)
        unshuffled = torch.zeros_like(inner).view(-1).index_add_(0, self.source, inner.view(-1))
        return fwht(unshuffled.view_as(inner)).mul_(self.signs).sum(0)[: self.dim]


def _pad(x: Tensor, length: int) -> Tensor:
    return torch.nn.functional.pad(x, (0, length - len(x)))


def _with_negatives(t: Tensor) -> Tensor:
    return torch.cat([t, -t])


def _add_signed(values: Tensor, signed_columns: Tensor, dim: int) -> Tensor:
    sums = values.new_zeros(2 * dim).index_add_(0, signed_columns, values)
    return sums[:dim] - sums[dim:]


KINDS: dict[str, tuple[type[Projection], Callable[..., dict[str, Tensor]]]] = {
    "dense": (_Matrix, drawing.dense),
    "sparse": (_Sparse, drawing.sparse),
    "sparse_vector": (_Sparse, drawing.sparse_vector),
    "fastfood": (_Fastfood, drawing.fastfood),
    "fastfood_stacked": (_StackedFastfood, drawing.stacked_fastfood),
    "one_hot": (_OneHot, drawing.one_hot),
    "orthogonal": (_Matrix, drawing.orthogonal),
    "identity": (_Identity, drawing.identity),
}


def projection(
    kind: str,
    full_dim: int,
    dim: int,
    *,
    seed: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    tensor_sizes: Sequence[int] | None = None,
) -> Projection:
    """Draw a projection from ``R^dim`` to ``R^full_dim``, the same for a seed on every device.

    - "dense": Gaussian, columns normalised; stored.
    - "sparse": Li, Hastie and Church (2006), drawn once per tensor with density 1/sqrt(its size) as the
      authors did when ``tensor_sizes`` are given, otherwise like "sparse_vector" with density 1/sqrt(D).
    - "fastfood": one block, the authors' variant; "fastfood_stacked": blocks of length 2^ceil(log2 d).
    - "one_hot": balanced count sketch with ``P^T P = I`` (not in the paper).
    - "orthogonal" (QR, small D) and "identity": for tests of the method.

    ``seed`` is an integer >= 0. Raises ``ValueError`` for an unknown kind or for d outside [1, D].
    """
    if kind not in KINDS:
        raise ValueError(f"unknown projection {kind!r}; {nearest(kind, KINDS)}")
    if not 1 <= dim <= full_dim:
        raise ValueError(f"d = {dim} must lie in [1, D], found D = {full_dim} parameters; choose another d")
    if full_dim > _MAX_FULL_DIM:
        raise ValueError(f"D = {full_dim} must be at most {_MAX_FULL_DIM} (32-bit indices); split the network")
    cls, draw = KINDS[kind]
    buffers = draw(full_dim, dim, stream(seed, "projection"), dtype, tensor_sizes)
    return cls(kind, full_dim, dim, seed=seed, **buffers).to(device)
