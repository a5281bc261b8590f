"""Does a run reproduce the snapshot? Same, beyond tolerance, missing, changed verdict; and what is kept."""

import math

import pandas as pd
import pytest

from replicate import manifest
from replicate.compare import compare, snapshot, tolerance
from replicate.errors import UserError
from replicate.measurement import Measurement

BASE = {"seed": [0, 1, 0, 1], "metric": ["acc", "acc", "loss", "loss"], "value": [0.5, 0.75, 1.5, 2.5]}


def table(**columns) -> pd.DataFrame:
    """Return the reference table with some columns replaced or added."""
    return pd.DataFrame({**BASE, **columns})


@pytest.fixture
def differences(make_run, toy, tmp_path):
    """Return a function: compare a run holding ``ours`` with a snapshot holding ``reference``, by table/metric."""

    def run(ours, reference=None, paper=toy, name="accuracy"):
        make_run(tmp_path / "ours" / "toy", tables={name: ours})
        make_run(tmp_path / "reference" / "toy", tables={name: table() if reference is None else reference})
        found = compare(paper, tmp_path / "ours" / "toy", tmp_path / "reference" / "toy")
        return {f"{d.table}/{d.metric}": d for d in found}

    return run


def test_the_same_results_are_the_same(differences):
    """A comparison that fails on itself is worthless."""
    found = differences(table())
    assert list(found) == ["accuracy/acc", "accuracy/loss", "claims/verdict"]
    assert all(d.ok for d in found.values())
    assert (found["accuracy/acc"].rows, found["accuracy/acc"].largest) == (2, 0.0)


def test_the_order_of_rows_does_not_matter(differences):
    """Tables are joined on what they say, not on position."""
    assert all(d.ok for d in differences(table().iloc[::-1]).values())


def test_without_a_tolerance_the_last_bit_counts(differences):
    """'The same' means the same double, even where a fast parser would not tell two apart."""
    found = differences(table(value=[0.5, math.nextafter(0.75, 1), 1.5, 2.5]))
    assert (found["accuracy/acc"].ok, found["accuracy/acc"].beyond) == (False, 1)
    assert found["accuracy/acc"].largest == pytest.approx(1.1e-16, rel=0.01)
    assert found["accuracy/acc"].why == "no tolerance given: equal"
    assert found["accuracy/loss"].ok


@pytest.mark.parametrize(
    ("loss", "ok"), [(1.5 * 1.009, True), (1.5 * 1.011, False), (1.5 * 0.989, False), (math.inf, False)]
)
def test_tolerances_of_the_paper_hold(differences, loss, ok):
    """Trained numbers may drift by 1 % here and no more."""
    found = differences(table(value=[0.5, 0.75, loss, 2.5]))["accuracy/loss"]
    assert (found.ok, found.beyond) == (ok, int(not ok))
    assert found.why == "trained numbers drift"


@pytest.mark.parametrize(
    ("ours", "reference", "ok"),
    [
        (math.nan, math.nan, True), (math.inf, math.inf, True), (-math.inf, -math.inf, True),
        (math.inf, -math.inf, False), (math.nan, 1.0, False), (1.0, math.nan, False), (5.0, math.inf, False),
        ("sgd", "sgd", True), ("sgd", "adam", False), ("1.50", "1.5", True),
    ],
)  # fmt: skip
def test_values_that_are_no_ordinary_numbers(differences, ours, reference, ok):
    """A diverged seed that diverges again is reproduced; inf - inf must not decide, nor a relative tolerance of inf."""
    sides = [pd.DataFrame({"metric": ["loss"], "value": [v]}) for v in (ours, reference)]
    assert differences(*sides)["accuracy/loss"].ok == ok


def test_unmatched_rows_are_a_difference(differences):
    """A missing seed is no reproduction, even if all others agree."""
    found = differences(table().iloc[1:])
    assert (found["accuracy/acc"].rows, found["accuracy/acc"].unmatched, found["accuracy/acc"].ok) == (1, 1, False)


def test_rows_that_may_differ(differences, toy_paper_toml, read_toy):
    """A search that stops elsewhere has other rows; those in common must still agree."""
    drift = 'why = "trained numbers drift"'
    lenient = read_toy(toy_paper_toml((drift, f'rows = "may differ"\n{drift}'), ('metric = "loss"', 'metric = "acc"')))
    found = differences(table().iloc[1:], paper=lenient)["accuracy/acc"]
    assert (found.unmatched, found.ok) == (1, True)
    assert found.why == "rows may differ: trained numbers drift"
    assert not differences(table(value=[9, 0.8, 1.5, 2.5]).iloc[1:], paper=lenient)["accuracy/acc"].ok


