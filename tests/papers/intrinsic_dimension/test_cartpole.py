"""CartPole physics against a scalar reference, policy size, and what the subspace search can solve."""

from math import cos, pi, sin

import numpy as np
import pytest

from replicate.papers.intrinsic_dimension import cartpole


def reference_step(x, v, angle, spin, force):
    """Equations of motion as printed by Barto, Sutton and Anderson (1983), friction left out, Euler."""
    mass, pole, half, gravity = 1.0, 0.1, 0.5, 9.8
    drive = (-force - pole * half * spin**2 * sin(angle)) / (mass + pole)
    turn = (gravity * sin(angle) + cos(angle) * drive) / (half * (4 / 3 - pole * cos(angle) ** 2 / (mass + pole)))
    push = (force + pole * half * (spin**2 * sin(angle) - turn * cos(angle))) / (mass + pole)
    return [x + 0.02 * v, v + 0.02 * push, angle + 0.02 * spin, spin + 0.02 * turn]


def test_step_against_published_equations():
    """Lost: the physics, or the vectorisation over leading axes."""
    rng = np.random.default_rng(0)
    states, pushes = rng.standard_normal((3, 5, 4)), rng.random((3, 5)) < 0.5
    moved = cartpole.step(states, pushes)
    for index in np.ndindex(3, 5):
        expected = reference_step(*states[index], 10.0 if pushes[index] else -10.0)
        np.testing.assert_allclose(moved[index], expected, rtol=1e-12)


def test_physics_is_mirror_symmetric():
    """Lost: symmetry between left and right."""
    states = np.random.default_rng(1).standard_normal((20, 4))
    right = cartpole.step(states, np.ones(20, dtype=bool))
    left = cartpole.step(-states, np.zeros(20, dtype=bool))
    np.testing.assert_allclose(right, -left, rtol=1e-12)


def test_parameter_count_of_the_policy():
    """Lost: D = 562, the published size."""
    assert cartpole.n_parameters() == 562
    assert cartpole.initial_parameters(np.random.default_rng(0)).shape == (562,)


def test_constant_push_against_scalar_episodes():
    """Lost: limits and reward; the failing step counts, as in the benchmark."""
    constant = np.zeros((1, 562))
    constant[0, -1] = 1.0  # bias of "right"
    starts = np.random.default_rng(0).uniform(-0.05, 0.05, (50, 4))
    expected = []
    for state in starts.tolist():
        count = 0
        while abs(state[0]) <= 2.4 and abs(state[2]) <= 12 * 2 * pi / 360:
            state, count = reference_step(*state, 10.0), count + 1
        expected.append(count)
    np.testing.assert_array_equal(cartpole.episode_lengths(constant, starts)[0], expected)


def test_lengths_do_not_depend_on_the_rest_of_the_population():
    """Lost: independence of vectorised episodes."""
    rng = np.random.default_rng(2)
    population = np.stack([cartpole.initial_parameters(rng) for _ in range(4)])
    starts = rng.uniform(-0.05, 0.05, (3, 4))
    together = cartpole.episode_lengths(population, starts)
    alone = np.concatenate([cartpole.episode_lengths(member[None], starts) for member in population])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(cartpole.episode_lengths(population, starts[::-1]), together[:, ::-1])


def test_hand_made_balancing_policy_survives():
    """Lost: sign conventions of action and state; pushing towards the lean balances for 200 steps."""
    policy = np.zeros(562)
    kernel = policy[:80].reshape(4, 20)
    kernel[:, 0] = [0.01, 0.05, 0.5, 0.3]
    policy[100:500].reshape(20, 20)[0, 0] = 1.0
    policy[520:560].reshape(20, 2)[0] = [-1.0, 1.0]
    lengths = cartpole.episode_lengths(policy[None], np.random.default_rng(3).uniform(-0.05, 0.05, (20, 4)))
    assert lengths.mean() > 195


def test_projection_has_unit_columns():
    """Lost: a unit step in t is a unit step in theta."""
    projection = cartpole.dense_projection(np.random.default_rng(0), size=562, dim=7)
    np.testing.assert_allclose(np.linalg.norm(projection, axis=0), 1.0, rtol=1e-12)


def test_large_subspace_is_solved_and_reproducible():
    """Lost: that the search works, and that it follows its generator."""
    first, again = (cartpole.solve(25, rng=np.random.default_rng(1)) for _ in range(2))
    assert first == again
    assert first.solved
    assert first.mean_length >= 195


def test_budget_is_kept():
    """Lost: the bound on generations, and a mean length in range whatever happens."""
    run = cartpole.solve(1, rng=np.random.default_rng(0), budget=cartpole.Budget(generations=2, pairs=2))
    assert run.generations <= 2
    assert 8 <= run.mean_length <= 200


@pytest.mark.parametrize("dim", [0, 563])
def test_impossible_dimension_is_explained(dim):
    """Lost: a message that names the range."""
    with pytest.raises(ValueError, match=rf"dim = {dim} is outside 1..562"):
        cartpole.solve(dim, rng=np.random.default_rng(0))
