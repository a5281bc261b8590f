"""The registry of data files, and fetching from mirrors, caches and a web server on this machine."""

import hashlib
import io
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import replicate.datasets as datasets
from replicate.datasets import Registry, Unavailable
from replicate.errors import DataError, UserError

NAME = "toys/blocks.bin"
CONTENT = bytes(range(256)) * 40
FLIPPED = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
FETCH_IN_CHILD = """
import logging, pathlib, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s")
logging.getLogger("replicate.datasets").setLevel(logging.INFO)
from replicate.datasets import Registry, fetch
registry = Registry.from_toml(sys.argv[1], data_dir=pathlib.Path(sys.argv[2]))
print(fetch(sys.argv[3], registry=registry))
"""


class Site:
    """A web server that serves ``files`` and remembers what it was asked for."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.release, self.half_sent, self.hold = threading.Event(), threading.Event(), False
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site._answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def _answer(self, handler):
        self.asked.append(handler.path)
        content = self.files.get(handler.path)
        if content is None:
            return handler.send_error(404)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        half = len(content) // 2
        handler.wfile.write(content[:half])
        handler.wfile.flush()
        self.half_sent.set()
        if self.hold:
            self.release.wait(60)
        try:
            handler.wfile.write(content[half:])
        except OSError:
            handler.close_connection = True  # the client was killed on purpose


@pytest.fixture(autouse=True)
def _no_mirror_no_proxy(monkeypatch):
    monkeypatch.delenv("REPLICATE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def site():
    site = Site()
    yield site
    site.release.set()
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def toy(tmp_path):
    """Return a function that writes a registry of one file and reads it back."""

    def build(*urls, **changes) -> Registry:
        fields = {
            "dataset": "toys",
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "bytes": len(CONTENT),
            "urls": list(urls),
            "licence": "CC0",
            "origin": "made up",
            "citation": "nobody (2000)",
            "hint": "ask a toymaker",
        } | changes
        lines = [f"{key} = {value!r}" for key, value in fields.items() if value is not None]
        path = tmp_path / "registry.toml"
        path.write_text("\n".join([f'["{NAME}"]', *lines]))
        return Registry.from_toml(path, data_dir=tmp_path / "data")

    return build


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def cached_files(registry: Registry) -> list[str]:
    """Return the names of everything in the cache but the locks."""
    paths = registry.cache_folder.rglob("*")
    return sorted(path.name for path in paths if path.is_file() and path.suffix != ".lock")


def closed_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/blocks.bin"


# downloading


def test_download_is_kept_and_not_repeated(site, toy):
    """A second run would need the network again."""
    site.files["/blocks.bin"] = CONTENT
    registry = toy(f"{site.url}/blocks.bin")
    first = datasets.fetch(NAME, registry=registry)
    assert first.read_bytes() == CONTENT
    assert datasets.fetch(NAME, registry=registry) == first == registry.cache_folder / NAME
    assert site.asked == ["/blocks.bin"]
    assert cached_files(registry) == ["blocks.bin"]


def test_md5_serves_where_no_sha256_is_published(site, toy):
    """Data sets whose origin publishes an MD5 only could not be registered."""
    site.files["/blocks.bin"] = CONTENT
    registry = toy(f"{site.url}/blocks.bin", sha256=None, md5=hashlib.md5(CONTENT).hexdigest())
    assert datasets.fetch(NAME, registry=registry).read_bytes() == CONTENT


def test_second_address_serves_when_the_first_has_moved(site, toy):
    """One dead link would stop everybody."""
    site.files["/good"] = CONTENT
    registry = toy(f"{site.url}/gone", f"{site.url}/good")
    assert datasets.fetch(NAME, registry=registry).read_bytes() == CONTENT
    assert site.asked == ["/gone", "/good"]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (FLIPPED, f"found {hashlib.sha256(FLIPPED).hexdigest()} and {len(CONTENT)} bytes"),
        (CONTENT[:100], "100 bytes; it looks truncated"),
        (b"", "0 bytes; it looks truncated"),
        (HTML, "looks like an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    ],
)
def test_wrong_bytes_from_the_web_are_named_and_not_kept(site, toy, content, hint):
    """A corrupt download would enter the results, or stay and block the next attempt."""
    site.files["/blocks.bin"] = content
    registry = toy(f"{site.url}/blocks.bin")
    with pytest.raises(Unavailable, match=re.escape(hint)) as caught:
        datasets.fetch(NAME, registry=registry)
    assert f"expected SHA-256 {hashlib.sha256(CONTENT).hexdigest()} and {len(CONTENT)} bytes" in str(caught.value)
    assert cached_files(registry) == []


def test_offline_is_one_sentence_that_says_what_to_do(toy):
    """The user would face a traceback of the network library."""
    registry = toy(closed_port())
    with pytest.raises(Unavailable, match=r"no connection\): set REPLICATE_DATA to a folder") as caught:
        datasets.fetch(NAME, registry=registry)
    message = str(caught.value)
    assert str(registry.cache_folder / NAME) in message
    assert "(ask a toymaker), or use a preset with embedded data" in message
    assert "\n" not in message
    assert not {"requests", "urllib3", "Max retries"} & set(re.findall(r"\w+(?: retries)?", message))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_file_without_public_address_says_how_to_get_it(toy):
    """An empty list of addresses would end in an empty list of reasons."""
    with pytest.raises(Unavailable, match=r"no public address of its own.*ask a toymaker"):
        datasets.fetch(NAME, registry=toy())


def test_passwords_stay_out_of_messages(toy):
    """A mirror's credentials would end up in a notebook's stored output."""
    address = closed_port().replace("http://", "http://me:secret@") + "?token=secret"
    with pytest.raises(Unavailable) as caught:
        datasets.fetch(NAME, registry=toy(address))
    assert "secret" not in str(caught.value)


def test_cache_that_cannot_be_written_says_so(site, toy):
    """A read-only checkout would end in a bare OSError."""
    registry = toy(f"{site.url}/blocks.bin")
    put(registry.data_folder, b"a file where a folder should be")
    with pytest.raises(DataError, match=r"cannot store toys/blocks.bin in .* make that folder writable"):
        datasets.fetch(NAME, registry=registry)


def test_download_is_logged_and_silent_by_default(site, toy, caplog, capfd):
    """Bars and log lines would spoil stored outputs; without a log nobody knows why it takes long."""
    site.files["/blocks.bin"] = CONTENT
    with caplog.at_level(logging.INFO, logger="replicate.datasets"):
        datasets.fetch(NAME, registry=toy(f"{site.url}/blocks.bin"))
    assert "downloading toys/blocks.bin (10240 bytes) from http://127.0.0.1" in caplog.text
    assert capfd.readouterr() == ("", "")


# several processes, killed processes, damaged caches


def start_child(registry: Registry) -> tuple[subprocess.Popen, str]:
    """Start a process that fetches the file; return it and the first line it logs."""
    arguments = [registry.path, registry.data_folder, NAME]
    command = [sys.executable, "-c", FETCH_IN_CHILD, *map(str, arguments)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return child, child.stdout.readline()


def test_two_processes_download_once(site, toy):
    """Two notebooks starting together would overwrite each other's half-written file."""
    site.files["/blocks.bin"], site.hold = CONTENT, True
    registry = toy(f"{site.url}/blocks.bin")
    (first, first_line), (second, second_line) = start_child(registry), start_child(registry)
    site.release.set()
    assert first_line.startswith("downloading toys/blocks.bin")
    assert second_line == "waiting for another process that fetches toys/blocks.bin\n"
    for child in (first, second):
        assert child.communicate(timeout=30)[0].strip() == str(registry.cache_folder / NAME)
    assert site.asked == ["/blocks.bin"]
    assert cached_files(registry) == ["blocks.bin"]


