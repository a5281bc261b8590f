"""A network as two seeds and d floats (C12)."""

import struct
import zlib

import pytest
import torch

from replicate.errors import DataError
from replicate.papers.intrinsic_dimension import compression
from replicate.papers.intrinsic_dimension.compression import Recipe, pack, unpack
from replicate.training import stream

FC = Recipe("fc", "one_hot", 750, theta0_seed=2**62, projection_seed=7)
SMALL = Recipe("fc", "fastfood", 9, theta0_seed=1, projection_seed=2, sizes={"inputs": 6, "width": 5, "classes": 3})


def trained(recipe):
    model = recipe.build()
    with torch.no_grad():
        model.t.normal_(generator=stream(3, "t"))
    return model


@pytest.mark.parametrize("projection", ["dense", "sparse", "sparse_vector", "fastfood", "fastfood_stacked", "one_hot"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reloading_gives_identical_logits(projection, dtype):
    """Lost: the compressed network is the network, bit for bit."""
    recipe = Recipe("lenet", projection, 31, theta0_seed=5, projection_seed=5, dtype=dtype)
    model = trained(recipe)
    reloaded = unpack(pack(recipe, model.t))
    x = torch.rand(4, 1, 28, 28, generator=stream(0, "x"), dtype=model.t.dtype)
    assert torch.equal(reloaded(x), model(x))


def test_size_is_d_floats_and_a_header():
    """Lost: 199,210 parameters in 4 d + O(100) bytes, a factor above 240 at d = 750."""
    packed = pack(FC, trained(FC).t)
    assert 4 * 750 < len(packed) < 4 * 750 + 300
    assert 4 * 199_210 / len(packed) > 240


@pytest.mark.parametrize("position", [6, 40, -30, -1])
def test_one_flipped_bit_is_noticed(position):
    """Lost: damage anywhere gives an error, never another network."""
    packed = bytearray(pack(SMALL, trained(SMALL).t))
    packed[position] ^= 1
    with pytest.raises(DataError, match=r"the packed network \(\d+ bytes\) is damaged: wrong checksum"):
        unpack(bytes(packed))


@pytest.mark.parametrize("keep", [5, 7, 60])
def test_a_truncated_file_is_noticed(keep):
    """Lost: a half-written file gives the same clear error."""
    with pytest.raises(DataError, match="damaged: wrong checksum"):
        unpack(pack(SMALL, trained(SMALL).t)[:keep])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 something else"])
def test_another_file_is_named_as_such(content):
    """Lost: the message for a file that was never a packed network."""
    with pytest.raises(DataError, match="not a packed network: it must start with b'IDIM1'"):
        unpack(content)


def test_other_random_streams_are_noticed():
    """Lost: a PyTorch that draws other numbers would silently give a useless network."""
    body = bytearray(pack(SMALL, trained(SMALL).t)[:-4])
    at = len(body) - 4 * SMALL.dim - 8
    (probe,) = struct.unpack_from("<d", body, at)
    struct.pack_into("<d", body, at, probe + 1.0)
    with pytest.raises(DataError, match="seeds 1 and 2 give other weights here"):
        unpack(bytes(body) + struct.pack("<I", zlib.crc32(body)))


def test_probe_separates_other_seeds():
    """Lost: the probe's power; another seed moves it by far more than the tolerance."""
    model, other = trained(SMALL), trained(Recipe(**{**vars(SMALL), "theta0_seed": 4}))
    distance = abs(compression._probe(model) - compression._probe(other))
    assert distance > 0.01 * model.theta().norm().item()


@pytest.mark.parametrize("t", [torch.zeros(8), torch.zeros(9, dtype=torch.float64)])
def test_t_must_fit_the_recipe(t):
    """Lost: the shape and dtype check."""
    with pytest.raises(ValueError, match=r"t must be float32 of shape \(9,\), found torch.float"):
        pack(SMALL, t)


def test_theta0_and_projection_of_one_seed_are_independent():
    """Lost: separate streams; with one stream the first column of a dense P would be theta0's own numbers."""
    recipe = Recipe("fc", "dense", 3, theta0_seed=5, projection_seed=5)
    model = recipe.build()
    column = model.projection.matvec(torch.tensor([1.0, 0, 0]))
    cosine = torch.nn.functional.cosine_similarity(model.theta0, column, dim=0).item()
    assert abs(cosine) < 5 / 199_210**0.5
