"""Hidden layers: where weights are drawn from, nesting, covariance, kernels known in closed form."""

import numpy as np
import pytest
from mpmath import mp
from scipy import integrate
from scipy.signal.windows import dpss

from replicate.papers.bandlimited_random_nets.activations import ACTIVATIONS, activation
from replicate.papers.bandlimited_random_nets.hidden import PLACEMENTS, HiddenLayer, draw


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_in_float64_and_in_fifty_digits_agree(name):
    """Lost: the precision study would compare two different functions."""
    z = np.linspace(-4, 4, 41)
    with mp.workdps(50):
        wanted = [float(ACTIVATIONS[name].exact(mp, mp.mpf(v))) for v in z]
    assert ACTIVATIONS[name](z) == pytest.approx(wanted, abs=1e-15)


@pytest.mark.parametrize("name", ["gauss", "mexican"])
def test_spectra_against_a_numerical_fourier_transform(name):
    """Lost: every bound."""
    for w in (0.3, 1.0, 2.5):
        value, _ = integrate.quad(lambda z, w=w: ACTIVATIONS[name](np.array(z)) * np.cos(w * z), -12, 12, epsabs=1e-13)
        assert ACTIVATIONS[name].energy(np.array(w)) == pytest.approx(value**2, rel=1e-9)


@pytest.mark.parametrize(("name", "slope"), [("tanh", 1.0), ("sigmoid", 1.0)])
def test_spectra_of_steps_against_that_of_their_derivative(name, slope):
    """Lost: every bound for steps; the derivative's transform is i w s#(w)."""
    derivative = {"tanh": lambda z: 1 / np.cosh(z) ** 2, "sigmoid": lambda z: 0.25 / np.cosh(z / 2) ** 2}[name]
    for w in (0.3, 1.0, 2.5):
        value, _ = integrate.quad(lambda z, w=w: derivative(z) * np.cos(w * z), -60, 60, epsabs=1e-13, limit=400)
        assert ACTIVATIONS[name].energy(np.array(w)) == pytest.approx((value / w) ** 2, rel=1e-8)


def test_box_is_the_box():
    """Lost: the paper's subject."""
    layer = draw(np.random.default_rng(0), 7.0, 20_000, inputs=2)
    for values in (layer.weights, layer.biases):
        assert np.abs(values).max() <= 7
        assert values.std() == pytest.approx(7 / np.sqrt(3), rel=0.02)


def test_ball_and_gaussian_have_the_promised_size():
    """Lost: the comparison of shapes at equal bandwidth."""
    ball = draw(np.random.default_rng(0), 3.0, 20_000, placement="ball")
    assert np.hypot(ball.weights[0], ball.biases).max() <= 3
    gaussian = draw(np.random.default_rng(0), 3.0, 20_000, placement="gaussian")
    assert gaussian.weights.std() == pytest.approx(3 / np.sqrt(3), rel=0.03)
    assert np.abs(gaussian.weights).max() > 3  # unbounded support


@pytest.mark.parametrize("placement", ["placed", "cauchy"])
def test_placed_nodes_change_sign_inside_the_data(placement):
    """Lost: the baseline that puts its steps where the data are."""
    x = np.random.default_rng(1).uniform(2, 5, (50, 1))
    layer = draw(np.random.default_rng(0), 10.0, 500, inputs=x, placement=placement)
    steps = layer.biases / layer.weights[0]
    assert ((steps >= x.min()) & (steps <= x.max())).all()


def test_narrow_layers_are_the_start_of_wide_ones():
    """Lost: nested widths, the basis of the growing factorisation."""
    layer = draw(np.random.default_rng(0), 7.0, 50)
    x = np.linspace(0, 1, 9)[:, None]
    assert (layer.first(20)(x) == layer(x)[:, :20]).all()


def test_stretching_inputs_and_slopes_together_changes_nothing():
    """Lost: scaling covariance, by which only bandwidth times width matters; powers of two are exact."""
    layer = draw(np.random.default_rng(0), 3.0, 40, activation_name="gauss")
    x = np.random.default_rng(1).standard_normal((30, 1))
    stretched = HiddenLayer(layer.weights / 8, layer.biases, layer.activation)
    assert (stretched(8 * x) == layer(x)).all()


def test_cosine_features_against_the_sinc_kernel_and_slepian():
    """Lost: the link to bandlimited signals: the mean kernel is sinc / 2, with lambda / pi large eigenvalues."""
    bandwidth, rng = 20.0, np.random.default_rng(0)
    x = np.linspace(0, 1, 120)
    kernel = 0.5 * np.sinc(bandwidth * (x[:, None] - x[None, :]) / np.pi)
    a, b = rng.uniform(-bandwidth, bandwidth, 100_000), rng.uniform(0, 2 * np.pi, 100_000)
    h = HiddenLayer(a[None, :], b, activation("cos"))(x[::10, None])
    assert np.abs(h @ h.T / 100_000 - kernel[::10, ::10]).max() < 0.012
    nodes, weights = np.polynomial.legendre.leggauss(120)
    grid, root = (nodes + 1) / 2, np.sqrt(weights / 2)
    sinc = np.sinc(bandwidth * (grid[:, None] - grid[None, :]) / np.pi)
    values = np.linalg.eigvalsh(root[:, None] * sinc * root)[::-1] * bandwidth / np.pi
    slepian = dpss(2000, bandwidth / (2 * np.pi), 9, return_ratios=True)[1]
    assert values[:9] == pytest.approx(slepian, abs=1e-4)
    assert values[6] == pytest.approx(0.446, abs=0.01)  # the reference measurement, on a coarser grid


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bandwidth": 0}, "bandwidth is 0; it must be a finite number above 0"),
        ({"bandwidth": -1.0}, "bandwidth is -1.0"),
        ({"bandwidth": np.inf}, "bandwidth is inf"),
        ({"width": 0}, "width is 0; it must be a whole number, 1 or above"),
        ({"width": 2.5}, "width is 2.5"),
        ({"activation_name": "sigmiod"}, "unknown activation 'sigmiod'; did you mean 'sigmoid'"),
        ({"placement": "boxes"}, "unknown placement 'boxes'; did you mean 'box'"),
    ],
)
def test_layers_that_make_no_sense_are_refused(change, message):
    """Lost: weights of size zero or NaN, or a KeyError."""
    options = {"bandwidth": 1.0, "width": 5, **change}
    with pytest.raises(ValueError, match=message):
        draw(np.random.default_rng(0), options.pop("bandwidth"), options.pop("width"), **options)


def test_every_placement_is_documented():
    """Lost: a name without meaning."""
    assert all(f.__doc__ for f in PLACEMENTS.values())
