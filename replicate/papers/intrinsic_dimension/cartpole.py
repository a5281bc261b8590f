"""CartPole solved by evolution strategies in a random subspace, vectorised over the population.

Physics: Barto, Sutton and Anderson (1983) with the constants and the Euler step of the common
benchmark (CartPole-v0): reward 1 per step, at most 200 steps, failure beyond 12 degrees or 2.4 m.
The policy is a 4-20-20-2 network with theta = theta0 + P t; only t is searched. Solved means a mean
length of at least 195; the threshold of d_int90 is 0.9 x 195 = 175.5.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MAX_STEPS = 200
SOLVED = 195.0
GRAVITY, CART_MASS, POLE_MASS, POLE_HALF_LENGTH = 9.8, 1.0, 0.1, 0.5  # m/s^2, kg, kg, m
FORCE, TIME_STEP = 10.0, 0.02  # N, s
ANGLE_LIMIT, POSITION_LIMIT = 12 * 2 * np.pi / 360, 2.4  # rad, m
LAYERS = (4, 20, 20, 2)


@dataclass(frozen=True)
class Budget:
    """How much one search may spend, and the shape of the evolution strategy."""

    generations: int = 60
    pairs: int = 16  # antithetic pairs per generation
    episodes: int = 4  # per candidate, the same starts for all candidates of a generation
    evaluation_episodes: int = 100
    reach: float = 3.0  # typical length of a perturbation in parameter space, whatever d is
    rate: float = 1.0  # Adam step, in units of the perturbation of one coordinate


@dataclass(frozen=True)
class CartPoleRun:
    """Outcome of one search: mean episode length of the final policy, generations and steps spent."""

    dim: int
    mean_length: float
    solved: bool
    generations: int
    steps: int


def n_parameters(layers: tuple[int, ...] = LAYERS) -> int:
    """Return the number of weights and biases, 562 for 4-20-20-2."""
    return sum((before + 1) * after for before, after in pairwise(layers))


def initial_parameters(rng: np.random.Generator, *, layers: tuple[int, ...] = LAYERS) -> np.ndarray:
    """Draw He-normal kernels and zero biases, float64 of shape ``(D,)``, layer by layer."""
    parts = []
    for before, after in pairwise(layers):
        parts += [rng.standard_normal(before * after) * np.sqrt(2 / before), np.zeros(after)]
    return np.concatenate(parts)


def dense_projection(rng: np.random.Generator, *, size: int, dim: int) -> np.ndarray:
    """Draw a Gaussian matrix of shape ``(size, dim)`` with columns of unit length."""
    projection = rng.standard_normal((size, dim))
    return projection / np.linalg.norm(projection, axis=0)


def step(state: np.ndarray, push_right: np.ndarray) -> np.ndarray:
    """Advance by one Euler step of 0.02 s.

    ``state`` (..., 4) holds position (m), velocity (m/s), angle (rad), angular velocity (rad/s);
    ``push_right`` (...) is boolean: force +10 N or -10 N.
    """
    _, velocity, angle, spin = np.moveaxis(state, -1, 0)
    total = CART_MASS + POLE_MASS
    sine, cosine = np.sin(angle), np.cos(angle)
    drive = (np.where(push_right, FORCE, -FORCE) + POLE_MASS * POLE_HALF_LENGTH * spin**2 * sine) / total
    inertia = POLE_HALF_LENGTH * (4 / 3 - POLE_MASS * cosine**2 / total)
    turn = (GRAVITY * sine - cosine * drive) / inertia
    push = drive - POLE_MASS * POLE_HALF_LENGTH * turn * cosine / total
    return state + TIME_STEP * np.stack([velocity, push, spin, turn], axis=-1)


def failed(state: np.ndarray) -> np.ndarray:
    """Return where the cart left the track or the pole fell, boolean of shape ``state.shape[:-1]``."""
    return (np.abs(state[..., 0]) > POSITION_LIMIT) | (np.abs(state[..., 2]) > ANGLE_LIMIT)


def episode_lengths(population: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Play every policy from every start; return lengths in steps, int64 ``(n_policies, n_starts)``.

    ``population`` has shape ``(n_policies, D)``, ``starts`` ``(n_starts, 4)``. The failing step counts.
    """
    weights = _unpack(population)
    state = np.repeat(starts[None], len(population), axis=0)
    alive = np.ones(state.shape[:2], dtype=bool)
    lengths = np.zeros(state.shape[:2], dtype=np.int64)
    for _ in range(MAX_STEPS):
        lengths += alive
        state = np.where(alive[..., None], step(state, _push_right(weights, state)), state)
        alive &= ~failed(state)
        if not alive.any():
            break
    return lengths


