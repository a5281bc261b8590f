"""Small networks and ResNets: gradients, estimated weights, augmentation, teachers that stay as they are, resuming."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from replicate import datasets
from replicate.datasets import ImageData
from replicate.papers.self_distillation import data_figures, measures, networks, real_data, resnet, studies
from replicate.papers.self_distillation.image_chain import ImageChain, Images
from replicate.papers.self_distillation.networks import ESTIMATED, Classroom, Recipe
from replicate.papers.self_distillation.optimal_weight import optimal_weight
from replicate.run import Run
from replicate.seeds import Seed
from replicate.training import make_optimizer, train

RECIPE = Recipe(width=16, epochs=6, batch=200, rate=3e-3, decay=1e-3)


@pytest.fixture(autouse=True)
def one_thread():
    """Keep sums in one order, as workers do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def classroom(seed=0):
    """Return a room with small networks on noisy digits."""
    data = real_data.noisy_digits(0.4, real_data.split_rng(Seed(0, seed)))
    return Classroom(data, RECIPE, Seed(0, seed))


def test_two_losses_and_mixed_targets_have_the_same_gradient():
    """Lost: the mixing identity, which turns distillation into one fit to mixed targets."""
    generator = torch.Generator().manual_seed(0)
    model = networks.perceptron(8, 5, 3, generator)
    x = torch.randn(20, 8, generator=generator)
    y = F.one_hot(torch.randint(3, (20,), generator=generator), 3).float()
    t = torch.randn(20, 3, generator=generator).softmax(1)
    for alpha in (-0.5, 0.3, 1.0):
        two = alpha * networks.squared_error(model, x, y) + (1 - alpha) * networks.squared_error(model, x, t)
        one = networks.squared_error(model, x, alpha * y + (1 - alpha) * t)
        constant = alpha * (1 - alpha) * (y - t).square().sum(1).mean()
        assert float((two - one).detach()) == pytest.approx(float(constant), abs=1e-6)
        gradients = (torch.autograd.grad(loss, list(model.parameters()), retain_graph=True) for loss in (two, one))
        for a, b in zip(*gradients, strict=True):
            assert torch.allclose(a, b, atol=1e-6)


def test_one_step_lowers_the_loss():
    """Lost: that training goes downhill."""
    room, model = classroom(), networks.perceptron(64, 16, 10, torch.Generator().manual_seed(1))
    x, y = room.inputs[0], torch.tensor(room.truth[0], dtype=torch.float32)
    before = float(networks.squared_error(model, x, y).detach())
    optimizer = make_optimizer("sgd", model.parameters(), lr=0.05)
    order = torch.Generator().manual_seed(0)
    train(
        model,
        x,
        y,
        epochs=1,
        batch_size=1000,
        optimizer=optimizer,
        generator=order,
        objective=networks.squared_error,
    )
    assert float(networks.squared_error(model, x, y).detach()) < before


def test_same_seed_same_networks_other_seed_others():
    """Lost: determinism; global generators must not matter."""
    torch.manual_seed(123)
    first = classroom().fit(classroom().truth[0], 1)
    torch.manual_seed(456)
    again, other = classroom().fit(classroom().truth[0], 1), classroom(1).fit(classroom(1).truth[0], 1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[2] != other[2]).any()


def test_weight_one_retrains_on_the_ground_truth():
    """Lost: pairing: at weight 1 the teacher must not matter, step by step the same start and order."""
    room = classroom()
    first = room.fit(room.truth[0], 1)
    link = networks.chain(room, first, 1.0, 2)[0]
    alone = room.fit(room.truth[0], 2)
    assert all((a == b).all() for a, b in zip(link.outputs, alone, strict=True))


def test_estimated_weight_is_the_closed_form_on_validation_outputs():
    """Lost: C9: formula, clipping, two trainings a step."""
    room = classroom()
    first = room.fit(room.truth[0], 1)
    link, second = networks.chain(room, first, ESTIMATED, 3)
    pure = room.student(first, 0.0, 2)
    assert link.raw == pytest.approx(optimal_weight(first[1], pure[1], room.truth[1]), rel=1e-9)
    assert link.weight == np.clip(link.raw, 0, 1)
    assert (link.trainings, second.trainings) == (2, 2)
    assert networks.chain(room, first, 0.5, 2)[0].trainings == 1


