"""Files are whole or absent, whatever happens while they are written."""

import os
import stat

import pytest

from replicate import atomic


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_the_old_content_and_nothing_else(tmp_path, error):
    """A half-written table would pass for a result; leftovers would be listed as files of the run."""
    path = tmp_path / "table.csv"
    atomic.write_text(path, "old")

    def half(temporary):
        temporary.write_text("ne")
        raise error

    with pytest.raises(error):
        atomic.write_with(path, half)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_an_interrupted_first_write_leaves_nothing(tmp_path):
    """A file that never was complete must not exist."""
    with pytest.raises(TypeError):
        atomic.write_json(tmp_path / "sub" / "a.json", {1, 2})
    with pytest.raises(OSError):
        atomic.write_with(tmp_path / "sub" / "b", lambda t: (_ for _ in ()).throw(OSError("disk full")))
    assert not (tmp_path / "sub").exists() or os.listdir(tmp_path / "sub") == []


def test_readers_see_the_old_file_while_the_new_one_grows(tmp_path):
    """Writing in place would show readers a part."""
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old")
    seen = []
    atomic.write_with(path, lambda t: (t.write_text("new"), seen.append(path.read_text())))
    assert (seen, path.read_text()) == (["old"], "new")


def test_the_temporary_file_keeps_the_suffix_and_is_hidden(tmp_path):
    """matplotlib chooses the format by suffix; a visible one would be picked up by a scan."""
    names = []
    atomic.write_with(tmp_path / "a.svg", lambda t: names.append(t))
    assert names[0].suffix == ".svg"
    assert names[0].name.startswith(".")
    assert names[0].parent == tmp_path


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o002])
def test_permissions_follow_the_umask(tmp_path, mask):
    """mkstemp makes files private: others on a shared machine could not read the results."""
    before = os.umask(mask)
    try:
        atomic.write_text(tmp_path / "a", "x")
        assert os.umask(mask) == mask, "the umask itself must not change"
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask


def test_text_is_utf8_with_the_line_ends_given(tmp_path):
    """Translated line ends would make tables differ between systems."""
    atomic.write_text(tmp_path / "a", "λ\n∞\n")
    assert (tmp_path / "a").read_bytes() == "λ\n∞\n".encode()
    atomic.write_json(tmp_path / "b.json", {"b": 1, "a": [2]})
    assert (tmp_path / "b.json").read_text() == '{\n  "b": 1,\n  "a": [\n    2\n  ]\n}\n'


def test_missing_folders_are_made(tmp_path):
    """Every writer would have to make its folder otherwise."""
    atomic.write_bytes(tmp_path / "a" / "b" / "c", b"\x00")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"\x00"
