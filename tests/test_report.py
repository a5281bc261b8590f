"""The report tells what complete runs say, and says what is missing; it computes nothing."""

import io
import json
import math
import re
from xml.etree import ElementTree

import pandas as pd
import pytest
from rich.console import Console

from replicate import palette, picture, report
from replicate.measurement import Measurement, from_seeds


@pytest.fixture
def folder(tmp_path, make_run):
    """Return ``results/smoke`` with two complete runs and one of everything that must not count."""
    place = tmp_path / "smoke"
    make_run(place / "toy")
    make_run(
        place / "second", measured={"C1": from_seeds([93.0]), "C2": Measurement(1, 0.5, 1.5, 5, "t", dataset="mnist")}
    )
    make_run(place / "toy+dim=3")
    make_run(place / "stopped", status="measured")
    make_run(place / ".toy.partial")
    (make_run(place / "damaged") / "claims.csv").write_text("claim\n")
    (place / "failed").mkdir()
    for name in ("third", "toy+dim=4"):
        (place / "failed" / f"{name}.txt").write_text("ZeroDivisionError\n")
        (place / "failed" / f"{name}.ipynb").write_text("{}")
    return place


def test_only_complete_runs_of_a_preset_are_reported(folder):
    """A half-finished, damaged or changed run must not pass for the paper's result; each missing one gets a line."""
    found, problems = report.results(folder)
    assert [r.slug for r in found] == ["second", "toy"]
    assert [line.split(" (")[0] for line in problems] == [
        "damaged: incomplete, not reported",
        "stopped: incomplete, not reported",
        "third: the last run failed",
    ]
    assert "claims.csv has 6 bytes instead of" in problems[0]
    assert "the run stopped while 'measured'" in problems[1]
    assert f"see {folder / 'failed' / 'third.ipynb'}" in problems[2]


def test_no_results_are_no_error(tmp_path):
    """A fresh clone has none."""
    assert report.results(tmp_path / "none") == ([], [])
    assert report.summary(report.claims_table([])) == "0 claims: none"
    assert report.counts(report.claims_table([])) == dict.fromkeys(report.ORDER, 0)


def test_counts_list_all_five_verdicts(folder):
    """A verdict that is left out when it is zero looks as if it did not exist."""
    claims = report.claims_table(report.results(folder)[0])
    assert report.counts(claims) == {
        "agrees": 1, "disagrees": 0, "inconclusive": 1, "not comparable": 1, "not run": 1,
    }  # fmt: skip
    assert report.summary(claims) == "4 claims: 1 agrees, 1 inconclusive, 1 not comparable, 1 not run"


def test_claims_carry_the_cost_of_their_experiment(folder):
    """A reader decides by this whether to run it; an unknown experiment has no cost, not zero."""
    claims = report.claims_table(report.results(folder)[0])
    assert claims["cpu_seconds"].tolist() == [3.0] * 4
    result = report.results(folder)[0][0]
    result.claims["experiment"] = "none: not measured"
    assert report.claims_table([result])["cpu_seconds"].isna().all()


def test_files_are_listed_by_kind(folder):
    """``make tables`` and ``make figures`` print these."""
    toy = report.results(folder)[0][1]
    assert toy.files("tables") == [folder / "toy" / "tables" / "accuracy.csv"]
    assert toy.files("figures") == [folder / "toy" / "figures" / "curve.svg"]


ROW = {
    "paper": "toy",
    "claim": "C1",
    "statement": "a",
    "published": "1",
    "ours": "-",
    "dataset": "d",
    "verdict": "agrees",
}


@pytest.mark.parametrize(("text", "cell"), [("|x| < 1", r"\|x\| < 1"), ("two\nlines", "two lines"), ("a  b", "a b")])
def test_markdown_cells_stay_in_their_cell(text, cell):
    """A pipe or a line break would tear the table apart from there on."""
    lines = report.markdown(pd.DataFrame([{**ROW, "statement": text}])).splitlines()
    assert len(lines) == 3
    assert f"| **C1** {cell} |" in lines[2]
    assert len(re.findall(r"(?<!\\)\|", lines[2])) == 7


