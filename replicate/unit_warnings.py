"""What units warned of: kept with their results, and said once for a sweep instead of once a warning."""

import re
import threading
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# not the 0 and 1 of a message's own words
_MEASURED = re.compile(r"(?<!\w)[-+]?(?:\d+\.\d*|\d{2,})(?:e[-+]?\d+)?|(?<!\w)[-+]?\de[-+]?\d+", re.IGNORECASE)
_KINDS = 5  # that are spelt out


@contextmanager
def kept() -> Iterator[list[str]]:
    """Keep the warnings of what happens inside, ``"Category: message"``, instead of printing them.

    Outside the main thread nothing is kept: Python's filters belong to the process (workers of a cluster print).
    """
    found: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield found
        finally:
            found += [f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught if str(w.message)]


def summary(experiment: str, units: Iterable[list[str]]) -> str:
    """Return what the units of an experiment warned of, a line a kind, measured numbers left out; "" if nothing.

    >>> print(summary("fits", [["RuntimeWarning: k up to 12.5, not 1"], ["RuntimeWarning: k up to 2e+03, not 1"], []]))
    fits: 2 of 3 units warned
      2 x RuntimeWarning: k up to #, not 1
    """
    units = list(units)
    kinds = Counter(_MEASURED.sub("#", message) for unit in units for message in unit)
    if not kinds:
        return ""
    lines = [f"{experiment}: {sum(map(bool, units))} of {len(units)} units warned"]
    shown = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    lines += [f"  {number} x {message}" for message, number in shown[:_KINDS]]
    if len(shown) > _KINDS:
        lines.append(f"  and {len(shown) - _KINDS} other kinds")
    return "\n".join(lines)
