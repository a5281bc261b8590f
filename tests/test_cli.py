"""The command line as a user types it."""

import json
import os
import subprocess
import sys

import pytest

from replicate import paper as papers
from replicate.errors import DataError
from replicate.paths import results_dir


def replicate(*words, **env):
    """Run the command line in a process of its own; return (exit code, stdout, stderr)."""
    call = [sys.executable, "-m", "replicate.cli", *words]
    done = subprocess.run(call, capture_output=True, text=True, env={**os.environ, **env}, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run", "intrinsic_dimensions"], "did you mean 'intrinsic_dimension'?"),
        (["run", "intrinsic_dimension", "--preset", "smoek"], "did you mean 'smoke'?"),
        (["run", "intrinsic_dimension", "-p", "fc_widht=3"], "did you mean 'fc_width'?"),
        (["run", "intrinsic_dimension", "-p", "fc_width=wide"], "expected an integer"),
        (["run", "all", "-p", "fc_width=3"], "name the paper instead of 'all'"),
        (["run", "all", "--device", "gpu"], "allowed: auto, cpu, cuda"),
        (["show", "tempnett"], "unknown paper 'tempnett'"),
        (["report", "--preset", "defualt"], "did you mean 'default'?"),
        (["data", "fetch", "mnits"], "mnist"),
    ],
)
def test_mistakes_are_one_line_exit_2_and_write_nothing(words, hint, tmp_path):
    """A misspelt name that runs something else costs hours; a traceback costs patience."""
    code, out, err = replicate(*words, REPLICATE_ROOT=str(tmp_path))
    assert code == 2
    assert out == ""
    assert hint in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_list_and_show_as_json():
    """Programs read these."""
    code, out, _ = replicate("list", "--json")
    assert code == 0
    assert [row["paper"] for row in json.loads(out)] == papers.slugs()
    code, out, _ = replicate("show", "intrinsic_dimension", "--json")
    assert code == 0
    assert len(json.loads(out)["claims"]) == len(papers.load("intrinsic_dimension").claims)


def test_show_lists_every_claim_and_every_parameter():
    """What can be changed and what is claimed must be findable without opening files."""
    code, out, _ = replicate("show", "intrinsic_dimension", COLUMNS="200")
    assert code == 0
    paper = papers.load("intrinsic_dimension")
    assert all(claim.id in out for claim in paper.claims)
    assert all(name in out for name in paper.presets["smoke"].parameters)


def test_status_of_a_fresh_tree_is_never_run(tmp_path):
    """Nothing must claim to be done before it was."""
    (tmp_path / "notebooks").symlink_to(papers.load("intrinsic_dimension").notebook.parent)
    code, out, _ = replicate("status", "--preset", "smoke", "--json", REPLICATE_ROOT=str(tmp_path))
    assert code == 0
    assert {row["state"] for row in json.loads(out)} == {"never run"}


def test_report_without_results_says_what_to_do(tmp_path):
    """An empty scorecard would look like a result."""
    code, _, err = replicate("report", "--preset", "smoke", REPLICATE_ROOT=str(tmp_path))
    assert code == 2
    assert "run 'make PRESET=smoke' first" in err


def test_data_list_says_where_files_are():
    """A user must see what is embedded and what would be downloaded."""
    code, out, _ = replicate("data", "list", "--json", REPLICATE_DATA="")
    assert code == 0
    states = {row["name"]: row["where"] for row in json.loads(out)}
    assert states["images/train-images-idx3-ubyte.gz"] == "embedded"


def test_data_verify_embedded_files():
    """The embedded files are the canonical ones."""
    code, out, _ = replicate("data", "verify", "mnist", REPLICATE_DATA="")
    assert code == 0
    assert out.count("verified") == 4


def test_a_corrupted_data_file_is_named_with_both_hashes(tmp_path):
    """A damaged mirror must be refused, not replaced in silence."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>not found</html>")
    code, _, err = replicate("data", "fetch", "images/t10k-labels-idx1-ubyte.gz", REPLICATE_DATA=str(tmp_path))
    assert code == 1
    assert "t10k-labels-idx1-ubyte.gz" in err
    assert "HTML" in err
    assert "Traceback" not in err


def test_results_of_other_parameters_have_another_place():
    """A quick try must never take the place of the preset's result."""
    from replicate.suite import Request

    paper = papers.load("intrinsic_dimension")
    assert Request(paper, "smoke").target == results_dir("smoke") / "intrinsic_dimension"
    assert Request(paper, "smoke", seed=1).name == "intrinsic_dimension+seed=1"
    assert Request(paper, "smoke", overrides={"fc_width": 30}).name == "intrinsic_dimension+fc_width=30"
    long = Request(paper, "smoke", overrides={"fc_starts": list(range(60))}).name
    assert len(long) < 80
    assert "/" not in long


def test_fetching_all_passes_over_what_cannot_be_had(monkeypatch):
    """`make data` must not fail for a file without an address, nor for one that ships with a package."""
    from typer.testing import CliRunner

    from replicate import datasets
    from replicate.cli_data import data_app

    def offline(name):
        raise DataError(f"{name} could not be downloaded")

    monkeypatch.delenv("REPLICATE_DATA", raising=False)
    monkeypatch.setattr(datasets, "fetch", offline)
    monkeypatch.setattr(datasets, "locate", lambda name: None)
    done = CliRunner().invoke(data_app, ["fetch", "all"])
    assert done.exit_code == 1
    assert "sklearn/digits: ships inside scikit-learn" in done.output
    assert "cifar10_jpeg.npz: not at hand and no public address" in done.output
    assert "images/cifar-10-python.tar.gz could not be downloaded" in done.output


def test_fetching_a_file_without_an_address_says_how_to_get_it():
    """Asked for by name, it is an error with a way out."""
    code, _, err = replicate("data", "fetch", "images/cifar10_jpeg.npz", REPLICATE_DATA="")
    assert code == 1
    assert "REPLICATE_DATA" in err