@pytest.mark.parametrize("text", ["in [0, 1]", "P[x] holds", "[bold]", "[/red]", "a[i] | b"])
def test_statements_are_printed_as_written(text):
    """Square brackets are markup to rich: they vanish, or end the program after an hour of computing."""
    out = io.StringIO()
    console = Console(file=out, width=200, color_system=None)
    report.print_scorecard(
        pd.DataFrame([{**ROW, "statement": text}]), [f"line {text}"], preset="smoke", console=console
    )
    assert text in out.getvalue().split("line")[0]
    assert f"line {text}" in out.getvalue()
    assert out.getvalue().rstrip().endswith("1 claims: 1 agrees (preset smoke; not comparable = other data or scale)")


def test_write_makes_scorecards(folder):
    """Everything that is promised is there, and says the same."""
    written = report.write(folder)
    assert [p.relative_to(folder).as_posix() for p in written] == ["scorecard.md", "scorecard.csv", "scorecard.json"]
    text = (folder / "scorecard.md").read_text()
    assert "# Scorecard, preset smoke" in text
    assert "- third: the last run failed" in text
    assert "# Toy" not in text
    assert len(pd.read_csv(folder / "scorecard.csv")) == 4
    assert report.write(folder) == written, "its own files must not count as runs"


def test_json_is_strict_and_keeps_every_digit(make_run, tmp_path):
    """Programs read it: NaN and Infinity are no JSON, and 1e-17 is not 0."""
    measured = {"C1": Measurement(1.2345678901234567e-17, -math.inf, math.inf, 1, "single seed: no interval")}
    make_run(tmp_path / "smoke" / "toy", measured=measured)
    report.write(tmp_path / "smoke")

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    first, second = json.loads((tmp_path / "smoke" / "scorecard.json").read_text(), parse_constant=refuse)
    assert (first["estimate"], first["ci_low"], first["n_seeds"]) == (1.2345678901234567e-17, None, 1)
    assert (second["estimate"], second["verdict"], second["published"]) == (None, "not run", "A is higher")


def test_an_empty_preset_still_gets_its_scorecard(tmp_path):
    """When everything failed, the report must say so instead of failing, too."""
    (tmp_path / "smoke" / "failed").mkdir(parents=True)
    (tmp_path / "smoke" / "failed" / "toy.txt").write_text("x")
    report.write(tmp_path / "smoke")
    assert json.loads((tmp_path / "smoke" / "scorecard.json").read_text()) == []
    assert "toy: the last run failed" in (tmp_path / "smoke" / "scorecard.md").read_text()


def test_every_verdict_has_a_sign_of_its_own():
    """Readers who do not see the colours, and prints in black and white, have only the signs."""
    signs = [palette.look(name).sign for name in report.ORDER]
    assert len(set(signs)) == len(report.ORDER)


def test_the_picture_has_a_tile_a_claim_and_escapes_text(folder):
    """It stands in the README: what it shows must be what the table says, as well-formed XML."""
    claims = report.claims_table(report.results(folder)[0])
    claims.loc[0, "statement"] = "A < B & <b>C</b>"
    root = ElementTree.fromstring(picture.svg(claims))
    titles = [t.text for t in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 1 + len(claims)
    assert "C1: inconclusive. A < B & <b>C</b>" in titles
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"toy", "second", "2 claims", "1 agrees", "0 disagrees"} <= set(texts)


def test_data_that_were_not_at_hand_are_named(make_run, tmp_path):
    """Claims that are not run for want of data must not look as if nobody had cared."""
    make_run(tmp_path / "toy", absent=["telemetry/birds_eps.csv.gz", "no longer registered.csv"])
    found, _ = report.results(tmp_path)
    assert "not at hand: toy: birds. Claims that need them are not run" in report.absent_data(found)
    report.write(tmp_path)
    assert "toy: birds" in (tmp_path / "scorecard.md").read_text()
    make_run(tmp_path / "toy")
    assert report.absent_data(report.results(tmp_path)[0]) == ""
