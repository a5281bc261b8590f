"""How a verdict looks, everywhere: one sign and one colour, so that no reader depends on the colour.

The colours are those of Okabe and Ito, which people with any of the common colour deficiencies tell apart.
"""

from dataclasses import dataclass

from replicate.verdicts import Outcome


@dataclass(frozen=True)
class Look:
    """The sign of a verdict, its colour in the terminal, and as a filled tile with readable text on it."""

    sign: str
    terminal: str
    fill: str
    text: str


LOOKS = {
    Outcome.AGREES: Look("✓", "green", "#009e73", "#000000"),
    Outcome.DISAGREES: Look("✗", "red", "#d55e00", "#000000"),
    Outcome.INCONCLUSIVE: Look("?", "yellow", "#f0e442", "#000000"),
    Outcome.NOT_COMPARABLE: Look("≠", "magenta", "#56b4e9", "#000000"),
    Outcome.NOT_RUN: Look("–", "dim", "#c8c8c8", "#000000"),
}


def look(verdict: str) -> Look:
    """Return how a verdict, given by its name, looks."""
    return LOOKS[Outcome(verdict)]


def css_class(verdict: str) -> str:
    """Return a verdict's name as a class of a style sheet."""
    return verdict.replace(" ", "-")
