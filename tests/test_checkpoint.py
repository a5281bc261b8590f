"""Checkpoints: whole or absent, of one identity, read without running code."""

import pickle

import pytest
import torch

from replicate.checkpoint import Checkpoint, code_ingredients


@pytest.fixture
def kept(tmp_path):
    return Checkpoint(tmp_path / "deep" / "a.pt", "abc")


def test_what_was_saved_comes_back(kept):
    """Tensors keep dtype and bits; numbers, strings and lists come back as they were."""
    state = {"w": torch.tensor([0.1, float("nan")], dtype=torch.bfloat16), "epoch": 3, "history": [{"loss": 0.1}]}
    assert kept.load() is None
    kept.save(state)
    found = kept.load()
    assert found["w"].dtype == torch.bfloat16
    assert torch.equal(found["w"].view(torch.int16), state["w"].view(torch.int16))
    assert (found["epoch"], found["history"]) == (3, [{"loss": 0.1}])
    kept.remove()
    assert kept.load() is None


def test_an_optimiser_can_be_kept(kept):
    """Adam's state mixes tensors, numbers and ids of parameters."""
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([w], lr=0.1)
    w.square().sum().backward()
    optimizer.step()
    kept.save({"optimizer": optimizer.state_dict()})
    other = torch.optim.Adam([w], lr=0.5)
    other.load_state_dict(kept.load()["optimizer"])
    assert other.param_groups[0]["lr"] == 0.1
    assert torch.equal(other.state[w]["exp_avg"], optimizer.state[w]["exp_avg"])


def test_a_killed_save_leaves_the_old_state(kept, monkeypatch):
    """A checkpoint that is half written would lose everything."""
    kept.save({"epoch": 1})

    def dies(content, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies)
    with pytest.raises(KeyboardInterrupt):
        kept.save({"epoch": 2})
    assert kept.load() == {"epoch": 1}
    assert [p.name for p in kept.path.parent.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_file_is_set_aside_with_a_warning(kept, caplog, damage):
    """Training starts anew, and what is left of the old one can be looked at."""
    kept.save({"w": torch.ones(1000)})
    whole = kept.path.read_bytes()
    kept.path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"not a checkpoint", "empty": b""}[damage])
    assert kept.load() is None
    assert "is unusable" in caplog.text
    assert kept.path.with_suffix(".damaged").is_file()


def test_a_file_of_another_identity_is_not_taken_up(kept, caplog):
    """Another code or configuration must not go on from these weights."""
    kept.save({"epoch": 5})
    assert Checkpoint(kept.path, "xyz").load() is None
    assert "belongs to abc, wanted xyz" in caplog.text


def test_loading_runs_no_code(kept, tmp_path):
    """A checkpoint from elsewhere must not be able to do anything."""

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "evil"), "w"))

    kept.path.parent.mkdir()
    kept.path.write_bytes(pickle.dumps({"identity": "abc", "state": Evil()}))
    assert kept.load() is None
    assert not (tmp_path / "evil").exists()


def test_the_name_depends_on_every_ingredient(tmp_path, monkeypatch):
    """Two configurations must never share a checkpoint."""
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))
    code = code_ingredients("replicate.checkpoint")
    assert "replicate.checkpoint" in code["modules"]
    assert "torch" in code["libraries"]
    one, two = (Checkpoint.of("toy", {**code, "config": {"epochs": n}}) for n in (1, 2))
    assert one.path != two.path
    assert one.path.parent == tmp_path / "checkpoints" / "toy"
