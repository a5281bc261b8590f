"""Students on and off the sample: published losses, scikit-learn, matrices without a decomposition, bad kernels."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge

from replicate.papers.self_distillation import identities, published, toy
from replicate.papers.self_distillation.distillation import Distillation, grid_losses, losses, mixing_of_constant
from replicate.papers.self_distillation.spectrum import decompose

GRAM = toy.kernel(toy.INPUTS, toy.INPUTS)


@pytest.mark.parametrize("check", identities.CHECKS)
def test_identities_hold_to_rounding(check):
    """Lost: C1, C4, C5, contraction, Taylor, interpolation; tolerance of the claims."""
    tolerance = 1e-10 if check == "interpolation" else 1e-12
    assert identities.CHECKS[check](np.random.default_rng(0)) <= tolerance


def test_every_published_loss_to_five_decimals():
    """Lost: C2 and C3; the README's column at the weight that it really has."""
    table = published.losses()
    assert len(table) == 21
    for cell in table.itertuples():
        assert abs(published.our_loss(cell.actual_weight, cell.step) - cell.loss) <= 5.0001e-6, cell


def test_the_readme_column_does_not_belong_to_its_heading():
    """Lost: the inconsistency that the notebook reports."""
    assert abs(published.our_loss(0.25, 2) - 0.15424) > 1e-3


def test_losses_at_other_weights_against_reference_values():
    """Lost: columns that are not published; reference computed independently."""
    columns = {
        0.1: [0.16477, 0.15160, 0.14874, 0.15099, 0.15562, 0.16113, 0.20154],
        0.5: [0.16477, 0.15620, 0.15362, 0.15274, 0.15241, 0.15228, 0.15219],
        0.75: [0.16477, 0.16010, 0.15923, 0.15906, 0.15902, 0.15901, 0.15901],
    }
    for weight, wanted in columns.items():
        steps = [published.our_loss(weight, t) for t in (1, 2, 3, 4, 5, 6, np.inf)]
        assert steps == pytest.approx(wanted, abs=5.1e-6)
    assert published.our_loss(0.0, 20) == pytest.approx(0.39733, abs=5.1e-6)


def test_predictions_against_reference_values():
    """Lost: off-sample prediction; five inputs to nine decimals."""
    at = [0, 25, 50, 75, 100]
    seen = toy.on_grid()
    first = [0.3820367506, 0.9822316508, -0.2758263208, -0.6575000593, 0.4271337640]
    alone = [0.2879905651, 0.5397678872, -0.2305150230, -0.4201653080, 0.1293136392]
    mixed = [0.3421297857, 0.7635627146, -0.2641309609, -0.5499133826, 0.2702512811]
    end = [0.3288077986, 0.7325660965, -0.2525074854, -0.5264062337, 0.2586046434]
    assert seen.ridge(0.2)[at, 0] == pytest.approx(first, abs=1e-9)
    assert seen.path(0.2, [0.0] * 5)[-1][at, 0] == pytest.approx(alone, abs=1e-9)
    assert seen.path(0.2, [0.25] * 5)[-1][at, 0] == pytest.approx(mixed, abs=1e-9)
    assert seen.limit(0.2, 0.25)[at, 0] == pytest.approx(end, abs=1e-9)


def test_norms_and_distances_against_reference_values():
    """Lost: fitted values on the sample."""
    fitted = toy.problem().fitted()
    path = fitted.path(0.2, [0.25] * 19)
    wanted = [4.909412, 4.118526, 3.642140, 3.344380, 3.153938, 3.030284]
    assert (path[:6] ** 2).sum((1, 2)) == pytest.approx(wanted, abs=1e-6)
    gaps = np.linalg.norm(path - fitted.limit(0.2, 0.25), axis=(1, 2))
    assert gaps[[9, 19]] == pytest.approx([0.0143561, 2.729e-4], rel=1e-3)


def test_coefficients_predict_like_the_evaluation():
    """Lost: f(x) = k(x, X) c, what an estimator stores."""
    problem, cross = toy.problem(), toy.kernel(toy.GRID, toy.INPUTS)
    weights = [0.3, -0.4, 1.2]
    assert cross @ problem.coefficients(0.2, weights) == pytest.approx(toy.on_grid().path(0.2, weights)[-1], abs=1e-13)
    assert cross @ problem.limit_coefficients(0.2, 0.3) == pytest.approx(toy.on_grid().limit(0.2, 0.3), abs=1e-13)


