"""Turn results over seeds into a measurement: an estimate with the interval a verdict is computed from.

The seed is the unit of uncertainty. Every interval is two-sided with equal tails: at confidence 0.95 it lies
wholly above the truth with probability at most 0.025, and wholly below it likewise; ``replicate.verdicts``
rests on these two rates. Infinite bounds mean "not bounded by these data"; three NaNs mean "nothing was
measured". Sums use ``math.fsum``, so that the order of the seeds never matters.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral

import numpy as np
import scipy  # its parts load when first used: the command line starts three times as fast
from numpy.random import Generator
from numpy.typing import ArrayLike

from replicate.errors import nearest

EXACT = "exact"
SINGLE_SEED = "single seed: no interval"
NOTHING = (math.nan, math.nan, math.nan)
LARGEST = 1e150  # squares of larger values overflow
FEWEST_FOR_BOOTSTRAP = 20  # normal data: 95% BCa intervals cover 74% at n = 3, 83% at 5, 89% at 10, 92% at 20


@dataclass(frozen=True)
class Measurement:
    """Hold an estimate, its interval and how both were obtained.

    ``n_seeds`` counts the independent units (seeds, pairs, trials or points), failed ones included. The
    estimate may lie outside its interval (Fieller). Raises ``ValueError`` for what is not an interval.
    """

    estimate: float
    ci_low: float
    ci_high: float
    n_seeds: int
    ci_method: str
    confidence: float = 0.95
    dataset: str = ""
    note: str = ""

    def __post_init__(self):
        _tail(self.confidence)
        found = f"estimate {self.estimate}, interval [{self.ci_low}, {self.ci_high}]"
        if len({math.isnan(value) for value in (self.estimate, self.ci_low, self.ci_high)}) > 1:
            raise ValueError(f"{found}: NaN must be in all three or none; write unknown bounds as -inf and inf")
        if self.ci_low > self.ci_high:
            raise ValueError(f"{found}: ci_low must not be above ci_high; swap them")
        if not isinstance(self.n_seeds, Integral) or self.n_seeds < 0:
            raise ValueError(f"n_seeds is {self.n_seeds!r}; give a whole number >= 0")


def from_exact(value: float, *, dataset: str = "") -> Measurement:
    """Measure a deterministic quantity (closed form, same bits in each run): an interval of width zero."""
    value = float(value)
    note = "the value is NaN" if math.isnan(value) else ""
    return Measurement(value, value, value, 1, EXACT, dataset=dataset, note=note)


def from_interval(
    estimate: float, bounds: tuple[float, float], *, n_seeds: int, ci_method: str, confidence=0.95, dataset=""
) -> Measurement:
    """Adopt an interval ``bounds = (low, high)`` computed elsewhere (Fieller, profile likelihood, ...)."""
    low, high = map(float, bounds)
    return Measurement(float(estimate), low, high, n_seeds, ci_method, confidence, dataset)


def from_seeds(
    values: ArrayLike, *, method="t", confidence=0.95, dataset="", rng: Generator | None = None
) -> Measurement:
    """Measure the mean of ``values``, shape ``(n_seeds,)``, n >= 1.

    ``method`` is ``"t"`` (Student) or ``"bootstrap"`` (BCa, Efron 1987, J. Am. Stat. Assoc. 82:171; draws
    from ``rng``; notes that it is too narrow below 20 seeds). One seed gives an unbounded interval, equal
    seeds one of width zero. A failed seed gives "nothing measured": leaving it out would bias the mean.
    """
    values, tail = _vector(values, "values"), _tail(confidence)
    if method not in ("t", "bootstrap"):
        raise ValueError(f"unknown method {method!r}; {nearest(method, ('t', 'bootstrap'))}")
    if method == "bootstrap" and rng is None:
        raise ValueError("method 'bootstrap' draws at random: pass rng=numpy.random.default_rng(seed)")
    n = len(values)
    result = partial(Measurement, n_seeds=n, ci_method=method, confidence=confidence, dataset=dataset)
    if note := _failed(values):
        return result(*NOTHING, note=note)
    mean, error, df = _student(values)
    if n == 1:
        return result(mean, -math.inf, math.inf, ci_method=SINGLE_SEED)
    if error == 0:
        return result(mean, mean, mean, note=f"no variation over {n} seeds")
    if method == "t" or rng is None:  # a bootstrap has its rng, see above
        return result(mean, *_t_bounds(mean, error, df, tail))
    note = f"the bootstrap is too narrow below {FEWEST_FOR_BOOTSTRAP} seeds" if n < FEWEST_FOR_BOOTSTRAP else ""
    return result(mean, *_bca_bounds(values, confidence, rng), ci_method="bootstrap (BCa)", note=note)


def from_pairs(
    a: ArrayLike, b: ArrayLike, *, method="t", confidence=0.95, dataset="", rng: Generator | None = None
) -> Measurement:
    """Measure the mean of ``a - b``, both ``(n_seeds,)``, where ``a[i]`` and ``b[i]`` share seed i.

    The interval is that of :func:`from_seeds` for the differences. Unequal lengths raise ``ValueError``.
    """
    differences = _differences(_vector(a, "a"), _vector(b, "b"))
    return from_seeds(differences, method=method, confidence=confidence, dataset=dataset, rng=rng)


def from_proportion(successes: int, trials: int, *, confidence=0.95, dataset="") -> Measurement:
    """Measure a probability from independent trials; ``n_seeds`` is the number of trials.

    The exact interval (Clopper and Pearson 1934, Biometrika 26:404) keeps its confidence for all n and p.
    """
    if not (isinstance(successes, Integral) and isinstance(trials, Integral) and 0 <= successes <= trials > 0):
        raise ValueError(f"{successes} successes in {trials} trials: need integers, 0 <= successes <= trials > 0")
    tail, failures = _tail(confidence), trials - successes
    low = float(scipy.special.betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = 1 - float(scipy.special.betaincinv(failures, successes + 1, tail)) if failures else 1.0
    return Measurement(successes / trials, low, high, trials, "Clopper-Pearson", confidence, dataset)


def from_median(values: ArrayLike, *, confidence=0.95, dataset="") -> Measurement:
    """Measure the median of ``values``, shape ``(n_seeds,)``, without assumptions on their distribution.

    The interval runs from the k-th smallest to the k-th largest value, k the largest with P(Bin(n, 1/2) < k)
    at most (1 - confidence) / 2 (David and Nagaraja, Order Statistics, 3rd ed., sec. 7.1); if there is none
    (below 6 seeds at 95%) it is unbounded. Infinite values (diverged seeds) are ranked; NaN gives "nothing
    measured".
    """
    values, tail = np.sort(_vector(values, "values")), _tail(confidence)
    n, median = len(values), float(np.median(values))
    result = partial(Measurement, n_seeds=n, ci_method="sign test", confidence=confidence, dataset=dataset)
    if math.isnan(median):
        return result(*NOTHING, note=_failed(values))
    k = int(scipy.stats.binom.ppf(tail, n, 0.5))
    if k == 0:
        return result(median, -math.inf, math.inf, note=f"{n} seeds cannot bound the median")
    return result(median, float(values[k - 1]), float(values[n - k]))


def smallest_gap(groups: Sequence[ArrayLike], *, paired: bool, confidence=0.95, dataset="") -> Measurement:
    """Measure by how much the ordering ``mean(groups[0]) > mean(groups[1]) > ...`` holds at its weakest step.

    Each group is ``(n_seeds,)``. With ``paired``, position i is the same seed in every group (t interval of
    the differences); otherwise gaps get Welch's interval (1947, Biometrika 34:28). The lower bound is the
    smallest lower bound of a gap (intersection-union test, Berger 1982, Technometrics 24:295), the upper one
    the smallest Bonferroni-corrected one; each errs with probability at most (1 - confidence) / 2.
    """
    vectors, tail = [_vector(group, f"groups[{i}]") for i, group in enumerate(groups)], _tail(confidence)
    if len(vectors) < 2:
        raise ValueError(f"an ordering needs at least 2 groups, got {len(vectors)}")
    pairs = list(itertools.pairwise(vectors))
    method = f"smallest of {len(pairs)} gaps, {'paired' if paired else 'Welch'} t"
    n = min(map(len, vectors))
    result = partial(Measurement, n_seeds=n, ci_method=method, confidence=confidence, dataset=dataset)
    if note := _failed(np.concatenate(vectors)):
        return result(*NOTHING, note=note)
    gaps = [_student(_differences(*pair)) if paired else _welch(*pair) for pair in pairs]
    low = min(_t_bounds(*gap, tail)[0] for gap in gaps)
    high = min(_t_bounds(*gap, tail / len(gaps))[1] for gap in gaps)
    constant = any(error == 0 < df for _, error, df in gaps)
    return result(min(gaps)[0], low, high, note="a gap without variation over seeds" if constant else "")


def slope(x: ArrayLike, y: ArrayLike, *, confidence=0.95, dataset="") -> Measurement:
    """Measure the least-squares slope of ``y`` on ``x``, both ``(n_points,)``, with its t interval.

    Points must be independent: one per seed or configuration, not checkpoints of one run. Two points give an
    unbounded interval. Raises ``ValueError`` if the lengths differ or ``x`` is constant or not finite.
    """
    x, y = _vector(x, "x"), _vector(y, "y")
    tail, n = _tail(confidence), len(x)
    if len(y) != n or _failed(x) or np.ptp(x) == 0:
        raise ValueError(f"x has {n} values, y {len(y)}: need equally many, x finite and not constant")
    result = partial(Measurement, n_seeds=n, ci_method="least squares", confidence=confidence, dataset=dataset)
    if note := _failed(y):
        return result(*NOTHING, note=note)
    dx, dy = x - math.fsum(x) / n, y - math.fsum(y) / n
    sxx = math.fsum(dx**2)
    estimate = math.fsum(dx * dy) / sxx
    error = math.sqrt(math.fsum((dy - estimate * dx) ** 2) / max(n - 2, 1) / sxx)
    return result(estimate, *_t_bounds(estimate, error, n - 2, tail))


def _tail(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must lie strictly between 0 and 1, e.g. 0.95")
    return (1 - confidence) / 2


def _vector(values: ArrayLike, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}; give one number per seed, shape (n,) with n >= 1")
    return values


def _failed(values: np.ndarray) -> str:
    count = int(np.sum(~(np.abs(values) < LARGEST)))
    return f"{count} of {len(values)} values are NaN, infinite or beyond {LARGEST:g}" if count else ""


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if len(a) != len(b):
        raise ValueError(f"paired groups have {len(a)} and {len(b)} seeds; give both values of every seed")
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, a failed pair
        return a - b


def _student(values: np.ndarray) -> tuple[float, float, float]:
    """Return mean, standard error, degrees of freedom; equal values give exactly that value and error 0."""
    n = len(values)
    if np.ptp(values) == 0:
        return float(values[0]), 0.0, n - 1
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((values - mean) ** 2) / (n - 1) / n), n - 1


def _welch(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Return difference of means, its standard error and the Welch-Satterthwaite degrees of freedom."""
    (mean_a, error_a, df_a), (mean_b, error_b, df_b) = _student(a), _student(b)
    error, df = math.hypot(error_a, error_b), min(df_a, df_b)
    if error > 0 and df > 0:
        df = 1 / ((error_a / error) ** 4 / df_a + (error_b / error) ** 4 / df_b)
    return mean_a - mean_b, error, df


def _t_bounds(estimate: float, error: float, df: float, tail: float) -> tuple[float, float]:
    half = float(scipy.special.stdtrit(df, 1 - tail)) * error if df else math.inf
    return estimate - half, estimate + half


def _bca_bounds(values: np.ndarray, confidence: float, rng: Generator) -> tuple[float, float]:
    sample = (np.sort(values),)
    low, high = scipy.stats.bootstrap(sample, np.mean, confidence_level=confidence, rng=rng).confidence_interval
    return (-math.inf, math.inf) if math.isnan(low + high) else (float(low), float(high))
