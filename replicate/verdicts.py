"""Judge a claim: does the interval of our measurement lie inside the region the claim accepts?

Two rules in common use fail in both directions. A t-test against the published number calls one replicate
"fine" (it cannot reject anything) and fifty replicates that are off by 0.001 "failed" (it rejects any
difference, given enough seeds). A prediction interval from repeated reference runs has width zero when these
are deterministic, and then fails every other number. Neither asks what matters: how far off is still the same
result? Here the claim says so in advance, with its tolerance, and the verdict is an equivalence test of
interval against tolerance (after Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657):

* the interval lies inside the accepted region: *agrees*;
* it has no point in common with the region: *disagrees*;
* anything else, and always for one stochastic seed or a failed one: *inconclusive*.

With 95% intervals, each wrong verdict has probability at most 0.025 wherever the truth lies (if the interval
covers as stated); more seeds replace "inconclusive" by one of the other two, never by more errors. Simulated
with normal seeds of standard deviation 0.5 and the region 0 +- 1 (4000 measurements a cell, standard error at
most 0.008, and 0.0025 for the rates near 0.025; ``tests/test_verdicts.py`` repeats it):

================================  =====  =====  ======
truth, outcome                    n = 3  n = 5  n = 20
================================  =====  =====  ======
0 (centre): agrees                0.318  0.826   1.000
0 (centre): disagrees             0.000  0.000   0.000
1 (edge): agrees                  0.023  0.024   0.025
1 (edge): disagrees               0.025  0.028   0.027
2 (outside): agrees               0.000  0.000   0.000
2 (outside): disagrees            0.474  0.906   1.000
================================  =====  =====  ======

The guarantee is that of the interval. For strongly skewed seeds (log-normal, sigma 1) the t interval lies
wholly below the true mean in 15%, 17% and 13% of cases at these n: state such a claim about the median.

Edges are compared exactly, as float64 numbers, with no epsilon: a closed edge belongs to the region, an open
one does not. An interval that ends on a closed edge from inside agrees; one that only touches it from outside
has a point in common with the region, hence is inconclusive. The edges of "published +- tolerance" are the
doubles nearest to the decimal sum, so that 0.7 + 0.1 is 0.8, as on paper, and not 0.7999999999999999.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from replicate.measurement import Measurement


class Outcome(StrEnum):
    """Name the five possible verdicts on a claim."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not comparable"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Verdict:
    """Hold an outcome and one sentence that a reader can check."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Region:
    """Hold the values a claim accepts, from ``low`` to ``high``.

    An infinite edge means no bound on that side. Raises ``ValueError`` for regions that accept no value or
    every value.
    """

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def __post_init__(self):
        found = f"region from {self.low} to {self.high}"
        if math.isnan(self.low) or math.isnan(self.high):
            raise ValueError(f"{found}: an edge is NaN; use -inf or inf for no bound")
        if self.low > self.high or (self.low == self.high and (self.low_open or self.high_open)):
            raise ValueError(f"{found} accepts no value; low must be below high, or equal and closed")
        if self.low == -math.inf and self.high == math.inf:
            raise ValueError(f"{found} accepts every value; a claim needs at least one finite edge")
        if math.inf in (self.low, -self.high):
            raise ValueError(f"{found} accepts no finite value; give at least one finite edge")

    @classmethod
    def within(cls, published: float, tolerance: float) -> Self:
        """Accept ``published - tolerance`` to ``published + tolerance``, both included."""
        if not math.isfinite(published):
            raise ValueError(f"published value is {published}; it must be finite")
        if not (math.isfinite(tolerance) and tolerance >= 0):
            raise ValueError(f"tolerance is {tolerance}; it must be finite and >= 0")
        centre, radius = Decimal(repr(float(published))), Decimal(repr(float(tolerance)))
        return cls(float(centre - radius), float(centre + radius))

    @classmethod
    def between(cls, low: float, high: float) -> Self:
        """Accept ``low`` to ``high``, both included."""
        return cls(float(low), float(high))

    @classmethod
    def at_least(cls, bound: float) -> Self:
        """Accept ``bound`` and everything larger."""
        return cls(float(bound), math.inf)

    @classmethod
    def at_most(cls, bound: float) -> Self:
        """Accept ``bound`` and everything smaller."""
        return cls(-math.inf, float(bound))

    @classmethod
    def above(cls, bound: float) -> Self:
        """Accept everything strictly larger than ``bound``."""
        return cls(float(bound), math.inf, low_open=True)

    @classmethod
    def below(cls, bound: float) -> Self:
        """Accept everything strictly smaller than ``bound``."""
        return cls(-math.inf, float(bound), high_open=True)

    def contains_interval(self, ci_low: float, ci_high: float) -> bool:
        """Tell whether every point of the closed interval is accepted."""
        # Upper edges are lower edges of the mirrored line, which makes both sides behave alike.
        return _admits(self.low, self.low_open, ci_low) and _admits(-self.high, self.high_open, -ci_high)

    def disjoint_from(self, ci_low: float, ci_high: float) -> bool:
        """Tell whether no point of the closed interval is accepted."""
        return not (_admits(self.low, self.low_open, ci_high) and _admits(-self.high, self.high_open, -ci_low))

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'above' if self.low_open else 'at least'} {self.low:.12g}"
        if self.low == -math.inf:
            return f"{'below' if self.high_open else 'at most'} {self.high:.12g}"
        excluded = [name for name, is_open in (("low", self.low_open), ("high", self.high_open)) if is_open]
        suffix = f", {' and '.join(excluded)} edge excluded" if excluded else ""
        return f"{self.low:.12g} to {self.high:.12g}{suffix}"


def judge(
    measurement: "Measurement | None", region: Region, *, comparable: bool = True, why_not_comparable: str = ""
) -> Verdict:
    """Return the verdict on a claim that accepts ``region``.

    ``None`` means that nothing was run. A measurement that is not ``comparable`` with the published number
    (other data, other scale) is never judged by its value; ``why_not_comparable`` must then say why, else
    ``ValueError``.
    """
    if not (comparable or why_not_comparable):
        raise ValueError("comparable=False needs why_not_comparable, e.g. 'ran on digits, the claim is on MNIST'")
    if measurement is None:
        return Verdict(Outcome.NOT_RUN, f"no measurement; the claim accepts {region}")
    described = _describe(measurement, region)
    if not comparable:
        return Verdict(Outcome.NOT_COMPARABLE, f"{why_not_comparable}; {described}, not judged")
    outcome, relation = _compare(measurement, region)
    note = f" ({measurement.note})" if measurement.note else ""
    return Verdict(outcome, f"{described} {relation} the accepted region ({region}){note}")


def _compare(measurement: "Measurement", region: Region) -> tuple[Outcome, str]:
    if math.isnan(measurement.estimate):
        return Outcome.INCONCLUSIVE, "cannot be compared with"
    interval = measurement.ci_low, measurement.ci_high
    if region.contains_interval(*interval):
        return Outcome.AGREES, "lies inside"
    if region.disjoint_from(*interval):
        return Outcome.DISAGREES, "lies outside"
    return Outcome.INCONCLUSIVE, "lies neither wholly inside nor wholly outside"


def _admits(edge: float, is_open: bool, value: float) -> bool:
    """Tell whether a lower edge lets ``value`` in; an infinite edge is no edge, hence never open."""
    if math.isnan(value):
        raise ValueError("an interval bound is NaN: nothing was measured, so there is nothing to compare")
    return value > edge or (value == edge and (not is_open or math.isinf(edge)))


def _describe(measurement: "Measurement", region: Region) -> str:
    from replicate.measurement import EXACT, SINGLE_SEED  # needs NumPy, which reading a paper's claims does not

    place = f" on {measurement.dataset}" if measurement.dataset else ""
    method, n = measurement.ci_method, measurement.n_seeds
    if math.isnan(measurement.estimate):
        return f"nothing measured{place} ({method}, n = {n})"
    numbers = (measurement.estimate, measurement.ci_low, measurement.ci_high)
    estimate, low, high = _rounded(numbers, (region.low, region.high))
    if method in (EXACT, SINGLE_SEED):
        return f"measured {estimate}{place} ({method})"
    interval = f"{100 * measurement.confidence:.12g}% interval {low} to {high}"
    return f"measured {estimate}{place} ({interval}, {method}, n = {n})"


def _rounded(numbers: tuple[float, ...], edges: tuple[float, ...]) -> list[str]:
    """Return the numbers with 3 significant digits, or as many as keep each on its side of each edge."""
    for digits in range(3, 18):  # 17 digits determine a float64
        rounded = [float(f"{number:.{digits - 1}e}") + 0.0 for number in numbers]  # + 0.0 turns -0 into 0
        pairs = zip(numbers, rounded, strict=True)
        if all(_order(number, edge) == _order(short, edge) for number, short in pairs for edge in edges):
            break
    return [f"{short:.{max(digits, 15)}g}" for short in rounded]


def _order(value: float, edge: float) -> int:
    return (value > edge) - (value < edge)
