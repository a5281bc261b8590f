"""The growing factorisation against LAPACK, on features whose singular values fall by fifteen decades."""

import numpy as np
import pytest

from replicate.papers.bandlimited_random_nets.activations import activation
from replicate.papers.bandlimited_random_nets.factorisation import Factorisation
from replicate.papers.bandlimited_random_nets.hidden import HiddenLayer, draw
from replicate.papers.bandlimited_random_nets.paths import path
from replicate.papers.bandlimited_random_nets.targets import sharp

WIDTHS = [5, 32, 33, 120, 300]


def features(bandwidth, n=600, width=300, seed=0, name="sigmoid"):
    """Return features and the sharp target at n points."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(n, 1))
    return draw(rng, bandwidth, width, activation_name=name)(x), sharp(x)


@pytest.mark.parametrize("bandwidth", [0.5, 10, 100])
def test_singular_values_of_every_width_against_lapack(bandwidth):
    """Lost: floors and ranks; the backward error must be that of a decomposition from scratch."""
    h, _ = features(bandwidth)
    factors = Factorisation(h)
    for width in WIDTHS:
        wanted = np.linalg.svd(h[:, :width], compute_uv=False)
        found = factors.singular_values(width)
        assert np.abs(found - wanted[: len(found)]).max() < 4e-15 * wanted[0] * np.sqrt(width)
        assert wanted[len(found) :].max(initial=0) < 1e-14 * wanted[0]


@pytest.mark.parametrize("bandwidth", [1, 30, 200])
def test_solutions_of_every_width_against_numpy_lstsq(bandwidth):
    """Lost: the sweep would give other errors than refitting each width; the target is met to the same floor."""
    h, y = features(bandwidth)
    factors = Factorisation(h)
    for width in WIDTHS:
        rcond = np.finfo(float).eps * 600
        wanted, _, rank, _ = np.linalg.lstsq(h[:, :width], y, rcond=rcond)
        found = factors.solve(y, width)
        assert abs(found.rank - rank) <= 1
        errors = [np.sqrt(np.mean((h[:, :width] @ c - y) ** 2)) for c in (found.coefficients, wanted)]
        if found.rank == rank:
            assert errors[0] == pytest.approx(errors[1], rel=0.02)


@pytest.mark.parametrize("penalty", [1e-10, 1e-4, 1.0])
def test_ridge_against_the_stacked_least_squares_problem(penalty):
    """Lost: the meaning of the penalty, mu n |c|^2."""
    h, y = features(10)
    for width in WIDTHS:
        stacked = np.vstack([h[:, :width], np.sqrt(penalty * 600) * np.eye(width)])
        wanted = np.linalg.lstsq(stacked, np.vstack([y, np.zeros((width, 1))]))[0]
        found = Factorisation(h).solve(y, width, penalty=penalty).coefficients
        assert np.abs(found - wanted).max() < 1e-6 * np.abs(wanted).max()


def test_basis_is_orthonormal_and_reproduces_the_features():
    """Lost: with a basis that leans on itself, rounding is amplified by coefficients of 1e11."""
    for bandwidth in (1, 30, 250):
        h, _ = features(bandwidth)
        factors = Factorisation(h)
        q = factors.basis
        assert np.abs(q.T @ q - np.eye(q.shape[1])).max() < 1e-13
        assert np.abs(q @ factors.coordinates - h).max() < 1e-12


def test_rank_is_far_below_the_width_and_saturates():
    """Lost: the reason why the factorisation is cheap."""
    factors = Factorisation(features(1)[0])
    assert factors.rank(300) == pytest.approx(10, abs=3)  # the reference measurement
    assert factors.basis.shape[1] < 20


def test_full_rank_features_lose_nothing():
    """Lost: photographs, where every node counts."""
    rng = np.random.default_rng(0)
    h, y = rng.standard_normal((90, 70)), rng.standard_normal(90)
    for width in (1, 40, 70):
        wanted = np.linalg.lstsq(h[:, :width], y)[0]
        assert Factorisation(h).solve(y, width).coefficients == pytest.approx(wanted, rel=1e-10, abs=1e-12)


def test_more_nodes_than_samples_interpolate_with_minimum_norm():
    """Lost: d > n."""
    rng = np.random.default_rng(0)
    h, y = rng.standard_normal((30, 80)), rng.standard_normal(30)
    assert Factorisation(h).solve(y, 80).coefficients == pytest.approx(np.linalg.pinv(h) @ y, rel=1e-9)


def test_float32_stays_float32():
    """Lost: the precision study; its floor must be that of float32."""
    h, y = features(1)
    found = Factorisation(h.astype(np.float32)).solve(y.astype(np.float32), 300)
    assert found.coefficients.dtype == np.float32
    assert found.rank <= 5


def test_target_that_is_one_node_is_found_exactly():
    """Lost: nothing works; width 5, bandwidth 5 is well conditioned."""
    rng = np.random.default_rng(3)
    x = rng.uniform(size=(200, 1))
    layer = draw(rng, 5, 5)
    y = layer(x)[:, [2]]
    (point,) = path(layer, x, y, x, y, widths=[5])
    assert point.test[0] < 1e-10


def test_training_error_never_rises_with_the_width():
    """Lost: nesting, the column space of d + 1 nodes contains that of d (where no singular value is cut)."""
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(400, 1))
    layer = draw(rng, 30, 60, activation_name="relu")
    points = path(layer, x, sharp(x), x, sharp(x), widths=list(range(1, 61)))
    errors = np.array([p.train[0] for p in points])
    assert (np.diff(errors) <= 1e-9).all()


def test_basis_of_a_narrow_net_lies_in_that_of_a_wide_one():
    """Lost: nesting where singular values are cut: without the cut, the residual on the basis never grows."""
    h, y = features(30)
    factors = Factorisation(h)
    along = np.cumsum((factors.basis.T @ y) ** 2)
    residuals = np.sum(y**2) - along[factors._used[1:] - 1]
    assert (np.diff(residuals) <= 1e-12).all()


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_relu_does_not_see_the_size_of_the_box(scale):
    """Lost: homogeneity; the reference value is that of LAPACK on 1,000 equidistant points."""
    rng = np.random.default_rng(1)
    a, b = rng.uniform(-1, 1, 60) * scale, rng.uniform(-1, 1, 60) * scale
    x = np.linspace(0, 1, 1000)[:, None]
    layer = HiddenLayer(a[None, :], b, activation("relu"))
    (point,) = path(layer, x, sharp(x), x, sharp(x), widths=[60])
    assert point.train[0] == pytest.approx(0.0605675361792, abs=1e-9)


def test_features_that_are_not_numbers_are_refused():
    """Lost: LAPACK would return NaN, or hang."""
    h, _ = features(1)
    h[3, 4] = np.nan
    with pytest.raises(ValueError, match="matrix without NaN"):
        Factorisation(h)


def test_widths_beyond_the_columns_are_refused():
    """Lost: a silent fit of fewer nodes than asked for."""
    with pytest.raises(ValueError, match="holds 1 to 300 columns"):
        Factorisation(features(1)[0]).solve(np.zeros(600), 301)
