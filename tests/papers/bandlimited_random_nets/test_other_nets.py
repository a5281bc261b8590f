"""Incremental, configured and trained nets, and ridge in blocks: against plain loops and LAPACK."""

import numpy as np
import pytest

from replicate.papers.bandlimited_random_nets import constructive, trained
from replicate.papers.bandlimited_random_nets.blockwise import ridge_errors
from replicate.papers.bandlimited_random_nets.factorisation import Factorisation
from replicate.papers.bandlimited_random_nets.hidden import draw
from replicate.papers.bandlimited_random_nets.paths import path
from replicate.papers.bandlimited_random_nets.targets import sharp
from replicate.seeds import Seed


@pytest.fixture
def data():
    """Return 400 points and the sharp target."""
    x = np.random.default_rng(0).uniform(size=(400, 1))
    return x, sharp(x[:, 0])


def test_incremental_net_against_a_plain_loop(data):
    """Lost: the recursion e <- e - <e, h> / <h, h> h, across the chunks it is computed in."""
    x, y = data
    layer = draw(np.random.default_rng(1), 30, 600)
    h, e, wanted = layer(x), y.copy(), {}
    for j in range(600):
        e = e - (e @ h[:, j]) / (h[:, j] @ h[:, j]) * h[:, j]
        wanted[j + 1] = np.sqrt(np.mean(e**2))
    counts = [1, 250, 251, 600]
    assert constructive.incremental_errors(layer, x, y, counts) == pytest.approx([wanted[n] for n in counts], rel=1e-9)


def test_incremental_net_never_gets_worse_and_stalls_above_least_squares(data):
    """Lost: the warning that its stalling says nothing about the span; reference: 9.59e-2 at 100, 9.55e-2 at 1,000."""
    x, y = data
    layer = draw(np.random.default_rng(1), 1, 1000)
    errors = constructive.incremental_errors(layer, x, y, [100, 300, 1000])
    assert (np.diff(errors) <= 0).all()
    assert errors[-1] == pytest.approx(9.55e-2, rel=0.1)
    least_squares = Factorisation(layer(x)).solve(y, 1000).coefficients
    assert np.sqrt(np.mean((layer(x) @ least_squares - y) ** 2)) < 0.75 * errors[-1]


def test_configured_nodes_each_take_their_share(data):
    """Lost: the inequality of the supervision; every node lowers the residual, and scopes adapt beyond the first."""
    x, y = data
    layer = constructive.configured_layer(np.random.default_rng(2), x, y, width=25, scopes=(1, 50, 200))
    assert layer.width == 25
    factors = Factorisation(layer(x))
    errors = [np.linalg.norm(layer(x)[:, :d] @ factors.solve(y, d).coefficients - y) for d in range(1, 26)]
    assert (np.diff(errors) < 1e-6).all()
    assert np.abs(layer.weights).max() > 1
    fixed = draw(np.random.default_rng(2), 1, 25)(x)
    assert errors[-1] < 0.5 * np.linalg.norm(fixed @ Factorisation(fixed).solve(y, 25).coefficients - y)


def test_configured_net_stops_at_nothing_to_explain():
    """Lost: division by zero on a constant zero target."""
    x = np.linspace(0, 1, 20)[:, None]
    with pytest.raises(ValueError, match="the target is zero"):
        constructive.configured_layer(np.random.default_rng(0), x, np.zeros(20), width=3, scopes=(1,))


@pytest.mark.parametrize("name", sorted(trained.REMEDIES))
def test_remedies_beat_the_narrow_box(data, name):
    """Lost: the comparison at equal width; all are deterministic in the seed."""
    x, y = data
    predict, nodes = trained.REMEDIES[name](x, y, 40, Seed(0, 0))
    again, _ = trained.REMEDIES[name](x, y, 40, Seed(0, 0))
    assert nodes <= 40
    assert (predict(x) == again(x)).all()
    assert np.sqrt(np.mean((predict(x) - y) ** 2)) < 0.062  # bandwidth 1 stays at 0.063


def test_ridge_in_blocks_against_the_factorisation(monkeypatch):
    """Lost: the route that photographs take at full size; blocks smaller than the width, several widths."""
    monkeypatch.setattr("replicate.papers.bandlimited_random_nets.blockwise._ROWS", 70)
    rng = np.random.default_rng(0)
    x, xt = rng.uniform(-1, 1, (500, 2)), rng.uniform(-1, 1, (90, 2))
    y, yt = (np.exp(-4 * np.sum(v**2, axis=1, keepdims=True)) for v in (x, xt))
    layer = draw(rng, 8, 120, inputs=x)
    found = ridge_errors(layer, x, y, xt, yt, widths=[20, 120], penalty=1e-6)
    wanted = path(layer, x, y, xt, yt, widths=[20, 120], penalties=[1e-6])
    for (width, train, test), point in zip(found, wanted, strict=True):
        assert width == point.width
        assert (train, test) == (pytest.approx(point.train[0], rel=1e-6), pytest.approx(point.test[0], rel=1e-6))


def test_ridge_in_blocks_needs_a_penalty(data):
    """Lost: a singular triangle without a cut."""
    x, y = data
    layer = draw(np.random.default_rng(0), 1, 20)
    with pytest.raises(ValueError, match="penalty is 0; it must be a finite number above 0"):
        ridge_errors(layer, x, y[:, None], x, y[:, None], widths=[20], penalty=0)
