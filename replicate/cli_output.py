"""Where the command line prints: tables for people, JSON for programs."""

import json
import math
import sys
from typing import Annotated

import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_WIDTH = None if sys.stdout.isatty() else 120  # a log has no width of its own
out, err = Console(highlight=False, width=_WIDTH), Console(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(_without_nan(value), indent=2, default=str))


def _without_nan(value: object) -> object:
    """Return the value with NaN and infinities as None: JSON has no other word for them."""
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
