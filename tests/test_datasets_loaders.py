"""The loaders against published counts, checksums and moments, and their failures on damaged files."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import replicate.datasets as datasets
from replicate.datasets import ImageData, Registry, Unavailable
from replicate.datasets._cifar10_formats import decode_archive
from replicate.datasets.mnist import read_idx
from replicate.errors import DataError, UserError

ARCHIVE, PACKED = "images/cifar-10-python.tar.gz", "images/cifar10_jpeg.npz"


@pytest.fixture
def _no_mirror(monkeypatch):
    monkeypatch.delenv("REPLICATE_DATA", raising=False)


# MNIST


@pytest.mark.parametrize(
    ("stem", "sha256", "md5"),
    [
        (
            "train-images-idx3",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "6bbc9ace898e44ae57da46a324031adb",
        ),
        (
            "train-labels-idx1",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "a25bea736e30d166cdddb491f175f624",
        ),
        (
            "t10k-images-idx3",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "2646ac647ad5339dbf082846283269ea",
        ),
        (
            "t10k-labels-idx1",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    ],
)
@pytest.mark.usefixtures("_no_mirror")
def test_embedded_mnist_against_the_published_checksums(stem, sha256, md5):
    """The embedded copy would be something else that looks like MNIST."""
    path = datasets.fetch(f"images/{stem}-ubyte.gz")
    content = gzip.decompress(path.read_bytes())
    assert hashlib.sha256(content).hexdigest() == sha256
    assert hashlib.md5(content).hexdigest() == md5
    assert datasets.locate(f"images/{stem}-ubyte.gz").kind == "embedded"


def test_mnist_against_published_counts_and_moments():
    """Images and labels would be misread, swapped or misaligned. Counts: the training set's classes."""
    mnist = datasets.load_mnist()
    assert (mnist.name, mnist.dataset, mnist.n_classes, mnist.scale) == ("MNIST", "mnist", 10, 255.0)
    assert (mnist.train_images.shape, mnist.test_images.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert (mnist.train_images.dtype, mnist.train_labels.dtype) == (np.uint8, np.int64)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.train_labels).tolist() == counts
    assert mnist.test_labels.shape == (10000,)
    # Published to five digits, so half a unit of the fifth.
    assert mnist.train_images.mean() / mnist.scale == pytest.approx(0.13066, abs=5e-6)
    assert mnist.train_images.std() / mnist.scale == pytest.approx(0.30811, abs=5e-6)


def test_loaded_arrays_are_shared_and_read_only():
    """One experiment normalising in place would change the next one's data."""
    first, second = datasets.load_mnist(), datasets.load_mnist()
    assert first.train_images is second.train_images
    with pytest.raises(ValueError, match="read-only"):
        first.train_images[0] = 0


def test_image_data_leaves_the_callers_arrays_alone():
    """Building one from own arrays would freeze them."""
    images, labels = np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.int64)
    data = ImageData("toy", "toy", images, labels, images, labels, 2, 1.0)
    images[0] = 1
    assert data.train_images[0, 0, 0] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(struct.pack(">4BI", 0, 0, 8, 1, 3) + b"abc", mtime=0)[:-9], "no complete gzip file"),
        (b"<html>", "no complete gzip file"),
        (
            gzip.compress(struct.pack(">4BI", 0, 0, 13, 1, 3) + b"abc", mtime=0),
            "magic number 0x00000d01, expected 0x00000801",
        ),
        (
            gzip.compress(struct.pack(">4BI", 0, 0, 8, 3, 3) + b"abc", mtime=0),
            "magic number 0x00000803, expected 0x00000801",
        ),
        (gzip.compress(b"", mtime=0), "magic number 0x, expected"),
        (gzip.compress(bytes([0, 0, 8, 1, 0]), mtime=0), "ends inside its idx header: 5 bytes, expected at least 8"),
        (
            gzip.compress(struct.pack(">4BI", 0, 0, 8, 1, 4) + b"abc", mtime=0),
            r"announces \(4,\) = 4 values but holds 3",
        ),
    ],
)
def test_damaged_idx_files_are_named(tmp_path, content, message):
    """Labels would be read as pixels, or a short file reshaped into nonsense."""
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"x.gz.*{message}"):
        read_idx(path, ndim=1)


