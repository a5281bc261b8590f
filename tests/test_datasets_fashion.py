"""Fashion-MNIST: two packings, one content; nothing is taken unverified."""

import gzip
import hashlib

import numpy as np
import pytest

from replicate import datasets
from replicate.datasets import fashion_mnist
from replicate.errors import DataError

SHAPES = {"train-images-idx3": (6, 28, 28), "train-labels-idx1": (6,), "t10k-images-idx3": (4, 28, 28)}
SHAPES["t10k-labels-idx1"] = (4,)


@pytest.fixture
def debian(tmp_path, monkeypatch):
    """Return a folder as Debian's package leaves it, of a few random pictures that count as the registered ones."""
    monkeypatch.delenv("REPLICATE_DATA", raising=False)
    rng, content = np.random.default_rng(0), {}
    for stem, shape in SHAPES.items():
        values = rng.integers(0, 256 if len(shape) == 3 else 10, shape, dtype=np.uint8)
        lengths = b"".join(n.to_bytes(4, "big") for n in shape)
        raw = bytes([0, 0, 8, len(shape)]) + lengths + values.tobytes()
        (tmp_path / f"{stem}-ubyte.gz").write_bytes(gzip.compress(raw, mtime=0))
        content[f"{stem}-ubyte"] = hashlib.sha256(raw).hexdigest()
    monkeypatch.setattr(fashion_mnist, "CONTENT", content)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path)
    monkeypatch.setattr(fashion_mnist, "locate", lambda name: None)
    return tmp_path


def test_debians_packing_is_taken(debian):
    """Its gzip files have other bytes than the registered ones, and the same content."""
    assert fashion_mnist.fashion_mnist_at_hand()
    found = fashion_mnist.load_fashion_mnist()
    assert (found.name, found.n_classes) == ("Fashion-MNIST", 10)
    assert (found.train_images.shape, found.test_images.shape) == ((6, 28, 28), (4, 28, 28))
    assert found.train_labels.dtype == np.int64


def test_other_content_is_refused(debian):
    """MNIST under Fashion-MNIST's names would be believed otherwise."""
    (debian / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz is not Fashion-MNIST: unpacked SHA-256 .* get it"):
        fashion_mnist.load_fashion_mnist()


def test_a_damaged_file_is_refused(debian):
    """A copy that was cut off."""
    file = debian / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is no complete gzip file"):
        fashion_mnist.load_fashion_mnist()


def test_it_is_not_at_hand_where_a_file_is_missing(debian):
    """Three files of four would start a download in the middle of a run."""
    (debian / "t10k-labels-idx1-ubyte.gz").unlink()
    assert not fashion_mnist.fashion_mnist_at_hand()


def test_the_registered_files_are_torchvisions():
    """The same checksums, so that torchvision's copies can be put into a mirror."""
    from torchvision.datasets import FashionMNIST

    theirs = {f"images/fashion-mnist/{name}": md5 for name, md5 in FashionMNIST.resources}
    assert {name: datasets.entry(name).md5 for name in datasets.names("fashion_mnist")} == theirs
