"""Numerical checks of the paper's propositions: isotonizers (1, 2), averaging quantiles or probabilities (3, 4, 5)."""

from collections.abc import Callable

import numpy as np
from numpy.polynomial.hermite import hermgauss
from scipy.optimize import brentq
from scipy.stats import norm

from .isotonic import pava, sort, sweep
from .levels import even_levels
from .scores import pinball

# Crossing quantiles at levels k/6 whose min-max sweep is worse than themselves at y = 2.75 and y = 3.
COUNTER_EXAMPLE = np.array([1.0, 3.0, 2.0, 4.0, 3.5])
NORMALS = ((0.0, 1.0), (2.0, 2.0))  # means and standard deviations of Propositions 3 and 4, weights 1/2


def largest_increase(isotonize: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator, *, n: int) -> float:
    """Return the largest increase, over ``n`` random (q, y), of the pinball loss summed over 19 levels (Prop. 2)."""
    levels = even_levels(19)
    disorder = 10.0 ** rng.uniform(-4, 0.5, (n, 1))  # from one crossing pair to none in order
    q, y = disorder * rng.standard_normal((n, 19)) + np.linspace(-1, 1, 19), 2 * rng.standard_normal(n)
    return float(np.max(pinball(y, isotonize(q), levels).sum(1) - pinball(y, q, levels).sum(1)))


def sweep_increase(y: float) -> float:
    """Return by how much the min-max sweep raises the mean pinball loss of the counter-example at ``y``."""
    q, levels = COUNTER_EXAMPLE[None], even_levels(5)
    return float(pinball([y], sweep(q), levels).mean() - pinball([y], q, levels).mean())


def sorting_excess(rng: np.random.Generator, *, n: int) -> float:
    """Return the largest ``||sort(q) - g|| - ||q - g||`` over increasing g and the norms 1, 2, infinity (Prop. 1)."""
    q, g = rng.standard_normal((n, 15)), np.sort(rng.standard_normal((n, 15)), axis=1)
    norms = [lambda e: np.abs(e).sum(1), lambda e: np.sqrt((e**2).sum(1)), lambda e: np.abs(e).max(1)]
    return float(max(np.max(size(sort(q) - g) - size(q - g)) for size in norms))


def shape_error() -> float:
    """Return the largest distance of the averaged quantiles of two normals from those of N(1, 1.5^2) (Prop. 3)."""
    levels = np.linspace(0.001, 0.999, 999)
    averaged = np.mean([mean + sd * norm.ppf(levels) for mean, sd in NORMALS], axis=0)
    return float(np.max(np.abs(averaged - (1 + 1.5 * norm.ppf(levels)))))


def pool_quantile(level: float) -> float:
    """Return a quantile of the linear pool (probability average) of the two normals."""
    return brentq(lambda v: np.mean([norm.cdf(v, mean, sd) for mean, sd in NORMALS]) - level, -20, 20, xtol=1e-14)


def pool_error() -> float:
    """Return the distance of the pool's quantiles at 0.1, 0.5, 0.9 from their known values."""
    known = {0.1: -1.086549643419, 0.5: 0.666666666667, 0.9: 3.684062526920}
    return max(abs(pool_quantile(level) - value) for level, value in known.items())


def moments() -> dict[str, float]:
    """Return means and central moments of quantile average and pool of the two normals (Prop. 4).

    Keys ``mean difference``, and ``excess k`` for k = 2, 4, 6: moment of the quantile average minus that of the pool.
    Gauss-Hermite quadrature, exact for these polynomials.
    """
    nodes, weights = hermgauss(20)
    standard, weights = np.sqrt(2) * nodes, weights / np.sqrt(np.pi)
    average = 1 + 1.5 * standard
    means = weights @ average, np.mean([weights @ (m + s * standard) for m, s in NORMALS])
    found = {"mean difference": float(abs(means[0] - means[1]))}
    for k in (2, 4, 6):
        of_average = weights @ (average - means[0]) ** k
        of_pool = np.mean([weights @ (m + s * standard - means[1]) ** k for m, s in NORMALS])
        found[f"excess {k}"] = float(of_average - of_pool)
    return found


def tail_ratios(values: tuple[float, ...] = (6.0, 8.0, 10.0)) -> dict[str, np.ndarray]:
    """Return tail densities over that of the heavier component, for N(0, 1) and N(0, 4), weights 1/2 (Prop. 5).

    ``quantile average``, N(0, 1.5^2), falls towards 0; ``pool`` tends to 1/2.
    """
    v = np.asarray(values)
    heavy = norm.logpdf(v, 0, 2)
    return {
        "quantile average": np.exp(norm.logpdf(v, 0, 1.5) - heavy),
        "pool": 0.5 + 0.5 * np.exp(norm.logpdf(v, 0, 1) - heavy),
    }


ISOTONIZED = {"sort": sort, "pava": pava}