@pytest.mark.parametrize("shape", [(0,), (1,), (2, 3, 4), (0, 28, 28)])
def test_idx_round_trip(tmp_path, shape):
    """Axes or byte order would be swapped; empty sets would fail."""
    values = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    header = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(header + values.tobytes(), mtime=0))
    np.testing.assert_array_equal(read_idx(path, ndim=len(shape)), values)


# digits


def test_digits_against_the_published_class_counts():
    """A split would lose or repeat images. Counts: UCI optdigits.names, testing set."""
    digits = datasets.load_digits()
    assert (digits.name, digits.dataset, digits.scale) == ("digits", "digits", 16.0)
    assert (digits.train_images.shape, digits.test_images.shape) == ((1300, 8, 8), (497, 8, 8))
    assert (digits.train_images.dtype, digits.train_labels.dtype) == (np.uint8, np.int64)
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (digits.train_images.min(), digits.train_images.max()) == (0, 16)


def test_digits_split_keeps_each_image_with_its_label():
    """Images and labels would be permuted differently."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    expected = {
        image.astype(np.uint8).tobytes(): label for image, label in zip(bunch.images, bunch.target, strict=True)
    }
    digits = datasets.load_digits()
    images = np.concatenate([digits.train_images, digits.test_images])
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    assert all(expected[image.tobytes()] == label for image, label in zip(images, labels, strict=True))


def test_digits_of_another_scikit_learn_are_refused(monkeypatch):
    """The same data hash would stand for other pixels."""
    import sklearn.datasets

    bunch = sklearn.datasets.load_digits()
    bunch.images[0, 0, 0] += 1
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: bunch)
    with pytest.raises(DataError, match="installed scikit-learn ships other digits"):
        datasets.load_digits.__wrapped__()


# diabetes


def test_diabetes_against_the_published_description():
    """Other units or rows would change every result. Progression: 25 to 346, mean 152.13 (Efron et al.)."""
    data = datasets.load_diabetes()
    assert data.covariates.shape == (442, 10)
    assert (data.progression.min(), data.progression.max()) == (25, 346)
    assert data.progression.mean() == pytest.approx(152.13, abs=0.005)
    assert set(np.unique(data.covariates[:, data.names.index("sex")])) == {1, 2}
    assert not data.covariates.flags.writeable


def test_diabetes_of_another_scikit_learn_are_refused(monkeypatch):
    """Changed data under an unchanged name would change results without a word."""
    import sklearn.datasets

    bunch = sklearn.datasets.load_diabetes(scaled=False)
    bunch.target[0] += 1
    monkeypatch.setattr(sklearn.datasets, "load_diabetes", lambda **_: bunch)
    with pytest.raises(DataError, match="ships other diabetes data"):
        datasets.load_diabetes.__wrapped__()


# CIFAR-10


class Python2Pickler(pickle._Pickler):
    """Write text and bytes as Python 2 did, and NumPy's functions under their old names."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        raw = value.encode("latin-1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_string

    def save_global(self, value, name=None):
        module = value.__module__.replace("numpy._core", "numpy.core")
        self.write(pickle.GLOBAL + f"{module}\n{name or value.__qualname__}\n".encode())
        self.memoize(value)

    dispatch[type] = dispatch[type(lambda: 0)] = dispatch[type(len)] = save_global


def python2_pickle(value) -> bytes:
    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue()


