"""Exceptions a caller may want to handle; every message says what, where, what is allowed, what to do."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user typed or wrote; shown as one line, exit code 2."""


class PaperError(UserError):
    """A ``paper.toml`` that cannot be used; the message names file, claim and field."""


class DataError(Exception):
    """A data file is missing, corrupt or cannot be fetched."""


class NotebookFailed(Exception):
    """A notebook did not run to its end."""


class UnitFailed(Exception):
    """One or more units of work in a sweep raised, or a worker process died."""


class StaleCode(Exception):
    """A module was edited after the process that imported it had started."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return a hint such as ``did you mean 'default'? (allowed: default, paper, smoke)``."""
    allowed = sorted(allowed)
    close = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}(allowed: {', '.join(allowed) or 'none'})"
