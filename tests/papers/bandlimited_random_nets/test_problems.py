"""The regression problems: sizes, splits, units, and that nets on them give what was measured before."""

import numpy as np
import pytest

from replicate.papers.bandlimited_random_nets import problems
from replicate.papers.bandlimited_random_nets.hidden import draw
from replicate.papers.bandlimited_random_nets.paths import path
from replicate.papers.bandlimited_random_nets.targets import TARGETS, target


def arrays(problem):
    """Return the four arrays of a problem."""
    return problem.inputs, problem.targets, problem.test_inputs, problem.test_targets


def test_sharp_target_has_its_known_spread():
    """Lost: the target itself; its standard deviation on the test points is 0.0971."""
    x = np.linspace(0, 1, 300)
    assert TARGETS["LW"](x).std() == pytest.approx(0.0971, abs=1e-4)
    with pytest.raises(ValueError, match="unknown target 'sin3'; did you mean 'sin"):
        target("sin3")


def test_co2_is_split_by_every_fifth_value():
    """Lost: the interpolation protocol; 2,225 of 2,284 weeks, 445 for testing, x over all weeks."""
    problem = problems.series("co2")
    assert (len(problem.inputs), len(problem.test_inputs)) == (1780, 445)
    assert problem.inputs.min() == 0
    assert problem.targets.mean() == pytest.approx(0, abs=1e-12)
    assert problem.targets.std() == pytest.approx(1)
    assert 16 < problem.scale < 18  # ppm


def test_sunspots_are_split_likewise():
    """Lost: the second series."""
    problem = problems.series("sunspots")
    assert (len(problem.inputs), len(problem.test_inputs)) == (247, 62)


def test_cycles_ask_for_bandwidths():
    """Lost: the prediction of R3, 2 pi times the cycles on [0, 1]."""
    found = problems.cycle_bandwidths()
    assert found["co2"][0] == pytest.approx(2 * np.pi * 43.75, rel=1e-3)
    assert found["sunspots"][0] == pytest.approx(2 * np.pi * 28, rel=1e-3)


def test_picture_is_the_mean_of_blocks():
    """Lost: pixels, places and split; a constant predictor has 10.90 dB."""
    picture = problems.picture("china")
    assert picture.grey.shape == (48, 64)
    assert picture.grey.mean() == pytest.approx(0, abs=1e-12)
    assert picture.places[0] == pytest.approx([1 / 64 - 1, 1 / 64 - 0.75])
    assert picture.places[1] - picture.places[0] == pytest.approx([2 / 64, 0])
    assert picture.test.reshape(48, 64)[0, :6].tolist() == [True, False, False, False, False, True]
    assert problems.psnr(np.sqrt(np.mean(picture.grey**2))) == pytest.approx(10.90, abs=0.02)
    full = problems.picture("flower", full=True)
    assert full.grey.shape == (384, 512)
    assert full.places.max(axis=0) == pytest.approx([1 - 1 / 512, 0.75 - 1 / 512])


def test_diabetes_folds_cover_every_patient_once():
    """Lost: the control's cross-validation."""
    sizes = [len(problems.diabetes(k).test_targets) for k in range(5)]
    assert sum(sizes) == 442
    assert problems.diabetes(0).inputs.mean(axis=0) == pytest.approx(np.zeros(10), abs=1e-12)
    with pytest.raises(ValueError, match="fold is 5; it must be 0 to 4"):
        problems.diabetes(5)


@pytest.mark.parametrize(
    ("bandwidth", "width", "rmse", "tolerance"),
    [
        (1, 50, 2.129, 0.01),
        (10, 200, 2.092, 0.01),
        (30, 800, 2.064, 0.01),
        (300, 200, 2.000, 0.15),
        (300, 800, 0.553, 0.2),
    ],
)
def test_co2_against_the_reference_measurement(bandwidth, width, rmse, tolerance):
    """Lost: R3; medians of three draws, in ppm, ridge 1e-10."""
    problem = problems.series("co2")
    layers = [draw(np.random.default_rng(seed), bandwidth, width) for seed in range(3)]
    errors = [path(layer, *arrays(problem), widths=[width], penalties=[1e-10])[0].test[0] for layer in layers]
    assert np.median(errors) * problem.scale == pytest.approx(rmse, rel=tolerance)


@pytest.mark.parametrize(
    ("bandwidth", "train", "test"), [(1, 17.33, 17.12), (10, 22.33, 21.40), (30, 24.79, 23.47), (200, 23.56, 21.44)]
)
def test_picture_against_the_reference_measurement(bandwidth, train, test):
    """Lost: the picture strip; 800 nodes, ridge 1e-6, decibels."""
    problem = problems.picture("china").problem
    layer = draw(np.random.default_rng(0), bandwidth, 800, inputs=problem.inputs)
    (point,) = path(layer, *arrays(problem), widths=[800], penalties=[1e-6])
    found = problems.psnr(point.train[0]), problems.psnr(point.test[0])
    assert found == (pytest.approx(train, abs=0.4), pytest.approx(test, abs=0.4))
