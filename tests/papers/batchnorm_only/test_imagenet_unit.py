"""ImageNet as a user runs it: a folder of made-up pictures, through the notebook's unit and in several processes."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from replicate import checkpoint, claims, paper
from replicate.errors import DataError
from replicate.papers.batchnorm_only import experiments, imagenet, imagenet_unit, lesson, measures, studies
from replicate.papers.batchnorm_only.imagenet_unit import configuration
from replicate.run import Run
from replicate.seeds import Seed

SEED = Seed(0, 0)
CLASSES = ["ant", "bee", "cat", "dog", "eel", "fox"]
CHANGES = {"crop": 32, "epochs": 2, "batch": 8}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Return a folder laid out as ImageNet: six classes of four and two tiny JPEGs, each class of a colour."""
    root, rng = tmp_path_factory.mktemp("imagenet"), np.random.default_rng(0)
    for part, n in (("train", 4), ("val", 2)):
        for name in CLASSES:
            folder = root / part / name
            folder.mkdir(parents=True)
            colour = np.array([hash_of(name) % 200, hash_of(name[::-1]) % 200, 90])
            for i in range(n):
                noise = rng.integers(0, 50, (40, 48, 3))
                Image.fromarray((colour + noise).astype(np.uint8)).save(folder / f"{i}.JPEG")
    return root


def hash_of(name):
    """Return a number that is the same in every process."""
    return int.from_bytes(name.encode(), "big")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keep checkpoints of a test to itself."""
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "cache" / "units"))
    return tmp_path / "cache"


def _config(folder, **changes):
    return configuration(str(folder), 18, "fp32", at_once=4, **{**CHANGES, **changes}, workers=0)


def test_the_unit_trains_batchnorm_only_and_tests(pictures):
    """Losses of every epoch, two accuracies, and a name that is not ImageNet's."""
    rows = pd.DataFrame(experiments.imagenet(_config(pictures), SEED, device="cpu")).set_index("metric")
    assert rows.loc["loss", "step"].tolist() == [1, 2]
    assert rows.loc["trained parameters", "value"] == 9_600
    top1, top5 = rows.loc["top-1 accuracy", "value"], rows.loc["top-5 accuracy", "value"]
    assert 0 <= top1 <= top5 <= 1
    assert rows.loc["top-5 accuracy", "n"] == 12
    assert rows.loc["top-5 accuracy", "dataset"] == "folder of 6 classes, 24 + 12 images"


def test_the_real_folder_is_called_imagenet():
    """By its numbers of images and classes; nothing else may be judged by the claim."""

    class Folder:
        def __init__(self, n):
            self.n, self.classes = n, range(1000)

        def __len__(self):
            return self.n

    assert imagenet_unit.described(Folder(1_281_167), Folder(50_000)) == "ImageNet-1k"
    assert imagenet_unit.described(Folder(100_000), Folder(50_000)) == "folder of 1000 classes, 100000 + 50000 images"


def test_a_killed_training_resumes_to_the_same_rows(pictures, monkeypatch, tmp_path):
    """Order, crops and mirrorings of an epoch must depend on the epoch alone."""
    whole = experiments.imagenet(_config(pictures), SEED, device="cpu")
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "another" / "units"))
    with monkeypatch.context() as patch:
        patch.setattr(imagenet, "_epoch", _die_after(1))
        with pytest.raises(KeyboardInterrupt):
            experiments.imagenet(_config(pictures), SEED, device="cpu")
    assert len(list((tmp_path / "another" / "checkpoints" / "batchnorm_only").glob("*.pt"))) == 1
    torch.rand(3)  # the global generator is somewhere else in another process
    assert experiments.imagenet(_config(pictures), SEED, device="cpu") == whole
    assert experiments.imagenet(_config(pictures), Seed(0, 1), device="cpu") != whole


def _die_after(epochs, real=imagenet._epoch):
    done = []

    def epoch(*args):
        if len(done) == epochs:
            raise KeyboardInterrupt
        done.append(1)
        return real(*args)

    return epoch


def test_the_notebook_takes_up_what_two_processes_trained(pictures, own_cache, monkeypatch):
    """The documented command for several devices; the unit then only tests, and finds the same accuracies."""
    options = [f"--{name}={value}" for name, value in CHANGES.items()]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"),
        *("--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"),
        *("-m", "replicate.papers.batchnorm_only.imagenet_parallel", f"--folder={pictures}", "--depth=18"),
        *("--accelerator=cpu", "--precision=fp32", "--at-once=4", "--workers=0", *options),
    ]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    printed = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [row["metric"] for row in printed].count("loss") == 2
    assert len(list((own_cache / "checkpoints" / "batchnorm_only").glob("*.pt"))) == 1
    monkeypatch.setattr(imagenet, "_epoch", _die_after(0))
    assert experiments.imagenet(_config(pictures), SEED, device="cpu") == printed