def test_killed_download_leaves_nothing_in_the_way(site, toy):
    """After a kill, a stale lock would block, or half a file would pass for the whole."""
    site.files["/blocks.bin"], site.hold = CONTENT, True
    registry = toy(f"{site.url}/blocks.bin")
    child, _ = start_child(registry)
    assert site.half_sent.wait(30)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert cached_files(registry) == [".blocks.bin.partial"]
    assert datasets.locate(NAME, registry=registry) is None
    site.hold = False
    assert datasets.fetch(NAME, registry=registry).read_bytes() == CONTENT
    assert cached_files(registry) == ["blocks.bin"]


@pytest.mark.parametrize("damaged", [FLIPPED, CONTENT[:100]])
def test_damaged_cache_is_moved_aside_and_fetched_again(site, toy, damaged):
    """A disk error in the cache would need manual repair, or go unnoticed."""
    site.files["/blocks.bin"] = CONTENT
    registry = toy(f"{site.url}/blocks.bin")
    put(registry.cache_folder / NAME, damaged)
    with pytest.warns(UserWarning, match=r"cached toys/blocks.bin was corrupt \(expected SHA-256"):
        assert datasets.fetch(NAME, registry=registry).read_bytes() == CONTENT
    assert cached_files(registry) == ["blocks.bin", "blocks.bin.corrupt"]