@pytest.fixture
def pixels():
    """Return 12 smooth random images (channels last) and labels; two per file of the archive."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2), np.arange(12) % 10


def archive_bytes(images, labels, *, members=6) -> bytes:
    buffer = io.BytesIO()
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for number, name in enumerate(names[:members]):
            rows = slice(2 * number, 2 * number + 2)
            data = np.ascontiguousarray(images[rows].transpose(0, 3, 1, 2)).reshape(2, -1)
            content = python2_pickle({b"data": data, b"labels": labels[rows].tolist()})
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def packed_bytes(images, labels) -> bytes:
    encoded = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=75)
        encoded.append(buffer.getvalue())
    # Up to the start of the scan, the same for images of one size and quality.
    header = encoded[0][: encoded[0].index(b"\xff\xda")]
    arrays = {"jpeg_header": np.frombuffer(header, np.uint8)}
    for split, rows in (("train", slice(0, 10)), ("test", slice(10, 12))):
        bodies = [content[len(header) :] for content in encoded[rows]]
        arrays[f"{split}_bytes"] = np.frombuffer(b"".join(bodies), np.uint8)
        arrays[f"{split}_offsets"] = np.cumsum([0, *map(len, bodies)])
        arrays[f"{split}_labels"] = labels[rows].astype(np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.fixture
def toy_cifar(tmp_path, monkeypatch, pixels):
    """Return a function that registers both toy encodings and puts the named ones into the cache."""
    monkeypatch.delenv("REPLICATE_DATA", raising=False)
    contents = {ARCHIVE: archive_bytes(*pixels), PACKED: packed_bytes(*pixels)}
    lines = []
    for name, dataset in ((ARCHIVE, "cifar10"), (PACKED, "cifar10_jpeg")):
        lines += [f'["{name}"]', f'dataset = "{dataset}"', f"bytes = {len(contents[name])}", "urls = []"]
        lines += [f'sha256 = "{hashlib.sha256(contents[name]).hexdigest()}"', 'hint = "none"']
        lines += [f'{key} = "toy"' for key in ("licence", "origin", "citation")]
    (tmp_path / "registry.toml").write_text("\n".join(lines))

    def build(*present) -> Registry:
        registry = Registry.from_toml(tmp_path / "registry.toml", data_dir=tmp_path / "data")
        for name in present:
            path = registry.cache_folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[name])
        return registry

    return build


def test_canonical_archive_gives_its_pixels_in_its_order(toy_cifar, pixels):
    """Colour planes or rows would be mixed up, or NumPy's old names not found."""
    data = datasets.load_cifar10(registry=toy_cifar(ARCHIVE, PACKED))
    assert (data.name, data.dataset, data.scale) == ("CIFAR-10", "cifar10", 255.0)
    np.testing.assert_array_equal(np.concatenate([data.train_images, data.test_images]), pixels[0])
    np.testing.assert_array_equal(np.concatenate([data.train_labels, data.test_labels]), pixels[1])
    assert (data.train_images.dtype, data.train_labels.dtype) == (np.uint8, np.int64)


def test_fallback_says_so_in_its_name(toy_cifar, pixels):
    """Results on re-encoded pixels would pass for results on CIFAR-10."""
    data = datasets.load_cifar10(registry=toy_cifar(PACKED))
    assert (data.name, data.dataset) == ("CIFAR-10 (JPEG q75)", "cifar10_jpeg")
    order = [int(np.flatnonzero(pixels[1][:10] == label)[0]) for label in data.train_labels]
    assert order != sorted(order)
    error = data.train_images.astype(int) - pixels[0][order]
    # Quality 75 on constant 8 x 8 blocks: rounding and halved colour resolution; another image differs by 85.
    assert np.abs(error).mean() < 12


def test_without_fallback_the_wanted_pixels_or_none(toy_cifar):
    """Workers of one sweep could end up with different encodings."""
    registry = toy_cifar(PACKED)
    with pytest.raises(Unavailable, match=ARCHIVE):
        datasets.load_cifar10(fallback=False, registry=registry)
    assert datasets.load_cifar10("CIFAR-10 (JPEG q75)", fallback=False, registry=registry).dataset == "cifar10_jpeg"


