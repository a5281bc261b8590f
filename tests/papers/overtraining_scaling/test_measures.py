"""From units to verdicts: published results from the records, nothing from the generated table, failing controls."""

import functools

import numpy as np
import pandas as pd
import pytest

from replicate.papers.overtraining_scaling import experiments, figures, figures_beyond, lesson, measures, records
from replicate.seeds import Seed

SETS = list(records.SETS.values())


def frame(unit, configs, replicate=0):
    """Return a unit's rows as the sweep would."""
    rows = [{**c, **row} for c in configs for row in unit(dict(c), Seed(0, replicate))]
    return pd.DataFrame(rows)


@functools.cache
def predictions(source):
    return frame(experiments.default_fits, [{"source": source, "training_set": s} for s in SETS])


@functools.cache
def ladder(source, draws):
    config = {"source": source, "evaluation": "c4_val", "draws": draws}
    return frame(experiments.interval_ladder, [config | {"training_set": s} for s in SETS])


def test_the_generated_table_is_predicted_exactly_and_measures_nothing():
    """A table made from the law must not make the law agree."""
    found = predictions("generated")
    assert measures.errors(found)["value"].abs().max() < 1e-6
    assert measures.headline(found, "loss", "1.4B", 640) is None
    assert measures.equal_coefficients(found) is None
    assert measures.narrowest(ladder("generated", 0)) is None
    assert measures.exponents_outside(pd.DataFrame()) is None


def test_recovery_needs_no_records():
    """The one claim that is judged everywhere."""
    assert measures.recovered(frame(experiments.recovery, [{"training_set": "C4"}])).estimate < 1e-6


def test_figures_draw_from_the_generated_table():
    """With bars, and without draws; a study that was not run draws nothing."""
    found = predictions("generated")
    assert len(figures.figure_one(found, ladder("generated", 20)).axes) == 3
    assert len(figures.figure_one(found, ladder("generated", 0)).axes) == 3
    assert len(figures.error_grid(found, signed=True).axes) == 3
    assert len(figures.ranks(found).axes) == 2
    assert len(figures_beyond.ladder(ladder("generated", 20)).axes) == 9
    empty = pd.DataFrame()
    for draw in (figures.others, figures.exponents, figures.thresholds, figures_beyond.designs_forest):
        assert draw(empty) is None
    assert figures_beyond.windows(empty, found) is None
    assert lesson.headline(found).shape == (9, 6)


def test_units_give_the_same_rows_for_the_same_seed():
    """And other draws for another one."""
    config = [{"source": "generated", "training_set": "C4", "evaluation": "c4_val", "draws": 20}]
    one, same, other = (frame(experiments.interval_ladder, config, k) for k in (0, 0, 1))
    pd.testing.assert_frame_equal(one, same)
    i3 = one["interval"] == "I3"
    assert not np.allclose(one["value"][i3], other["value"][i3])


@pytest.mark.data
def test_the_papers_numbers_come_out():
    """Same data, same optimum: tables 6, 1 and the stored outputs, to the printed digit."""
    found = predictions("scaling")
    assert measures.headline(found, "loss", "1.4B", 640).estimate == pytest.approx(0.7103, abs=1e-4)
    assert measures.headline(found, "loss", "6.9B", 20).estimate == pytest.approx(0.7320, abs=1e-4)
    assert measures.headline(found, "error17", "1.4B", 640).estimate == pytest.approx(3.6365, abs=1e-4)
    assert measures.headline(found, "error17", "6.9B", 20).estimate == pytest.approx(0.0464, abs=1e-4)
    assert measures.equal_coefficients(found).estimate == 21
    assert measures.printed_cells(found, "loss").estimate <= 0.06
    assert measures.optimum(found).estimate < 0.01
    assert measures.ranks(found).estimate == pytest.approx(0.883, abs=1e-3)
    assert measures.saving(found, "error17").estimate == pytest.approx(20.9, abs=0.1)
    assert measures.resolution(found).estimate == pytest.approx(1.37, abs=0.01)


@pytest.mark.data
def test_intervals_of_the_contract():
    """Half-widths of linear theory, exact; of simulated ones within a tenth; coverage 9 of 9."""
    found = ladder("scaling", 500)
    assert measures.narrowest(found).estimate == pytest.approx(20.2, abs=0.1)
    assert measures.covered(found).estimate == 9
    table = lesson.interval_table(found)
    np.testing.assert_allclose(table.loc[("I3", "default design"), ("RedPajama", "1.4B")], [2.5, 4.9], rtol=0.15)
    np.testing.assert_allclose(table.loc[("I4", "default design"), ("RedPajama", "6.9B")], [11.4], rtol=0.15)


@pytest.mark.data
def test_tasks_and_rule():
    """Tables 2 and 7, and exactly the authors' 17 tasks."""
    tasks = frame(experiments.single_tasks, [{"source": "scaling", "training_set": s} for s in SETS])
    assert measures.task_cells(tasks, "table 1").estimate < 0.01
    assert measures.unpredictable(tasks).estimate == 11
    assert lesson.averages(tasks).shape == (3, 6)
    rule = frame(experiments.task_rule, [{"source": "scaling"}])
    assert measures.rule_differs(rule).estimate == 0


@pytest.mark.data
@pytest.mark.parametrize("control", ["shuffled", "shifted"])
def test_controls_fail(monkeypatch, control):
    """Shuffled losses, or a truth moved by 2 %, must not pass for the published 0.7 %."""
    bed = records.load("scaling")
    runs = bed.runs.copy()
    if control == "shuffled":
        runs["c4_val"] = np.random.default_rng(0).permutation(runs["c4_val"])
    else:
        runs.loc[runs["N"] > 1e9, "c4_val"] *= 1.02
    changed = records.Testbed(runs, bed.errors, bed.tasks, bed.source)
    monkeypatch.setattr(records, "load", lambda which: changed)
    found = frame(experiments.default_fits, [{"source": "scaling", "training_set": "RedPajama"}])
    assert abs(measures.headline(found, "loss", "1.4B", 640).estimate - 0.7103) > 0.5


@pytest.mark.parametrize(
    ("ours", "printed", "equal"),
    [(1.8366, "1.84", True), (212.4, "212", True), (0.7146, "0.714", False), (0.85, "0.850", True)],
)
def test_rounding_as_printed(ours, printed, equal):
    """Trailing zeros count as digits."""
    assert measures._as_printed(ours, printed) is equal