def test_a_few_rows_may_be_exceptions(differences, toy_paper_toml, read_toy):
    """One of hundreds of searches may end elsewhere; more than the stated share may not."""
    drift = 'why = "trained numbers drift"'
    some = read_toy(toy_paper_toml((drift, f"exceptions = 0.5\n{drift}")))
    assert differences(table(value=[0.5, 0.75, 9.0, 2.5]), paper=some)["accuracy/loss"].ok
    assert not differences(table(value=[0.5, 0.75, 9.0, 9.0]), paper=some)["accuracy/loss"].ok
    assert not differences(table(value=[0.5, 0.75, 9.0, 2.5]))["accuracy/loss"].ok


def test_a_reason_is_not_a_permission(differences, toy_paper_toml, read_toy):
    """Only the field says that rows may differ, not a text that begins so."""
    text = toy_paper_toml(("trained numbers drift", "rows may differ in theory"), ('metric = "loss"', 'metric = "acc"'))
    assert not differences(table().iloc[1:], paper=read_toy(text))["accuracy/acc"].ok


def test_repeated_keys_are_compared_in_order(differences):
    """A join of repeated keys pairs every row with every other and invents differences."""
    twice = table(seed=0)
    assert all(d.ok for d in differences(twice, twice).values())
    assert differences(twice, table(seed=0, value=[0.75, 0.5, 1.5, 2.5]))["accuracy/acc"].beyond == 2


def test_a_column_that_is_empty_on_one_side(differences):
    """An empty column reads as numbers, the other as text: the rows differ, the comparison must not crash."""
    found = differences(table(unit=["", "", "", ""]), table(unit=["%", "%", "", ""]))
    assert (found["accuracy/acc"].ok, found["accuracy/loss"].ok) == (False, True)


def test_another_set_of_columns_is_a_difference(differences):
    """Ignoring a column would call two different tables the same."""
    found = differences(table(split="test"))["accuracy/*"]
    assert not found.ok
    assert found.why == "columns on one side only: split"


@pytest.mark.parametrize(("ours", "ok"), [("", True), ("\n", True), ("metric,value\n", False)])
def test_tables_of_nothing(differences, ours, ok):
    """A preset that leaves an experiment out writes an empty table."""
    assert differences(ours, "\n")["accuracy/*"].ok == ok


def test_tables_that_are_not_tidy_are_compared_as_a_whole(differences):
    """Without metric and value there is nothing to join on."""
    wide = pd.DataFrame({"dim": [1, 2], "mean": [0.1, 0.2]})
    assert differences(wide, wide)["accuracy/*"].ok
    assert differences(wide.assign(mean=[0.1, 0.3]), wide)["accuracy/*"].beyond == 1


def test_a_missing_table_is_a_difference(make_run, toy, tmp_path):
    """A table that was not written cannot have been reproduced."""
    ours = make_run(tmp_path / "ours" / "toy", tables={"a": table()})
    reference = make_run(tmp_path / "reference" / "toy", tables={"a": table(), "b": table()})
    for sides in ((ours, reference), (reference, ours)):
        bad = [d for d in compare(toy, *sides) if not d.ok]
        assert [(d.table, d.why) for d in bad] == [("b", "the table is on one side only")]


def test_a_changed_verdict_is_a_difference(make_run, toy, tmp_path):
    """Numbers within tolerance on other sides of a limit still change what the reader is told."""
    ours = make_run(tmp_path / "ours" / "toy", measured={"C1": Measurement(99, 98, 99.5, 5, "t")})
    reference = make_run(tmp_path / "reference" / "toy")
    last = compare(toy, ours, reference)[-1]
    assert (last.ok, last.rows, last.beyond) == (False, 2, 1)
    assert last.why == "C1: agrees -> disagrees"


def test_a_claim_on_one_side_is_a_difference(make_run, toy, read_toy, toy_paper_toml, tmp_path):
    """A new claim has no verdict in the snapshot."""
    new = read_toy(toy_paper_toml(('id = "C2"', 'id = "C3"')))
    ours = make_run(tmp_path / "ours" / "toy", paper=new)
    reference = make_run(tmp_path / "reference" / "toy", paper=toy)
    last = compare(toy, ours, reference)[-1]
    assert last.beyond == 2
    assert "C3: absent -> not run" in last.why
    assert "C2: not run -> absent" in last.why