def solve(dim: int, *, rng: np.random.Generator, budget: Budget | None = None) -> CartPoleRun:
    """Search a random subspace of dimension ``dim`` and score the result on fresh episodes.

    Antithetic evolution strategy with centred ranks and Adam; a search ends early once the centre
    survives all 200 steps from 20 separate starts. Raises ValueError unless 1 <= dim <= D.
    """
    budget = budget or Budget()
    size = n_parameters()
    if not 1 <= dim <= size:
        raise ValueError(f"dim = {dim} is outside 1..{size}, the number of parameters of the policy")
    theta0, projection = initial_parameters(rng), dense_projection(rng, size=size, dim=dim)
    sigma = budget.reach / np.sqrt(dim)
    centre, moments, steps = np.zeros(dim), (np.zeros(dim), np.zeros(dim)), 0
    for generation in range(budget.generations + 1):
        trial = episode_lengths((theta0 + projection @ centre)[None], _starts(20, rng=rng))
        steps += int(trial.sum())
        if generation == budget.generations or trial.min() == MAX_STEPS:
            break
        noise = rng.standard_normal((budget.pairs, dim))
        noise = np.concatenate([noise, -noise])
        candidates = theta0 + (centre + sigma * noise) @ projection.T
        lengths = episode_lengths(candidates, _starts(budget.episodes, rng=rng))
        steps += int(lengths.sum())
        gradient = noise.T @ _centred_ranks(lengths.mean(axis=1)) / len(noise)
        update, moments = _adam(gradient, moments, generation + 1)
        centre = centre + budget.rate * sigma * update
    final = episode_lengths((theta0 + projection @ centre)[None], _starts(budget.evaluation_episodes, rng=rng))
    return CartPoleRun(dim, float(final.mean()), bool(final.mean() >= SOLVED), generation, steps)


def _starts(n: int, *, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-0.05, 0.05, size=(n, 4))


def _unpack(population: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    weights, at = [], 0
    for before, after in pairwise(LAYERS):
        kernel = population[:, at : at + before * after].reshape(-1, before, after)
        at += before * after
        weights.append((kernel, population[:, None, at : at + after]))
        at += after
    return weights


def _push_right(weights: list[tuple[np.ndarray, np.ndarray]], state: np.ndarray) -> np.ndarray:
    hidden = state
    for kernel, bias in weights[:-1]:
        hidden = np.tanh(hidden @ kernel + bias)
    kernel, bias = weights[-1]
    scores = hidden @ kernel + bias
    return scores[..., 1] > scores[..., 0]


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks scaled to [-0.5, 0.5], ties sharing their mean rank."""
    order = np.sort(values)
    ranks = (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right") - 1) / 2
    return ranks / (len(values) - 1) - 0.5


def _adam(gradient: np.ndarray, moments: tuple[np.ndarray, np.ndarray], count: int):
    first = 0.9 * moments[0] + 0.1 * gradient
    second = 0.99 * moments[1] + 0.01 * gradient**2
    update = first / (1 - 0.9**count) / (np.sqrt(second / (1 - 0.99**count)) + 1e-8)
    return update, (first, second)