def test_hard_teachers_give_decisions():
    """Lost: the ablation of soft against hard labels."""
    room = classroom()
    first = room.fit(room.truth[0], 1)
    taught = np.eye(10)[first[0].argmax(1)]
    assert (room.student(first, 0.0, 2, hard=True)[2] == room.fit(taught, 2)[2]).all()


def test_calibration_error_by_hand():
    """Lost: bins and weights: 0.85 sure and always right is off by 0.15, certain and wrong by 1."""
    sure, one_hot = np.tile([0.85, 0.15], (4, 1)), np.tile([1.0, 0.0], (4, 1))
    assert networks.calibration_error(sure, one_hot) == pytest.approx(0.15)
    assert networks.calibration_error(np.tile([0.0, 1.0], (4, 1)), one_hot) == pytest.approx(1.0)
    both = np.vstack([sure, np.tile([0.0, 1.0], (4, 1))])
    assert networks.calibration_error(both, np.vstack([one_hot, one_hot])) == pytest.approx(0.575)


@pytest.mark.parametrize(("depth", "parameters"), [(18, 11_181_642), (34, 21_289_802), (50, 23_528_522)])
def test_resnets_have_the_scripts_number_of_parameters(depth, parameters):
    """Lost: the architecture of the paper's script (ImageNet stem, ten outputs)."""
    model = resnet.resnet(depth, 10, seed=0)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_resnet_starts_depend_on_their_seed_alone():
    """Lost: reproducible starts; the global generator must stay as it was."""
    state = torch.get_rng_state()
    a, b, c = (resnet.resnet(18, 10, seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(a[1].fc.weight, b[1].fc.weight)
    assert not torch.equal(a[1].fc.weight, c[1].fc.weight)
    with pytest.raises(ValueError, match="no ResNet of depth 51; did you mean '50'"):
        resnet.resnet(51, 10, seed=0)


def test_crops_are_windows_of_the_padded_image():
    """Lost: augmentation: every output is one of the 81 windows, mirrored or not, and both happen."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(40, 3, 6, 6, generator=generator)
    found = resnet.crop_and_flip(images, generator)
    padded, mirrored = F.pad(images, (4, 4, 4, 4)), 0
    for image, crop in zip(padded, found, strict=True):
        windows = image.unfold(1, 6, 1).unfold(2, 6, 1).permute(1, 2, 0, 3, 4).reshape(-1, 3, 6, 6)
        plain = (windows == crop).flatten(1).all(1).any()
        flipped = (windows == crop.flip(2)).flatten(1).all(1).any()
        assert plain or flipped
        mirrored += int(flipped and not plain)
    assert 5 < mirrored < 35


def test_loss_of_a_batch_by_hand():
    """Lost: weights, means over batch and classes, unsquared norms of all trainable tensors."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = (networks.perceptron(4, 3, 5, generator) for _ in range(2))
    x, y = torch.randn(6, 4, generator=generator), torch.randint(5, (6,), generator=generator)
    s, t, truth = student(x).softmax(1), teacher(x).softmax(1), F.one_hot(y, 5)
    norms = sum(float(p.detach().norm()) for p in student.parameters())
    wanted = 0.3 * ((s - truth) ** 2).sum() / 30 + 0.7 * ((s - t) ** 2).sum() / 30 + 1e-4 * norms
    found = resnet.DistillationLoss(5, 0.3, teacher)(student, x, y)
    assert float(found.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    first = ((s - truth) ** 2).sum() / 30 + 1e-4 * norms
    alone = resnet.DistillationLoss(5)(student, x, y)
    assert float(alone.detach()) == pytest.approx(float(first.detach()), rel=1e-5)


def tiny_images(per_class=2, side=32):
    """Return random images, ``per_class`` of each of ten classes in both parts."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(10), per_class)
    shape = (len(labels), side, side, 3)
    parts = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)]
    fields = {"train_images": parts[0], "test_images": parts[1], "train_labels": labels, "test_labels": labels}
    return ImageData(name="CIFAR-10", dataset="cifar10", n_classes=10, scale=255.0, **fields)


CONFIG = {"dataset": "CIFAR-10", "depth": 18, "epochs": 1, "batch": 8, "rate": 1e-3}


def image_chain(folder, protocol="fair", **changes):
    """Return a chain of ResNet-18 on twenty images."""
    config = {**CONFIG, "protocol": protocol, **changes}
    return ImageChain(config, Seed(0, 0), "cpu", data=tiny_images(), folder=folder)


def test_protocols_split_as_they_say():
    """Lost: a fair validation set by default; the script's validates on the test set and trains on everything."""
    data = tiny_images()
    fair = Images.split(data, "fair", np.random.default_rng(0), "cpu")
    assert [len(part[1]) for part in (fair.train, fair.validation, fair.test)] == [18, 2, 20]
    together = torch.cat([fair.train[0], fair.validation[0]]).flatten(1)
    assert len(torch.unique(together, dim=0)) == 20
    script = Images.split(data, "script", np.random.default_rng(0), "cpu")
    assert len(script.train[1]) == 20
    assert script.validation is script.test
    assert fair.test[0].shape == (20, 3, 32, 32)


def test_image_chains_train_score_and_resume(tmp_path):
    """Lost: the paper's experiment at two images a class: estimated weight, rows, networks kept and found again."""
    chain = image_chain(tmp_path)
    model, trained, used, raw = chain.network(ESTIMATED, 2)
    assert chain.trainings == (2 if used == 0 else 3)  # first network, pure student, and a student of its own
    assert used == np.clip(raw, 0, 1) or np.isnan(raw)
    rows = chain.scores(model, trained)
    assert {"accuracy", "accuracy, last epoch", "accuracy, epoch selected on test"} <= {r["metric"] for r in rows}
    again = image_chain(tmp_path)
    same, *_ = again.network(ESTIMATED, 2)
    assert again.trainings == 0
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), same.state_dict().values(), strict=True))
    again.network(0.0, 2)
    assert again.trainings == 0  # the pure student of the first network is the chain of weight 0
    assert image_chain(tmp_path, rate=1e-4).folder == chain.folder
    assert {path.suffix for path in tmp_path.iterdir()} == {".pt"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("protocol", ["fair", "script"])
def test_teachers_stay_as_they_are(tmp_path, protocol):
    """Lost: a student's training must change neither weights nor BatchNorm statistics of the kept teacher."""
    chain = image_chain(tmp_path, protocol)
    teacher, *_ = chain.network(1.0, 1)
    before = {k: v.clone() for k, v in teacher.state_dict().items()}
    chain._trained(0.5, 2, teacher, "0.5")
    assert all(torch.equal(v, before[k]) for k, v in teacher.state_dict().items())
    assert not any(p.requires_grad for p in teacher.parameters())


def test_a_training_teacher_drifts():
    """Lost: the defect the option 'script' reproduces: batch statistics, and running ones that move."""
    teacher, student = (resnet.resnet(18, 10, seed=s) for s in (0, 1))
    x, y = torch.rand(4, 3, 32, 32), torch.arange(4)
    before = teacher[1].bn1.running_mean.clone()
    resnet.DistillationLoss(10, 0.5, teacher)(student, x, y)
    assert torch.equal(teacher[1].bn1.running_mean, before)
    resnet.DistillationLoss(10, 0.5, teacher, teacher_trains=True)(student, x, y)
    assert not torch.equal(teacher[1].bn1.running_mean, before)


def test_the_study_of_images_from_parameters_to_claims(tmp_path, monkeypatch):
    """Lost: the preset 'paper' end to end, at two images a class: units in order, rows, measurements, figure."""
    monkeypatch.setenv("REPLICATE_CACHE", str(tmp_path / "units"))
    monkeypatch.setattr(datasets, "load_cifar10", lambda *_, **__: tiny_images())
    small = {"image_seeds": 1, "image_weights": [0.6, 1.0], "image_networks": 2, "image_depth": 18}
    run = Run("self_distillation", preset="smoke", jobs=1, device="cpu", **small, image_epochs=1, image_batch=10)
    frame = studies.images(run)
    assert set(zip(frame["step"], frame["weight"], strict=True)) == {(1, "1"), (2, "0.6"), (2, "1"), (2, ESTIMATED)}
    assert measures.between_weights(frame, "0.6", "1").n_seeds == 1
    assert measures.optimism(frame).dataset == "CIFAR-10"
    assert len(data_figures.images(frame).axes) == 1
    assert (
        len(list((tmp_path / "networks" / "self_distillation").glob("*.pt"))) <= 5
    )  # first, two fixed, pure, estimated


def test_unknown_protocols_are_named():
    """Lost: a misspelt option that silently takes the fair protocol."""
    with pytest.raises(ValueError, match="did you mean 'script'"):
        Images.split(tiny_images(), "scrpt", np.random.default_rng(0), "cpu")
