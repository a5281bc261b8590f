"""What a run prints at its end: the scorecard of what was run, and of nothing else."""

from io import StringIO

import pytest
from rich.console import Console

from replicate import running
from replicate.measurement import Measurement
from replicate.suite import Outcome, Request


@pytest.fixture
def printed(toy, make_run):
    """Return a function that prints the end of outcomes beside a finished preset run of the toy paper."""
    make_run(Request(toy, "smoke").target, measured={"C1": Measurement(93.0, 92.8, 93.2, 5, "t", dataset="digits")})

    def show(*outcomes: Outcome) -> str:
        console = Console(file=StringIO(), width=120)
        running.print_end(list(outcomes), preset="smoke", console=console)
        return console.file.getvalue()

    return show


def test_the_preset_run_prints_the_presets_scorecard(printed, toy):
    """The scorecard is the last thing `make` prints."""
    text = printed(Outcome(Request(toy, "smoke"), "cached"))
    assert "nothing to do, 1 cached" in text
    assert "93 [92.8, 93.2]" in text


def test_a_run_with_another_parameter_prints_its_own_numbers(printed, toy, make_run):
    """The preset's numbers under a run with other parameters would be read as its result."""
    request = Request(toy, "smoke", overrides={"dim": 3})
    make_run(request.target, measured={"C1": Measurement(80.0, 79.0, 81.0, 5, "t", dataset="digits")}, paper=toy)
    text = printed(Outcome(request, "ran"))
    assert "80 [79, 81]" in text
    assert "toy+dim=3" in text
    assert "93 [" not in text


def test_a_failed_run_with_another_parameter_prints_no_numbers(printed, toy):
    """It has none."""
    assert printed(Outcome(Request(toy, "smoke", overrides={"dim": 4}), "failed")) == ""