@pytest.mark.parametrize("damaged", [FLIPPED, CONTENT[:100]])
def test_damage_within_one_process_is_noticed(toy, damaged):
    """Remembered verification must not outlive the file it was about."""
    registry = toy()
    path = put(registry.cache_folder / NAME, CONTENT)
    assert datasets.fetch(NAME, registry=registry) == path
    path.write_bytes(damaged)
    os.utime(path, (0, 0))  # both writes may fall into one tick of the file system's clock
    with pytest.warns(UserWarning, match="was corrupt"), pytest.raises(Unavailable):
        datasets.fetch(NAME, registry=registry)


# mirrors, embedded files


def test_search_order_is_mirror_embedded_cache(toy, tmp_path, monkeypatch):
    """A user's own mirror would be ignored in favour of another copy."""
    registry = toy(embedded="small/blocks.bin")
    assert datasets.locate(NAME, registry=registry) is None
    expected = {
        "cache": put(registry.cache_folder / NAME, CONTENT),
        "embedded": put(registry.data_folder / "small/blocks.bin", CONTENT),
        "mirror": put(tmp_path / "mirror" / NAME, CONTENT),
    }
    (registry.data_folder / "small/blocks.bin").rename(tmp_path / "aside")
    assert datasets.fetch(NAME, registry=registry) == expected["cache"]
    (tmp_path / "aside").rename(registry.data_folder / "small/blocks.bin")
    assert datasets.fetch(NAME, registry=registry) == expected["embedded"]
    monkeypatch.setenv("REPLICATE_DATA", str(tmp_path / "mirror"))
    assert datasets.fetch(NAME, registry=registry) == expected["mirror"]
    monkeypatch.setenv("REPLICATE_DATA", (tmp_path / "mirror").as_uri())
    assert datasets.locate(NAME, registry=registry).kind == "mirror"


@pytest.mark.parametrize(("content", "why"), [(FLIPPED, "found"), (CONTENT[:9], "truncated"), (HTML, "HTML page")])
def test_corrupt_mirror_folder_is_an_error(toy, tmp_path, monkeypatch, content, why):
    """Falling through to the next place would hide a broken mirror for ever."""
    registry = toy()
    put(registry.cache_folder / NAME, CONTENT)
    path = put(tmp_path / "mirror" / NAME, content)
    monkeypatch.setenv("REPLICATE_DATA", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match=rf"in the mirror \({path}\) is corrupt.*{why}.*unset REPLICATE_DATA") as caught:
        datasets.fetch(NAME, registry=registry)
    assert not isinstance(caught.value, Unavailable)


def test_corrupt_embedded_file_says_how_to_restore_it(toy):
    """An edited file in the repository would pass for the original."""
    registry = toy(embedded="blocks.bin")
    put(registry.data_folder / "blocks.bin", FLIPPED)
    with pytest.raises(DataError, match=r"in the repository .* is corrupt.*git checkout"):
        datasets.fetch(NAME, registry=registry)


def test_mirror_address_comes_before_the_canonical_one(site, toy, monkeypatch):
    """A closed network with its own mirror would call out first."""
    site.files["/all/toys/blocks.bin"] = CONTENT
    monkeypatch.setenv("REPLICATE_DATA", f"{site.url}/all/")
    datasets.fetch(NAME, registry=toy(f"{site.url}/canonical"))
    assert site.asked == ["/all/toys/blocks.bin"]


def test_mirror_address_without_the_file_gives_way(site, toy, monkeypatch):
    """A mirror of some files would make the others unobtainable."""
    site.files["/canonical"] = CONTENT
    monkeypatch.setenv("REPLICATE_DATA", site.url)
    assert datasets.fetch(NAME, registry=toy(f"{site.url}/canonical")).read_bytes() == CONTENT