def test_other_images_or_recipes_have_another_checkpoint(pictures, tmp_path):
    """A network trained on six classes must not be tested on a thousand; where the images lie does not matter."""

    class Folder:
        classes, targets = CLASSES, [0, 1]

    class Fewer:
        classes, targets = CLASSES, [0]

    here, there = _config(pictures), _config("/elsewhere")
    first = imagenet_unit.checkpoint(here, SEED, Folder)
    assert isinstance(first, checkpoint.Checkpoint)
    assert imagenet_unit.checkpoint({**there, "workers": 4}, SEED, Folder) == first
    assert imagenet_unit.checkpoint(here, SEED, Fewer) != first
    assert imagenet_unit.checkpoint(_config(pictures, epochs=3), SEED, Folder) != first
    assert imagenet_unit.checkpoint(here, Seed(0, 1), Folder) != first


def test_wrong_layouts_are_refused(pictures, tmp_path):
    """The validation images come in one flat folder; most people's first try looks like this."""
    (tmp_path / "train").symlink_to(pictures / "train")
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").touch()
    with pytest.raises(DataError, match=r"val cannot be used \(.*class folder.*\): ImageNet-1k is wanted as"):
        experiments.imagenet(_config(tmp_path), SEED, device="cpu")
    (tmp_path / "val" / "ant").symlink_to(pictures / "val" / "ant")
    with pytest.raises(DataError, match=r"train and val have other classes, first difference: 'bee'"):
        experiments.imagenet(_config(tmp_path), SEED, device="cpu")


def test_the_study_runs_where_a_folder_is_named(monkeypatch):
    """Every preset is silent about ImageNet until somebody has it."""
    for preset in paper.load("batchnorm_only").presets:
        run = Run("batchnorm_only", preset=preset, device="cpu")
        monkeypatch.setattr(run, "sweep", None)
        assert studies.imagenet(run).empty
    seen = []
    run = Run("batchnorm_only", preset="paper", device="cpu", imagenet_folder="/data/imagenet", precision="fp32")
    monkeypatch.setattr(run, "sweep", lambda unit, configs, replicates: seen.extend((unit, *configs, replicates)))
    studies.imagenet(run)
    unit, config, replicates = seen
    assert (unit, replicates) == (experiments.imagenet, 3)
    wanted = {"depth": 200, "epochs": 90, "batch": 1024, "rate": 0.4, "drops": [30, 60, 80], "warmup": 5, "crop": 224}
    assert {name: config[name] for name in wanted} == wanted
    assert (config["folder"], config["at_once"], config["condition"]) == ("/data/imagenet", 128, "bn")


def test_the_studys_frame_can_be_kept_and_measured(pictures, monkeypatch):
    """From the notebook's parameter to its table and its claim; a configuration holds a list, the epochs of drops."""
    options = {"imagenet_folder": str(pictures), "imagenet_depths": [18], "imagenet_seeds": 1, "imagenet_at_once": 4}
    run = Run("batchnorm_only", preset="smoke", device="cpu", jobs=1, **options)
    monkeypatch.setattr(studies, "configuration", lambda folder, *args, **options: _config(folder))
    frame = studies.imagenet(run)
    table = measures.compact(frame)
    assert {"metric", "value", "step", "seed"} <= set(table)
    assert not {"drops", "folder", "rate"} & set(table)
    found = measures.imagenet_top5(frame, depth=18)
    assert (found.n_seeds, found.dataset) == (1, "folder of 6 classes, 24 + 12 images")
    assert measures.imagenet_top5(frame) is None  # the claim is about depth 200
    again = studies.imagenet(run)
    pd.testing.assert_frame_equal(again, frame)


def test_the_lesson_says_what_was_reached_or_why_nothing_was():
    """A bare 'not run' leaves the reader wondering."""
    assert "imagenet_folder names no folder" in lesson.imagenet(pd.DataFrame()).to_string()
    rows = [
        {"depth": 200, "seed": s, "metric": f"top-{k} accuracy", "value": v, "dataset": "ImageNet-1k"}
        for s, values in enumerate(((0.10, 0.31), (0.12, 0.33)))
        for k, v in zip((1, 5), values, strict=True)
    ]
    table = lesson.imagenet(pd.DataFrame(rows))
    assert table.to_numpy().tolist() == [[200, "11.0 %", "32.0 %", 2, "ImageNet-1k"]]


def test_the_claim_is_judged_on_imagenet_alone():
    """Three seeds within three points of 32 agree at the preset paper; a folder of another name is not comparable."""

    def verdict(dataset):
        rows = [
            {"metric": "top-5 accuracy", "depth": 200, "seed": seed, "value": value, "dataset": dataset}
            for seed, value in enumerate((0.318, 0.321, 0.325))
        ]
        found = measures.imagenet_top5(pd.DataFrame(rows))
        judged = claims.judge_all(paper.load("batchnorm_only"), {"C9-imagenet": found}, preset="paper")
        return judged.set_index("claim").loc["C9-imagenet", "verdict"]

    assert verdict("ImageNet-1k") == "agrees"
    assert verdict("folder of 1000 classes, 100 + 100 images") == "not comparable"
    assert measures.imagenet_top5(pd.DataFrame()) is None