def test_first_step_is_the_mean_of_a_gaussian_process():
    """Lost: the link of the penalty to a noise variance; RBF length = 1 / sqrt(2 gamma)."""
    process = GaussianProcessRegressor(RBF(1 / np.sqrt(2 * toy.GAMMA)), alpha=0.2, optimizer=None)
    mean = process.fit(toy.INPUTS[:, None], toy.TARGETS).predict(toy.GRID[:, None])
    assert toy.on_grid().ridge(0.2)[:, 0] == pytest.approx(mean, abs=1e-9)


def test_distilling_distributions_would_lower_the_penalty():
    """Lost: the contrast: tau steps of Gaussian-process self-distillation act like lambda / tau, ours like more."""
    steps = 4
    precision = KernelRidge(alpha=0.2 / steps, kernel="rbf", gamma=toy.GAMMA).fit(toy.INPUTS[:, None], toy.TARGETS)
    distilled, first = toy.on_grid().path(0.2, [0.0] * (steps - 1))[-1], toy.on_grid().ridge(0.2)
    size = [np.linalg.norm(f) for f in (precision.predict(toy.GRID[:, None]), first, distilled)]
    assert size[0] > size[1] > size[2]


def test_several_outputs_are_several_problems():
    """Lost: targets (n, C) as used for classes."""
    rng = np.random.default_rng(0)
    y, cross = rng.standard_normal((11, 3)), toy.kernel(toy.GRID, toy.INPUTS)
    spectrum = decompose(GRAM)
    together = Distillation(spectrum, y).at(cross)
    for column in range(3):
        alone = Distillation(spectrum, y[:, column]).at(cross)
        assert together.path(0.2, [0.4, 0.1])[..., column] == pytest.approx(
            alone.path(0.2, [0.4, 0.1])[..., 0], abs=1e-13
        )
        both = together.powers([0.2, 1.0], 3)[..., column], alone.powers([0.2, 1.0], 3)[..., 0]
        assert both[0] == pytest.approx(both[1], abs=1e-13)


def test_grid_of_losses_is_every_loss_computed_alone():
    """Lost: the fast path over penalties, weights and steps."""
    seen, truth = toy.on_grid(), toy.truth(toy.GRID)
    grid_penalties, weights = [0.1, 0.2, 3.0], [0.0, 0.25, 0.9, -0.5]
    grid = grid_losses(seen, truth, grid_penalties, weights, 6)
    alone = [[losses(seen.path(p, [w] * 5), truth) for w in weights] for p in grid_penalties]
    assert grid == pytest.approx(np.array(alone), abs=1e-13)


def test_mixing_matrix_rows_sum_to_one():
    """Lost: students as mixes of powers."""
    assert mixing_of_constant(0.3, 5).sum(1) == pytest.approx(np.ones(5), abs=1e-14)


def test_one_decomposition_serves_all(monkeypatch):
    """Lost: the point of the method; a second decomposition would be an error here."""
    problem = toy.problem()
    monkeypatch.setattr(np.linalg, "eigh", lambda *_: pytest.fail("decomposed again"))
    for penalty in (0.1, 1.0):
        problem.fitted().path(penalty, [0.3, 0.5])
        problem.at(toy.kernel(toy.GRID, toy.INPUTS)).limit(penalty, 0.3)


@pytest.mark.parametrize(
    ("gram", "message"),
    [
        (np.ones((2, 3)), "must be square"),
        (np.ones(3), "must be square"),
        (np.ones((1, 1)), "at least 2 samples"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "2 NaN or infinite"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), "not symmetric"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "not positive semi-definite: its smallest eigenvalue is -1"),
        (-np.eye(2), "not positive semi-definite"),
    ],
)
def test_bad_kernels_are_named(gram, message):
    """Lost: closed forms of something that is no kernel."""
    with pytest.raises(ValueError, match=message):
        decompose(gram)


def test_rounding_below_zero_is_zero():
    """Lost: rank-deficient kernels, whose eigenvalues come out slightly negative."""
    x = np.random.default_rng(0).standard_normal((30, 2))
    assert (decompose(x @ x.T).eigenvalues >= 0).all()
    assert (decompose(np.zeros((3, 3))).eigenvalues == 0).all()


def test_bad_targets_and_inputs_are_named():
    """Lost: broadcasting would turn a wrong shape into a wrong answer."""
    spectrum = decompose(GRAM)
    with pytest.raises(ValueError, match=r"targets have shape \(10,\); the kernel has 11 samples"):
        Distillation(spectrum, np.ones(10))
    with pytest.raises(ValueError, match="1 NaN or infinite"):
        Distillation(spectrum, np.r_[np.ones(10), np.nan])
    with pytest.raises(ValueError, match="needs 11 columns"):
        toy.problem().at(np.ones((5, 10)))
    with pytest.raises(ValueError, match="clean the new inputs"):
        toy.problem().at(np.full((5, 11), np.inf))