def test_corrupt_mirror_address_is_an_error(site, toy, monkeypatch):
    """As for a folder: a broken mirror must be noticed, not papered over by the canonical address."""
    site.files.update({f"/{NAME}": HTML, "/canonical": CONTENT})
    monkeypatch.setenv("REPLICATE_DATA", site.url)
    registry = toy(f"{site.url}/canonical")
    with pytest.raises(DataError, match=r"on the mirror .* HTML page.* unset REPLICATE_DATA"):
        datasets.fetch(NAME, registry=registry)
    assert cached_files(registry) == []


def test_mirror_that_does_not_exist_is_an_error(toy, monkeypatch):
    """A misspelt folder would silently mean "no mirror"."""
    monkeypatch.setenv("REPLICATE_DATA", "no/such/folder")
    with pytest.raises(UserError, match="REPLICATE_DATA='no/such/folder' is no folder"):
        datasets.fetch(NAME, registry=toy())


def test_relative_mirror_works_from_a_notebooks_folder(toy, tmp_path, monkeypatch):
    """Kernels start in notebooks/, the shell that set the variable was in the root."""
    put(tmp_path / "mirror" / NAME, CONTENT)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("REPLICATE_ROOT", str(tmp_path))
    monkeypatch.setenv("REPLICATE_DATA", "mirror")
    monkeypatch.chdir(tmp_path / "notebooks")
    assert datasets.locate(NAME, registry=toy()).path == tmp_path / "mirror" / NAME


# status


def test_status_tells_every_state_without_raising_or_fetching(site, toy, tmp_path, monkeypatch):
    """`replicate data` would crash on the very file it should report."""

    def row(registry):
        (status,) = datasets.status(registry=registry)
        assert (status.name, status.dataset, status.bytes, status.licence) == (
            NAME,
            "toys",
            len(CONTENT),
            "CC0",
        )
        return status.where, status.state

    assert row(toy(f"{site.url}/blocks.bin")) == ("web", "downloadable")
    assert row(toy()) == ("nowhere", "missing")
    assert row(toy(bundled="some-package")) == ("some-package", "bundled")
    path = put(toy().cache_folder / NAME, CONTENT)
    assert row(toy()) == ("cache", "verified")
    path.write_bytes(HTML)
    assert row(toy()) == ("cache", "corrupt")
    assert "HTML page" in datasets.verify(NAME, registry=toy()).detail
    assert site.asked == []


def test_bundled_data_cannot_be_fetched(toy):
    """A loader's name would be looked for on the web."""
    with pytest.raises(UserError, match="ships inside some-package; call its loader"):
        datasets.fetch(NAME, registry=toy(bundled="some-package"))


# archives that are packed anew for every download

LISTING = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in (("a/x", b"1"), ("a/y", b"2")))


def _archive(path: Path, files: dict[str, bytes]) -> bytes:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    return path.read_bytes()


@pytest.fixture
def packed(toy, site):
    """Return a registry whose file is judged by the members below ``a``."""
    digest = hashlib.sha256(LISTING.encode()).hexdigest()
    return toy(f"{site.url}/archive", sha256=None, members=digest, inside=["a"])


def test_an_archive_is_judged_by_its_members_however_it_is_packed(site, packed, tmp_path):
    """A host that packs on request changes the bytes, adds a folder above and files nobody needs."""
    site.files["/archive"] = _archive(tmp_path / "one", {"repo-1/a/y": b"2", "repo-1/a/x": b"1", "repo-1/b": b"3"})
    assert datasets.load_members(NAME, registry=packed) == {"a/x": b"1", "a/y": b"2"}
    put(datasets.fetch(NAME, registry=packed), _archive(tmp_path / "two", {"a/x": b"1", "a/y": b"2"}))
    assert datasets.verify(NAME, registry=packed).state == "verified"


@pytest.mark.parametrize("files", [{"a/y": b"changed"}, {"a/y": None}, {"a/z": b"added"}])
def test_an_archive_with_other_members_is_refused(site, packed, tmp_path, files):
    """Changed, missing or added: each would change results."""
    wrong = {k: v for k, v in ({"a/x": b"1", "a/y": b"2"} | files).items() if v is not None}
    site.files["/archive"] = _archive(tmp_path / "bad", wrong)
    with pytest.raises(Unavailable, match="expected members with SHA-256"):
        datasets.fetch(NAME, registry=packed)