def test_the_first_matching_tolerance_counts(toy_paper_toml, read_toy):
    """A general rule at the end must not undo a special one before it."""
    more = '[[compare]]\ntable = "*"\nmetric = "*"\nabsolute = 5\nwhy = "general"\n'
    paper = read_toy(toy_paper_toml(append=more))
    assert tolerance(paper, "accuracy", "loss").relative == 0.01
    assert tolerance(paper, "accuracy", "acc").absolute == 5
    assert tolerance(paper, "other", "loss").absolute == 5


def test_incomplete_runs_are_not_compared(make_run, toy, tmp_path):
    """Half a run reproduces nothing; the message names the side and the damage."""
    ours = make_run(tmp_path / "ours" / "toy")
    with pytest.raises(UserError, match=r"the snapshot of toy cannot be compared: never run \(.*reference"):
        compare(toy, ours, tmp_path / "reference" / "toy")
    reference = make_run(tmp_path / "reference" / "toy")
    (ours / "tables" / "accuracy.csv").unlink()
    with pytest.raises(
        UserError, match=r"this machine's run of toy cannot be compared: tables/accuracy.csv is missing"
    ):
        compare(toy, ours, reference)


# ------------------------------------------------------------------------------------------- snapshot


def test_a_snapshot_is_complete_and_compares_as_the_same(make_run, toy, tmp_path):
    """What is kept in git must be a result by the same rules."""
    run = make_run(tmp_path / "default" / "toy")
    kept = snapshot(run, tmp_path / "reference" / "toy")
    names = {p.relative_to(tmp_path / "reference" / "toy").as_posix() for p in kept}
    assert names == {"tables/accuracy.csv", "claims.csv", "figures/curve.svg"}
    assert manifest.read(tmp_path / "reference" / "toy").state == "complete"
    assert all(d.ok for d in compare(toy, run, tmp_path / "reference" / "toy"))


def test_a_new_snapshot_replaces_the_old_one_whole(make_run, tmp_path):
    """A table that no longer exists must not stay behind."""
    reference = tmp_path / "reference" / "toy"
    snapshot(make_run(tmp_path / "a" / "toy", tables={"old": table()}), reference)
    snapshot(make_run(tmp_path / "b" / "toy", tables={"new": table()}), reference)
    assert [p.name for p in (reference / "tables").iterdir()] == ["new.csv"]
    assert [p.name for p in reference.parent.iterdir()] == ["toy"]


def test_incomplete_runs_are_not_kept(make_run, tmp_path):
    """A snapshot of half a run would fail everyone else's comparison."""
    reference = tmp_path / "reference" / "toy"
    run = make_run(tmp_path / "toy", status="measured")
    with pytest.raises(UserError, match="cannot be kept as a snapshot: the run stopped while 'measured'"):
        snapshot(run, reference)
    assert not reference.exists()


def test_large_runs_are_not_kept(make_run, tmp_path):
    """Git never forgets a large file; the old snapshot stays."""
    reference = tmp_path / "reference" / "toy"
    snapshot(make_run(tmp_path / "a" / "toy"), reference)
    with pytest.raises(UserError, match=r"has 2.6 MB to keep, the limit is 2.5 MB"):
        snapshot(make_run(tmp_path / "b" / "toy", tables={"big": "x" * 2_600_000}), reference)
    assert [p.name for p in (reference / "tables").iterdir()] == ["accuracy.csv"]


def test_the_command_exits_non_zero_when_and_only_when_something_differs(isolated, toy, make_run):
    """`make compare` in CI would pass for ever if it only printed."""
    from typer.testing import CliRunner

    from replicate.cli import app

    ours, reference = (isolated.root / "results" / p / "toy" for p in ("smoke", "reference/smoke"))
    make_run(reference)
    make_run(ours)
    done = CliRunner().invoke(app, ["compare", "toy", "--preset", "smoke"])
    assert done.exit_code == 0, done.output
    changed = pd.read_csv(ours / "tables" / "accuracy.csv").assign(value=[0.5, 0.7500001, 1.5, 2.5])
    make_run(ours, tables={"accuracy": changed})
    done = CliRunner().invoke(app, ["compare", "toy", "--preset", "smoke"])
    assert done.exit_code == 1
    assert "toy accuracy/acc: differs" in done.output
    assert "toy accuracy/loss: ok" in done.output
