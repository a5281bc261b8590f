"""One row per claim, judged from the measurement alone, rounded only for reading."""

import math

import pandas as pd
import pytest

from replicate import claims
from replicate.claims import COLUMNS, judge_all, readable, scorecard, short
from replicate.measurement import Measurement, from_exact, from_seeds

MNIST = Measurement(0.5, 0.2, 0.8, 5, "t", dataset="mnist")


def verdicts(toy, measured, preset="paper"):
    """Return verdict and reason by claim."""
    table = judge_all(toy, measured, preset=preset).set_index("claim")
    return {claim: (row["verdict"], row["reason"]) for claim, row in table.iterrows()}


def test_every_claim_gets_one_row_in_the_order_of_the_paper(toy):
    """A claim without a row is a claim hidden from the reader."""
    for measured in ({}, {"C2": MNIST}, {"C2": MNIST, "C1": from_exact(93.1), "C9": MNIST}):
        table = judge_all(toy, measured, preset="smoke")
        assert list(table.columns) == COLUMNS
        assert table["claim"].tolist() == ["C1", "C2"]


@pytest.mark.parametrize(
    ("measurement", "verdict"),
    [
        (Measurement(93.0, 92.1, 94.1, 5, "t"), "agrees"),
        (Measurement(96.0, 95.0, 97.0, 5, "t"), "disagrees"),
        (Measurement(94.0, 93.5, 94.5, 5, "t"), "inconclusive"),
        (from_seeds([93.1]), "inconclusive"),
        (from_seeds([93.1, math.nan]), "inconclusive"),
        (None, "not run"),
    ],
)
def test_the_verdict_follows_from_the_interval(toy, measurement, verdict):
    """The table must pass on what the rules say: 93.1 +- 1.0."""
    measured = {} if measurement is None else {"C1": measurement}
    assert verdicts(toy, measured)["C1"][0] == verdict


def test_what_was_not_measured_is_not_run(toy):
    """Neither data nor preset of a measurement that does not exist can be wrong."""
    assert verdicts(toy, {}, preset="smoke")["C2"] == ("not run", "no measurement; the claim accepts above 0")


@pytest.mark.parametrize(
    ("dataset", "preset", "why"),
    [
        ("mnist", "smoke", "needs preset default or paper, this is smoke"),
        ("digits", "paper", "needs mnist, measured on digits"),
    ],
)
def test_other_data_or_scale_is_not_comparable_and_says_why(toy, dataset, preset, why):
    """A small run on other data can neither support nor contradict the paper."""
    verdict, reason = verdicts(toy, {"C2": Measurement(9, 8, 10, 5, "t", dataset=dataset)}, preset)["C2"]
    assert verdict == "not comparable"
    assert reason.startswith(why)


def test_a_row_holds_claim_rule_and_measurement(toy):
    """A reader must be able to check a verdict from its row alone."""
    row = judge_all(toy, {"C1": Measurement(93.0, 92.8, 93.2, 5, "t", dataset="digits")}, preset="smoke").iloc[0]
    assert row["published"] == 93.1
    assert row["published_text"] == "93.1 %"
    assert (row["rule"], row["region"], row["source"]) == ("within", "92.1 to 94.1", "Table 2, row 3")
    assert (row["estimate"], row["ci_low"], row["ci_high"], row["n_seeds"]) == (93.0, 92.8, 93.2, 5)
    assert (row["dataset"], row["preset"], row["confidence"]) == ("digits", "smoke", 0.95)


AWKWARD = """
[[claims]]
id = "1e5"
statement = "NA"
metric = "None"
published = 750
source = "nan"
experiment = "noise"
rule = { kind = "at_most", bound = 0.1, why = "null" }
"""


def test_claims_come_back_from_their_file_as_written(toy_paper_toml, read_toy, tmp_path):
    """The report reads this file: guessing types would print claim '1e5' as 100000.0 and 'NA' as nothing."""
    measured = {"1e5": Measurement(0.1 + 0.2, -math.inf, math.inf, 1, "single seed: no interval")}
    written = judge_all(read_toy(toy_paper_toml(append=AWKWARD)), measured, preset="smoke")
    written.to_csv(tmp_path / "claims.csv", index=False, lineterminator="\n")
    back = claims.read(tmp_path / "claims.csv")
    assert back.iloc[2][["claim", "statement", "metric", "source", "why", "published_text"]].tolist() == [
        "1e5", "NA", "None", "nan", "null", "750",
    ]  # fmt: skip
    assert back.iloc[2][["estimate", "ci_low", "ci_high"]].tolist() == [0.1 + 0.2, -math.inf, math.inf]
    assert back["n_seeds"].tolist() == [0, 0, 1]
    assert math.isnan(back["estimate"][0])
    assert back.to_csv(index=False) == written.to_csv(index=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.0, "0"), (1, "1"), (93.14159, "93.1"), (0.5, "0.5"), (0.00123456, "0.00123"),
        (0.000999, "9.99e-04"), (-0.00012345, "-1.23e-04"), (5e-324, "4.94e-324"),
        (999.4, "999"), (999.6, "1,000"), (-999.6, "-1,000"), (1000, "1,000"), (1234, "1,230"), (9999, "10,000"),
        (199210, "199,000"), (-1234567, "-1,230,000"), (123456789012, "123,000,000,000"), (1e15, "1.00e+15"),
        (1.7e308, "1.70e+308"), (10**18, "1.00e+18"), (math.inf, "∞"), (-math.inf, "-∞"), (math.nan, "nan"),
    ],
)  # fmt: skip
def test_numbers_are_shortened_to_three_digits(value, text):
    """Digits beyond the third suggest a precision that seeds do not have; '1e+03' is no way to write 1,000."""
    assert short(value) == text


@pytest.mark.parametrize(
    ("measurement", "text"),
    [
        (Measurement(742.4, 700.6, 785.2, 12, "t"), "742 [701, 785], n = 12"),
        (from_seeds([0.5]), "0.5 [-∞, ∞], n = 1"),
        (from_exact(199210), "199,000 (exact)"),
        (from_seeds([1.0, math.nan]), "-"),
        (Measurement(math.nan, math.nan, math.nan, 0, ""), "-"),
    ],
)
def test_measurements_are_shown_with_interval_and_seeds(measurement, text):
    """A number without its interval and n invites the wrong comparison."""
    assert readable(vars(measurement)) == text


def test_the_scorecard_shows_published_and_ours(toy, tmp_path):
    """The same text must come from a fresh table and from its file."""
    fresh = judge_all(toy, {"C1": Measurement(93.04, 92.81, 93.21, 5, "t")}, preset="smoke")
    fresh.to_csv(tmp_path / "claims.csv", index=False)
    for table in (fresh, claims.read(tmp_path / "claims.csv")):
        shown = scorecard(table)
        assert shown["published"].tolist() == ["93.1 %", "A is higher"]
        assert shown["ours"].tolist() == ["93 [92.8, 93.2], n = 5", "-"]
    assert isinstance(table, pd.DataFrame)