def test_what_is_no_archive_is_refused(site, packed):
    """A login page has no members."""
    site.files["/archive"] = HTML
    with pytest.raises(Unavailable, match=r"no tar archive.*looks like an HTML page"):
        datasets.fetch(NAME, registry=packed)


def test_a_file_without_members_is_not_read_as_an_archive(toy):
    """The caller is told what to do instead."""
    with pytest.raises(UserError, match="is no archive with registered members"):
        datasets.load_members(NAME, registry=toy("https://x/y"))


# the registry file


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "abc"}, "sha256: must be 64 lower-case hexadecimal digits, found 'abc'"),
        ({"sha256": None}, "give exactly one of sha256, md5 and members"),
        ({"md5": "0" * 32}, "give exactly one of sha256, md5 and members"),
        ({"members": "0" * 64, "inside": ["a"]}, "give exactly one of sha256, md5 and members"),
        ({"members": "0" * 64}, "members and inside belong together"),
        ({"bytes": 0}, "bytes: Input should be greater than 0, found 0"),
        ({"bytes": "12"}, "bytes: Input should be a valid integer, found '12'"),
        ({"licence": None}, "licence: this key is missing"),
        ({"licence": ""}, "licence: String should have at least 1 character"),
        ({"license": "CC0"}, "unknown key 'license': did you mean 'licence'?"),
        ({"urls": ["ftp://x/y"]}, "urls: 'ftp://x/y' must start with https://"),
        ({"urls": ["http://x/y"]}, "urls: 'http://x/y' must start with https://"),
        ({"hint": None}, "urls is empty: give embedded, bundled or a hint"),
        ({"embedded": "../secret"}, "embedded: must be a relative path"),
        ({"embedded": "/etc/passwd"}, "embedded: must be a relative path"),
    ],
)
def test_malformed_registry_names_file_table_and_key(toy, tmp_path, changes, message):
    """A typo would surface later, as a download that cannot be verified."""
    where = re.escape(f"{tmp_path / 'registry.toml'}: ['{NAME}']: ")
    with pytest.raises(UserError, match=where + ".*" + re.escape(message)):
        toy(**changes)


@pytest.mark.parametrize(
    ("text", "message"), [("[a\n", "cannot be read as TOML.*line 1"), ("x = 1", "must be a table")]
)
def test_registry_that_is_no_registry(tmp_path, text, message):
    """The parser's exception would not say which file it was reading."""
    path = tmp_path / "registry.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"registry\.toml: .*{message}"):
        Registry.from_toml(path)


def test_unknown_names_propose_the_nearest():
    """The user would have to open the registry."""
    with pytest.raises(UserError, match="did you mean 'mnist'"):
        datasets.names("minst")
    with pytest.raises(UserError, match=r"did you mean 'images/t10k-labels-idx1-ubyte\.gz'"):
        datasets.fetch("images/t10k-label-idx1-ubyte.gz")
    with pytest.raises(UserError, match="no dataset 'cifar'"):
        datasets.data_hash("cifar")


def test_data_hash_follows_the_bytes_and_nothing_else(toy):
    """Cached results would outlive their data, or die with a corrected licence text."""
    base = toy().data_hash("toys")
    assert re.fullmatch("[0-9a-f]{12}", base)
    assert toy(licence="CC BY", hint="other").data_hash("toys") == base
    assert toy(sha256=hashlib.sha256(FLIPPED).hexdigest()).data_hash("toys") != base
    hashes = {datasets.data_hash(name) for name in ("mnist", "cifar10", "cifar10_jpeg", "digits")}
    assert len(hashes) == 4


def test_import_is_cheap():
    """`replicate --help` would wait for torch, scikit-learn or the download library."""
    heavy = "torch pooch requests sklearn filelock PIL pandas scipy"
    code = f"import sys, replicate.datasets; print(*set('{heavy}'.split()) & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""


def test_verified_file_is_hashed_once(toy, monkeypatch):
    """Each of a sweep's units would hash the data again."""
    registry = toy()
    put(registry.cache_folder / NAME, CONTENT)
    datasets.fetch(NAME, registry=registry)
    monkeypatch.setattr(hashlib, "file_digest", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        datasets.fetch(NAME, registry=registry)