def test_neither_encoding_names_both(toy_cifar):
    """The user would learn how to get the stand-in only."""
    with pytest.raises(Unavailable, match=f"neither encoding.*{ARCHIVE}.*{PACKED}"):
        datasets.load_cifar10(registry=toy_cifar())


def test_corrupt_canonical_archive_is_no_reason_to_fall_back(toy_cifar, tmp_path, monkeypatch):
    """A broken mirror would quietly change the data set."""
    registry = toy_cifar(PACKED)
    path = tmp_path / "mirror" / ARCHIVE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"<html>")
    monkeypatch.setenv("REPLICATE_DATA", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match=r"in the mirror .* HTML page"):
        datasets.load_cifar10(registry=registry)


def test_unknown_encoding_proposes_the_nearest():
    """A misspelt preset would run on the fallback."""
    with pytest.raises(UserError, match="no CIFAR-10 encoding 'CIFAR10': did you mean 'CIFAR-10'"):
        datasets.load_cifar10("CIFAR10")


def test_decoded_arrays_are_kept_and_damaged_ones_renewed(toy_cifar):
    """Every process would decode for 20 s, or a half-written cache would crash all of them."""
    first = datasets.load_cifar10("CIFAR-10 (JPEG q75)", registry=toy_cifar(PACKED))
    (folder,) = (toy_cifar().cache_folder / "decoded").glob("cifar10_jpeg-*")
    before = (folder / "train_images.npy").stat().st_mtime_ns
    datasets.load_cifar10("CIFAR-10 (JPEG q75)", registry=toy_cifar())
    assert (folder / "train_images.npy").stat().st_mtime_ns == before
    (folder / "train_images.npy").unlink()  # the first result still maps the old file
    (folder / "train_images.npy").write_bytes(b"\x93NUMPY")
    again = datasets.load_cifar10("CIFAR-10 (JPEG q75)", registry=toy_cifar())
    np.testing.assert_array_equal(again.train_images, first.train_images)


def test_unwritable_cache_still_decodes(toy_cifar):
    """A read-only project folder would make the data unusable although it is there."""
    registry = toy_cifar(ARCHIVE)
    (registry.cache_folder / "decoded").write_text("a file where a folder should be")
    assert datasets.load_cifar10(registry=registry).name == "CIFAR-10"


def test_archive_with_foreign_code_is_refused(tmp_path):
    """Unpickling runs whatever a pickle names."""
    path, content = tmp_path / "evil.tar.gz", pickle.dumps(os.getcwd, protocol=2)
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    with pytest.raises(
        DataError, match=r"data_batch_1 cannot be read as pixels and labels .*it refers to posix\.getcwd"
    ):
        decode_archive(path)


def test_archive_without_a_member_names_it(tmp_path, pixels):
    """Five sixths of the data would be taken for all."""
    path = tmp_path / "short.tar.gz"
    path.write_bytes(archive_bytes(*pixels, members=5))
    with pytest.raises(DataError, match="test_batch"):
        decode_archive(path)


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("REPLICATE_DATA"), reason="needs the real files in $REPLICATE_DATA")
def test_real_cifar10_jpeg_against_its_published_moments():
    """The packed file would be decoded with swapped channels or shifted offsets."""
    data = datasets.load_cifar10("CIFAR-10 (JPEG q75)", fallback=False)
    assert (data.train_images.shape, data.test_images.shape) == ((50000, 32, 32, 3), (10000, 32, 32, 3))
    assert np.bincount(data.train_labels).tolist() == [5000] * 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    assert len(np.unique(data.train_labels[:100])) == 10
    flat = data.train_images.reshape(-1, 3)
    # Published to four digits.
    np.testing.assert_allclose(flat.mean(0) / 255, [0.4913, 0.4821, 0.4465], atol=1e-4)
    np.testing.assert_allclose(flat.std(0) / 255, [0.2452, 0.2428, 0.2606], atol=1e-4)
