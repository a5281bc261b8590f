"""A trained network as two seeds and d floats (section 3 of the paper)."""

import json
import struct
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from replicate.errors import DataError
from replicate.papers.intrinsic_dimension.networks import network
from replicate.papers.intrinsic_dimension.projections import projection
from replicate.papers.intrinsic_dimension.subspace import Subspace, tensor_sizes
from replicate.training import stream

MAGIC = b"IDIM1"
_PROBE = struct.Struct("<d")
_LENGTH = struct.Struct("<I")
_CRC = struct.Struct("<I")
_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_LITTLE_ENDIAN = {"float32": "<f4", "float64": "<f8"}


@dataclass(frozen=True)
class Recipe:
    """Everything but ``t``: architecture, projection and two seeds; ``build()`` starts at ``t = 0``."""

    network: str
    projection: str
    dim: int
    theta0_seed: int
    projection_seed: int
    dtype: str = "float32"
    sizes: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Subspace:
        """Draw ``theta0`` and ``P`` from their own streams and return the `Subspace` on the CPU."""
        dtype = _DTYPES[self.dtype]
        module = network(self.network, generator=stream(self.theta0_seed, "theta0"), **self.sizes).to(dtype)
        sizes = tensor_sizes(module)
        drawn = projection(
            self.projection, sum(sizes), self.dim, seed=self.projection_seed, dtype=dtype, tensor_sizes=sizes
        )
        return Subspace(module, drawn)


def pack(recipe: Recipe, t: Tensor) -> bytes:
    """Return the network as bytes: recipe, ``t`` ``(d,)``, a probe of theta, a checksum.

    Size: ``d`` floats and less than 300 bytes. Raises ``ValueError`` when ``t`` does not fit the recipe.
    """
    t = t.detach().cpu()
    if t.shape != (recipe.dim,) or t.dtype != _DTYPES[recipe.dtype]:
        found = f"{t.dtype} of shape {tuple(t.shape)}"
        raise ValueError(f"t must be {recipe.dtype} of shape ({recipe.dim},), found {found}; pass model.t")
    header = json.dumps(asdict(recipe), separators=(",", ":")).encode()
    probe = _PROBE.pack(_probe(_at(recipe, t)))
    numbers = t.numpy().astype(_LITTLE_ENDIAN[recipe.dtype]).tobytes()
    body = MAGIC + _LENGTH.pack(len(header)) + header + probe + numbers
    return body + _CRC.pack(zlib.crc32(body))


def unpack(packed: bytes) -> Subspace:
    """Return the network stored by `pack`; on the same machine its logits are equal bit for bit.

    Raises ``DataError`` for damaged bytes, and when this PyTorch draws other numbers from the seeds.
    """
    recipe, probe, t = _parse(_verified(packed))
    model = _at(recipe, t)
    # Rounding differs between machines, other random streams differ by the order of |theta|.
    if abs(_probe(model) - probe) > 1e-3 * model.theta().norm().item():
        raise DataError(
            f"the seeds {recipe.theta0_seed} and {recipe.projection_seed} give other weights here than where "
            f"this was packed; unpack it with the PyTorch that packed it (this is {torch.__version__})"
        )
    return model


def _at(recipe: Recipe, t: Tensor) -> Subspace:
    model = recipe.build()
    with torch.no_grad():
        model.t.copy_(t)
    return model


def _probe(model: Subspace) -> float:
    theta = model.theta().detach().double()
    return theta.dot(torch.arange(len(theta), dtype=torch.float64).cos()).item()


def _verified(packed: bytes) -> bytes:
    if packed[: len(MAGIC)] != MAGIC:
        raise DataError(f"not a packed network: it must start with {MAGIC!r}, found {packed[: len(MAGIC)]!r}")
    body, found = packed[: -_CRC.size], packed[-_CRC.size :]
    if len(found) < _CRC.size or _CRC.pack(zlib.crc32(body)) != found:
        raise DataError(f"the packed network ({len(packed)} bytes) is damaged: wrong checksum; pack it again")
    return body


def _parse(body: bytes) -> tuple[Recipe, float, Tensor]:
    start = len(MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack(body[len(MAGIC) : start])
    recipe = Recipe(**json.loads(body[start : start + length]))
    (probe,) = _PROBE.unpack(body[start + length : start + length + _PROBE.size])
    values = memoryview(body)[start + length + _PROBE.size :]
    numbers = torch.frombuffer(bytearray(values), dtype=_DTYPES[recipe.dtype])
    return recipe, probe, numbers
